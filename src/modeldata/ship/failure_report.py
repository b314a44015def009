"""What keeps a shipper from its work, said where people look. Imports nothing that could be the trouble itself."""

from __future__ import annotations

from modeldata.errors import ModelDataError, StoreError, mask_foreign
from modeldata.interrupts import spare

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from modeldata.spool.files import Files
    from modeldata.spool.folder import SpoolFolder


WAITS = "nothing is lost: rows stay in the spool and are archived as soon as this succeeds"


class WarnOnce:
    """`warn` for a text that is new; the same one is not repeated. Never raises: a log handler of the service may."""

    def __init__(self, warn: Callable[[str], None]) -> None:
        self._warn = warn
        self._last = ""

    def __call__(self, text: str) -> None:
        if text == self._last:
            return
        self._last = text
        try:
            self._warn(text)
        except Exception as error:  # whatever the handler raises: shipping matters more
            spare(error)

    def forget(self) -> None:
        """All is well: from now on the same text is new."""
        self._last = ""


def failure_text(error: BaseException) -> str:
    """An error in one line; where the archive is the trouble, with what becomes of the rows."""
    text = mask_foreign(str(error) or type(error).__name__)
    return f"{text}; {WAITS}" if isinstance(error, StoreError) else text


def fatal_text(error: BaseException) -> str:
    """One line about an error that ends a shipper."""
    if isinstance(error, ModelDataError):
        return failure_text(error)
    text = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
    if isinstance(error, ImportError):
        return mask_foreign(
            f"nothing is archived, as a library can't be loaded: {text} (install it again; rows wait in the spool)"
        )
    return mask_foreign(f"shipping was interrupted: {text}")


def leave_note(place: SpoolFolder, text: str, files: Files, now_ns: int) -> None:
    """Let `stats()`, `status` and `doctor` say it. A leader that works writes a note of its own over it."""
    import json
    import os
    import socket

    from modeldata.spool.files import replace_file

    about = {"pid": os.getpid(), "host": socket.gethostname(), "since_ns": now_ns, "beat_ns": now_ns}
    note = {**about, "failures": 1, "last_error": text, "last_error_ns": now_ns}
    try:
        replace_file(files, place.leader_note, json.dumps(note).encode(), durable=False)
    except OSError:
        return  # it is in the log
