"""A page to look at an archive: an ASGI app that only reads.

    from modeldata.ui import app

    page = app("s3://bucket/archive")          # or an `Archive`; then: app.mount("/archive", page)

`guard` says who may ask, `routes` has the addresses, the other modules the answers, each a function that gives what JSON holds:
`overview` (and proof, spool, keeping) from manifests and notes; `days`, `scales` and `drift` count the columns day by day; `rows`
shows rows and cases; `query` runs SQL. `static/` is the page itself, without a build step. docs/ui.md says what each answer has.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from modeldata.archive import Archive
from modeldata.catalog.errors import need
from modeldata.intake.messages import warn
from modeldata.ui.cache import Cache, cache_folder

if TYPE_CHECKING:
    from collections.abc import Iterable

    from starlette.types import ASGIApp

    from modeldata.keywords import PathText

__all__ = ["app"]


def app(
    archive: Archive | PathText | None = None,
    *,
    token: str | None = None,
    hosts: Iterable[str] | None = None,
    cache: str | None = None,
) -> ASGIApp:
    """An ASGI app that shows an archive and never changes it. It can be mounted under any path of another app.

    Whoever may ask it may read all rows: put your own authentication in front, or give a `token`, which each question must then
    show as `Authorization: Bearer <token>`. It answers GET alone (SQL: POST, too), and no page of another site.

    archive: an `Archive`, or its path or URL; without, the one that the environment names. Opened at the first question.
    hosts: the names, with ports, that it answers to (`example.com`, `127.0.0.1:8000`); any, without.
    cache: a folder for counts that took long to make; without, one in the user's cache folder.

    Raises `SettingsError` for what can't be used, `MissingExtra` without `modeldata[ui]`.
    """
    try:
        import starlette  # noqa: F401 - asked for here, so that what is missing is said in words
    except ImportError:
        raise need("starlette", "ui", "show the archive") from None
    from modeldata.ui.guard import Guard, Rules
    from modeldata.ui.routes import application
    from modeldata.ui.source import Source

    settings = (archive if isinstance(archive, Archive) else Archive(archive)).settings
    counts = Cache(settings.archives[0], cache or cache_folder(os.environ))
    names = None if hosts is None else frozenset(host.lower() for host in hosts)
    return Guard(application(Source(settings, counts, warn)), Rules(names, token))
