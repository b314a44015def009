"""The archive that a page is of, and what all its questions share."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, NamedTuple

from modeldata.catalog.errors import NotThere, near
from modeldata.catalog.moments import FIRST_NS, LAST_NS
from modeldata.format import names
from modeldata.read.plan import ReadRequest
from modeldata.read.reader import Reader
from modeldata.read.scan import Scan
from modeldata.ui.facts import Facts

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from modeldata.catalog.batches import Catalog
    from modeldata.settings import Settings
    from modeldata.store import ReadStore
    from modeldata.ui.cache import Cache
    from modeldata.ui.facts import FolderFacts

SECONDS = 8.0
"""A question that reads rows answers within about so long, with what it has by then, and says what is left."""


class Look(NamedTuple):
    """The archive as it is just now."""

    catalog: Catalog
    facts: list[FolderFacts]

    def of(self, view: str, archive: str, version: str | None = None) -> list[FolderFacts]:
        """The folders of a collector, in the order of time. Raises `NotThere`, with near names."""
        folders = [each for each in self.facts if view in (each.view, _name(each))]
        if not folders:
            hint = f"{near(view, {each.view for each in self.facts})} /api/overview names the collectors"
            raise NotThere("choose a collector", archive, cause=f"no collector {view!r}", hint=hint)
        chosen = [each for each in folders if version in (None, "", each.version)]
        if not chosen:
            hint = near(str(version), {each.version for each in folders})
            raise NotThere("choose a version", archive, cause=f"no version {version!r} of {view}", hint=hint)
        return sorted(chosen, key=lambda each: (each.start_ns, each.path))


def _name(facts: FolderFacts) -> str:
    return f"{facts.identity['model_name']}/{facts.identity['identifier']}"


class Source:
    """An archive, opened when it is first asked: it need not be there yet. Safe for several threads."""

    def __init__(self, settings: Settings, cache: Cache, warn: Callable[[str], None]) -> None:
        self.settings = settings
        self.cache = cache
        self._warn = warn
        self._reader: Reader | None = None
        self._facts: Facts | None = None

    @property
    def reader(self) -> Reader:
        """Raises `NotThere` for a local folder that is not there, `SettingsError`."""
        if self._reader is None:
            self._reader = Reader.of(self.settings, self._warn)
        return self._reader

    @property
    def store(self) -> ReadStore:
        return self.reader.store

    @property
    def archive(self) -> str:
        """Its URL."""
        return self.settings.archives[0]

    def look(self) -> Look:
        """Raises `NotThere`, `StoreError`."""
        if self._facts is None:
            self._facts = Facts(self.store)
        return Look(*self._facts.look())

    def scan(
        self,
        look: Look,
        folder: FolderFacts,
        start_ns: int = FIRST_NS,
        end_ns: int = LAST_NS,
        columns: Sequence[str] | None = None,
    ) -> Scan:
        """The rows of one folder. What is damaged is left out."""
        request = ReadRequest(
            folder.identity, max(folder.start_ns, start_ns), min(folder.end_ns, end_ns),
            None if columns is None else tuple(columns), errors="skip", among_others=True,
        )  # fmt: skip
        return Scan(self.store, self.archive, request, look.catalog)


class Clock:
    """How long a question may still take."""

    def __init__(self, seconds: float = SECONDS, now: Callable[[], float] = time.monotonic) -> None:
        self._end = now() + seconds
        self._now = now

    @property
    def is_over(self) -> bool:
        return self._now() >= self._end


def features(columns: Sequence[str]) -> list[str]:
    """Columns without our own."""
    return [name for name in columns if name not in names.OWN_COLUMNS]
