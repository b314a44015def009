"""Compaction and erasure where one machine is not enough: each folder is a task, under the same rules as on one machine.

A task that Spark tries again finishes what the first try began. With speculation, a task may run twice at a time: the second
finds the folder claimed, and fails. If it misses the claim, it finds the number of its generation taken.
"""

from __future__ import annotations

import os
from functools import partial
from typing import TYPE_CHECKING, Any

from modeldata.errors import StoreError
from modeldata.settings import Settings
from modeldata.ship.publish import publish
from modeldata.ship.signing import signer_for
from modeldata.spark.errors import SHARE, warn
from modeldata.spool.files import Files
from modeldata.store import open_for

HEADS_KEY = "MODELDATA_HEADS_KEY"
"""A key is no part of what the driver sends: executors have one of their own, or the path of one."""

if TYPE_CHECKING:
    from modeldata.format.paths import DataFolder
    from modeldata.keep.job import Each

    SparkSession = Any  # pyspark's own types are not ours to check


def on_executors(spark: SparkSession, settings: Settings) -> Each:
    """Work on the executors of a session, in the one archive of `settings`. They need modeldata, and credentials of their own."""
    variables = settings.to_env()

    def each(work: Any, places: list[DataFolder]) -> list[list[Any]]:
        if not places:
            return []
        function, (job, *rest), named = work.func, work.args, work.keywords
        # a store has connections, and a key must not travel: each executor makes its own
        bare = job._replace(store=None, patient=False, run=job.run._replace(signer=None, publish=None))
        archive = settings.archive

        def task(place: DataFolder) -> list[Any]:
            here = Settings.build({HEADS_KEY: os.environ.get(HEADS_KEY, ""), **variables})
            second_place = partial(publish, here.only(here.archive), Files(), warn)
            store, run = open_for(here, Files()), bare.run._replace(signer=signer_for(here, Files()), publish=second_place)
            _check_shared(place, store, archive)
            results: list[Any] = function(bare._replace(store=store, run=run), place, *rest, **named)
            return results

        results: list[list[Any]] = spark.sparkContext.parallelize(places, len(places)).map(task).collect()
        return results

    return each


def _check_shared(place: DataFolder, store: Any, archive: str) -> None:
    """Raises `StoreError` where this is not the archive that the driver listed: a local folder that machines do not share."""
    if next(iter(store.walk(place.path)), None) is None:
        import socket

        raise StoreError(
            "rewrite a folder",
            f"{archive}/{place.path}",
            cause=f"the executor on {socket.gethostname()} does not see what the driver listed there",
            hint=SHARE,
        )
