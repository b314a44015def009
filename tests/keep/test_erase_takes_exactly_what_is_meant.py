"""Random collectors, rows and conditions: what stays is what a filter in pandas leaves, in every collector, to the row.

SQL's three-valued logic is written with pandas' own: masks of values that are true, false or unknown.
"""

from __future__ import annotations

import csv
import json
import math
import random
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

from modeldata.errors import SettingsError
from modeldata.keep.jobs import erase
from tests.read.kit import FORMATS, Shipped

from .kit import DAY, job, local

NAMES = ["user", "current_date", "localtime", "a.b", 'quo"te', "place", "c1", "Group", "n n"]
VALUES: dict[str, list[object]] = {
    "int": [-3, 0, 1, 17, 2**53 + 1],
    "float": [-1.5, -0.0, 0.1, 2.0, 1e300, math.nan, math.inf],
    "text": ["", "ann", "Ann", "bob's", 'a,b\n"c"', "17", "ünï", "NULL", "nan", "\\N"],
    "bool": [True, False],
    "number": [-3, 0.5, 17, 2.5],
    "mixed": ["ann", "17", 17, 1],
}
"""`mixed`: one batch has numbers, another text: the column is text for all rows, as for `read()`."""
CONSTANTS: dict[str, list[object]] = {**VALUES, "mixed": ["ann", "17", "1"]}
MANY = pytest.mark.parametrize("seed", [*range(12), *(pytest.param(seed, marks=pytest.mark.faults) for seed in range(12, 200))])

Mask = pd.arrays.BooleanArray


class Clause(NamedTuple):
    """A part of a condition: its SQL, the columns that it compares with which type of value, and what pandas says of rows."""

    sql: str
    about: list[tuple[str, str]]
    mask: Callable[[pd.DataFrame], Mask]


def quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def literal(value: object) -> str:
    if isinstance(value, float) and not math.isfinite(value):
        return f"'{value}'::DOUBLE"
    return "'" + value.replace("'", "''") + "'" if isinstance(value, str) else repr(value)


def unknown_where(column: pd.Series, truth: list[bool]) -> Mask:
    return Mask(np.array(truth, bool), np.array([value is None for value in column], bool))


def order(value: object) -> tuple[bool, object]:
    """NaN is equal to itself and above all numbers, in DuckDB as in PostgreSQL."""
    is_nan = isinstance(value, float) and math.isnan(value)
    return is_nan, 0 if is_nan else value


def compared(name: str, kind: str, dice: random.Random) -> Clause:
    sign, holds = dice.choice([
        ("=", lambda a, b: a == b), ("<>", lambda a, b: a != b), ("<", lambda a, b: a < b), (">=", lambda a, b: a >= b),
    ])  # fmt: skip
    value = dice.choice(CONSTANTS[kind])

    def mask(rows: pd.DataFrame) -> Mask:
        return unknown_where(rows[name], [cell is not None and holds(order(cell), order(value)) for cell in rows[name]])

    return Clause(f"{quoted(name)} {sign} {literal(value)}", [(name, kind)], mask)


def one_of(name: str, kind: str, dice: random.Random) -> Clause:
    values = dice.sample(CONSTANTS[kind], 2)

    def mask(rows: pd.DataFrame) -> Mask:
        among = [cell is not None and any(order(cell) == order(value) for value in values) for cell in rows[name]]
        return unknown_where(rows[name], among)

    return Clause(f"{quoted(name)} IN ({', '.join(map(literal, values))})", [(name, kind)], mask)


def empty(name: str, kind: str, dice: random.Random) -> Clause:
    wanted = dice.random() < 0.5

    def mask(rows: pd.DataFrame) -> Mask:
        return Mask(np.array([(cell is None) == wanted for cell in rows[name]], bool), np.zeros(len(rows), bool))

    return Clause(f"{quoted(name)} IS {'' if wanted else 'NOT '}NULL", [(name, "")], mask)


def condition(kinds: dict[str, str], dice: random.Random, depth: int = 2) -> Clause:
    """From a grammar of comparisons, IN and IS NULL under AND, OR and NOT."""
    if depth == 0 or dice.random() < 0.3:
        name = dice.choice(sorted(kinds))
        return dice.choice([compared, one_of, empty])(name, kinds[name], dice)
    left = condition(kinds, dice, depth - 1)
    if dice.random() < 0.25:
        return Clause(f"NOT ({left.sql})", left.about, lambda rows: ~left.mask(rows))
    right, both = condition(kinds, dice, depth - 1), dice.random() < 0.5
    return Clause(
        f"({left.sql}) {'AND' if both else 'OR'} ({right.sql})",
        left.about + right.about,
        lambda rows: left.mask(rows) & right.mask(rows) if both else left.mask(rows) | right.mask(rows),
    )


def collected(kinds: dict[str, str], dice: random.Random) -> dict[str, list[dict[str, object]]]:
    """Rows of a few collectors. Each has some of the columns, now and then one in another type."""
    collectors: dict[str, list[dict[str, object]]] = {}
    for number in range(dice.randint(1, 4)):
        own = {name: kind for name, kind in kinds.items() if dice.random() < 0.85}
        for name in own:
            if own[name] in ("int", "text") and dice.random() < 0.04:
                own[name] = {"int": "text", "text": "int"}[own[name]]
        rows: list[dict[str, object]] = [
            {"uid": at, **{name: dice.choice([None, *VALUES[kind]]) for name, kind in own.items()}}
            for at in range(dice.randint(1, 25))
        ]
        rows[0] |= {name: "ann" for name, kind in own.items() if kind == "mixed"}
        collectors[f"c{number}"] = rows
    return collectors


def fits(rows: list[dict[str, object]], test: Clause) -> bool:
    """Are values compared with others of their kind only? A column without any value is text."""
    for name, kind in test.about:
        there = {type(row[name]) for row in rows if row[name] is not None} or {str}
        if kind and (str in there) != (kind in ("text", "mixed")):
            return False
    return True


def uids(folder: Path, identifier: str) -> list[int]:
    """What is in the files of a collector, by other libraries than ours."""
    found: list[int] = []
    for path in folder.glob(f"archive/*/*/*/{identifier}/*/*/*/data*"):
        if path.suffix == ".parquet":
            found += pq.read_table(path)["uid"].to_pylist()
        elif path.suffix == ".jsonl":
            found += [json.loads(line)["uid"] for line in path.read_text("utf-8").splitlines()]
        else:
            with path.open(newline="", encoding="utf-8") as lines:
                found += [int(row["uid"]) for row in csv.DictReader(lines)]
    return sorted(found)


@MANY
@pytest.mark.parametrize("file_format", FORMATS)
def test_what_stays_is_what_pandas_leaves(tmp_path: Path, seed: int, file_format: str) -> None:
    dice = random.Random(f"{seed} {file_format}")
    kinds = {name: dice.choice(sorted(VALUES)) for name in dice.sample(NAMES, 3)}
    collectors, test = collected(kinds, dice), condition(kinds, dice)
    shipped = Shipped(str(tmp_path / "archive"), tmp_path / "spool", file_format)
    for identifier, rows in collectors.items():
        for row in rows:
            shipped.collect(identifier, row, at=f"{DAY}T{dice.randint(0, 1):02}:00:00")
            if dice.random() < 0.05:
                shipped.ship()
    shipped.ship()
    before = {identifier: uids(tmp_path, identifier) for identifier in collectors}
    assert before == {identifier: [row["uid"] for row in rows] for identifier, rows in collectors.items()}

    named = {name for name, _ in test.about}
    asked = {identifier: rows for identifier, rows in collectors.items() if named <= rows[0].keys()}
    store = local(tmp_path)
    if not asked or not all(fits(rows, test) for rows in asked.values()):
        for dry in (True, False):
            with pytest.raises((SettingsError, LookupError)):
                list(erase(job(store), test.sql, dry=dry))
        assert {identifier: uids(tmp_path, identifier) for identifier in collectors} == before, test.sql
        return

    expected = before | {
        identifier: [row["uid"] for row, gone in zip(rows, _true(test.mask(_frame(rows))), strict=True) if not gone]
        for identifier, rows in asked.items()
    }
    report = list(erase(job(store), test.sql, dry=True))
    assert {identifier: uids(tmp_path, identifier) for identifier in collectors} == before
    assert list(erase(job(store), test.sql, dry=False)) == report, test.sql
    assert {identifier: uids(tmp_path, identifier) for identifier in collectors} == expected, test.sql
    assert sum(result.rows for result in report) == sum(map(len, before.values())) - sum(map(len, expected.values()))


def _frame(rows: list[dict[str, object]]) -> pd.DataFrame:
    """Rows as `read()` types them: what stands beside text is text."""
    columns = {name: [row[name] for row in rows] for name in rows[0]}
    for name, cells in columns.items():
        if any(isinstance(cell, str) for cell in cells):
            columns[name] = [None if cell is None else str(cell) for cell in cells]
    return pd.DataFrame({name: pd.Series(cells, dtype=object) for name, cells in columns.items()})


def _true(mask: Mask) -> list[bool]:
    """A row goes where the condition is true: not where it is unknown."""
    return [bool(value) for value in mask.fillna(False)]
