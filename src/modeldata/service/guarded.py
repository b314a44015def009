"""A step of ours in the way of somebody's request."""

from __future__ import annotations

from typing import TYPE_CHECKING, ParamSpec, TypeVar

from modeldata.errors import said
from modeldata.intake.messages import warn
from modeldata.interrupts import spare

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

Arguments = ParamSpec("Arguments")
Result = TypeVar("Result")
Item = TypeVar("Item")


def guarded(step: Callable[Arguments, Result], *arguments: Arguments.args, **named: Arguments.kwargs) -> Result | None:
    """What `step` gives; None where it failed, which the log has. An exception of the service's own passes."""
    try:
        return step(*arguments, **named)
    except Exception as error:
        spare(error)
        warn(f"a request was not recorded: {said(error)}")
        return None


def passing(
    items: Iterable[Item],
    note: Callable[[Item], object],
    end: Callable[[], object],
    fail: Callable[[BaseException], object],
) -> Iterator[Item]:
    """The items of an answer, as its server asks for them: each is noted before it goes on, and so is how they ended."""
    steps = iter(items)
    while True:
        try:
            item = next(steps)
        except StopIteration:
            guarded(end)
            return
        except BaseException as error:
            guarded(fail, error)
            raise
        guarded(note, item)
        yield item
