"""A step of ours in the way of somebody's request."""

from __future__ import annotations

from typing import TYPE_CHECKING, ParamSpec, TypeVar

from modeldata.errors import said
from modeldata.intake.messages import warn
from modeldata.interrupts import spare

if TYPE_CHECKING:
    from collections.abc import Callable

Arguments = ParamSpec("Arguments")
Result = TypeVar("Result")


def guarded(step: Callable[Arguments, Result], *arguments: Arguments.args, **named: Arguments.kwargs) -> Result | None:
    """What `step` gives; None where it failed, which the log has. An exception of the service's own passes."""
    try:
        return step(*arguments, **named)
    except Exception as error:
        spare(error)
        warn(f"a request was not recorded: {said(error)}")
        return None
