"""An archive as a user sees it: collectors put rows in, readers get them back."""

from __future__ import annotations

import os
import time

from modeldata.collector import ModelDataCollector
from modeldata.errors import ModelDataError, mask
from modeldata.intake import Intake, default_intake
from modeldata.intake.messages import warn
from modeldata.notebook import html_table
from modeldata.settings import Settings
from modeldata.urls import local_folder

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Literal, Unpack

    import duckdb
    import pyarrow as pa

    from modeldata.catalog.audit import Audit
    from modeldata.keywords import IdentityOptions, PathText, SettingsOptions
    from modeldata.read.follow import Follow
    from modeldata.read.inventory import CollectorInventory
    from modeldata.read.join import Joined
    from modeldata.read.question import JoinQuestion, Question, Types
    from modeldata.read.reader import Reader
    from modeldata.read.scan import Scan
    from modeldata.stats import Stats, Status


class Archive:
    """Where collectors put their rows, said explicitly instead of by the environment.

    Nothing is opened, started or written before the first `collect()`, so an archive may be made before a fork. Archives of equal
    settings share what lies behind them: one may be made for each request, and `flush()` of one waits for the rows of all.
    It can be pickled (its settings go along, no secret of the environment does); a copy is the archive itself.

    url: a path or URL, or several: then each row goes to all. Relative paths are taken from the working directory as it is now.
    settings: any other setting by its name (`spool="/var/spool/md"`, `fsync="always"`, ...), see the table in the README.

    Raises `SettingsError` for settings that can't be used.
    """

    def __init__(self, url: PathText | Sequence[PathText] | None = None, **settings: Unpack[SettingsOptions]) -> None:
        self._intake = Intake(Settings.here(os.environ, archive=url, **settings))

    def __copy__(self) -> Archive:
        return self

    def __deepcopy__(self, memo: object) -> Archive:
        return self

    @property
    def settings(self) -> Settings:
        return self._intake.settings

    def collector(
        self,
        model_name: str,
        identifier: str = "default",
        feature_names: Sequence[str] | None = None,
        **identity: Unpack[IdentityOptions],
    ) -> ModelDataCollector:
        """A collector on this archive; arguments as for `ModelDataCollector`."""
        return ModelDataCollector(model_name, identifier, feature_names, archive=self, **identity)

    def open(self) -> bool:
        """Do now what the first `collect()` would wait for: make the spool and a file in it, start whoever ships.

        For the start of a service, once in each process, after a fork. False: rows can't be accepted now; the log has the
        reason. Never raises.
        """
        return self._intake.open()

    def flush(self, timeout: float | None = None) -> bool:
        """Wait until all that this process had accepted when called is in the archive. False: not within `timeout` seconds.

        False also where the spool can't be used, so that rows were refused (`stats()` has the reason).

        "All" is what every archive of equal settings accepted, also one that is dropped by now. Nothing is lost by a False: the
        rows stay in the spool, unless that was removed. The default timeout is the setting `exit_timeout` (2 s).
        """
        return self._intake.shared.flush.wait(timeout)

    def close(self, timeout: float | None = None) -> bool:
        """`flush`, then let go of the spool. Collecting afterwards is refused (and counted). True as for `flush`.

        Other archives of equal settings go on.
        """
        return self._intake.close(timeout)

    def stats(self) -> Stats:
        """Counts as they are now. Reads what waits in the spool, so it is for monitoring, not for every request."""
        return self._intake.shared.stats()

    def read(self, model_name: str, identifier: str = "default", **question: Unpack[Question]) -> pa.Table:
        """Every committed row that fits, once, as one `pyarrow.Table` in the types that were collected.

        Of a live archive: what is committed now, never half a row. The keywords are those of `modeldata.read.question.Question`:
        `start`, `end` (half-open, UTC), `columns`, `version`, `service`, `account`, `model_id`, `types`, `errors`. Our six
        columns come first, features in the order in which they were first seen. More than fits into memory: `scan`.

        Raises `NotThere` (with the names that may have been meant), `Damaged`, `StoreError`.
        """
        return self.scan(model_name, identifier, **question).to_arrow()

    def scan(self, model_name: str, identifier: str = "default", **question: Unpack[Question]) -> Scan:
        """`read`, as a stream of record batches in bounded memory; with `to_pandas`, `to_polars`, `to_duckdb`, `to_arrow`."""
        return self._reader().scan(model_name, identifier, **question)

    def join(
        self,
        model_name: str,
        *identifiers: str,
        on: Literal["correlation", "request"] = "correlation",
        how: Literal["left", "inner", "outer"] = "left",
        **question: Unpack[JoinQuestion],
    ) -> Joined:
        """Each row of the first collector beside the rows of the others that belong to it, and how many have one (`.coverage`).

        Rows of one correlation id (or request id) and of the same model version and service, row by row inside a call: row 3 of
        the inputs beside row 3 of the predictions; a call of one row stands beside every row of the other. Where an id was used
        for several calls, the first goes with the first, the second with the second, in the order of time, unless `match` says
        "first", "last" or "asof". `across=["labels"]`: labels belong to rows of any version and service. Columns are
        `<identifier>.<name>`. how: "left" has the rows of the first collector, "inner" those that all have, "outer" all.
        Keywords as for `read`, and those of `modeldata.read.question.JoinQuestion`; with `start` and `end`, the others are also
        looked for `look_back` (one hour) before and `look_ahead` (one day) after. Holds all of it in memory.
        """
        return self._reader().join(model_name, *identifiers, on=on, how=how, **question)

    def collectors(self, model_name: str | None = None, identifier: str | None = None) -> list[CollectorInventory]:
        """What is archived, by collector: identity, rows, bytes, files, first and last time, columns. From manifests alone.

        All collectors, or those of a model or identifier; then raises `NotThere` where there is none. An empty archive has [];
        a local folder that is not there raises `NotThere`: nothing was archived yet, or it is another folder.
        """
        return self._reader().collectors(model_name, identifier)

    def follow(
        self,
        model_name: str,
        identifier: str = "default",
        *,
        newest: int = 0,
        interval: float = 1.0,
        timeout: float | None = None,
        **question: Unpack[Question],
    ) -> Follow:
        """An iterator of rows as they arrive in the archive, as tables: each row once and whole, whatever becomes of its file.

        What is there when this is called is not given, but for the `newest` so many rows by time. It looks every `interval`
        seconds, and ends once nothing new came for `timeout` seconds (None: never). Keywords as for `read`. Each step may raise
        `StoreError`; the next step gives what arrived meanwhile.
        """
        return self._reader().follow(model_name, identifier, newest=newest, interval=interval, timeout=timeout, **question)

    def audit(self, *, check_bytes: bool = True, heads: str | None = None, key: str | None = None) -> Audit:
        """Finds each row that is missing, doubled or changed, where a number, a checksum or a head tells of it: see `verdict`.
        `not_known` says what the archive alone can't show.

        Reads every manifest and, with `check_bytes`, all data. heads: a file, folder or URL where heads were kept elsewhere. They
        prove that nothing up to them was cut, changed or put back. key: the public key that must have signed, as text or a file.
        Rows that still wait in a spool are not in question: `status()`. Raises `SettingsError` where heads or key are none.
        """
        from modeldata.catalog.witness import Witness, heads_at, key_of
        from modeldata.spool.files import Files
        from modeldata.store import open_for

        reader, files = self._reader(), Files()
        given = heads_at(heads, lambda place: open_for(self.settings.only(place), files, warn), files) if heads else []
        return reader.audit(check_bytes, Witness(given, key_of(key, files) if key else None))

    def status(self) -> Status:
        """What waits in the spool, how old it is, who ships, what was refused: of all processes that share the spool.

        Reads the spool's own files, never the archive. A part that can't be read is named in `last_error`.
        """
        from modeldata.ship.status import status_of
        from modeldata.spool.files import Files

        return status_of(self.settings, Files(), time.time_ns())

    def __repr__(self) -> str:
        closed = ", closed" if self._intake.closed else ""
        return f"Archive({mask(self.settings.archive)!r}, format={self.settings.format!r}{closed})"

    def _repr_html_(self) -> str:
        title = f"Archive {mask(self.settings.archive)} ({self.settings.format})"
        try:
            held = self.collectors() if local_folder(self.settings.archives[0]) else []  # showing itself asks no network
        except ModelDataError:
            held = []  # nothing is there yet
        rows = [(each.name, ", ".join(each.versions), each.total.rows, each.total.first, each.total.last) for each in held]
        return html_table(title, ("collector", "versions", "rows", "first", "last"), rows)

    def sql(
        self,
        text: str,
        connection: object = None,
        *,
        external: bool = False,
        errors: Literal["raise", "skip"] = "raise",
        types: Types = None,
    ) -> duckdb.DuckDBPyRelation:
        """A DuckDB relation: a query over views of the collectors, named `<model>_<identifier>` in lower case with `_` for all
        but letters and digits. Only the columns, days and row groups that it needs are read, when its rows are asked for.

        The query opens no other file and no network connection, unless `external`. Needs `modeldata[sql]`. connection: one of
        yours, with its own rights and tables: their names go before those of our views; times are UTC in ours. errors,
        types: as in `read`.
        """
        relation: duckdb.DuckDBPyRelation = self._reader().sql(text, connection, external=external, errors=errors, types=types)
        return relation

    def _reader(self) -> Reader:
        from modeldata.read.reader import Reader

        return Reader.of(self.settings, warn)


def archive_of(settings: Settings) -> Archive:
    """An archive with settings that are already built."""
    return _over(Intake(settings))


def default_archive(enabled_default: bool = True) -> Archive:
    """The archive that the environment describes now: that of all collectors which were made without one."""
    return _over(default_intake(enabled_default))


def _over(intake: Intake) -> Archive:
    archive = Archive.__new__(Archive)
    archive._intake = intake
    return archive
