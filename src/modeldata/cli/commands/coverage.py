"""`modeldata coverage`: the hours in which rows came, in which nothing happened, and in which nothing was recorded."""

from __future__ import annotations

import datetime as dt
import json
from typing import TYPE_CHECKING, Annotated

import typer

from modeldata.cli.complete import complete_model
from modeldata.cli.options import ArchiveArgument, JsonOption
from modeldata.cli.output import print_columns
from modeldata.cli.table import TableColumn, safe
from modeldata.errors import mask

if TYPE_CHECKING:
    from collections.abc import Sequence

    from modeldata.catalog.coverage import Hour

DAY = dt.timedelta(days=1)
_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)


def command(
    options: ArchiveArgument,
    model: Annotated[
        str | None, typer.Option("--model", help="Only this model; all, without.", autocompletion=complete_model)
    ] = None,
    days: Annotated[
        int, typer.Option("--days", metavar="N", min=1, max=36500, help="The last N days, today included (UTC).")
    ] = 1,
    as_json: JsonOption = False,
) -> None:
    """Show for each hour, host and service how many writers lived, how many rows were archived, and how late.

    Where a writer lived and gave no row, nothing happened. Where no writer lived, nothing was recorded. This is known from the
    heads of shippers, which speak of each living writer once an hour.

    Rows count in the hour in which they were archived. Lag is the longest time from the newest row of a batch to its line in the
    archive. Hours are UTC.
    """
    from modeldata.catalog.coverage import coverage

    reader = options.reader()
    now = dt.datetime.now(dt.UTC)
    start = now.replace(hour=0, minute=0, second=0, microsecond=0) - (days - 1) * DAY
    hours = coverage(reader.store, _nanoseconds(start), _nanoseconds(now), model)
    if as_json:
        print(json.dumps({"archive": mask(reader.url), "hours": [_as_json(hour) for hour in hours]}))
    else:
        print_columns(_columns(hours), "--json has all")


def _nanoseconds(moment: dt.datetime) -> int:
    return (moment - _EPOCH) // dt.timedelta(microseconds=1) * 1000


def _moment(hour: Hour) -> dt.datetime:
    return _EPOCH + dt.timedelta(microseconds=hour.start_ns // 1000)


def _as_json(hour: Hour) -> dict[str, object]:
    return {
        "hour": _moment(hour).isoformat(), "host": hour.host, "service": hour.service, "writers": hour.writers, "rows": hour.rows,
        "lag_seconds": None if hour.lag_ns is None else hour.lag_ns / 1e9, "state": hour.state or "rows",
    }  # fmt: skip


def _columns(hours: Sequence[Hour]) -> list[TableColumn]:
    return [
        TableColumn("hour", [f"{_moment(hour):%Y-%m-%d %H:00}" for hour in hours]),
        TableColumn("host", [safe(hour.host) for hour in hours]),
        TableColumn("service", [safe(hour.service) for hour in hours]),
        TableColumn("writers", [f"{hour.writers:,}" for hour in hours], right=True),
        TableColumn("rows", [f"{hour.rows:,}" for hour in hours], right=True),
        TableColumn("lag", ["" if hour.lag_ns is None else f"{hour.lag_ns / 1e9:,.1f} s" for hour in hours], right=True),
        TableColumn("", [hour.state for hour in hours]),
    ]
