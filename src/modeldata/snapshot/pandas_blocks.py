"""pandas data frames by their blocks: the columns of one dtype lie together in memory and are copied as they lie.

This reads what pandas does not promise to keep (`_mgr`, its blocks, and the Arrow array under a text column), so it is used only
where `pandas_frames.py` found, at import, that it gives the very bytes that the public way gives; each call checks that
the frame is made as the one that its recipe was made for. Whatever it does not know, it leaves to the public way.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from modeldata.snapshot.pieces import together
from modeldata.snapshot.texts import FEW, of_arrow, of_row, of_values

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any

    from modeldata.snapshot.arrays import Array
    from modeldata.snapshot.pandas_frames import DtypeGroup, FrameSchema
    from modeldata.snapshot.pieces import Piece, Pieces
    from modeldata.snapshot.schema import Pack, SchemaCache

    Home = tuple[int, int]
    PlanOf = Callable[[pd.DataFrame, SchemaCache], FrameSchema]
    Taken = tuple[FrameSchema, int, bytes | Pieces]

MANAGER = type(getattr(pd.DataFrame(), "_mgr", None))
ARROW_TEXT = getattr(pd.arrays, "ArrowStringArray", None)
MASKED = (pd.arrays.IntegerArray, pd.arrays.FloatingArray, pd.arrays.BooleanArray)
TIMES = (pd.arrays.DatetimeArray, pd.arrays.TimedeltaArray)
KNOWN = frozenset((np.ndarray, pd.Categorical, pd.arrays.StringArray, *MASKED, *TIMES, *filter(None, [ARROW_TEXT])))
"""Types of blocks, exactly: a subclass may mean something else."""
PLAIN_LABELS = ({str}, {int})
MOST_RECIPES = 16
NDARRAY, FRAME = np.ndarray, pd.DataFrame
VIEWED = 16 * 1024
"""Bytes from which on a view is cheaper than one more copy."""
SMALL = 64
"""Rows up to which the data of a frame of numbers is copied without a further thought."""


class Recipe:
    """How the frames of one make become bytes.

    labels: what tells these columns from others (see `_labels`). blocks: (type, dtype, place) of each block. homes: (block, row)
    of each column. only: the block whose memory is all of the data.
    """

    __slots__ = ("arrow_texts", "blocks", "homes", "index", "labels", "only", "parts", "plan", "texts")

    def __init__(self, plan: FrameSchema, index: Any, blocks: Sequence[Any]) -> None:
        self.plan = plan
        self.index = type(index)
        self.labels: Any = _labels(index)
        self.blocks = [(type(block.values), _kept(block.values), _place(block)) for block in blocks]
        homes: dict[int, Home] = {}
        for number, block in enumerate(blocks):
            for row, at in enumerate(block.mgr_locs.as_array.tolist()):
                homes[at] = (number, row)
        self.homes = homes
        self.parts = [(part, *self._whole(part, blocks)) for part in plan.parts]
        self.texts = [homes[at][0] for at in plan.texts]
        self.arrow_texts = all(self.blocks[number][0] is ARROW_TEXT for number in self.texts)
        self.only = None
        if len(self.parts) == 1 and not plan.texts and not plan.objects:
            _, whole, as_is = self.parts[0]
            self.only = whole if as_is else None

    def _whole(self, part: DtypeGroup, blocks: Sequence[Any]) -> tuple[int | None, bool]:
        """The one block that is all of a part, in its order; and whether its memory is what is stored."""
        homes = [self.homes[at] for at in part.columns]
        number = homes[0][0]
        values = blocks[number].values
        if part.masked or values.ndim != 2 or homes != [(number, row) for row in range(len(values))]:
            return None, False
        return number, self.blocks[number][:2] == (NDARRAY, part.dtype)

    def fits(self, index: Any, blocks: Sequence[Any]) -> bool:
        """Is a frame of this columns' index and these blocks of the same make? On the way of `collect()`: every line costs."""
        if type(index) is not self.index or len(blocks) != len(self.blocks):
            return False
        if type(self.labels) is list or self.index is pd.RangeIndex:
            if _labels(index) != self.labels:
                return False
        elif type(index._data) is not ARROW_TEXT or not self.labels.equals(index._data._pa_array):
            return False
        for block, (kind, dtype, place) in zip(blocks, self.blocks):  # noqa: B905 - equally many
            values = block.values
            if type(values) is not kind:
                return False
            if dtype is not None:
                found = values.dtype if kind is NDARRAY else _kept(values)
                if found is not dtype and found != dtype:
                    return False
            where = block.mgr_locs.indexer
            if (where if type(where) is slice else where.tobytes()) != place:
                return False
        return True


def capture_blocks(data: pd.DataFrame, shapes: SchemaCache, pack: Pack, plan_of: PlanOf) -> Taken | None:
    """As `take_frame`; None for a frame that is not made as expected. plan_of: the plan, by the public way."""
    manager = data._mgr
    if type(data) is not FRAME or type(manager) is not MANAGER:
        return None
    index, rows_index = manager.axes
    blocks = manager.blocks
    for recipe in shapes.recipes:
        if recipe.fits(index, blocks):
            break
    else:
        found = _new_recipe(data, shapes, plan_of)
        if found is None:
            return None
        recipe = found
    rows = len(rows_index)
    if rows == 0:
        return None
    if recipe.only is not None and rows <= SMALL:
        return recipe.plan, rows, blocks[recipe.only].values.tobytes()
    return recipe.plan, rows, _bytes_of(recipe, blocks, rows, pack)


def _new_recipe(data: pd.DataFrame, shapes: SchemaCache, plan_of: PlanOf) -> Recipe | None:
    manager = data._mgr
    if not manager.blocks or _labels(manager.axes[0]) is None or not all(type(block.values) in KNOWN for block in manager.blocks):
        return None
    recipe = Recipe(plan_of(data, shapes), manager.axes[0], manager.blocks)
    shapes.recipes = [recipe, *shapes.recipes[: MOST_RECIPES - 1]]
    return recipe


def _bytes_of(recipe: Recipe, blocks: Sequence[Any], rows: int, pack: Pack) -> bytes | Pieces:
    plan = recipe.plan
    pieces: list[Piece] = []
    in_place = rows * len(recipe.homes) * 8 >= VIEWED
    for part, whole, as_is in recipe.parts:
        if whole is not None:
            values = blocks[whole].values if as_is else _raw(blocks[whole].values, part)
            pieces.append(values.reshape(-1).view(np.uint8).data if in_place and values.flags.c_contiguous else values.tobytes())
        else:
            pieces += _by_column(recipe, blocks, part)
    if plan.texts:
        pieces += _texts(recipe, blocks, rows)
    if plan.objects:
        pieces.append(pack([_objects(blocks[number].values, row) for number, row in [recipe.homes[at] for at in plan.objects]]))
    if in_place:
        return together(pieces)
    return pieces[0] if len(pieces) == 1 else b"".join(pieces)  # type: ignore[return-value] # one piece is bytes: not in place


def _by_column(recipe: Recipe, blocks: Sequence[Any], part: DtypeGroup) -> list[Piece]:
    homes = [(blocks[number].values, row) for number, row in [recipe.homes[at] for at in part.columns]]
    if not part.masked:
        return [_raw(values, part)[row].tobytes() if values.ndim == 2 else _raw(values, part).tobytes() for values, row in homes]
    pieces: list[Piece] = [values.to_numpy(dtype=part.dtype, na_value=0).tobytes() for values, _ in homes]
    return pieces + [values.isna().tobytes() for values, _ in homes]


def _raw(values: Any, part: DtypeGroup) -> Array:
    """The memory of a block; times as the whole numbers that they are."""
    if type(values) is np.ndarray:
        return values if values.dtype == part.dtype else values.astype(part.dtype)
    numbers: Array = values.asi8
    return numbers


def _texts(recipe: Recipe, blocks: Sequence[Any], rows: int) -> list[Piece]:
    if recipe.arrow_texts:
        if rows == 1:
            return of_row([blocks[number].values._pa_array.to_pylist()[0] for number in recipe.texts], recipe.plan.lengths)
        if rows > FEW:
            found = of_arrow([blocks[number].values._pa_array for number in recipe.texts])
            if found is not None:
                return found
    return of_values([blocks[number].values.to_numpy(dtype=object).tolist() for number in recipe.texts])


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


def _place(block: Any) -> object:
    """Which columns a block has: a slice, or the bytes of their positions."""
    place = block.mgr_locs.indexer
    return place if type(place) is slice else place.tobytes()
