"""`modeldata stats`: what each column of a collector holds."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from modeldata.cli.options import CollectorArgument, JsonOption, ReadOptions
from modeldata.cli.output import binary_stdout
from modeldata.cli.table import counted, safe, terminal_width
from modeldata.format import names

if TYPE_CHECKING:
    from modeldata.read.profile import ColumnSummary

BLOCKS = " ▁▂▃▄▅▆▇█"
NAME, TYPE = 24, 22
INDENT = "  "


def command(collector: CollectorArgument, options: ReadOptions, as_json: JsonOption = False) -> None:
    """Say what each column of a collector holds: type, nulls, different values, min, quantiles, max, mean, frequent values.

    Quantiles are about 1 % and numbers of different values about 5 % off; all else is exact. Memory is bounded, whatever the
    number of rows. Our own columns but $Timestamp are left out unless --columns names them. Needs modeldata[sql].
    """
    from modeldata.read.profile import summarize

    asked = options.query(collector)
    scan = asked.scan()
    if options.columns is None:
        ours = set(names.OWN_COLUMNS) - {names.TIMESTAMP}
        scan = scan.narrowed([name for name in scan.schema.names if name not in ours])
    found = summarize(scan)
    if as_json:
        rows = found[0].rows if found else 0
        print(json.dumps({"collector": asked.name, "rows": rows, "columns": [_told(one) for one in found]}, allow_nan=False))
        return
    lines = [f"{safe(asked.name)}: {counted(found[0].rows if found else 0, 'row')}"]
    widths = (min(NAME, max(len(one.name) for one in found)), min(TYPE, max(len(one.type) for one in found))) if found else ()
    for one in found:
        lines += ["", *block(one, terminal_width(), *widths)]
    with binary_stdout() as sink:
        sink.write("".join(f"{line}\n" for line in lines).encode("utf-8", "replace"))


def _told(one: ColumnSummary) -> dict[str, object]:
    """As JSON; times as text."""
    numbers = {name: _plain(getattr(one, name), one.is_time) for name in ("low", "high", "mean")}
    quantiles = [_plain(value, one.is_time) for value in one.quantiles]
    from modeldata.read.profile import QUANTILES

    return {
        "name": one.name, "type": one.type, "rows": one.rows, "nulls": one.nulls, "distinct": one.distinct,
        "min": numbers["low"], "max": numbers["high"], "mean": numbers["mean"],
        "quantiles": dict(zip(map(str, QUANTILES), quantiles, strict=False)), "not_finite": one.not_finite,
        "histogram": list(one.bars), "top": [top._asdict() for top in one.top],
    }  # fmt: skip


def _plain(value: float | None, is_time: bool) -> object:
    return moment(value).replace(" ", "T") if is_time and value is not None else value


def block(one: ColumnSummary, width: int, name: int = NAME, kind: int = TYPE) -> list[str]:
    """Some lines for the terminal, none longer than it is wide; name and type take so many characters."""
    nulls = f"{one.nulls / one.rows:.1%} null" if one.nulls else "no nulls"
    distinct = "" if one.distinct is None or one.is_time else f", ~{one.distinct:,} different"
    odd = f", {one.not_finite:,} NaN or infinite" if one.not_finite else ""
    head = f"{_cut(safe(one.name), name):{name}}  {_cut(one.type, kind):{kind}}  {nulls}{distinct}{odd}"
    return [_cut(line, width) for line in (head, *_numbers(one), *_frequent(one, width))]


def _numbers(one: ColumnSummary) -> list[str]:
    if one.low is None or one.high is None:
        return []
    bars = f"{INDENT}{''.join(_bars(one.bars))}" if one.bars else ""
    if one.is_time:
        return [f"{INDENT}{moment(one.low)} … {moment(one.high)}  {bars.strip()}".rstrip()]
    _, low, middle, high, _ = one.quantiles if len(one.quantiles) == 5 else (one.low,) * 5
    parts = [("min", one.low), ("25 %", low), ("50 %", middle), ("75 %", high), ("max", one.high), ("mean", one.mean)]
    text = "  ".join(f"{name} {_short(value)}" for name, value in parts)
    return [INDENT + text, *([bars] if bars else [])]


def _bars(counts: tuple[int, ...]) -> list[str]:
    """The highest bar is full; what is not empty can be seen."""
    most = max(counts)
    return [BLOCKS[0] if not count else BLOCKS[max(1, round(count / most * (len(BLOCKS) - 1)))] for count in counts]


def _frequent(one: ColumnSummary, width: int) -> list[str]:
    if not one.top:
        return []
    parts = [f"{_cut(safe(top.value) or '(empty)', NAME)} {top.rows / one.rows:.1%}" for top in one.top]
    line = ""
    for part in parts:
        longer = f"{line}, {part}" if line else INDENT + part
        if line and len(longer) > width:
            break
        line = longer
    return [line]


def _short(value: float | None) -> str:
    """A number in few characters: five digits, or all of a whole part."""
    if value is None:
        return ""
    size = abs(value)
    if size and not 1e-4 <= size < 1e9:
        return f"{float(value):.4g}"
    text = f"{value:,.{max(0, 4 - len(str(int(size)).lstrip('0')))}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def _cut(text: str, width: int) -> str:
    return text if len(text) <= width else text[: width - 1] + "…"


def moment(seconds: float) -> str:
    """`2026-11-23 07:26:04`, UTC."""
    import numpy as np

    return str(np.datetime64(int(seconds // 1), "s")).replace("T", " ")  # of any year
