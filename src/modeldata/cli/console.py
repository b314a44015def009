"""Text with colours on stdout and stderr. A module of its own: what it needs takes long to import."""

from __future__ import annotations

import sys
from typing import NoReturn

from rich.console import Console
from rich.text import Text

from modeldata.cli.table import safe, text_lines


class Out(Console):
    """Text on stdout, as wide as it is; a reader who leaves is no error."""

    def __init__(self) -> None:
        super().__init__(highlight=False, soft_wrap=True)

    def labelled(self, label: str, text: str) -> None:
        """A label with its colours and a text as it is. On a terminal it is broken between words."""
        self.print(label, end="")
        rows = text_lines(safe(text), sys.stdout, Text.from_markup(label).cell_len)
        self.print("\n".join(rows), markup=False)

    def on_broken_pipe(self) -> NoReturn:
        raise BrokenPipeError
