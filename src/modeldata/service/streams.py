"""An answer in pieces, as one row: its text together, why it ended, what it cost.

Pieces are events (`text/event-stream`) or lines of JSON. The text of a piece is looked for where model servers put it.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

EVENTS = "text/event-stream"
LINES = frozenset({"application/x-ndjson", "application/ndjson", "application/jsonl", "application/stream+json"})
DONE = "[DONE]"
MOST_OTHERS = 1000
"""Pieces without a text that are kept."""


def is_stream(content_type: str) -> bool:
    return content_type == EVENTS or content_type in LINES


def assembled(body: bytes, content_type: str) -> dict[str, object]:
    """One row of all pieces. The last one may be cut off: then it is left out."""
    return one_row(_pieces(body, content_type))


def one_row(pieces: Iterable[Any]) -> dict[str, object]:
    """Of pieces that are parsed."""
    text: list[str] = []
    others: list[object] = []
    row: dict[str, object] = {"text": None, "finish_reason": None, "usage": None, "pieces": 0, "others": None}
    for count, piece in enumerate(pieces, start=1):
        row["pieces"] = count
        part = piece if isinstance(piece, str) else text_of(piece)
        if part is not None:
            text.append(part)
        elif len(others) < MOST_OTHERS:
            others.append(piece)
        if isinstance(piece, dict):
            _note_end(piece, row)
    row["text"] = "".join(text) if text else None
    row["others"] = others or None
    return row


def _pieces(body: bytes, content_type: str) -> Iterator[Any]:
    texts = _events(body) if content_type == EVENTS else body.decode("utf-8", "replace").splitlines()
    for text in texts:
        if text.strip() in ("", DONE):
            continue
        try:
            yield json.loads(text)
        except (ValueError, RecursionError):
            if content_type == EVENTS:  # text as it is; a line that is no JSON was cut off
                yield text


def _events(body: bytes) -> Iterator[str]:
    """The data of each event that is whole."""
    text = body.decode("utf-8", "replace").replace("\r\n", "\n").replace("\r", "\n")
    for event in text.split("\n\n")[:-1]:
        lines = [line[5:].removeprefix(" ") for line in event.split("\n") if line.startswith("data:")]
        if lines:
            yield "\n".join(lines)


def text_of(piece: Any) -> str | None:
    """The text of a piece of a chat, a completion, or a list of tokens."""
    if not isinstance(piece, dict):
        return None
    choices = piece.get("choices")
    if isinstance(choices, list) and choices and isinstance(choices[0], dict):
        piece = choices[0]
    for holder in (piece.get("delta"), piece.get("message"), piece.get("token"), piece):
        if isinstance(holder, str):
            return holder
        for name in ("content", "text", "response", "generated_text"):
            if isinstance(holder, dict) and isinstance(holder.get(name), str):
                return str(holder[name])
    return None


def _note_end(piece: dict[str, Any], row: dict[str, object]) -> None:
    choices = piece.get("choices")
    ended = choices[0] if isinstance(choices, list) and choices and isinstance(choices[0], dict) else piece
    row["finish_reason"] = ended.get("finish_reason") or ended.get("done_reason") or row["finish_reason"]
    row["usage"] = piece.get("usage") or row["usage"]
