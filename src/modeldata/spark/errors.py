"""Why a Spark frame was not archived. An executor hands it to the driver as one line of text."""

from __future__ import annotations

import logging
import re

from modeldata import urls
from modeldata.errors import ModelDataError, StoreError, mask

NOT_THERE = "no row of this frame is in the archive: collect it again"
ALL_OR_NONE = "all rows of this frame are in the archive, or none: look before you collect it again"
SHARE = f"use a folder that all machines share, or a remote archive ({', '.join(f'{scheme}://' for scheme in urls.STORES)})"
INSTALL = "pip install modeldata on the executors, or give it to them with spark.submit.pyFiles"
STORE, STAGE, UNKNOWN = "store_unavailable", "spark_failed", "outcome_unknown"

_OURS = re.compile(r"^modeldata\.spark\.errors\.NotArchived: (.*)$", re.MULTILINE)
_ANY = re.compile(r"^\w[\w.]*(?:Error|Exception)\b.*$", re.MULTILINE)


class NotArchived(StoreError):
    """A Spark frame that is not in the archive. `reason` is what `stats()` counts it by; `rows` how many it had, where known."""

    reason = STORE
    rows = 1


def not_archived(error: ModelDataError, reason: str = STORE) -> NotArchived:
    """What a store said, and what it means for the frame."""
    outcome = ALL_OR_NONE if reason == UNKNOWN else NOT_THERE
    failure = NotArchived(error.operation, error.where, cause=error.cause, hint="; ".join(filter(None, (error.hint, outcome))))
    failure.reason = reason
    return failure


def stage_failure(error: Exception) -> NotArchived:
    """What made a Spark stage fail: our own line from an executor, if there is one; else the last error in Spark's text."""
    text = str(error)
    lines = _OURS.findall(text)
    if lines:
        failure = NotArchived("archive a Spark frame", cause=lines[-1], hint="said by an executor")
        failure.reason = STORE
        return failure
    if "No module named 'modeldata" in text:
        failure = NotArchived("archive a Spark frame", cause="the executors have no modeldata", hint=INSTALL)
    else:
        errors = _ANY.findall(text) or [f"{type(error).__name__}: {text.splitlines()[0] if text else 'no message'}"]
        failure = NotArchived("archive a Spark frame", cause=f"its stage failed: {errors[-1]:.500}", hint=NOT_THERE)
    failure.reason = STAGE
    return failure


def warn(text: str) -> None:
    """Say it in the log of the driver or the executor, with no secret in it."""
    logging.getLogger("modeldata").warning("%s", mask(text))
