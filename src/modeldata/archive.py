"""An archive as a process sees it: settings, the spool it writes to, and who ships it."""

from __future__ import annotations

import os
import time

from modeldata.errors import said
from modeldata.interrupts import spare
from modeldata.ready import prepare
from modeldata.settings import Settings
from modeldata.shared import Shared, say, shared_of, warn
from modeldata.spool.quota import SpoolFull
from modeldata.spool.writer import Writer, new_packer

__all__ = ["Archive", "Closed", "default_archive", "flush", "say"]

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Literal, Unpack
    from weakref import WeakSet

    import duckdb
    import pyarrow as pa

    from modeldata.collector import ModelDataCollector
    from modeldata.read.join import Joined
    from modeldata.read.question import JoinQuestion, Question
    from modeldata.read.reader import Reader
    from modeldata.read.scan import Scan
    from modeldata.ship.supervisor import Supervisor
    from modeldata.snapshot import SchemaCache
    from modeldata.spool.writer import Lane
    from modeldata.stats import Stats


class Archive:
    """Where collectors put their rows, said explicitly instead of by the environment.

    Nothing is opened, started or written before the first `collect()`, so an archive may be made before a fork. Archives of equal
    settings share what lies behind them: one may be made for each request, and `flush()` of one waits for the rows of all.
    It can be pickled (its settings go along, no secret of the environment does); a copy is the archive itself.

    url: a path or `file://` URL. Relative paths are taken from the working directory as it is now.
    spool: the local folder that rows wait in; by default beside a local archive.
    settings: any other setting by its name (`ship="thread"`, `fsync="always"`, ...), see the table in the README.

    Raises `SettingsError` for what can't be used.
    """

    def __init__(
        self, url: str | os.PathLike[str] | None = None, *, spool: str | os.PathLike[str] | None = None, **settings: object
    ) -> None:
        self._begin(Settings.build(os.environ, archive=url, spool=spool, **settings))  # type: ignore[arg-type] # checked there

    @classmethod
    def of(cls, settings: Settings) -> Archive:
        """An archive with settings that are already built."""
        archive = cls.__new__(cls)
        archive._begin(settings)
        return archive

    def _begin(self, settings: Settings) -> None:
        from weakref import WeakSet

        prepare()
        self.settings = settings
        self._closed = False
        self._collectors: WeakSet[ModelDataCollector] = WeakSet()
        self._shared = shared_of(settings)
        self._shared.users.add(id(self))

    def __del__(self) -> None:
        shared: Shared | None = getattr(self, "_shared", None)  # missing where the settings were refused
        if shared is not None and not self._closed:
            try:
                shared.leave(id(self))
            except Exception as error:  # nobody could catch it
                spare(error)

    def __reduce__(self) -> tuple[object, ...]:
        return _again, (self.settings.to_env(),)

    def __copy__(self) -> Archive:
        return self

    def __deepcopy__(self, memo: object) -> Archive:
        return self

    @property
    def writer(self) -> Writer:
        return self._shared.writer

    @property
    def _supervisor(self) -> Supervisor | None:
        return self._shared.supervisor

    def join_in(self, collector: ModelDataCollector) -> Writer:
        """The writer for a new collector, which gets another one when this archive is closed."""
        self._collectors.add(collector)
        return Closed() if self._closed else self.writer

    def collector(
        self, model_name: str, identifier: str = "default", feature_names: Sequence[str] | None = None, **identity: str
    ) -> ModelDataCollector:
        """A collector on this archive; arguments as for `ModelDataCollector`."""
        from modeldata.collector import ModelDataCollector

        return ModelDataCollector(model_name, identifier, feature_names, archive=self, **identity)

    def flush(self, timeout: float | None = None) -> bool:
        """Wait until all that this process had accepted when called is in the archive. False: not within `timeout` seconds.

        False also where the spool can't be used, so that rows were refused (`stats()` has the reason).

        "All" is what every archive of equal settings accepted, also one that is dropped by now. Nothing is lost by a False: the
        rows stay in the spool, unless that was removed. The default timeout is the setting `exit_timeout` (2 s).
        """
        return self._shared.flush(timeout)

    def close(self, timeout: float | None = None) -> bool:
        """`flush`, then let go of the spool. Collecting afterwards is refused (and counted). True as for `flush`.

        Other archives of equal settings go on.
        """
        refusing = Closed()
        self._closed = True
        for collector in list(self._collectors):
            collector.closed(refusing)
        done = self.flush(timeout)
        self._shared.leave(id(self), stop=True)
        return done

    def stats(self) -> Stats:
        """Counts as they are now. Reads what waits in the spool, so it is for monitoring, not for every request."""
        return self._shared.stats()

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

        Row by row inside a call: row 3 of the inputs beside row 3 of the predictions with this correlation id (or request id).
        Where an id was used for several calls, the first call goes with the first, the second with the second, in the order
        of time. Columns are `<identifier>.<name>`. how: "left" has the rows of the first collector, "inner" those that all have,
        "outer" all. Keywords as for `read`; also `look_ahead` (a timedelta, one day by default: how long after `end` the others
        are looked for, for labels that come late) and `look_back` (one hour). Holds all of it in memory.
        """
        return self._reader().join(model_name, *identifiers, on=on, how=how, **question)

    def sql(self, text: str, connection: object = None) -> duckdb.DuckDBPyRelation:
        """A DuckDB relation: a query over views of the collectors, named `<model>_<identifier>` in lower case with `_` for all
        but letters and digits. Only the columns, days and row groups that it needs are read, when its rows are asked for.

        Needs `modeldata[sql]`. connection: one of yours, with tables of your own; times are UTC in ours.
        """
        made: duckdb.DuckDBPyRelation = self._reader().sql(text, connection)
        return made

    def _reader(self) -> Reader:
        from modeldata.read.reader import Reader

        return Reader.of(self.settings, self.warn)

    def count_distributed(self, rows: int) -> None:
        self._shared.count_distributed(rows)

    def refuse(self, stream: str, rows: int, error: Exception, *, writing: bool) -> None:
        self._shared.refuse(stream, rows, error, writing=writing)

    def warn(self, text: str) -> None:
        warn(text)

    def show(self, shapes: SchemaCache, input_data: object, user_correlation_id: str) -> None:
        """The debug mode of the original: what would be archived, on stdout."""
        from modeldata.debug import show

        try:
            show(shapes, input_data, user_correlation_id, new_packer())
        except Exception as error:  # a debug print must not break scoring either
            spare(error)
            self._shared.warn_once("debug", f"nothing to show: {said(error)}")


class Closed(Writer):
    """The writer of an archive that was closed: it has no lane for anybody."""

    def __init__(self) -> None:
        pass  # it has nothing to write to

    def acquire(self) -> Lane:
        raise SpoolFull("closed", "this archive was closed")


def _again(variables: dict[str, str]) -> Archive:
    return Archive.of(Settings.build(variables))


_defaults: dict[Settings, Archive] = {}
MOST_DEFAULTS = 32
"""An environment that changes all the time must not fill the memory."""


def default_archive(enabled_default: bool = True) -> Archive:
    """The archive that the environment describes now: that of all collectors which were made without one."""
    settings = Settings.build(os.environ, enabled_default=enabled_default)
    archive = _defaults.get(settings)
    if archive is None or archive._closed:
        archive = Archive.of(settings)
        while len(_defaults) >= MOST_DEFAULTS:
            _defaults.pop(next(iter(_defaults)), None)  # its collectors keep it
        _defaults[settings] = archive
    return archive


def flush(timeout: float | None = None) -> bool:
    """Wait until all that collectors without an archive of their own had accepted is archived. False: not within `timeout` s.

    For the end of a script, of a Lambda or of a Cloud Run request. The default timeout is the setting `exit_timeout` (2 s).
    """
    started = time.monotonic()
    done = True
    for archive in list(_defaults.values()):
        left = None if timeout is None else max(0.0, timeout - (time.monotonic() - started))
        done = archive.flush(left) and done
    return done
