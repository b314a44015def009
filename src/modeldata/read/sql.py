"""SQL over an archive, by DuckDB: one view a collector, read when a query asks for it, and only what the query needs.

A view has the name that a person would guess: `<model>_<identifier>`, in lower case, every run of other characters than letters
and digits as one `_` (`churn_inputs`; a leading digit gets an `_` before it). Collectors that share a name are read together
where they differ in nothing but the version; otherwise each has its service, model id and account before it, as far as needed,
and there is no view of the short name: the error that says so has the longer ones.
"""

from __future__ import annotations

import re
from functools import partial
from typing import TYPE_CHECKING, Any

from modeldata.catalog.batches import Catalog
from modeldata.catalog.errors import NotThere, near
from modeldata.catalog.select import collectors
from modeldata.format import names
from modeldata.read.dataset import ScanDataset
from modeldata.read.duck import ALLOW, connected, failed, library, reads_only, skips_by_time
from modeldata.read.live_files import FEW, MOST
from modeldata.read.plan import ReadRequest
from modeldata.read.question import checked, typed
from modeldata.read.scan import Scan

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from modeldata.read.live_files import LiveFiles
    from modeldata.read.question import Types
    from modeldata.store import ReadStore

    Identity = Mapping[str, str]

MARK = "modeldata"
"""The comment of our views: a later query may replace them, and no view of the user's."""
SHORT = ("model_name", "identifier")
LONGER = ("service", "model_id", "account")
"""Put before a name, one more at a time, until it is the only one."""


def query(
    store: ReadStore,
    archive: str,
    text: str,
    connection: Any = None,
    *,
    external: bool = False,
    errors: str = "raise",
    types: Types = None,
    connect: Callable[[Sequence[int]], Any] | None = None,
) -> Any:
    """A DuckDB relation: nothing of the archive's rows is read before its rows are asked for, and no other file at all (see
    `connected`) unless `external`, or a `connection` of the user's, allows it. Tables of that connection keep their names.
    connect: makes another connection of our own, that may read the files of these descriptors.

    Raises `NotThere` for a table that is none, with names that may have been meant; `ModelDataError` for what only `external`
    allows; DuckDB's own errors for what it can't run.
    """
    duckdb = library("run SQL")
    catalog = Catalog.of(store)
    views = view_names([one.identity for one in collectors(catalog)])
    wanted = views.keys() & set(re.findall(r"\w+", text.lower()))  # a word too many costs a look at its manifests, no more
    how = ReadRequest({}, errors=checked(errors), types=typed(types), among_others=True)
    free = wanted - (set() if connection is None else _taken(connection))
    scans = {name: Scan(store, archive, how._replace(identity=views[name]), catalog) for name in sorted(free)}
    files = (
        _files_of(scans, FEW if names.TIMESTAMP in text else MOST)
        if connection is None and skips_by_time() and reads_only(text)
        else {}
    )
    duck = connection or (connect or partial(_own, external))(_descriptors(files))
    for name, scan in scans.items():
        _make_view(duck, name, scan, files.get(name))
    try:
        return duck.sql(text)
    except duckdb.PermissionException as error:
        raise failed("run SQL", error) from None
    except duckdb.CatalogException as error:
        missing = re.search(r"Table with name \"?([^\"!]+?)\"? does not exist", str(error))
        if missing is None:
            raise
        is_file = not re.fullmatch(r"\w+", missing[1])
        hint = ALLOW if is_file else f"{near(missing[1], views)} A view is named <model>_<identifier>"
        raise NotThere("run SQL", archive, cause=f"no collector {missing[1]!r}", hint=hint) from None


def _own(external: bool, files: Sequence[int]) -> Any:
    return connected("run SQL", external=external, files=files)


def _files_of(scans: Mapping[str, Scan], most: int) -> dict[str, LiveFiles]:
    """By view, where DuckDB may read the files itself. Only on a connection of ours, which makes no view a second time: what it
    holds stays open until its last relation is gone. most: of all views together.
    """
    files: dict[str, LiveFiles] = {}
    for name, scan in scans.items():
        live = scan.live_files(most - len(_descriptors(files)))
        if live is not None:
            files[name] = live
    return files


def _descriptors(files: Mapping[str, LiveFiles]) -> list[int]:
    return [descriptor for live in files.values() for descriptor in live.descriptors]


def _make_view(duck: Any, name: str, scan: Scan, live: LiveFiles | None) -> None:
    if live is None:
        duck.register(name, ScanDataset(scan))
        duck.execute(f"COMMENT ON VIEW \"{name}\" IS '{MARK}'")
    else:
        duck.register(f"files of {name}", live)
        duck.execute(f'CREATE TEMP VIEW "{name}" AS {live.select}')


def _taken(duck: Any) -> set[str]:
    """Names of the user's own tables and views, in lower case."""
    mine = "database_name IN (current_database(), 'temp') AND list_contains(current_schemas(true), schema_name)"
    views = f"SELECT view_name FROM duckdb_views() WHERE {mine} AND comment IS DISTINCT FROM '{MARK}'"
    rows = duck.execute(f"SELECT table_name FROM duckdb_tables() WHERE {mine} UNION {views}").fetchall()
    return {name.lower() for (name,) in rows}


def views(store: ReadStore) -> dict[str, str]:
    """The name of each view → the collector that it shows, as model/identifier. Raises `Unavailable`."""
    named = view_names([one.identity for one in collectors(Catalog.of(store))])
    return {name: f"{identity['model_name']}/{identity['identifier']}" for name, identity in sorted(named.items())}


def view_names(identities: list[dict[str, str]]) -> dict[str, dict[str, str | None]]:
    """View names → the parts of the identity that name its collectors. Pure."""
    views: dict[str, dict[str, str | None]] = {}
    groups: dict[str, list[dict[str, str]]] = {}
    for identity in identities:
        groups.setdefault(cleaned(identity, SHORT), []).append(identity)
    for name, group in groups.items():
        if len({_without_version(one) for one in group}) == 1:
            views[name] = {**group[0], "model_version": None}
            continue
        for identity in group:
            views[_longer(identity, group)] = {**identity, "model_version": None}
    return views


def _without_version(identity: Identity) -> tuple[str, ...]:
    return tuple(identity[part] for part in names.IDENTITY if part != "model_version")


def _longer(identity: Identity, group: list[dict[str, str]]) -> str:
    """With as many more parts as it takes; with all of them, a number for names that only differ in what was cleaned away."""
    others = sorted(
        {_without_version(each): each for each in group if _without_version(each) != _without_version(identity)}.items()
    )
    for count in range(1, len(LONGER) + 1):
        parts = (*reversed(LONGER[:count]), *SHORT)
        name = cleaned(identity, parts)
        if all(cleaned(other, parts) != name for _, other in others):
            return name
    everyone = sorted({_without_version(each) for each in group})
    return f"{name}_{everyone.index(_without_version(identity)) + 1}"


def cleaned(identity: Identity, parts: tuple[str, ...]) -> str:
    """A name that SQL needs no quotes for."""
    text = "_".join(re.sub(r"[\W_]+", "_", identity[part].lower()).strip("_") for part in parts)
    return f"_{text}" if text[:1].isdigit() else text
