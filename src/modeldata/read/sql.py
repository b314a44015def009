"""SQL over an archive, by DuckDB: one view a collector, read when a query asks for it, and only what the query needs.

A view has the name that a person would guess: `<model>_<identifier>`, in lower case, every run of other characters than letters
and digits as one `_` (`churn_inputs`; a leading digit gets an `_` before it). Collectors that share a name are read together
where they differ in nothing but the version; otherwise each has its service, model id and account before it, as far as needed,
and there is no view of the short name: the error that says so has the longer ones.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from modeldata.catalog.batches import Catalog
from modeldata.catalog.errors import NotThere, near, need
from modeldata.catalog.select import collectors
from modeldata.format import names
from modeldata.read.dataset import ScanDataset
from modeldata.read.plan import ReadRequest
from modeldata.read.scan import Scan

if TYPE_CHECKING:
    from collections.abc import Mapping

    from modeldata.store import ReadStore

    Identity = Mapping[str, str]

SHORT = ("model_name", "identifier")
LONGER = ("service", "model_id", "account")
"""Put before a name, one more at a time, until it is the only one."""


def query(store: ReadStore, archive: str, text: str, connection: Any = None) -> Any:
    """A DuckDB relation: nothing of the archive's rows is read before its rows are asked for.

    Raises `NotThere` for a table that is none, with names that may have been meant; DuckDB's own errors for what it can't run.
    """
    try:
        import duckdb
    except ImportError:
        raise need("duckdb", "sql", "run SQL") from None
    duck = connection or duckdb.connect()
    catalog = Catalog.of(store)
    views = view_names([one.identity for one in collectors(catalog)])
    for name in views.keys() & set(re.findall(r"\w+", text.lower())):  # a word too many costs a look at its manifests, no more
        duck.register(name, ScanDataset(Scan(store, archive, ReadRequest(views[name]), catalog)))
    try:
        return duck.sql(text)
    except duckdb.CatalogException as error:
        found = re.search(r"Table with name \"?([^\"!]+?)\"? does not exist", str(error))
        if found is None:
            raise
        hint = f"{near(found[1], views)} A view is named <model>_<identifier>"
        raise NotThere("run SQL", archive, cause=f"no collector {found[1]!r}", hint=hint) from None


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
