"""What this library says to a service: in its log, or on stdout. A way out that fails is never the row's trouble."""

from __future__ import annotations

from modeldata.errors import mask
from modeldata.interrupts import spare


def warn(text: str) -> None:
    """Say it in the service's log, with no secret in it."""
    import logging

    try:
        logging.getLogger("modeldata").warning("%s", mask(text))
    except Exception as error:
        spare(error)


def say(text: str) -> None:
    """Print it where there is anybody to read it: stdout may be closed, missing, or of few letters."""
    try:
        print(text)
    except UnicodeEncodeError:
        say(text.encode("ascii", "backslashreplace").decode())
    except Exception as error:
        spare(error)
