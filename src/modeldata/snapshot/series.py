"""pandas Series: one row. Imported only when the caller has such an object."""

from __future__ import annotations

import pandas as pd

from modeldata.snapshot.arrays import block_plan
from modeldata.snapshot.frames import classify
from modeldata.snapshot.plan import NOTHING, Plan, refusal, unique

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from modeldata.snapshot.plan import Shapes

    Pack = Callable[[object], bytes]


def take_series(data: pd.Series[Any], shapes: Shapes, pack: Pack) -> tuple[Plan, int, bytes]:
    """One row. An index of strings names the columns; with any other the names are those of a list."""
    try:
        count = len(data)
        if count == 0:
            return NOTHING
        labels = _labels(data.index)
        kind, part = classify(data.dtype)
        raw = part is not None and not part.masked and not part.zoned
        key = ("series", kind, labels or count)
        plan = shapes.others.get(key)
        if plan is None:
            columns = unique(labels) if labels else shapes.positional(count)
            if part is not None and raw:
                plan = block_plan(columns, part.dtype, (), shapes)
            else:
                plan = shapes.plan(columns, "rows", [kind] * count, {"single": True})
            shapes.others[key] = plan
        if part is not None and raw:
            return plan, 1, data.to_numpy().astype(part.dtype, copy=False).tobytes()
        return plan, 1, pack(data.to_numpy(dtype=object).tolist())
    except Exception as error:
        raise refusal(error, data) from error


def _labels(index: pd.Index) -> tuple[str, ...] | None:
    if isinstance(index, (pd.RangeIndex, pd.MultiIndex)):
        return None
    labels = index.tolist()
    return tuple(labels) if all(isinstance(name, str) for name in labels) else None
