"""Any calls of any ids, versions and sizes are joined as pandas joins them: by `merge`, `groupby` and `merge_asof`, call by call."""

from __future__ import annotations

import random
from collections import Counter
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from modeldata.format import names
from modeldata.read.join import JoinPlan, join_tables
from modeldata.read.scan import Owned

IDENTIFIERS = ("a", "b", "c")
MATCHES = ("order", "first", "last", "asof")
TICK = 1_000_000
"""Microseconds between two calls at least."""


class Call(NamedTuple):
    """One call of `collect`: of which id and version, how many rows, when."""

    id: str
    version: str
    rows: int
    tick: int


CALLS = st.lists(
    st.builds(Call, st.sampled_from(["", "x", "y", "z"]), st.sampled_from(["1", "2"]), st.integers(1, 3), st.integers(0, 20)),
    max_size=8,
    unique_by=lambda call: call.tick,
)


def _frame(calls: list[Call], dice: random.Random) -> pd.DataFrame:
    """A row for each row of each call, in any order."""
    rows = [
        {"call": at, "row": row, "v": 10 * at + row, **call._asdict()}
        for at, call in enumerate(calls)
        for row in range(call.rows)
    ]
    dice.shuffle(rows)
    types = {**dict.fromkeys(["call", "row", "v", "rows", "tick"], "int64"), "id": object, "version": object}
    return pd.DataFrame(rows, columns=[*types]).astype(types)


def _owned(frame: pd.DataFrame) -> Owned:
    table = pa.table(
        {
            names.TIMESTAMP: pa.array(frame["tick"].to_numpy(np.int64) * TICK).cast(pa.timestamp("us", "UTC")),
            names.CORRELATION: pa.array(frame["id"], pa.string()),
            names.WRITER: pa.array(["w"] * len(frame), pa.string()),
            names.SEQUENCE: pa.array(frame["v"].to_numpy(np.int64)),  # ten apart for each call
            names.ROW: pa.array(frame["row"].to_numpy(np.int64)),
            "v": pa.array(frame["v"].to_numpy(np.int64)),
        }
    )
    return Owned(table, [((version,), 1) for version in frame["version"]])


def _partners(left: pd.DataFrame, right: pd.DataFrame, match: str, by: list[str], tolerance: int | None) -> dict[int, int]:
    """The call of `right` that each call of `left` meets, as pandas says."""
    mine, other = (
        frame[frame["id"] != ""].drop_duplicates("call").sort_values("tick")[["call", "id", "version", "tick"]]
        for frame in (left, right)
    )
    if match == "asof":
        found = pd.merge_asof(mine, other, on="tick", by=by, tolerance=tolerance)
    elif match == "order":
        mine["nth"], other["nth"] = mine.groupby(["id", "version"]).cumcount(), other.groupby(by).cumcount()
        found = mine.merge(other, on=[*by, "nth"])
    else:
        found = mine.merge(other.groupby(by).agg(call=("call", match)).reset_index(), on=by)
    found = found.dropna(subset=["call_y"])
    return dict(zip(found["call_x"].astype(int), found["call_y"].astype(int), strict=True))


def _expected(frames: dict[str, pd.DataFrame], match: str, across: list[str], tolerance: int | None) -> Counter[tuple[Any, ...]]:
    """Lines of a left join, row by row and in plain words."""
    first, *others = frames
    lines: Counter[tuple[Any, ...]] = Counter()
    sizes = {name: frame.groupby("call").size().to_dict() for name, frame in frames.items()}
    values = {name: {(c, r): v for c, r, v in frame[["call", "row", "v"]].to_numpy()} for name, frame in frames.items()}
    beside: dict[str, dict[int, int]] = {}
    spread: dict[str, set[int]] = {}
    dealt: dict[str, dict[tuple[int, int], int]] = {name: {} for name in others}
    for name in others:
        by = ["id"] if {first, name} & set(across) else ["id", "version"]
        beside[name] = _partners(frames[first], frames[name], match, by, tolerance)
        spread[name] = set(frames[first]["call"])
        if match == "order":
            spread[name], dealt[name] = _counted(frames[first], frames[name], by)
    for call, row, id_, mine in frames[first][["call", "row", "id", "v"]].itertuples(index=False):
        partner = {name: beside[name].get(call) if id_ else None for name in others}
        there = {name: 0 if partner[name] is None else sizes[name][partner[name]] for name in others}
        alone = sizes[first][call] == 1
        wide = [there[name] for name in others if call in spread[name] and (call, row) not in dealt[name]]
        for nth in range(max([1, *wide]) if alone else 1):
            line = [mine]
            for name in others:
                if (call, row) in dealt[name]:
                    line.append(dealt[name][call, row])
                elif call not in spread[name]:
                    line.append(values[name].get((partner[name], row)))
                else:
                    place = 0 if there[name] == 1 else nth if alone else row
                    line.append(values[name].get((partner[name], place)))
            lines[tuple(line)] += 1
    return lines


def _counted(left: pd.DataFrame, right: pd.DataFrame, by: list[str]) -> tuple[set[int], dict[tuple[int, int], int]]:
    """(calls of left where both sides have as many, rows of right beside rows of left where one call meets as many of one row)."""
    even: set[int] = set()
    dealt: dict[tuple[int, int], int] = {}
    theirs = dict(iter(right[right["id"] != ""].groupby(by)))
    for key, rows in left[left["id"] != ""].groupby(["id", "version"]):
        other = theirs.get(key[: len(by)])
        if other is None:
            continue
        calls, their_calls = rows["call"].nunique(), other["call"].nunique()
        if calls == their_calls:
            even |= set(rows["call"])
        if len(rows) == len(other) > 1 and {calls, their_calls} == {1, len(rows)}:
            ordered = zip(rows.sort_values(["tick", "row"]).itertuples(), other.sort_values(["tick", "row"])["v"], strict=True)
            dealt |= {(row.call, row.row): value for row, value in ordered}
    return even, dealt


@settings(max_examples=50)
@given(
    calls=st.fixed_dictionaries(dict.fromkeys(IDENTIFIERS, CALLS)),
    match=st.sampled_from(MATCHES),
    tolerance=st.none() | st.integers(0, 5),
    seed=st.integers(0, 2**32),
    identifiers=st.sampled_from([IDENTIFIERS, IDENTIFIERS[:2]]),
    across=st.sampled_from([[], ["b"], ["a"]]),
)
def test_rows_stand_beside_those_that_pandas_finds(
    calls: dict[str, list[Call]], match: Any, tolerance: int | None, seed: int, identifiers: tuple[str, ...], across: list[str]
) -> None:
    across = [] if match == "order" else across  # where calls are counted, by whom is a test of its own
    dice = random.Random(seed)
    frames = {name: _frame(calls[name], dice) for name in identifiers}
    plan = JoinPlan("correlation", "left", dict.fromkeys(IDENTIFIERS, match), tolerance and tolerance * TICK, across)
    owned = {name: _owned(frame) for name, frame in frames.items()}
    everything = {name: np.ones(len(frame), bool) for name, frame in frames.items()}
    joined = join_tables(owned, plan, everything)
    found = Counter(zip(*(joined.table[f"{name}.v"].to_pylist() for name in frames), strict=True))
    assert found == _expected(frames, match, across, tolerance)
    _outer_and_inner_hold_the_same(owned, plan, everything, found)


def _outer_and_inner_hold_the_same(owned: Any, plan: JoinPlan, everything: Any, left: Counter[tuple[Any, ...]]) -> None:
    outer, inner = (join_tables(owned, plan._replace(how=how), everything).table for how in ("outer", "inner"))  # type: ignore[arg-type]
    lines, both = (Counter(zip(*(table[f"{name}.v"].to_pylist() for name in owned), strict=True)) for table in (outer, inner))
    assert both == Counter({line: times for line, times in left.items() if None not in line})
    assert lines & left == left and all(line[0] is None for line in lines - left)
    for at, (name, each) in enumerate(owned.items()):
        assert {line[at] for line in lines} - {None} == set(each.table["v"].to_pylist()), f"each row of {name} is there"
