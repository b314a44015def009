"""The commands, put together."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any

import typer
import typer.main
from typer.core import TyperCommand, TyperGroup

from modeldata.cli.options import expanded

if TYPE_CHECKING:
    from collections.abc import Iterator

HELP = """Archive what models were asked and what they answered, and read it back.

Rows and results go to stdout, all else to stderr. Exit status: 0 done, 1 not (the reason is on stderr), 2 wrong arguments,
3 audit: rows are missing, each with its reason, 4 audit: a part could not be read; 130 Ctrl-C.
"""

COMMANDS = {
    "demo": "A real model service, archived before your eyes.",
    "init": "A settings file for this folder.",
    "run": "A service as it is, and archived.",
    "sidecar": "Rows that other programs post over HTTP, archived.",
    "ship": "Archive what waits in a spool.",
    "status": "What waits, who ships, what was refused and why.",
    "audit": "Is every row in the archive, once?",
    "coverage": "In which hours rows came, and in which nothing was recorded.",
    "doctor": "Why is nothing there?",
    "ls": "Which collectors there are: rows, bytes, times.",
    "head": "The first rows of a collector.",
    "tail": "The newest rows; with -f those that arrive.",
    "query": "SQL over the collectors.",
    "join": "Inputs, predictions and labels side by side.",
    "export": "Rows as CSV, JSON lines, Parquet or Arrow.",
    "stats": "What each column holds.",
    "ui": "A page in the browser to look at all of it.",
    "compact": "A day's many files into few of Parquet.",
    "prune": "Old days out of the archive.",
    "erase": "The rows of one subject out of every file.",
}
"""Each is a file of `commands/`, and what the list of commands says of it."""


class Command(TyperCommand):
    """Takes no option twice: the last would count, and what the first meant would be left out without a word."""

    def parse_args(self, ctx: typer.Context, args: list[str]) -> list[str]:  # type: ignore[override] # as in `CommandGroup`
        _, _, order = self.make_parser(ctx).parse_args(args=list(args))
        for option in order:
            once = not (getattr(option, "is_flag", False) or option.multiple)
            if once and order.count(option) > 1 and not ctx.resilient_parsing:
                raise typer.BadParameter("it is given more than once", param_hint=str(option.opts[0]))
        return super().parse_args(ctx, args)


class Commands(Mapping[str, Any]):
    """Commands by name. Only those that somebody looks at are imported."""

    def __init__(self) -> None:
        self._ready: dict[str, Any] = {}

    def __getitem__(self, name: str) -> Any:
        if name not in self._ready:
            short_help = COMMANDS[name]
            command = expanded(importlib.import_module(f"modeldata.cli.commands.{name}").command)
            single = typer.Typer(add_completion=False, rich_markup_mode=None)
            single.command(name, cls=Command, short_help=short_help)(command)
            self._ready[name] = typer.main.get_command(single)
        return self._ready[name]

    def __iter__(self) -> Iterator[str]:
        return iter(COMMANDS)

    def __len__(self) -> int:
        return len(COMMANDS)


class CommandGroup(TyperGroup):
    """`modeldata` itself. It ends with 0 where nobody reads stdout any more; typer itself would say 1."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**{**settings, "commands": None})
        self.commands = Commands()  # type: ignore[assignment] # read only, as typer does

    def list_commands(self, ctx: typer.Context) -> list[str]:  # type: ignore[override] # as below
        return list(COMMANDS)

    def invoke(self, ctx: typer.Context) -> Any:  # type: ignore[override] # typer's own name for its base class's type
        try:
            return super().invoke(ctx)
        except BrokenPipeError:
            raise typer.Exit from None


app = typer.Typer(cls=CommandGroup, no_args_is_help=True, pretty_exceptions_enable=False, rich_markup_mode=None)
"""Without markup, help is there in half the time, its paragraphs are wrapped, and `[sql]` is what it says."""


def _print_version(wanted: bool) -> None:
    if wanted:
        from modeldata import __version__

        print(__version__)
        raise typer.Exit


@app.callback(help=HELP)
def _modeldata(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and leave.")
    ] = False,
) -> None:
    """The group itself does nothing; its words for `--help` are `HELP`."""
