"""`modeldata stats`: what each column of a collector holds."""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING

from rich.cells import cell_len

from modeldata.cli.options import CollectorArgument, JsonOption, ReadOptions
from modeldata.cli.output import print_lines
from modeldata.cli.progress import working
from modeldata.cli.table import counted, fitted, safe, terminal_width, wrapped
from modeldata.format import names

if TYPE_CHECKING:
    from modeldata.read.profile import ColumnSummary

BLOCKS = " ▁▂▃▄▅▆▇█"
NAME, TYPE = 24, 22
INDENT = "  "


def command(collector: CollectorArgument, options: ReadOptions, as_json: JsonOption = False) -> None:
    """Say what each column of a collector holds: type, nulls, different values, min, quantiles, max, mean, frequent values.

    Quantiles are about 1 % and numbers of different values about 5 % off; all else is exact. Memory is bounded, whatever the
    number of rows. Our own columns but $Timestamp are left out unless --columns names them. In --json, a number that no double
    can hold (a mean may be one) is null. Needs modeldata[sql].
    """
    from modeldata.read.profile import summarize

    query = options.query(collector)
    scan = query.scan()
    if options.columns is None:
        ours = set(names.OWN_COLUMNS) - {names.TIMESTAMP}
        scan = scan.narrowed([name for name in scan.schema.names if name not in ours])
    with working(f"reading {counted(scan.most_rows, 'row') if scan.most_rows is not None else 'rows'} of {safe(query.name)}"):
        columns = summarize(scan)
    rows = columns[0].rows if columns else 0
    if as_json:
        print(json.dumps({"collector": query.name, "rows": rows, "columns": [*map(_as_json, columns)]}, allow_nan=False))
        return
    name = min(NAME, max((cell_len(safe(each.name)) for each in columns), default=0))
    kind = min(TYPE, max((cell_len(safe(each.type)) for each in columns), default=0))
    lines = [f"{safe(query.name)}: {counted(rows, 'row')}"]
    for column in columns:
        lines += ["", *block(column, terminal_width(), name, kind)]
    print_lines(lines)


def _as_json(column: ColumnSummary) -> dict[str, object]:
    """As JSON; times as text."""
    numbers = {name: _plain(getattr(column, name), column.is_time) for name in ("low", "high", "mean")}
    quantiles = [_plain(value, column.is_time) for value in column.quantiles]
    from modeldata.read.profile import QUANTILES

    return {
        "name": column.name, "type": column.type, "rows": column.rows, "nulls": column.nulls, "distinct": column.distinct,
        "min": numbers["low"], "max": numbers["high"], "mean": numbers["mean"],
        "quantiles": dict(zip(map(str, QUANTILES), quantiles, strict=False)), "not_finite": column.not_finite,
        "histogram": list(column.bars), "top": [top._asdict() for top in column.top],
    }  # fmt: skip


def _plain(value: float | None, is_time: bool) -> object:
    """None also for a mean that no double can hold: JSON has no number for it."""
    if value is None or not math.isfinite(value):
        return None
    return moment(value).replace(" ", "T") if is_time else value


def block(column: ColumnSummary, width: int, name: int = NAME, kind: int = TYPE) -> list[str]:
    """Some lines for the terminal, as wide as it is; name and type take so many characters."""
    shares = [f"{column.nulls / column.rows:.1%} null" if column.nulls else "no nulls"]
    if column.distinct is not None and not column.is_time:
        shares.append(f"~{column.distinct:,} different")
    if column.not_finite:
        shares.append(f"{column.not_finite:,} NaN or infinite")
    head = wrapped([_padded(safe(column.name), name), _padded(safe(column.type), kind), ", ".join(shares)], width, "  ", INDENT)
    return [line.rstrip() for line in (*head, *_numbers(column, width), *_frequent(column, width))]


def _padded(text: str, width: int) -> str:
    """What is longer stays whole, and moves what follows it."""
    return fitted(text, max(width, cell_len(text)))


def _numbers(column: ColumnSummary, width: int) -> list[str]:
    if column.low is None or column.high is None:
        return []
    bars = ["".join(_bars(column.bars))] if column.bars else []
    if column.is_time:
        return wrapped([f"{INDENT}{moment(column.low)} …", f"{moment(column.high)} ", *bars], width, " ", INDENT)
    _, low, middle, high, _ = column.quantiles if len(column.quantiles) == 5 else (column.low,) * 5
    parts = [("min", column.low), ("25 %", low), ("50 %", middle), ("75 %", high), ("max", column.high), ("mean", column.mean)]
    texts = wrapped((f"{name} {_short(value)}" for name, value in parts), width - len(INDENT), "  ")
    return [INDENT + text for text in (*texts, *bars)]


def _bars(counts: tuple[int, ...]) -> list[str]:
    """The highest bar is full; a bar that is not empty can be seen."""
    most = max(counts)
    return [BLOCKS[0] if not count else BLOCKS[max(1, round(count / most * (len(BLOCKS) - 1)))] for count in counts]


def _frequent(column: ColumnSummary, width: int) -> list[str]:
    """As many as a line has room for, the most frequent first."""
    values = [f"{fitted(safe(top.value) or '(empty)', NAME).rstrip()} {top.rows / column.rows:.1%}" for top in column.top]
    return [INDENT + wrapped(values, width - len(INDENT), ", ")[0]] if values else []


def _short(value: float | None) -> str:
    """A number in few characters: five digits, or all of a whole part."""
    if value is None:
        return ""
    size = abs(value)
    if size and not 1e-4 <= size < 1e9:
        return f"{float(value):.4g}"
    text = f"{value:,.{max(0, 4 - len(str(int(size)).lstrip('0')))}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def moment(seconds: float) -> str:
    """`2026-11-23 07:26:04`, UTC."""
    import numpy as np

    return str(np.datetime64(int(seconds // 1), "s")).replace("T", " ")  # of any year
