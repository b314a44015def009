"""The heads of compact, erase, prune and of calls with a Spark frame are in the second place as well."""

from __future__ import annotations

import json
import threading
from functools import partial
from pathlib import Path

import pytest

from modeldata.catalog.audit import BROKEN, COMPLETE, EXPLAINED
from modeldata.catalog.witness import Witness, heads_at
from modeldata.keep.job import KeepJob
from modeldata.keep.jobs import compact, erase, prune
from modeldata.settings import Settings
from modeldata.ship.publish import HeadPublisher, PublishedHead, publish
from modeldata.spark.commit import Driver
from modeldata.spool.files import Files
from modeldata.store import open_for
from tests.keep.kit import LATER_NS, SMALL, VERBS, filled, job, local
from tests.spark.test_a_call_is_archived_whole_or_not_at_all import attempt, call_of
from tests.support.audits import audit_at_once

WORKS = {
    "compact": lambda work: compact(work, SMALL),
    "erase": lambda work: erase(work, "customer = 17", dry=False),
    "prune": lambda work: prune(work, LATER_NS, dry=False),
}


def _settings(tmp_path: Path, heads: str = "") -> Settings:
    return Settings.build({}, archive=str(tmp_path / "archive"), heads=heads or str(tmp_path / "heads"), format="parquet")


def _job(tmp_path: Path, warnings: list[str], heads: str = "") -> KeepJob:
    work = job(local(tmp_path))
    return work._replace(run=work.run._replace(publish=partial(publish, _settings(tmp_path, heads), Files(), warnings.append)))


def _notes(folder: Path) -> list[str]:
    return [path.read_text() for path in sorted(folder.rglob("*.note"))]


def _with_heads(tmp_path: Path) -> str:
    given = heads_at(str(tmp_path / "heads"), lambda place: open_for(_settings(tmp_path).only(place), Files()), Files())
    return audit_at_once(local(tmp_path), witness=Witness(given)).verdict


@pytest.mark.parametrize("verb", VERBS)
def test_the_head_of_each_rewrite_is_there_and_notices_that_its_record_was_cut(tmp_path: Path, verb: str) -> None:
    filled(tmp_path)
    known, warnings = set((tmp_path / "archive" / "_heads").iterdir()), list[str]()
    list(WORKS[verb](_job(tmp_path, warnings)))
    (log,) = set((tmp_path / "archive" / "_heads").iterdir()) - known
    assert _notes(tmp_path / "heads") == [json.loads(log.read_bytes())["head"]] and warnings == []
    assert _with_heads(tmp_path) == (COMPLETE if verb == "compact" else EXPLAINED)
    log.unlink()
    assert _with_heads(tmp_path) == BROKEN


def test_the_head_of_a_call_is_there(tmp_path: Path) -> None:
    settings = _settings(tmp_path)
    call = call_of(settings)
    driver = Driver(call, settings)
    driver.begin()
    driver.commit(attempt(call, 0))
    (log,) = (tmp_path / "archive" / "_heads").iterdir()
    assert _notes(tmp_path / "heads") == [json.loads(log.read_bytes())["head"]]


def test_a_head_may_be_a_line_of_the_log(tmp_path: Path) -> None:
    filled(tmp_path)
    warnings: list[str] = []
    list(compact(_job(tmp_path, warnings, "-"), SMALL))
    (line,) = warnings
    assert json.loads(line.removeprefix("head: ")).startswith("modeldata/")


def test_a_rewrite_holds_where_the_second_place_takes_nothing_and_says_so(tmp_path: Path) -> None:
    filled(tmp_path)
    (tmp_path / "heads").write_bytes(b"a file")
    warnings: list[str] = []
    (found,) = compact(_job(tmp_path, warnings), SMALL)
    assert found.problem == "" and audit_at_once(local(tmp_path)).verdict == COMPLETE
    assert len(warnings) == 1 and "did not get to its second place" in warnings[0]


def test_a_second_place_that_hangs_ends_no_rewrite(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    answer = threading.Event()
    monkeypatch.setattr(HeadPublisher, "_put", lambda self, wanted: answer.wait(30))
    monkeypatch.setattr("modeldata.ship.publish.LONGEST_SECONDS", 0.01)
    warnings: list[str] = []
    publish(_settings(tmp_path), Files(), warnings.append, PublishedHead("1" * 32, 1, "note"))
    answer.set()
    assert len(warnings) == 1 and "no answer" in warnings[0]


def test_what_another_run_left_is_not_vouched_for(tmp_path: Path) -> None:
    """Whoever can write to the archive can leave it there."""
    filled(tmp_path)
    list(compact(_job(tmp_path, [], "-"), SMALL))
    (log,) = [path for path in (tmp_path / "archive" / "_heads").iterdir() if path.name.endswith("-1.jsonl")]
    (manifests,) = (tmp_path / "archive").glob("*/*/*/inputs/*/*/*/_manifest")
    log.rename(manifests / f"{log.stem}.record")
    list(compact(_job(tmp_path, []), SMALL))
    assert log.exists() and not (tmp_path / "heads").exists()
