"""An archive as a process sees it: settings, the spool it writes to, and who ships it."""

from __future__ import annotations

import atexit
import os
import time

from modeldata import urls
from modeldata.errors import ModelDataError
from modeldata.ready import prepare
from modeldata.settings import Settings
from modeldata.ship.start import Supervisor
from modeldata.spool.disk_kind import goes_with_container
from modeldata.spool.files import Files
from modeldata.spool.place import LAYOUT, Place, note_layout, open_place
from modeldata.spool.quota import Full, Quota
from modeldata.spool.writer import Writer, new_packer
from modeldata.stats import Stats

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Literal, Unpack

    import duckdb
    import pyarrow as pa

    from modeldata.collector import ModelDataCollector
    from modeldata.read.join import Joined
    from modeldata.read.question import JoinQuestion, Question
    from modeldata.read.reader import Reader
    from modeldata.read.scan import Scan
    from modeldata.ship.checkpoint import State
    from modeldata.snapshot import Shapes
    from modeldata.spool.writer import Lane

WARN_SECONDS = 60.0
"""One warning for each reason in this time; the counts in `stats()` have them all."""
POLL_SECONDS = 0.02


class Archive:
    """Where collectors put their rows, said explicitly instead of by the environment.

    Nothing is opened, started or written before the first `collect()`, so an archive may be made before a fork.

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
        prepare()
        self.settings = settings
        self._files = Files()
        self._warned: dict[str, float] = {}
        self._distributed: list[int] = []
        self._closed = False
        self._supervisor: Supervisor | None = None
        self._exit_pid = 0
        self.writer = Writer(
            self._open_place,
            Quota(settings.spool_max_bytes, settings.min_free_bytes, self._files),
            files=self._files,
            make_pack=new_packer,
            tend=self._tend,
            sync=settings.fsync == "always",
            block_seconds=settings.block_timeout if settings.when_full == "block" else 0.0,
        )

    def collector(
        self, model_name: str, identifier: str = "default", feature_names: Sequence[str] | None = None, **identity: str
    ) -> ModelDataCollector:
        """A collector on this archive; arguments as for `ModelDataCollector`."""
        from modeldata.collector import ModelDataCollector

        return ModelDataCollector(model_name, identifier, feature_names, archive=self, **identity)

    def _open_place(self) -> Place:
        if self._closed:
            raise Full("closed", "this archive was closed")
        settings = self.settings
        place = open_place(
            settings.spool_folder(), self._files, os.urandom(16), time.time_ns(), allow_network=settings.allow_network_spool
        )
        note_layout(place, settings.variables(LAYOUT))
        if any(urls.scheme_of(url) for url in settings.archives) and goes_with_container(place.folder, self._files):
            self._warn_once(
                "container", f"rows wait in a folder that is gone when this container is: {place.folder}; give it a volume"
            )
        return place

    def _tend(self, place: Place, now: bool) -> None:
        if self._exit_pid != os.getpid():
            self._exit_pid = os.getpid()
            self._supervisor = Supervisor(self.settings, self._files, self.warn)
            atexit.register(self._at_exit)
        assert self._supervisor is not None
        self._supervisor.tend(place, now=now)

    def flush(self, timeout: float | None = None) -> bool:
        """Wait until all that this process had accepted when called is in the archive. False: not within `timeout` seconds.

        False also where the spool can't be used, so that rows were refused (`stats()` has the reason).

        Nothing is lost by a False: the rows stay in the spool. The default timeout is the setting `exit_timeout` (2 s).
        """
        place = self.writer.place
        if place is None:
            return not self.writer.refusing  # a spool that can't be opened may hold rows of earlier processes
        deadline = time.monotonic() + (self.settings.exit_timeout if timeout is None else timeout)
        awaited = self._awaited(place)
        self._ask_for_shipping(place)
        while True:
            if self._all_archived(place, awaited):
                return True
            if time.monotonic() >= deadline:
                return False
            self.writer.tend()
            time.sleep(POLL_SECONDS)

    def _awaited(self, place: Place) -> dict[str, int | None]:
        """This process's segments → the offset up to which they must be archived; None: to their end."""
        from modeldata.spool.reader import segment_names

        positions = self.writer.positions()
        ours = [name for name in segment_names(place, self._files) if name.startswith(self.writer.process)]
        return {name: positions.get(name) for name in ours}

    def _ask_for_shipping(self, place: Place) -> None:
        try:
            fd = self._files.open(place.flush_request, os.O_WRONLY | os.O_CREAT)
            self._files.close(fd)
            os.utime(place.flush_request)
        except OSError:
            pass  # then it ships when it is due
        self.writer.tend(now=True)

    def _all_archived(self, place: Place, awaited: dict[str, int | None]) -> bool:
        from modeldata.ship.status import load_state

        try:
            states = [load_state(self.settings.only(url), place, self._files) for url in self.settings.archives]
        except ModelDataError:
            return False  # `stats()` and `doctor` say why
        return all(self._archived_in(state, place, awaited) for state in states)

    @staticmethod
    def _archived_in(state: State, place: Place, awaited: dict[str, int | None]) -> bool:
        for name, position in awaited.items():
            offset = state.offsets.get(name, 0)
            if offset == -1 or (position is not None and offset >= position):
                continue
            if not os.path.exists(os.path.join(place.segments, name)):
                continue  # only a shipper that has archived it removes it
            return False
        return True

    def close(self, timeout: float | None = None) -> bool:
        """`flush`, then let go of the spool. Collecting afterwards is refused (and counted). True as for `flush`."""
        done = self.flush(timeout)
        self._closed = True
        self._let_go()
        return done

    def _let_go(self) -> None:
        self.writer.close(time.time_ns())
        self.writer.lost_place()
        supervisor = self._supervisor
        if supervisor is not None and supervisor.thread is not None:
            supervisor.thread.stop(self.settings.exit_timeout)
            supervisor.thread = None

    def _at_exit(self) -> None:
        """The interpreter leaves. A child ships on without us; only a thread of ours must be waited for, and not for long."""
        if self._exit_pid != os.getpid():
            return
        try:
            thread = self._supervisor is not None and self._supervisor.thread is not None
            if thread and self.settings.ship != "off":
                self.flush()
            self._let_go()
        except (OSError, ModelDataError, Full):
            pass  # what was accepted is in the spool; there is nobody left to tell

    def stats(self) -> Stats:
        """Counts as they are now. Reads what waits in the spool, so it is for monitoring, not for every request."""
        dropped: dict[str, int] = {}
        for (_, reason), rows in self.writer.drops().items():
            dropped[reason] = dropped.get(reason, 0) + rows
        distributed = sum(self._distributed)
        stats = Stats(sum(self.writer.accepted().values()) + distributed, dropped, distributed)
        from modeldata.ship.status import fill

        fill(stats, self.settings, self.writer.place, self._files, time.time_ns())
        return stats

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
        """Rows that were archived without our spool."""
        self._distributed.append(rows)  # one step: calls of several threads end at any time

    def refuse(self, lane: Lane, stream: str, rows: int, error: Exception, *, writing: bool) -> None:
        """Count rows that are not accepted, give the lane back, and say why once a minute."""
        reason = _reason(error, writing)
        lane.refuse(stream, reason, rows)
        self.writer.release(lane)
        if self.settings.on_error == "raise":
            raise ModelDataError("collect", stream, cause=str(error) or type(error).__name__, hint=reason) from error
        try:
            self._warn_once(reason, f"not collected ({reason}) for {stream}: {error or type(error).__name__}")
        except Exception:  # the error's own text, or a log handler of the service, may raise anything
            return

    def _warn_once(self, reason: str, text: str) -> None:
        now = time.monotonic()
        if now < self._warned.get(reason, float("-inf")) + WARN_SECONDS:
            return
        self._warned[reason] = now  # before the call: a handler that collects, and fails, does not come back here
        self.warn(text)

    def warn(self, text: str) -> None:
        import logging

        from modeldata.errors import mask

        logging.getLogger("modeldata").warning("%s", mask(text))

    def show(self, shapes: Shapes, input_data: object, user_correlation_id: str) -> None:
        """The debug mode of the original: what would be archived, on stdout."""
        from modeldata.debug import show

        try:
            show(shapes, input_data, user_correlation_id, new_packer())
        except Exception as error:  # a debug print must not break scoring either
            self._warn_once("debug", f"nothing to show: {error}")


def _reason(error: Exception, writing: bool) -> str:
    named = getattr(error, "reason", None)
    if isinstance(named, str):
        return named
    if isinstance(error, MemoryError):
        return "no_memory"
    if isinstance(error, OSError) and writing:
        return "disk_error"
    if writing:
        return "internal"
    return "unserializable" if isinstance(error, RecursionError) or "recursion" in str(error) else "invalid_data"


_defaults: dict[Settings, Archive] = {}


def default_archive(enabled_default: bool) -> Archive:
    """The archive that the environment describes now; one for all collectors of the process that see the same."""
    settings = Settings.build(os.environ, enabled_default=enabled_default)
    archive = _defaults.get(settings)
    if archive is None:
        archive = _defaults.setdefault(settings, Archive.of(settings))
    return archive
