"""How our objects show themselves in a notebook: small HTML tables, in which all text is escaped."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

LONGEST = 200
"""Characters of a cell; the rest is left out."""


def html_table(title: str, header: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """A title and a table under it."""
    head = _row("th", header) if header else ""
    return f"<div><b>{_text(title)}</b><table>{head}{''.join(_row('td', row) for row in rows)}</table></div>"


def _row(tag: str, cells: Sequence[object]) -> str:
    made = "".join(f"<{tag} style='text-align:left'>{_text(cell)}</{tag}>" for cell in cells)
    return f"<tr>{made}</tr>"


def _text(value: object) -> str:
    from html import escape

    text = f"{value:,}" if type(value) is int else str(value)
    return escape(text if len(text) <= LONGEST else f"{text[:LONGEST]}…")
