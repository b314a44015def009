"""What TAB completes from the archive: only what a local folder says at once. Else it completes nothing, and says nothing.

A cloud would be asked at each key, so it is not asked. A local archive is looked at for `PATIENCE_SECONDS` at most, folder by
folder. Files of days are not listed, but for the newest day, which has the columns.
"""

from __future__ import annotations

import os
import threading
from typing import TYPE_CHECKING, Any

import typer

from modeldata.cli.archive import store_of
from modeldata.format import names
from modeldata.format.paths import identity_of, place_of
from modeldata.settings import Settings
from modeldata.urls import local_folder

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from modeldata.store import ReadStore

PATIENCE_SECONDS = 0.2
"""How long the archive may take to answer."""
YEAR_LEVEL = 4
"""Folders above a year, at least: account, service, model, identifier."""

Identity = dict[str, str]


def complete_collector(context: typer.Context, incomplete: str) -> list[str]:
    return _fitting(incomplete, context, lambda store: map(_name, _collectors(store).values()))


def complete_model(context: typer.Context, incomplete: str) -> list[str]:
    return _parts("model_name", incomplete, context)


def complete_identifier(context: typer.Context, incomplete: str) -> list[str]:
    return _parts("identifier", incomplete, context)


def complete_service(context: typer.Context, incomplete: str) -> list[str]:
    return _parts("service", incomplete, context)


def complete_version(context: typer.Context, incomplete: str) -> list[str]:
    return _parts("model_version", incomplete, context)


def complete_columns(context: typer.Context, incomplete: str) -> list[str]:
    """The last of several, `age,inc`. Our own columns only after a `$`, which the user then has quoted: shells read it."""
    before, comma, last = incomplete.rpartition(",")

    def look(store: ReadStore) -> Iterable[str]:
        identifiers = _typed(context).get("identifiers")
        columns = set(names.OWN_COLUMNS if last.startswith("$") else ())
        for folder, identity in _meant(store, context).items():
            if identifiers is None or identity["identifier"] in identifiers:
                columns.update(_newest_columns(store, folder))
        return (before + comma + name for name in columns - set(before.split(",")) if "," not in name)

    return _fitting(incomplete, context, look)


def _parts(part: str, incomplete: str, context: typer.Context) -> list[str]:
    return _fitting(incomplete, context, lambda store: (identity[part] for identity in _meant(store, context).values()))


def _fitting(incomplete: str, context: typer.Context, look: Callable[[ReadStore], Iterable[str]]) -> list[str]:
    """What the look finds in time. A thread looks: a folder on a disk that does not answer holds it, and not the shell."""
    answers: list[str] = []

    def work() -> None:
        try:
            store = _local_store(context)
            found = set(look(store)) if store else set()
        except Exception:  # TAB has no place for what is wrong; the command itself will say it
            return
        answers.extend(sorted(name for name in found if name.startswith(incomplete)))

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    thread.join(PATIENCE_SECONDS)
    if thread.is_alive():
        os._exit(0)  # an end that waits for no thread; nothing was printed yet
    return answers


def _typed(context: typer.Context) -> dict[str, Any]:
    """The values typed so far, by parameter. Arguments are left in `args` where the last word is an option without its value."""
    typed = {name: value for name, value in context.params.items() if value}
    rest = list(context.args)
    for parameter in context.command.params:
        if rest and parameter.param_type_name == "argument":
            typed.setdefault(str(parameter.name), rest if parameter.nargs == -1 else rest.pop(0))
    return typed


def _local_store(context: typer.Context) -> ReadStore | None:
    typed = _typed(context)
    settings = Settings.here(os.environ, archive=typed.get("archive") or typed.get("place"))
    folder = local_folder(settings.archive)
    return store_of(settings) if folder is not None and os.path.isdir(folder) else None


def _meant(store: ReadStore, context: typer.Context) -> dict[str, Identity]:
    """The collectors that fit what was typed so far."""
    typed = _typed(context)
    collector, model = typed.get("collector"), typed.get("model")
    return {
        folder: identity
        for folder, identity in _collectors(store).items()
        if collector in (None, _name(identity), identity["model_name"]) and model in (None, identity["model_name"])
    }


def _name(identity: Identity) -> str:
    return f"{identity['model_name']}/{identity['identifier']}"


def _collectors(store: ReadStore) -> dict[str, Identity]:
    """By folder. No year is looked into."""
    folders: dict[str, Identity] = {}

    def wanted(folder: str) -> bool:
        if folder.count("/") < YEAR_LEVEL or place_of(f"{folder}/01/01") is None:
            return True
        above = folder.rpartition("/")[0]
        identity = identity_of(above)
        if identity is not None:
            folders[above] = identity
        return False

    for _ in store.walk(wanted=wanted):
        pass
    return folders


def _newest_columns(store: ReadStore, collector: str) -> Iterable[str]:
    """The features of the newest day, as its manifests say."""
    from modeldata.catalog.batches import Catalog

    days: list[str] = []

    def wanted(folder: str) -> bool:
        if place_of(folder) is None:
            return True
        days.append(folder)
        return False

    for _ in store.walk(collector, wanted):
        pass
    catalog = Catalog(store, store.walk(max(days)) if days else ())
    for listing in catalog.listings.values():
        for batch in catalog.read(listing).batches():
            yield from batch.columns
