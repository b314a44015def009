"""Text with colours on stdout and stderr. A module of its own: what it needs takes long to import."""

from __future__ import annotations

from typing import NoReturn

from rich.console import Console

from modeldata.cli.output import leave_quietly


class Out(Console):
    """Text on stdout, as wide as it is; a reader who leaves is no error."""

    def __init__(self) -> None:
        super().__init__(highlight=False, soft_wrap=True)

    def on_broken_pipe(self) -> NoReturn:
        leave_quietly()
