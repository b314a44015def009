"""A shipper that is killed while it puts a file leaves a hidden one with rows: kept for nobody, and not forgotten by an erasure."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from modeldata.keep.job import KeepJob
from modeldata.keep.jobs import compact, erase
from modeldata.keep.rewrite import RewriteRun
from modeldata.ship.pipeline import Pipeline
from modeldata.spool.files import Files
from modeldata.spool.folder import open_place
from modeldata.store import open_for
from modeldata.testing import Died, Fault, FaultyFiles
from tests.read.kit import Shipped
from tests.support.audits import audit_at_once

from .conftest import Run
from .kit import DAY, LATER_NS, SMALL, VERBS, erased, filled, local, rows

HOUR_NS = 3_600_000_000_000


def _hidden(tmp_path: Path) -> list[Path]:
    return [path for path in (tmp_path / "archive").rglob(".*.under-way") if "_manifest" not in path.parts]


def _killed_in_a_put(tmp_path: Path) -> Shipped:
    """Customer 17 is in a file that the shipper wrote and did not give its name."""
    shipped = filled(tmp_path, "parquet")
    shipped.collect("inputs", {"customer": 17, "n": 99}, at=f"{DAY}T12:00:00")
    settings = shipped.archive.settings
    place = open_place(settings.spool_folder(), Files(), b"\1" * 16, 0)
    files = FaultyFiles(Fault(1, names=frozenset({"link"})))
    pipeline = Pipeline(place, open_for(settings, files), settings, files=files, warn=lambda text: None, may_commit=lambda: True)
    with pytest.raises(Died):
        while pipeline.step():
            pass
    (left,) = _hidden(tmp_path)
    left.rename(left.with_name(f"{left.name.rsplit('.', 2)[0]}.17-23.under-way"))  # of another process
    return shipped


@pytest.mark.parametrize("verb", VERBS)
def test_a_hidden_file_goes_once_the_file_has_landed(tmp_path: Path, verb: str) -> None:
    shipped = _killed_in_a_put(tmp_path)
    shipped.ship()
    (left,) = _hidden(tmp_path)
    assert [str(left.relative_to(tmp_path / "archive")) in text for text in audit_at_once(local(tmp_path)).unaccounted] == [True]
    assert all(not result.problem for result in VERBS[verb](local(tmp_path)))
    assert _hidden(tmp_path) == [] and audit_at_once(local(tmp_path)).unaccounted == []


def test_it_goes_also_where_nothing_else_is_to_be_done(tmp_path: Path) -> None:
    _killed_in_a_put(tmp_path).ship()
    assert erased(local(tmp_path), "customer = 12345") == []
    assert _hidden(tmp_path) == []


def test_one_that_may_still_land_is_named_and_stays(tmp_path: Path) -> None:
    _killed_in_a_put(tmp_path)
    (left,) = _hidden(tmp_path)
    os.utime(left, ns=(LATER_NS - HOUR_NS // 2, LATER_NS - HOUR_NS // 2))
    job = KeepJob(local(tmp_path), "archive", {}, RewriteRun("5" * 32, "here", LATER_NS))
    named = [result for result in erase(job, "customer = 17", dry=False) if left.name in result.problem]
    assert [result.day for result in named] == [DAY] and "erase again in an hour" in named[0].problem
    assert named[0].rows == 8 and left.exists()
    assert [result.problem for result in compact(job, SMALL)] == [""] and left.exists()


def test_one_that_nobody_writes_to_any_more_goes(tmp_path: Path) -> None:
    shipped = _killed_in_a_put(tmp_path)
    (left,) = _hidden(tmp_path)
    os.utime(left, ns=(0, 0))
    assert all(not result.problem for result in erased(local(tmp_path)))
    assert not left.exists()
    shipped.ship()
    assert sum(row[3] == 17 for row in rows(local(tmp_path))) == 1, "the round was still to come"


def test_a_put_that_loses_its_hidden_file_begins_again(tmp_path: Path) -> None:
    """Its shipper was stopped for longer than an hour, and goes on."""
    shipped = filled(tmp_path, "parquet")
    shipped.collect("inputs", {"customer": 17, "n": 99}, at=f"{DAY}T12:00:00")
    settings, before = shipped.archive.settings, rows(local(tmp_path)).total()

    class Slow(Files):
        lost = False

        def link(self, source: str, target: str) -> None:
            if ".parquet" in target and not self.lost:
                self.lost = True
                os.utime(source, ns=(0, 0))
                erased(local(tmp_path), "customer = 12345")
            super().link(source, target)

    files = Slow()
    place = open_place(settings.spool_folder(), Files(), b"\1" * 16, 0)
    pipeline = Pipeline(place, open_for(settings, files), settings, files=files, warn=lambda text: None, may_commit=lambda: True)
    for _ in range(5):
        try:
            pipeline.step()
        except Exception:
            continue
    assert files.lost and rows(local(tmp_path)).total() == before + 1


def test_the_commands_name_it(run: Run, tmp_path: Path) -> None:
    _killed_in_a_put(tmp_path)
    (left,) = _hidden(tmp_path)
    for options in ((), ("--yes",)):
        code, _, err = run("erase", "archive", "--where", "customer = 3", *options)
        assert code == 1 and left.name in err
