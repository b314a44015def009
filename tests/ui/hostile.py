"""Values that try to be more than text."""

from __future__ import annotations

from pathlib import Path

from tests.read.kit import Shipped

MARK = "window.hostile=1"
VALUES = (
    f"<script>{MARK}</script>",
    f"<img src=x onerror={MARK}>",
    f'"><svg onload={MARK}>',
    f"javascript:{MARK}",
    f"</td></table><iframe srcdoc='<script>{MARK}</script>'></iframe>",
    "{{constructor.constructor('" + MARK + "')()}}",
    "\x1b[2J\x1b]0;title\x07",
    "abc\u202edcba\u2066x\u2069",
    "=cmd|'/c calc'!A1",
    "\x00nul\u2028line",
    "__proto__",
)
LONG = "y" * 10_000_000
MODEL = f"m<img src=x onerror={MARK}>"
COLUMN = f"<b onmouseover={MARK}>\u202e"


def fill(folder: Path) -> Shipped:
    """Each value as a cell, a column's name, a model's, a correlation id; and a cell of 10 MB."""
    shipped = Shipped(str(folder / "archive"), folder / "spool", max_row_bytes=64 << 20, spool_max_bytes=1 << 28)
    for number, value in enumerate(VALUES):
        at = f"2026-11-{number % 3 + 1:02}T05:{number:02}"
        shipped.collect(
            "in</script>puts", {"plain": value, COLUMN: value, "same": "a"}, ids=value.replace("\x00", "0"), at=at, model=MODEL
        )
    shipped.collect("in</script>puts", {"plain": LONG, COLUMN: "x", "same": "a"}, ids="long", at="2026-11-03T06:00", model=MODEL)
    shipped.ship()
    return shipped
