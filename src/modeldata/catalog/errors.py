"""What a reader may meet. Each is a `ModelDataError`: what was tried, where, why, and what to do."""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING

from modeldata.errors import ModelDataError, StoreError
from modeldata.store import Unreadable as Unreadable

if TYPE_CHECKING:
    from collections.abc import Iterable

SKIP_HINT = 'errors="skip" reads everything else; `modeldata audit` names all that is damaged'


class NotThere(StoreError, LookupError):
    """What was asked for is not in the archive: the archive itself, a model, an identifier, a column."""


class Damaged(StoreError):
    """Bytes of the archive are not what was archived. With `errors="skip"` they are left out, with a `SkippedWarning`."""


class DoesNotFit(StoreError, ValueError):
    """A value of this column is not of the type that the column got. `read()` takes a wider type by itself."""

    def __init__(self, operation: str, where: str = "", *, cause: str = "", hint: str = "") -> None:
        super().__init__(operation, where, cause=cause, hint=hint)


class MissingExtra(ModelDataError, ImportError):
    """A library that this needs is not installed."""


class SkippedWarning(UserWarning):
    """Something in the archive was not read."""


def need(package: str, extra: str, operation: str) -> MissingExtra:
    """The error for a package that can't be imported; `extra` is empty where the package itself is to be installed."""
    install = f'pip install "modeldata[{extra}]"' if extra else f"pip install {package}"
    return MissingExtra(operation, cause=f"{package} is not installed", hint=install)


def near(word: str, known: Iterable[str]) -> str:
    """A hint with what may have been meant, and else with what there is."""
    known = sorted(set(known))
    by_fold = {one.casefold(): one for one in known}
    found = [by_fold[one] for one in difflib.get_close_matches(word.casefold(), by_fold, 3)]
    if found:
        return f"did you mean {_listed(found)}?"
    return f"there is {_listed(known[:10])}{' and more' if len(known) > 10 else ''}" if known else ""


def _listed(words: list[str]) -> str:
    quoted = [repr(one) for one in words]
    return quoted[0] if len(quoted) == 1 else f"{', '.join(quoted[:-1])} or {quoted[-1]}"
