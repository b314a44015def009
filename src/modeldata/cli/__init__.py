"""The command line: one file per command. Rows and results on stdout, all else on stderr.

Exit status: 0 done, 1 not (the reason is on stderr), 2 wrong arguments, 3 audit: gaps with their reasons, 130 Ctrl-C.
A reader of stdout who leaves early (`| head`) is no error: 0.
"""

from __future__ import annotations

import io
import os
import sys


def main() -> int:
    """Run `modeldata`. Its libraries come with the `cli` extra, so that a service need not carry them."""
    _prepare_streams()
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

    try:
        with warnings.catch_warnings():
            warnings.showwarning = lambda message, *others: say(str(message))  # what the reader left out, in one line
            app(prog_name="modeldata")
    except ModelDataError as error:
        say(_said(error))
    except ImportError as error:
        say(f"a library can't be loaded: {error} (install it again; `modeldata doctor` checks those that shipping needs)")
    except OSError as error:
        say(f"could not go on: {error}")
        _give_up_stdout()
    else:
        return 0
    return 1


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


def _give_up_stdout() -> None:
    """Its disk may be full: Python would complain once more when it flushes at its end."""
    try:
        sys.stdout.flush()
    except OSError:
        _lead_nowhere(1)


def _said(error: Exception) -> str:
    """The reader's hints name Python's arguments; here they have other names."""
    from modeldata.catalog.errors import DoesNotFit

    if isinstance(error, DoesNotFit):
        return f"could not {error.operation}: {error.where}: {error.cause} (--text reads columns as text)"
    return str(error).replace('errors="skip"', "--skip-damaged").replace("external=True", "--allow-files")
