"""`ModelDataCollector.collect`: the way of a row from scoring code into the spool."""

from __future__ import annotations

from time import time_ns

from modeldata.errors import mask, said
from modeldata.identity import Identity, feature_names_of
from modeldata.intake import Intake, default_intake
from modeldata.intake.messages import say, warn
from modeldata.interrupts import of_service, spare
from modeldata.native import speed_up
from modeldata.notebook import html_table
from modeldata.request_id import CURRENT, GENERATORS, current_request, encoded_id, event_ns_of, fitting_id, request
from modeldata.snapshot import RefusedData, SchemaCache, capture_of, captures
from modeldata.snapshot.dispatch import Distributed
from modeldata.snapshot.held import Held, held
from modeldata.spool.frame import MAX_ID
from modeldata.spool.quota import SpoolFull
from modeldata.spool.segment import NotStored
from modeldata.spool.writer import Writer

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime
    from typing import Any

    from modeldata.archive import Archive
    from modeldata.spool.lane import Lane

    Marks = tuple[object, object, datetime | int | None]
    """What a call brings besides its data: correlation id, request id, time."""

NO_ID = ""
MAX_ROWS = 2**32 - 1
"""Rows of one call that a frame can count."""


class ModelDataCollector:
    """Archives what passes one place in scoring code: model inputs, or predictions.

    Promise: `collect()` never raises into scoring code, never touches the network, never changes the data it is given, and when
    it returns True the rows are safe from any death of the process and reach the archive exactly once.

    One scoring file may have several collectors; give each its own `identifier`, so that the columns under it stay the same.

    Args:
        model_name: the model that this data belongs to. Not empty.
        identifier: the place in the code, such as "inputs" or "predictions".
        feature_names: column names for lists and arrays. Data frames and dicts bring their own; without either, columns
            are named by position.
        model_management_account_id: where the model belongs, as are the next three; a part of the path. What `SERVICE_NAME`
            and the model config map say wins.
        webservice_name: likewise.
        model_id: likewise.
        model_version: likewise.
        archive: an `Archive`; without it the one that the environment describes.

    Raises:
        TypeError, ValueError: an argument is not valid.
        SettingsError: the archive can't be used.
    """

    __slots__ = ("__dict__", "__weakref__", "_debug", "_enabled", "_max_row_bytes", "_schemas", "_writer")

    _enabled_default = True
    _hint = ""
    _debug_hint = ""

    def __init__(
        self,
        model_name: str,
        identifier: str = "default",
        feature_names: Sequence[str] | None = None,
        model_management_account_id: str = "unknown",
        webservice_name: str = "unknown",
        model_id: str = "unknown",
        model_version: str = "unknown",
        *,
        archive: Archive | None = None,
    ) -> None:
        self._intake = default_intake(self._enabled_default) if archive is None else _intake_of(archive)
        identity = Identity.build(
            model_name,
            identifier,
            account=model_management_account_id,
            service=webservice_name,
            model_id=model_id,
            model_version=model_version,
            settings=self._intake.settings,
            warn=warn,
        )
        self._begin(identity, feature_names_of(feature_names))
        hint = self._debug_hint if self._debug else "" if self._enabled else self._hint
        if hint:
            say(hint)

    def _begin(self, identity: Identity, feature_names: tuple[str, ...] | None) -> None:
        settings = self._intake.settings
        self.identity = identity
        self._schemas = SchemaCache(identity.as_dict(), feature_names, settings.layout)
        self._writer = self._intake.join(self, self._schemas.stream, identity.as_dict())
        self._enabled = settings.enabled
        self._debug = settings.debug
        self._max_row_bytes = settings.max_row_bytes

    def __reduce__(self) -> tuple[object, ...]:
        """As what it was made of: in another process it collects as a writer of its own."""
        return _unpickled, (type(self), self._intake, self.identity.as_dict(), self._schemas.feature_names)

    def __copy__(self) -> ModelDataCollector:
        return self

    def __deepcopy__(self, memo: object) -> ModelDataCollector:
        return self

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.identity.model_name!r}, {self.identity.identifier!r}, archive={self._where()!r})"

    def _repr_html_(self) -> str:
        rows = [*self.identity.as_dict().items(), ("archive", self._where())]
        return html_table(type(self).__name__, (), rows)

    def _where(self) -> str:
        return mask(self._intake.settings.archive)

    def closed(self, writer: Writer) -> None:
        """Its archive was closed: from now on `writer` refuses its rows."""
        self._writer = writer

    @property
    def last_refusal(self) -> str | None:
        """Why the last call here that was refused was refused: a reason of `stats()`. "Here": by this thread or task.

        To be read after a `collect()` that returned False. None: no call was refused, or collecting is switched off.
        """
        return self._intake.shared.refusals.last(self._schemas.stream)

    def collect(
        self,
        input_data: object,
        user_correlation_id: str = "",
        *,
        request_id: str | None = None,
        timestamp: datetime | int | None = None,
    ) -> bool:
        """Keep `input_data`, as it is now. True: it is safe and will be archived once. False: it was refused and counted.

        Never raises, whatever the data (with `on_error="raise"` a refusal raises `ModelDataError`).

        input_data: list (one row), list of lists or of dicts (rows), dict (one row), numpy array (0-D, 1-D: one row; 2-D:
            rows; more: rows of nested values), pandas DataFrame or Series, anything that offers the Arrow protocol
            (polars, pyarrow, duckdb) or `__array__` (tensors). Text, bytes, a number or a time: one row of one column. A Spark
            data frame, too: that is a Spark action; it runs the frame, its executors write straight to the archive, and True
            says that all rows are there.
        user_correlation_id: ties the call to others, and to labels that come later; kept with each row. One of more than
            65,535 bytes is cut; its end is then `~~` and a hash of all of it.
        request_id: the `$RequestId` of these rows, instead of that of `modeldata.request` around the call.
        timestamp: the time of these rows, where it is not now: a datetime (UTC where it has no zone) or nanoseconds since 1970.
            They go to the folder of that day. Spark data frames always have the time of the call.
        """
        if self._debug:
            self._show(input_data, (user_correlation_id, request_id, timestamp))
        if not self._enabled:
            return False
        writer = self._writer
        lane = None
        writing = False
        try:
            lane = writer.acquire()
            schema, rows, data = captures[type(input_data)](input_data, self._schemas, lane.pack)
            correlation = b"" if user_correlation_id is NO_ID else encoded_id(user_correlation_id)
            request = current_request() if request_id is None else encoded_id(request_id)
            event_ns = None if timestamp is None else event_ns_of(timestamp)
            if len(data) > self._max_row_bytes * rows or len(correlation) + len(request) > MAX_ID:
                correlation, request = self._fitting(rows, len(data), correlation, request)
            if rows:  # an empty list or frame asks for nothing and misses nothing
                writing = True
                lane.append(schema, rows, data, correlation, request, time_ns(), event_ns)
        except Exception as error:
            return self._rescue(lane, error, writing, input_data, (user_correlation_id, request_id, timestamp))
        except BaseException:
            if lane is not None:
                writer.retire(lane)  # it is not known how far we came; the rows are there once or not at all
            raise
        writer.release(lane)
        return True

    def hold(self, input_data: object) -> Held:
        """A copy of `input_data` as it is now, to be given to `collect()` of this collector once it is known to count.

        Never raises: what can't be collected is refused, and counted, when the copy is collected.
        """
        lane = None
        try:
            lane = self._writer.acquire()
            copy = held(*capture_of(input_data)(input_data, self._schemas, lane.pack))
        except BaseException as error:
            theirs = of_service(error)
            if theirs is not None or not isinstance(error, Exception):
                if lane is not None:
                    lane.writer.retire(lane)  # as in `collect`
                raise (theirs or error) from None
            copy = Held(None, rows_in(input_data), error)
        if lane is not None:
            lane.writer.release(lane)
        return copy

    def count_left_out(self, rows: int, *others: ModelDataCollector) -> None:
        """Rows that were left out on purpose, as a sample is taken: counted under "sampled_out".

        others: collectors of the same archive, which leave out as many.
        """
        if self._enabled:
            streams = [collector._schemas.stream for collector in (self, *others)]
            self._intake.shared.refusals.count("sampled_out", rows, *streams)

    def _fitting(self, rows: int, size: int, correlation: bytes, request: bytes) -> tuple[bytes, bytes]:
        """The ids, cut to what a frame holds. Raises `RefusedData` where it is the data that is too large."""
        if size > self._max_row_bytes * rows:
            limit = f"a row may have {self._max_row_bytes:,} (MODELDATA_MAX_ROW_BYTES)"
            raise RefusedData("too_large", f"{rows} row(s) of {size:,} bytes together; {limit}")
        return fitting_id(correlation, MAX_ID), fitting_id(request, MAX_ID)

    def _show(self, input_data: object, marks: Marks) -> None:
        """The debug mode of the original: what would be archived, on stdout."""
        try:
            from modeldata.debug import show

            show(self._schemas, input_data, *_ids_of(marks), _event_ns(marks) or time_ns())
        except Exception as error:  # a debug print must not break scoring either
            spare(error)
            self._intake.shared.refusals.warn_once("debug", f"nothing to show: {said(error)}")

    def _rescue(self, lane: Lane | None, error: Exception, writing: bool, input_data: object, marks: Marks) -> bool:
        """Off the hot path. A lane with a segment in doubt is never used again; a frame the disk refused is tried once more.

        Each lane goes back to its own writer: the archive may have been closed meanwhile.
        """
        theirs = of_service(error)
        if theirs is not None:
            if lane is not None:
                lane.writer.retire(lane)  # as for any exception that came from nowhere
            raise theirs
        if issubclass(type(error), Distributed) and lane is not None:
            lane.writer.release(lane)  # others need it while Spark works
            return self._collect_spark(input_data, marks)
        if writing and lane is not None and not issubclass(type(error), SpoolFull):
            lane.writer.retire(lane)
            lane = None
            if issubclass(type(error), NotStored):
                return self._second_try(input_data, marks)
        return self._refuse(lane, input_data, error, writing)

    def _refuse(self, lane: Lane | None, input_data: object, error: Exception, writing: bool) -> bool:
        if lane is not None:
            lane.writer.release(lane)
        self._intake.shared.refusals.refuse(self._schemas.stream, rows_in(input_data), error, writing=writing)
        return False

    def _collect_spark(self, frame: Any, marks: Marks) -> bool:
        """Through no spool: the executors write, and what this returns is what became of it."""
        try:
            from modeldata.spark.dataframe import collect

            correlation, request = (id_bytes.decode("utf-8", "replace") for id_bytes in _ids_of(marks))
            identity = self.identity.as_dict()
            rows = collect(frame, identity, self._intake.settings, correlation=correlation, request=request)
            self._intake.shared.count_distributed(rows)
        except Exception as error:
            spare(error)
            self._intake.shared.refusals.refuse(self._schemas.stream, 1, error, writing=False)
            return False
        return True

    def _second_try(self, input_data: object, marks: Marks) -> bool:
        """In a lane of its own, thus in a new segment."""
        lane = None
        try:
            lane = self._writer.fresh_lane()
            schema, rows, data = capture_of(input_data)(input_data, self._schemas, lane.pack)
            lane.append(schema, rows, data, *_ids_of(marks), time_ns(), _event_ns(marks))
        except Exception as error:
            if lane is not None and not issubclass(type(error), SpoolFull):
                lane.writer.retire(lane)
                lane = None
            spare(error)
            return self._refuse(lane, input_data, error, True)
        lane.writer.release(lane)
        return True


speed_up(ModelDataCollector, "collect", Writer, SchemaCache, request, CURRENT, GENERATORS, time_ns)


def _intake_of(archive: Archive) -> Intake:
    intake = getattr(archive, "_intake", None)
    if not isinstance(intake, Intake):
        raise TypeError(f"archive must be a modeldata.Archive, not {type(archive).__name__}")
    return intake


def _unpickled(
    kind: type[ModelDataCollector], intake: Intake, identity: dict[str, str], feature_names: tuple[str, ...]
) -> ModelDataCollector:
    collector = kind.__new__(kind)
    collector._intake = intake
    collector._begin(Identity(**identity), feature_names)
    return collector


def _event_ns(marks: Marks) -> int | None:
    return None if marks[2] is None else event_ns_of(marks[2])


def _ids_of(marks: Marks) -> tuple[bytes, bytes]:
    request = current_request() if marks[1] is None else encoded_id(marks[1])
    return fitting_id(encoded_id(marks[0]), MAX_ID), fitting_id(request, MAX_ID)


def rows_in(input_data: object) -> int:
    """How many rows were meant, to count what was refused. One, where the data does not say. Trusts no code of the data's."""
    kind = type(input_data)
    try:
        if issubclass(kind, (list, tuple)):
            return _rows_of(input_data, list if issubclass(kind, list) else tuple)
        shape: Any = getattr(input_data, "shape", None)
        if issubclass(type(shape), tuple):
            count = tuple.__getitem__(shape, 0) if tuple.__len__(shape) > 1 else 1
            return min(max(1, count), MAX_ROWS) if type(count) is int else 1
    except Exception as error:  # whatever the data's own code raises: it is only counted here
        spare(error)
    return 1


def _rows_of(data: Any, base: Any) -> int:
    count: int = base.__len__(data)
    return count if count and issubclass(type(base.__getitem__(data, 0)), (list, tuple, dict)) else 1
