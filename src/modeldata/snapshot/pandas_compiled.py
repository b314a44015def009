"""Copy plans for the compiled part: `native/pandas.h` takes small frames of a make for which there is one.

It knows values of numpy that are stored as they lie, times, text and objects. Frames with anything else are taken by Python.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from modeldata.native import accelerator
from modeldata.snapshot.schema import SchemaCache

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from typing import Any

    from modeldata.snapshot.pandas_blocks import CopyPlan
    from modeldata.snapshot.pandas_frames import DtypeGroup
    from modeldata.snapshot.schema import Schema

    Part = tuple[int, int, int]
    """A block, the first of its columns, and how many."""

TIMES = {pd.arrays.DatetimeArray: np.dtype("M8").num, pd.arrays.TimedeltaArray: np.dtype("m8").num}
OBJECT = np.dtype(object).num
TEXTS = frozenset(filter(None, (getattr(pd.arrays, "ArrowStringArray", None), pd.arrays.StringArray)))


def know(plan: type[CopyPlan]) -> None:
    """Let the compiled part take data frames. It does not where this pandas keeps them in a way that it does not know."""
    if accelerator is None:
        return
    try:
        manager = pd.DataFrame({"a": [0]})._mgr
        placement = type(manager.blocks[0]._mgr_locs)
        accelerator.know_frames(pd.DataFrame, type(manager), placement, pd.arrays.ArrowStringArray, plan, SchemaCache)
    except (AttributeError, IndexError, TypeError):  # then all frames are taken by Python
        return


def compiled_plan(plan: CopyPlan, blocks: Sequence[Any]) -> object | None:
    """The same plan for the compiled part; None where it does not take such frames."""
    labels = tuple(plan.labels) if type(plan.labels) is list else plan.labels
    if accelerator is None or (type(labels) is tuple and type(labels[0]) is not str):
        return None
    own_blocks = tuple(_block(type(block), *kept) for block, kept in zip(blocks, plan.blocks, strict=True))
    try:
        parts = [part for group in plan.schema.groups for part in _raws(plan, group)]
        parts += [*_columns(plan, plan.schema.texts, TEXTS), *_columns(plan, plan.schema.objects, {np.ndarray})]
        return accelerator.FramePlan(plan.schema, plan.index, labels, own_blocks, tuple(parts))  # type: ignore[no-any-return] # Any
    except (TypeError, ValueError):  # other values; or the compiled part says that it does not take them
        return None


def compiled(data: pd.DataFrame, schemas: SchemaCache) -> tuple[Schema, int, bytes] | None:
    """What the compiled part stores of a frame. None: it leaves the frame to Python."""
    return None if accelerator is None else accelerator.captured(data, schemas)


def _block(block: type, values: type, dtype: Any, columns: object) -> tuple[type, type, int, object, object]:
    """Of times the dtype says the unit and the zone; of others numpy's number says all."""
    if values in TIMES:
        return block, values, TIMES[values], dtype, columns
    return block, values, dtype.num if values is np.ndarray else OBJECT, None, columns


def _columns(plan: CopyPlan, columns: Iterable[int], values: Iterable[type]) -> Iterable[Part]:
    """Each by itself. Raises ValueError where its values are of another type."""
    for block, row in [plan.sources[at] for at in columns]:
        if plan.blocks[block][0] not in values:
            raise ValueError(plan.blocks[block][0])
        yield block, row, 1


def _raws(plan: CopyPlan, group: DtypeGroup) -> list[Part]:
    """The columns of a group, in runs. Raises ValueError where they are not stored as they lie."""
    parts: list[Part] = []
    for block, row, _ in _columns(plan, group.columns, {np.ndarray, *TIMES}):
        values, dtype, _ = plan.blocks[block]
        if values is np.ndarray and dtype != group.dtype:
            raise ValueError(dtype)
        if parts and parts[-1][0] == block and sum(parts[-1][1:]) == row:
            parts[-1] = (block, parts[-1][1], parts[-1][2] + 1)
        else:
            parts.append((block, row, 1))
    return parts
