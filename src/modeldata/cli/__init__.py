"""The command line: one file per command. Rows and results on stdout, all else on stderr.

Exit status: 0 done, 1 not (the reason is on stderr), 2 wrong arguments, 3 audit: gaps with their reasons, 130 Ctrl-C.
A reader of stdout who leaves early (`| head`) is no error: 0.
"""

from __future__ import annotations

import io
import os
import sys
from contextlib import suppress

from modeldata.cli.ctrl_c import INTERRUPTED, CtrlC


def main() -> int:
    """Run `modeldata` as a process. It ends for good, also where threads of DuckDB still work.

    They would abort an end of Python's own kind, or hold it up.
    """
    _prepare_streams()
    with CtrlC() as ctrl_c:
        try:
            status = run(ctrl_c)
        except KeyboardInterrupt:
            status = INTERRUPTED
        if ctrl_c.pressed and status:
            ctrl_c.leave()
    if "duckdb" in sys.modules:
        os._exit(status)
    return status


def run(ctrl_c: CtrlC) -> int:
    """Run the command that was typed, and say what is wrong. Its libraries come with the `cli` extra."""
    try:
        import rich  # noqa: F401 - asked for here, so that what is missing is said in words
        import typer  # noqa: F401
    except ImportError as error:
        print(f"modeldata: {error.name} is missing: pip install 'modeldata[cli]'", file=sys.stderr)
        return 1
    import warnings

    from modeldata.cli.app import app
    from modeldata.cli.archive import say
    from modeldata.errors import ModelDataError

    status = 0
    try:
        with warnings.catch_warnings():
            warnings.showwarning = lambda message, *others: say(str(message))  # what the reader left out, in one line
            try:
                app(prog_name="modeldata")
            except SystemExit as end:
                status = int(end.code or 0)
            _flush_stdout()
    except Exception as error:
        if ctrl_c.pressed:
            raise KeyboardInterrupt from None  # a library says in its own words that it was interrupted
        if not isinstance(error, ModelDataError | ImportError | OSError):
            raise
        with suppress(OSError):
            _flush_stdout()
        say(_said(error))
        return 1
    return status


def _prepare_streams() -> None:
    """Streams that were closed lead nowhere; those without our characters get escapes. So no command ends in a traceback.

    The number of a closed one is taken before anything else is opened: the next file would have it, and get our text.
    """
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        try:
            os.fstat(number)
        except OSError:
            _lead_nowhere(number)
        stream = getattr(sys, name)
        if stream is None:
            stream = open(os.devnull, "w" if number else "r", encoding="utf-8", errors="backslashreplace")  # noqa: SIM115 - as long as we live
            setattr(sys, name, stream)
        elif number and isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def _lead_nowhere(number: int) -> None:
    null = os.open(os.devnull, os.O_RDWR)
    if null != number:
        os.dup2(null, number)
        os.close(null)


def _flush_stdout() -> None:
    """Where it takes nothing more, it leads nowhere: Python would complain once more when it flushes at its end."""
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        _lead_nowhere(1)
    except OSError:
        _lead_nowhere(1)
        raise


def _said(error: Exception) -> str:
    """The reader's hints name Python's arguments; here they have other names."""
    from modeldata.catalog.errors import DoesNotFit
    from modeldata.errors import ModelDataError

    if isinstance(error, DoesNotFit):
        return f"could not {error.operation}: {error.where}: {error.cause} (--text reads columns as text)"
    if isinstance(error, ModelDataError):
        return str(error).replace('errors="skip"', "--skip-damaged").replace("external=True", "--allow-files")
    if isinstance(error, ImportError):
        return f"a library can't be loaded: {error} (install it again; `modeldata doctor` checks those that shipping needs)"
    return f"could not go on: {error}"
