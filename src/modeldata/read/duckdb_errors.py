"""What DuckDB says when it fails, in one line: its own words, or those of our reader, which it was reading from."""

from __future__ import annotations

import re

from modeldata.errors import ModelDataError

_OURS = re.compile(r"could not read the archive: .*?(?=\. Detail: Python exception)", re.DOTALL)
_HINT = re.compile(r" \((?:read\(\) takes a wider type|[^()]*errors=\"skip\").*\)$", re.DOTALL)


def failed(operation: str, error: Exception, hint: str = "") -> ModelDataError:
    """hint: what helps where a value of the archive is not of its column's type, or bytes are damaged."""
    ours = _OURS.search(str(error))
    if ours is not None:
        return ModelDataError(operation, cause=_HINT.sub("", ours[0]), hint=hint)
    text, _, _ = str(error).partition("\n\nLINE ")  # after it comes a picture of the place, of several lines
    return ModelDataError(operation, cause=" ".join(text.split()))
