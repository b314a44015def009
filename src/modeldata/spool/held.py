"""What it means that the system refuses a file: another program has it open (as Windows allows), or it is not ours to change."""

from __future__ import annotations

DENIED, SHARING, LOCKED = 5, 32, 33
"""Windows' numbers. It says `DENIED` for a file without rights, and also for one that another program has mapped or removed."""
PROGRAMS = "Excel, an editor, a backup, antivirus"


def refusal(error: OSError) -> str:
    """Why the system refused a file, the same text for the same trouble."""
    if getattr(error, "winerror", None) in (SHARING, LOCKED):
        return "it is open in another program"
    return error.strerror or str(error)


def refusal_hint(error: OSError) -> str:
    """What helps; empty where nothing is known."""
    number = getattr(error, "winerror", None)
    if number in (SHARING, LOCKED):
        return f"close it there ({PROGRAMS}); it is tried again"
    return f"another program may have it open ({PROGRAMS}), or this user has no right to it" if number == DENIED else ""


def refusal_text(error: OSError) -> str:
    """Both, for people."""
    hint = refusal_hint(error)
    return f"{refusal(error)} ({hint})" if hint else refusal(error)
