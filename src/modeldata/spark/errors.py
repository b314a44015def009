"""Why a Spark frame was not archived, in a form that survives the way from an executor: as one line of text."""

from __future__ import annotations

import re

from modeldata.errors import ModelDataError, StoreError

NOT_THERE = "no row of this frame is in the archive: collect it again"
INSTALL = "pip install modeldata on the executors, or give it to them with spark.submit.pyFiles"
STORE, STAGE, UNKNOWN = "store_unavailable", "spark_failed", "outcome_unknown"

_SPOOLED = "nothing is lost"
"""Begins what stores say to a shipper. There is no spool here."""
_OURS = re.compile(r"^modeldata\.spark\.errors\.NotArchived: (.*)$", re.MULTILINE)
_ANY = re.compile(r"^\w[\w.]*(?:Error|Exception)\b.*$", re.MULTILINE)


class NotArchived(StoreError):
    """A Spark frame that is not in the archive. `reason` is what `stats()` counts it by; `rows` how many it had, where known."""

    reason = STORE
    rows = 1


def reworded(error: ModelDataError, reason: str = STORE) -> NotArchived:
    """What a store said, without what it promises to a shipper."""
    advice = error.hint.partition(_SPOOLED)[0].rstrip("; ")
    made = NotArchived(error.operation, error.where, cause=error.cause, hint="; ".join(filter(None, (advice, NOT_THERE))))
    made.reason = reason
    return made


def of_stage(error: Exception) -> NotArchived:
    """What made a Spark stage fail: our own line, where an executor said one; else the last error that it tells of."""
    text = str(error)
    ours = _OURS.findall(text)
    if ours:
        made = NotArchived("archive a Spark frame", cause=ours[-1], hint="said by an executor")
        made.reason = STORE
        return made
    if "No module named 'modeldata" in text:
        made = NotArchived("archive a Spark frame", cause="the executors have no modeldata", hint=INSTALL)
    else:
        told = _ANY.findall(text) or [f"{type(error).__name__}: {text.splitlines()[0] if text else 'no message'}"]
        made = NotArchived("archive a Spark frame", cause=f"its stage failed: {told[-1]:.500}", hint=NOT_THERE)
    made.reason = STAGE
    return made
