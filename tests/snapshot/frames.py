"""Data frames of any kind, for tests that take them in more than one way."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import pandas as pd
from hypothesis import strategies as st

TEXT = st.text(st.characters(exclude_categories=["Cs"]))
OBJECTS = st.integers() | st.text(st.characters(exclude_categories=[]), max_size=3) | st.none() | st.floats() | st.booleans()
COLUMNS: dict[str, Any] = {
    "f8": st.lists(st.floats(), min_size=9, max_size=9).map(np.array),
    "f4": st.lists(st.floats(width=32), min_size=9, max_size=9).map(lambda values: np.array(values, "f4")),
    "i8": st.lists(st.integers(-(2**63), 2**63 - 1), min_size=9, max_size=9).map(np.array),
    "u1": st.lists(st.integers(0, 255), min_size=9, max_size=9).map(lambda values: np.array(values, "u1")),
    "bool": st.lists(st.booleans(), min_size=9, max_size=9).map(np.array),
    "text": st.lists(TEXT | st.none(), min_size=9, max_size=9).map(lambda values: pd.array(values, dtype="string")),
    "arrow text": st.lists(TEXT | st.none(), min_size=9, max_size=9).map(
        lambda values: pd.array(values, dtype="string[pyarrow]")
    ),
    "any text": st.lists(st.text() | st.none(), min_size=9, max_size=9).map(pd.Series),
    "python text": st.lists(TEXT | st.none(), min_size=9, max_size=9).map(
        lambda values: pd.array(values, dtype="string[python]")
    ),
    "Int64": st.lists(st.integers(-9, 9) | st.none(), min_size=9, max_size=9).map(lambda values: pd.array(values, "Int64")),
    "boolean": st.lists(st.booleans() | st.none(), min_size=9, max_size=9).map(lambda values: pd.array(values, "boolean")),
    "time": st.lists(st.integers(0, 2**40) | st.none(), min_size=9, max_size=9).map(lambda values: pd.to_datetime(values)),
    "zone": st.lists(st.integers(0, 2**40), min_size=9, max_size=9).map(
        lambda values: pd.to_datetime(values).tz_localize("UTC").tz_convert("Europe/Berlin")
    ),
    "span": st.lists(st.integers(0, 2**40) | st.none(), min_size=9, max_size=9).map(lambda values: pd.to_timedelta(values)),
    "category": st.lists(st.sampled_from(["a", "b", None]), min_size=9, max_size=9).map(pd.Categorical),
    "object": st.lists(OBJECTS | st.binary(max_size=3), min_size=9, max_size=9).map(
        lambda values: pd.Series(values, dtype=object)
    ),
    "odd object": st.lists(OBJECTS | st.sampled_from([pd.NA, np.float64(2), [1], 1 << 70]), min_size=9, max_size=9).map(
        lambda values: pd.Series(values, dtype=object)
    ),
    "f2": st.just(np.arange(9, dtype="f2")),
    "complex": st.just(np.arange(9) * 1j),
    "period": st.just(pd.period_range("2026-01", periods=9, freq="M")),
}
PLAIN = ("f8", "f4", "f2", "i8", "u1", "bool", "text", "arrow text", "any text", "python text", "object", "time", "zone", "span")
"""Those of which the compiled part takes a few rows."""


@st.composite
def any_frame(draw: st.DrawFn, columns: Iterable[str] = COLUMNS) -> pd.DataFrame:
    """Columns of any kinds, put together, cut, turned and grown in any way that leaves blocks behind."""
    kinds = draw(st.lists(st.sampled_from(sorted(columns)), min_size=1, max_size=8))
    made = pd.DataFrame({f"{at} {kind}": draw(COLUMNS[kind]) for at, kind in enumerate(kinds)})
    if draw(st.booleans()):
        made.insert(draw(st.integers(0, len(made.columns))), "late", np.arange(9.0))
    start, stop = sorted((draw(st.integers(0, 9)), draw(st.integers(0, 9))))
    made = made.iloc[start:stop]
    if draw(st.booleans()):
        made = made.iloc[:: draw(st.sampled_from([-1, 2]))]
    if draw(st.booleans()):
        made = made.iloc[:, draw(st.permutations(range(len(made.columns))))]
    if draw(st.booleans()):
        made.columns = draw(st.sampled_from([pd.RangeIndex(len(made.columns)), pd.Index(range(5, 5 + len(made.columns)))]))
    return pd.concat([made] * 300) if draw(st.booleans()) else made
