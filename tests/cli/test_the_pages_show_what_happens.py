"""docs/cli.md and docs/getting-started.md, run again: what they show is what is shown."""

from __future__ import annotations

import re
import shlex

import typer.main

from modeldata.cli.app import app

from .pages import BLOCK, CLI, STARTED, cli_page, refreshed, stable

AGAIN = "run `python -m tests.cli.pages`"
COMMANDS = typer.main.get_command(app).commands  # type: ignore[attr-defined] # a group, as there are several
RUN = {"python", "console"}
TYPED_ELSEWHERE = {"sh", "dockerfile", "text"}
"""What a test can't run, or what is an output; the commands in it are checked by their names and options."""


def test_the_page_of_the_commands_is_what_they_say() -> None:
    assert CLI.read_text(encoding="utf-8") == cli_page(), AGAIN


def test_the_first_ten_minutes_go_as_the_page_shows() -> None:
    page = STARTED.read_text(encoding="utf-8")
    assert stable(refreshed(page)) == stable(page), AGAIN


def test_every_block_of_the_first_ten_minutes_is_run_or_checked() -> None:
    page = STARTED.read_text(encoding="utf-8")
    assert page.count("```") == 2 * len(BLOCK.findall(page))
    assert {kind for kind, _ in BLOCK.findall(page)} <= RUN | TYPED_ELSEWHERE


def test_every_command_that_is_typed_on_a_page_is_one() -> None:
    lines = [
        line for path in (CLI, STARTED) for line in re.findall(r"(?:^\$ |^|`)(modeldata [^`\n]+)", path.read_text(), re.MULTILINE)
    ]
    assert len(lines) > 25
    for line in lines:
        words = shlex.split(line.partition("|")[0], comments=True)
        if words[1].startswith("-"):
            continue
        assert words[1] in COMMANDS, line
        options = {option for one in COMMANDS[words[1]].params for option in one.opts} | {"--help"}
        assert {word for word in words[2:] if re.match(r"--?[a-z]", word)} <= options, line
