"""The environment of a command with archived services, and what its processes read from there."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

VARIABLE = "MODELDATA_RUN"
SITE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "site")


def environment_of(
    outer: Mapping[str, str], model: str, paths: Sequence[str], sample: float, archive: str | None
) -> dict[str, str]:
    """`outer` and what our hook needs. Its folder comes first in `PYTHONPATH`; what was there stays, for workers as well."""
    searched = [SITE, *(part for part in outer.get("PYTHONPATH", "").split(os.pathsep) if part and part != SITE)]
    options = {"model": model, "paths": list(paths), "sample": sample}
    where = {} if archive is None else {"MODELDATA_ARCHIVE": archive}
    return {**outer, **where, "PYTHONPATH": os.pathsep.join(searched), VARIABLE: json.dumps(options)}


def options_of(environment: Mapping[str, str]) -> dict[str, Any]:
    """What `environment_of` was given. Raises KeyError or ValueError where the environment has nothing of it."""
    options: dict[str, Any] = json.loads(environment[VARIABLE])
    return options
