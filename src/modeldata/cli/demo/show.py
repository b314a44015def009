"""Shows the demo's results to a person, in 80 columns."""

from __future__ import annotations

from statistics import median
from typing import TYPE_CHECKING

from rich.table import Table
from rich.text import Text
from rich.tree import Tree

from modeldata.cli.demo.archive import CALL, POSITION, Check

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    import pandas as pd

    from modeldata.cli.demo.service import Measured

SHOWN_ROWS, SHOWN_COLUMNS = 5, 5
SPOOL = ".modeldata-spool-"


def tree(archive: Path) -> Tree:
    """The files, folders that hold only one folder on one line with it."""
    top = Tree(Text(archive.name, style="bold"))
    _grow(top, archive)
    return top


def _grow(above: Tree, folder: Path) -> None:
    for path in sorted(folder.iterdir(), key=lambda path: (path.is_file(), path.name)):
        if path.is_file():
            above.add(Text.assemble(path.name, (f"  {_size(path)}", "dim")))
        elif path.name.startswith(SPOOL):
            above.add(Text(f"{path.name}  where rows wait to be archived", style="dim"))
        elif path.name == "_manifest":
            above.add(Text("_manifest  what each batch holds, for the audit", style="dim"))
        else:
            name, inner = path.name, path
            while len(below := list(inner.iterdir())) == 1 and below[0].is_dir():
                inner = below[0]
                name += f"/{inner.name}"
            _grow(above.add(Text(name, style="blue")), inner)


def _size(path: Path) -> str:
    content = path.read_bytes()
    lines = content.count(b"\n")
    return f"{lines:,} lines, {len(content) / 1024:,.0f} KiB"


def _table() -> Table:
    return Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")


def _columns(table: Table, names: Sequence[str]) -> None:
    for name in names:
        table.add_column(name, justify="right", vertical="bottom")


def first_rows(inputs: pd.DataFrame) -> Table:
    """The first rows of a file, as far as they fit."""
    table = _table()
    names = [str(name) for name in inputs if name != POSITION]
    shown = names[:SHOWN_COLUMNS]
    head = [[str(row[name]) for name in shown] for _, row in inputs.head(SHOWN_ROWS).iterrows()]
    for at, name in enumerate(shown):
        own = name.startswith("$")
        width = 10 if name == "$RequestId" else max((len(row[at]) for row in head), default=7) if own else 7
        table.add_column(name, width=width, overflow="ellipsis", no_wrap=own, justify="left" if own else "right")
    table.add_column(f"+{len(names) - len(shown)}", style="dim")
    for row in head:
        table.add_row(*row, "...")
    return table


def pairs(both: pd.DataFrame, labels: dict[str, str]) -> Table:
    """Inputs, predictions and the label that came later, side by side."""
    table = _table()
    table.add_column(CALL)
    _columns(table, ["mean radius", "mean texture", "malignant", "label"])
    for _, row in both[both[CALL].isin(labels)].head(SHOWN_ROWS).iterrows():
        likely = f"{row['malignant']:.4f}"
        table.add_row(row[CALL], str(row["mean radius"]), str(row["mean texture"]), likely, labels[row[CALL]])
    return table


def counts(checks: list[Check]) -> Table:
    """Sent and archived, which must be the same."""
    table = _table()
    table.add_column("rows of")
    _columns(table, ["sent", "archived", "values compared", "different"])
    table.add_column()
    for check in checks:
        numbers = (check.sent, check.archived, check.compared, check.different)
        verdict = Text("the same", style="green") if check.good else Text("NOT THE SAME", style="bold red")
        table.add_row(check.identifier, *(f"{number:,}" for number in numbers), verdict)
    return table


def cost(measured: Measured) -> Table:
    """Own work of each `collect()` first, then what its caller sees of it, and the requests around them."""
    table = _table()
    table.add_column("measured in the service")
    _columns(table, ["times", "median CPU", "p99 CPU", "median", "p99"])
    for name, spans in _groups(measured).items():
        wall = sorted(taken for taken, _ in spans)
        ran = sorted(ran for _, ran in spans if ran is not None)
        table.add_row(name, f"{len(wall):,}", *(_time(value) for value in (*_typical(ran), *_typical(wall))))
    return table


Span = tuple[int, int | None]
"""Nanoseconds taken, and those of them that the thread ran, where it is one thread."""


def _groups(measured: Measured) -> dict[str, list[Span]]:
    """Times by what they are of. The first call stands alone: it opens the spool and starts the shipping process."""
    groups: dict[str, list[Span]] = {"the first collect()": [(measured.calls[0].took, measured.calls[0].ran)]}
    for call in sorted(measured.calls[1:], key=lambda call: (call.identifier, call.rows)):
        groups.setdefault(f"collect() {call.identifier}, {_kind(call.rows == 1)}", []).append((call.took, call.ran))
    for path, taken in sorted(measured.requests):
        groups.setdefault(f"request, {_kind(not path.endswith('batch'))}", []).append((taken, None))
    return groups


def meaning(measured: Measured) -> str:
    """What the table's columns are, the share of the service that is ours, and what the slowest calls waited for."""
    ran = sum(call.ran for call in measured.calls)
    refused = sum(not call.accepted for call in measured.calls)
    share = ran / max(measured.cpu, 1)
    return (
        f"{refused} of {len(measured.calls)} calls were refused. CPU is a call's own work, {share:.1%} of what the\n"
        "service used. The last two columns are what the caller sees: work and waiting.\n" + _slowest(measured)
    )


def _slowest(measured: Measured) -> str:
    """Where the time of the slowest 1 % of the calls went."""
    slowest = sorted(measured.calls, key=lambda call: call.took)[-max(len(measured.calls) // 100, 1) :]
    took, ran, queued = (sum(getattr(call, name) for call in slowest) / len(slowest) for name in ("took", "ran", "queued"))
    return (
        f"The slowest 1 % took {_time(took)} on average. Own work: {_time(ran)}. Waiting for a\n"
        f"core of this machine: {_time(queued)}. Waiting for other threads of the service,\n"
        f"of which Python runs one at a time: {_time(max(took - ran - queued, 0))}. Most of these calls open a file\n"
        "in the spool, once for each thread."
    )


def _kind(alone: bool) -> str:
    return "one row" if alone else "a batch"


def _typical(ordered: Sequence[int]) -> tuple[float | None, float | None]:
    """Median and 99th percentile."""
    if not ordered:
        return None, None
    return median(ordered), ordered[min(len(ordered) - 1, len(ordered) * 99 // 100)]


def _time(nanoseconds: float | None) -> str:
    if nanoseconds is None:
        return ""
    return f"{nanoseconds / 1e6:,.1f} ms" if nanoseconds >= 1e6 else f"{nanoseconds / 1e3:,.0f} µs"
