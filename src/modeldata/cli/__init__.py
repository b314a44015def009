"""The command line: one file per command. Rows and results on stdout, all else on stderr.

Exit status: 0 done, 1 not (the reason is on stderr), 2 wrong arguments, 3 audit: gaps with their reasons, 130 Ctrl-C.
A reader of stdout who leaves early (`| head`) is no error: 0.
"""

from __future__ import annotations

import sys


def main() -> int:
    """Run `modeldata`. Its libraries come with the `cli` extra, so that a service need not carry them."""
    try:
        import rich  # noqa: F401 - asked for here, so that what is missing is said in words
        import typer  # noqa: F401
    except ImportError as error:
        print(f"modeldata: {error.name} is missing: pip install 'modeldata[cli]'", file=sys.stderr)
        return 1
    import warnings

    from modeldata.cli.app import app
    from modeldata.cli.common import say
    from modeldata.errors import ModelDataError

    try:
        with warnings.catch_warnings():
            warnings.showwarning = lambda message, *others: say(str(message))  # what the reader left out, in one line
            app(prog_name="modeldata")
    except ModelDataError as error:
        say(_said(error))
        return 1
    return 0


def _said(error: Exception) -> str:
    """The reader's hints name Python's arguments; here they have other names."""
    from modeldata.read.errors import Damaged, DoesNotFit

    if isinstance(error, DoesNotFit):
        return f"could not {error.operation}: {error.where}: {error.cause} (--text reads columns as text)"
    if isinstance(error, Damaged):
        return str(error).replace('errors="skip"', "--skip-damaged")
    return str(error)
