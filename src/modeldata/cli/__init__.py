"""The command line: one file per command. Rows and results on stdout, all else on stderr.

Exit status: 0 done, 1 not (the reason is on stderr), 2 wrong arguments.
"""

from __future__ import annotations

import os
import sys


def main() -> int:
    """Run `modeldata`. Its libraries come with the `cli` extra, so that a service need not carry them."""
    try:
        import rich  # noqa: F401 - asked for here, so that what is missing is said in words
        import typer  # noqa: F401
    except ImportError as error:
        print(f"modeldata: {error.name} is missing: pip install 'modeldata[cli]'", file=sys.stderr)
        return 1
    from modeldata.cli.app import app
    from modeldata.errors import ModelDataError

    try:
        app(prog_name="modeldata")
    except ModelDataError as error:
        print(f"modeldata: {error}", file=sys.stderr)
        return 1
    except BrokenPipeError:  # whoever read has had enough, as `head` has
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # else Python tries once more when it ends
    return 0
