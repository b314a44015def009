"""An audit of an archive that nobody changes: it need not look again."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from modeldata.catalog.audit import Audit, audit
from modeldata.spool.files import Files
from modeldata.store import open_store

audit_at_once = partial(audit, wait=lambda seconds: None)
"""`audit` waits for writers that may be at work. Where none is, waiting finds the same, seconds later."""


def audit_of(archive: Path | str) -> Audit:
    """The audit of a folder, at once."""
    return audit_at_once(open_store(str(archive), Files()))
