"""docs/cli.md is what the commands say and show."""

from __future__ import annotations

from tests.cli.reference import PAGE, page


def test_the_page_of_the_command_line_is_what_the_commands_show() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(), "run `python -m tests.cli.reference`"
