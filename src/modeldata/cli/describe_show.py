"""A description of columns for a person: numbers in one table, everything else in another."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table
from rich.text import Text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from modeldata.cli.describe import Described

BARS = " ▁▂▃▄▅▆▇█"
NAME = 18
"""Letters of a column's name, at most."""


def show(title: str, rows: int, found: Sequence[Described], console: Console | None = None) -> None:
    """Write it to stdout."""
    console = console or Console(highlight=False)
    console.print(f"{title}: {rows:,} rows", markup=False, soft_wrap=True)
    numbers = [one for one in found if one.quantiles is not None]
    others = [one for one in found if one.quantiles is None]
    if numbers:
        console.print(_numbers(numbers))
    if others:
        console.print(_others(others))


def _numbers(found: Sequence[Described]) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("number", no_wrap=True, overflow="ellipsis", max_width=NAME)
    for name in ("nulls", "min", "5 %", "mean", "median", "95 %", "max"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("", no_wrap=True)
    for one in found:
        assert one.quantiles is not None
        low, _, middle, _, high = one.quantiles
        values = [_short(value) for value in (one.low, low, one.mean, middle, high, one.high)]
        table.add_row(Text(one.name), f"{one.nulls:,}", *values, sparkline(one.histogram or []))
    return table


def _others(found: Sequence[Described]) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("other", no_wrap=True, overflow="ellipsis", max_width=NAME)
    table.add_column("type", no_wrap=True, overflow="ellipsis", max_width=14)
    table.add_column("nulls", justify="right", no_wrap=True)
    table.add_column("different", justify="right", no_wrap=True)
    table.add_column("most frequent, or from .. to", overflow="fold")
    for one in found:
        table.add_row(
            Text(one.name), Text(one.type), f"{one.nulls:,}", f"{one.different:,}" if one.different else "", _about(one)
        )
    return table


def _about(one: Described) -> Text:
    if one.top:
        return Text(", ".join(f"{_cell(value)} {rows:,}" for value, rows in one.top))
    return Text("" if one.low is None else f"{_cell(one.low)} .. {_cell(one.high)}")


def _cell(value: object) -> str:
    text = " ".join(str(value).split()) or '""'
    return text if len(text) <= 26 else text[:25] + "…"


def _short(value: object) -> str:
    """At most eight letters, without an exponent where a person needs none."""
    if value is None:
        return ""
    number = float(value)  # type: ignore[arg-type] # of a number
    if 1000 <= abs(number) < 1e7:
        return f"{number:.0f}"
    return f"{number:.4g}" if number == 0 or 1e-3 <= abs(number) < 1000 else f"{number:.2g}"


def sparkline(counts: Sequence[int]) -> str:
    """A letter for each part; one that has any rows is never blank."""
    most = max(counts, default=0)
    return "".join(BARS[max(1, round(count / most * 8))] if count else BARS[0] for count in counts)
