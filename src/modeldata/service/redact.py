"""Values of named fields never reach the archive."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from modeldata.errors import MASK, mask_foreign

if TYPE_CHECKING:
    from collections.abc import Sequence

MOST_LEVELS = 64
BODY_CHARACTERS = 4096
"""Of the body of a call that failed."""
ERROR_CHARACTERS = 500


class Redaction:
    """Replaces the value of each field of these names, in any letters, at any depth of dicts and lists."""

    def __init__(self, names: Sequence[str]) -> None:
        self.names = frozenset(name.casefold() for name in names)

    def of(self, data: object, levels: int = MOST_LEVELS) -> object:
        """`data` without those values: itself where there is nothing to replace, else a copy. Other kinds of data stay."""
        if not self.names:
            return data
        if levels == 0:
            return MASK
        if isinstance(data, dict):
            return {key: MASK if self._is_named(key) else self.of(value, levels - 1) for key, value in data.items()}
        if isinstance(data, (list, tuple)):
            return [self.of(value, levels - 1) for value in data]
        return self._of_frame(data)

    def _is_named(self, key: object) -> bool:
        return isinstance(key, str) and key.casefold() in self.names

    def _of_frame(self, data: object) -> object:
        """A data frame: the named columns are left out."""
        frame: Any = data
        arrow = hasattr(frame, "column_names")
        named = [name for name in (frame.column_names if arrow else getattr(frame, "columns", ())) if self._is_named(name)]
        if not named:
            return data
        if arrow:
            return frame.drop_columns(named)
        return frame.drop(columns=named) if hasattr(frame, "iloc") else frame.drop(named)  # pandas, else polars

    def text(self, body: bytes) -> str:
        """The beginning of a body, to be kept as text. With names to redact, only JSON is kept."""
        if self.names:
            try:
                body = json.dumps(self.of(json.loads(body)), ensure_ascii=False).encode("utf-8", "replace")
            except (ValueError, RecursionError):
                return MASK
        return mask_foreign(body[: 4 * BODY_CHARACTERS].decode("utf-8", "replace"))[:BODY_CHARACTERS]


def error_text(error: object) -> str:
    """What is kept of an error, with secrets masked."""
    return mask_foreign(str(error))[:ERROR_CHARACTERS]
