"""`compact`, `erase` and `prune` killed before each of their operations: nothing is lost, nothing doubled, the next run finishes."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from modeldata.catalog.audit import COMPLETE, EXPLAINED

from .kit import SWEEP, VERBS, Rows, checked, data_files, erased, every_point, filled, killed, local, operations, rows, without

CASES = [("compact", "csv"), ("compact", "parquet"), ("erase", "csv"), ("erase", "jsonl"), ("erase", "parquet"), ("prune", "csv")]
SHARES = 4
"""Parts of a long sweep, so that several workers can have it."""


def _copy(template: Path, target: Path) -> Path:
    shutil.rmtree(target, ignore_errors=True)
    shutil.copytree(template / "archive", target / "archive", ignore=shutil.ignore_patterns(".modeldata-spool*"))
    return target


def _after(verb: str, before: Rows) -> Rows:
    return {"compact": before, "erase": without(before), "prune": type(before)()}[verb]


def _seen(folder: Path) -> Rows:
    """Nothing is there to be read once all was pruned."""
    from modeldata.catalog.errors import NotThere

    try:
        return rows(local(folder))
    except NotThere:
        return Rows()


def _assert_finished(folder: Path, verb: str, before: Rows) -> None:
    assert _seen(folder) == _after(verb, before)
    found = checked(local(folder))
    assert found.verdict == (COMPLETE if verb == "compact" else EXPLAINED)
    assert found.rows == _after(verb, before).total() and not found.unaccounted
    left = [path.name for path in folder.rglob("*") if path.name.startswith(".") or path.name.endswith((".lock", ".record"))]
    assert [name for name in left if not name.startswith(".rewrite.lock.")] == [], "the store takes a half claim away by itself"


@SWEEP
@pytest.mark.parametrize(("verb", "form"), CASES)
def test_a_run_killed_before_any_operation_is_finished_by_the_next(tmp_path: Path, verb: str, form: str, most: int) -> None:
    template = tmp_path / "template"
    filled(template, form)
    before = rows(local(template))
    total = operations(_copy(template, tmp_path / "dry"), verb)
    assert total > 10
    files = len(data_files(tmp_path / "dry"))
    for at in every_point(total, most):
        folder = _copy(template, tmp_path / "run")
        killed(folder, verb, at)
        assert _seen(folder) in (before, _after(verb, before)), f"killed before operation {at}"
        checked(local(folder))
        VERBS[verb](local(folder))
        _assert_finished(folder, verb, before)
        assert len(data_files(folder)) == files, f"killed before operation {at}: {data_files(folder)}"


@pytest.mark.faults
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("share", range(SHARES))
@pytest.mark.parametrize(("verb", "form"), CASES)
def test_a_run_killed_while_it_finishes_another_is_finished_by_the_next(tmp_path: Path, verb: str, form: str, share: int) -> None:
    template = tmp_path / "template"
    filled(template, form)
    before = rows(local(template))
    total = operations(_copy(template, tmp_path / "dry"), verb)
    for first in range(1 + share, total + 1, SHARES):
        once = _copy(template, tmp_path / "once")
        killed(once, verb, first)
        for second in range(1, operations(_copy(once, tmp_path / "dry"), verb) + 1):
            folder = _copy(once, tmp_path / "run")
            killed(folder, verb, second)
            assert _seen(folder) in (before, _after(verb, before))
            VERBS[verb](local(folder))
            _assert_finished(folder, verb, before)


@pytest.mark.parametrize("verb", ["compact", "erase", "prune"])
def test_the_claim_of_a_run_that_died_when_its_work_was_done_goes_with_the_next(tmp_path: Path, verb: str) -> None:
    filled(tmp_path, "csv")
    total = operations(_copy(tmp_path, tmp_path / "dry"), verb)
    folder = _copy(tmp_path, tmp_path / "run")
    killed(folder, verb, total)
    assert list(folder.rglob("rewrite.lock")), "killed before it could take its claim away"
    VERBS[verb](local(folder))
    assert not list(folder.rglob("rewrite.lock"))


@pytest.mark.parametrize("verb", ["compact", "erase", "prune"])
def test_the_claim_of_a_run_that_lives_stays_where_nothing_is_to_be_done(tmp_path: Path, verb: str) -> None:
    filled(tmp_path, "csv")
    folder = _copy(tmp_path, tmp_path / "run")
    VERBS[verb](local(folder))
    for manifests in folder.rglob("_manifest"):
        (manifests / "rewrite.lock").write_text(json.dumps({"run": "0" * 32, "host": "other", "time_ns": 2**62}))
    before = len(list(folder.rglob("rewrite.lock")))
    VERBS[verb](local(folder))
    assert len(list(folder.rglob("rewrite.lock"))) == before > 0


@pytest.mark.parametrize("form", ["csv", "jsonl", "parquet"])
@pytest.mark.parametrize("verb", ["compact", "erase", "prune"])
def test_a_file_that_is_not_whole_goes_also_when_all_else_is_done(tmp_path: Path, verb: str, form: str) -> None:
    """Its run died while it put the file, and the one that took over died before it took it away."""
    filled(tmp_path, form)
    folder = _copy(tmp_path, tmp_path / "run")
    VERBS[verb](local(folder))
    (day,) = (folder / "archive").glob("*/*/*/inputs/2026/11/20")
    hidden = [
        day / f".data-00000001{'5' * 32}-1.{form}.17-23.under-way",
        day / "_manifest" / ".generation-1.jsonl.17-23.under-way",
    ]
    for path in hidden:
        path.write_text("17,1\r\n")
    VERBS[verb](local(folder))
    assert not [path for path in hidden if path.exists()]


@SWEEP
@pytest.mark.parametrize("form", ["csv", "parquet"])
def test_an_erasure_after_a_killed_compaction_leaves_nothing_of_the_subject(tmp_path: Path, form: str, most: int) -> None:
    template = tmp_path / "template"
    shipped = filled(template, form)
    shipped.collect("inputs", {"customer": 99, "n": 1, "text": "Sesame"}, at="2026-11-20T11:00:00")
    shipped.ship()
    before = rows(local(template))
    for at in every_point(operations(_copy(template, tmp_path / "dry"), "compact"), most):
        folder = _copy(template, tmp_path / "run")
        killed(folder, "compact", at)
        erased(local(folder), "text = 'Sesame'")
        assert rows(local(folder)) == without(before, 99), f"killed before operation {at}"
        for path in data_files(folder):
            content = path.read_bytes() if path.suffix != ".parquet" else _values(path)
            assert b"Sesame" not in content, f"killed before operation {at}: {path}"


def _values(path: Path) -> bytes:
    import pyarrow.parquet as pq

    return repr(pq.read_table(path).to_pylist()).encode()
