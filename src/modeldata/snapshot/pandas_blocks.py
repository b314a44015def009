"""pandas data frames by their blocks: the columns of one dtype lie together in memory and are copied as they lie.

This reads what pandas does not promise to keep (`_mgr`, its blocks, and the Arrow array under a text column), so it is used only
where `pandas_frames.py` found, at import, that it gives the very bytes that the public way gives; each call checks that
the frame is made as the one that its plan was made for. Whatever it does not know, it leaves to the public way.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from modeldata.snapshot import pandas_compiled
from modeldata.snapshot.buffers import copy_if_small
from modeldata.snapshot.texts import FEW, of_arrow, of_row, of_values

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any

    from modeldata.snapshot.buffers import Buffer, Buffers
    from modeldata.snapshot.numpy_values import Array
    from modeldata.snapshot.pandas_frames import DtypeGroup, FrameSchema
    from modeldata.snapshot.schema import Pack, SchemaCache

    Source = tuple[int, int]
    SchemaOf = Callable[[pd.DataFrame, SchemaCache], FrameSchema]
    CapturedFrame = tuple[FrameSchema, int, bytes | Buffers]

MANAGER = type(getattr(pd.DataFrame(), "_mgr", None))
ARROW_TEXT = getattr(pd.arrays, "ArrowStringArray", None)
MASKED = (pd.arrays.IntegerArray, pd.arrays.FloatingArray, pd.arrays.BooleanArray)
TIMES = (pd.arrays.DatetimeArray, pd.arrays.TimedeltaArray)
KNOWN = frozenset((np.ndarray, pd.Categorical, pd.arrays.StringArray, *MASKED, *TIMES, *filter(None, [ARROW_TEXT])))
"""Types of blocks, exactly: a subclass may mean something else."""
PLAIN_LABELS = ({str}, {int})
MAX_COPY_PLANS = 16
NDARRAY, FRAME = np.ndarray, pd.DataFrame
VIEWED = 16 * 1024
"""Bytes from which on a view is cheaper than one more copy."""
SMALL = 64
"""Rows up to which the data of a frame of numbers is copied without a further thought."""


class CopyPlan:
    """How the frames of one make become bytes.

    labels: what tells these columns from others (see `_labels`). blocks: (type, dtype, columns) of each block. sources: (block,
    row) of each column. groups: each with the one block that is all of it, if there is one, and whether its memory is what is
    stored. single_block: the block that holds all of the data. compiled: this plan for the compiled part, which knows it by
    this name.
    """

    __slots__ = ("arrow_texts", "blocks", "compiled", "groups", "index", "labels", "schema", "single_block", "sources", "texts")

    def __init__(self, schema: FrameSchema, index: Any, blocks: Sequence[Any]) -> None:
        self.schema = schema
        self.index = type(index)
        self.labels: Any = _labels(index)
        self.blocks = [(type(block.values), _kept(block.values), _columns(block)) for block in blocks]
        sources: dict[int, Source] = {}
        for number, block in enumerate(blocks):
            for row, at in enumerate(block.mgr_locs.as_array.tolist()):
                sources[at] = (number, row)
        self.sources = sources
        self.groups = [(group, *self._only_block(group, blocks)) for group in schema.groups]
        self.texts = [sources[at][0] for at in schema.texts]
        self.arrow_texts = all(self.blocks[number][0] is ARROW_TEXT for number in self.texts)
        self.single_block = None
        if len(self.groups) == 1 and not schema.texts and not schema.objects:
            _, block, as_is = self.groups[0]
            self.single_block = block if as_is else None
        self.compiled = pandas_compiled.compiled_plan(self, blocks)

    def _only_block(self, group: DtypeGroup, blocks: Sequence[Any]) -> tuple[int | None, bool]:
        """The one block that is all of a group, in its order; and whether its memory is what is stored."""
        sources = [self.sources[at] for at in group.columns]
        number = sources[0][0]
        values = blocks[number].values
        if group.masked or values.ndim != 2 or sources != [(number, row) for row in range(len(values))]:
            return None, False
        return number, self.blocks[number][:2] == (NDARRAY, group.dtype)

    def fits(self, index: Any, blocks: Sequence[Any]) -> bool:
        """Is a frame of this columns' index and these blocks of the same make? On the way of `collect()`: every line costs."""
        if type(index) is not self.index or len(blocks) != len(self.blocks):
            return False
        if type(self.labels) is list or self.index is pd.RangeIndex:
            if _labels(index) != self.labels:
                return False
        elif type(index._data) is not ARROW_TEXT or not self.labels.equals(index._data._pa_array):
            return False
        for block, (block_type, dtype, columns) in zip(blocks, self.blocks):  # noqa: B905 - equally many
            values = block.values
            if type(values) is not block_type:
                return False
            if dtype is not None:
                found = values.dtype if block_type is NDARRAY else _kept(values)
                if found is not dtype and found != dtype:
                    return False
            indexer = block.mgr_locs.indexer
            if (indexer if type(indexer) is slice else indexer.tobytes()) != columns:
                return False
        return True


pandas_compiled.know(CopyPlan)


def capture_blocks(data: pd.DataFrame, schemas: SchemaCache, pack: Pack, schema_of: SchemaOf) -> CapturedFrame | None:
    """As `capture_frame`; None for a frame that is not made as expected. schema_of: the schema, by the public way."""
    manager = data._mgr
    if type(data) is not FRAME or type(manager) is not MANAGER:
        return None
    index, rows_index = manager.axes
    blocks = manager.blocks
    for plan in schemas.copy_plans:
        if plan.fits(index, blocks):
            break
    else:
        found = _new_copy_plan(data, schemas, schema_of)
        if found is None:
            return None
        plan = found
    rows = len(rows_index)
    if rows == 0:
        return None
    if plan.single_block is not None and rows <= SMALL:
        return plan.schema, rows, blocks[plan.single_block].values.tobytes()
    return plan.schema, rows, _bytes_of(plan, blocks, rows, pack)


def _new_copy_plan(data: pd.DataFrame, schemas: SchemaCache, schema_of: SchemaOf) -> CopyPlan | None:
    manager = data._mgr
    if not manager.blocks or _labels(manager.axes[0]) is None or not all(type(block.values) in KNOWN for block in manager.blocks):
        return None
    plan = CopyPlan(schema_of(data, schemas), manager.axes[0], manager.blocks)
    schemas.copy_plans = [plan, *schemas.copy_plans[: MAX_COPY_PLANS - 1]]
    return plan


def _bytes_of(plan: CopyPlan, blocks: Sequence[Any], rows: int, pack: Pack) -> bytes | Buffers:
    schema = plan.schema
    buffers: list[Buffer] = []
    in_place = rows * len(plan.sources) * 8 >= VIEWED
    for group, number, as_is in plan.groups:
        if number is not None:
            values = blocks[number].values if as_is else _raw(blocks[number].values, group)
            buffers.append(values.reshape(-1).view(np.uint8).data if in_place and values.flags.c_contiguous else values.tobytes())
        else:
            buffers += _by_column(plan, blocks, group)
    if schema.texts:
        buffers += _texts(plan, blocks, rows)
    if schema.objects:
        buffers.append(
            pack([_objects(blocks[number].values, row) for number, row in [plan.sources[at] for at in schema.objects]])
        )
    if in_place:
        return copy_if_small(buffers)
    return buffers[0] if len(buffers) == 1 else b"".join(buffers)  # type: ignore[return-value] # one piece is bytes: not in place


def _by_column(plan: CopyPlan, blocks: Sequence[Any], group: DtypeGroup) -> list[Buffer]:
    sources = [(blocks[number].values, row) for number, row in [plan.sources[at] for at in group.columns]]
    if not group.masked:
        return [
            _raw(values, group)[row].tobytes() if values.ndim == 2 else _raw(values, group).tobytes() for values, row in sources
        ]
    buffers: list[Buffer] = [values.to_numpy(dtype=group.dtype, na_value=0).tobytes() for values, _ in sources]
    return buffers + [values.isna().tobytes() for values, _ in sources]


def _raw(values: Any, group: DtypeGroup) -> Array:
    """The memory of a block; times as the whole numbers that they are."""
    if type(values) is np.ndarray:
        return values if values.dtype == group.dtype else values.astype(group.dtype)
    numbers: Array = values.asi8
    return numbers


def _texts(plan: CopyPlan, blocks: Sequence[Any], rows: int) -> list[Buffer]:
    if plan.arrow_texts:
        if rows == 1:
            return of_row([blocks[number].values._pa_array.to_pylist()[0] for number in plan.texts], plan.schema.lengths)
        if rows > FEW:
            found = of_arrow([blocks[number].values._pa_array for number in plan.texts])
            if found is not None:
                return found
    return of_values([blocks[number].values.to_numpy(dtype=object).tolist() for number in plan.texts])


def _objects(values: Any, row: int) -> list[object]:
    column = values[row] if values.ndim == 2 else values
    objects = column.astype(object, copy=False) if type(column) is np.ndarray else column.to_numpy(dtype=object)
    cells: list[object] = objects.tolist()
    return cells


def _labels(index: Any) -> object:
    """What tells column names from others, cheaply: Arrow's array, a range, a list of str or of int; None for any other kind."""
    if type(index) is pd.RangeIndex:
        return range(index.start, index.stop, index.step)
    if type(index) is not pd.Index:
        return None
    data: Any = getattr(index, "_data", None)
    if type(data) is ARROW_TEXT:
        return data._pa_array
    labels = index.tolist()
    return labels if set(map(type, labels)) in PLAIN_LABELS else None


def _kept(values: Any) -> object:
    """The dtype, where the type does not say it all. Categories are no part of a shape: they change with every request."""
    if type(values) is ARROW_TEXT or type(values) is pd.arrays.StringArray:
        return None
    if type(values) is pd.Categorical:
        return values.categories.dtype
    return values.dtype


def _columns(block: Any) -> object:
    """Which columns a block has: a slice, or the bytes of their positions."""
    indexer = block.mgr_locs.indexer
    return indexer if type(indexer) is slice else indexer.tobytes()
