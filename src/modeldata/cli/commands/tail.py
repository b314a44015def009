"""`modeldata tail`: the newest rows of a collector, and with -f those that arrive."""

from __future__ import annotations

import select
import time
from typing import TYPE_CHECKING, Annotated, Any

import typer

from modeldata.cli.archive import say
from modeldata.cli.options import CollectorArgument, FormOptions, ReadOptions, parsed
from modeldata.cli.output import TABLE, binary_stdout, print_rows, without_quiet
from modeldata.cli.where import Fitting, WhereOption, expression_of, rows_of
from modeldata.parsing import seconds

if TYPE_CHECKING:
    import pyarrow as pa

    from modeldata.read.follow import Follower

SHORTEST_PAUSE = 0.05
"""Seconds between looks at the archive."""


def command(
    collector: CollectorArgument,
    *,
    follow: Annotated[bool, typer.Option("-f", "--follow", help="Go on with rows as they arrive, until Ctrl-C.")] = False,
    interval: Annotated[str, typer.Option("--interval", metavar="TIME", help="With -f: how long between looks.")] = "1s",
    rows: Annotated[int, typer.Option("-n", "--rows", min=0, help="How many to begin with.")] = 10,
    where: WhereOption = None,
    options: ReadOptions,
    output: FormOptions,
) -> None:
    """Print the newest rows of a collector, by time; with -f, also those that arrive, each once and whole.

    A row arrives when it is in the archive: with a local archive about a second after collect(), with a cloud five.
    A table leaves out $RequestId, $Writer, $Sequence and $Row unless --columns names them.

    Exits with 0, also after Ctrl-C and when nobody reads stdout any more.
    """
    from modeldata.read.follow import Follower
    from modeldata.read.newest import newest

    form, pause = output.form, max(SHORTEST_PAUSE, parsed(seconds, interval, "--interval"))
    query, condition = options.query(collector), expression_of(where)
    wanted = Fitting(condition) if condition else None
    follower = query.retried(lambda now: Follower(now, time.time_ns(), wanted)) if follow else None
    newest_rows = query.retried(lambda now: newest(now, rows, lambda each, whole: rows_of(each, condition, whole)))
    shown = newest_rows.select(query.request.columns or newest_rows.column_names)
    if form == TABLE and options.columns is None:
        shown = shown.select(without_quiet(shown.schema))
    if follower is None:
        print_rows(shown.to_batches(), shown.schema, form, rows)
        return
    follower.given(newest_rows)
    try:
        _follow(follower, shown, form, pause)
    except KeyboardInterrupt:
        return  # how one ends it


def _follow(follower: Follower, shown: pa.Table, form: str, pause: float) -> None:
    from modeldata.cli.live import Live
    from modeldata.errors import StoreError

    live = Live(form, shown.schema)
    with binary_stdout() as sink:
        live.write(sink, shown)
        trouble = ""
        while True:
            _wait(sink, pause)
            try:
                arrived = follower.look(time.time_ns())
            except StoreError as error:
                if str(error) != trouble:
                    say(f"{error}; trying again")
                trouble = str(error)
                continue
            trouble = ""
            if arrived is not None:
                live.write(sink, arrived)


def _wait(sink: Any, seconds: float) -> None:
    """So long, or until nobody reads stdout any more, which ends the command (where the system says so)."""
    try:
        stdout = sink.fileno()
    except (OSError, ValueError):
        stdout = None
    if stdout is None or not hasattr(select, "poll"):
        time.sleep(seconds)
        return
    watch = select.poll()
    watch.register(stdout, 0)
    gone = watch.poll(seconds * 1000)
    if gone:  # nothing else is asked for: an error, a hang-up, a descriptor that is closed
        raise BrokenPipeError
