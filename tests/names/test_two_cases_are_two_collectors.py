"""Collectors that differ by the case of letters alone stay apart on a disk that takes their names for one.

The oracle is what was collected; `folded_siblings` shows that the real folders would stay apart on such a disk.
"""

from __future__ import annotations

import errno
import json
import os
from collections.abc import Iterator
from pathlib import Path, PureWindowsPath
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import HealthCheck, assume, example, given, settings
from hypothesis import strategies as st

from modeldata import Archive, ModelDataCollector
from modeldata.catalog.audit import BROKEN, COMPLETE, audit
from modeldata.format import names
from modeldata.format.paths import collector_folder, identity_of
from modeldata.keep.jobs import erase
from modeldata.ship.pipeline import Pipeline
from modeldata.spool.files import make_folders, replace_file
from modeldata.store.local import LocalStore
from modeldata.store.port import Unavailable
from tests.keep.kit import compacted, job
from tests.support.folding import FoldingFiles, folded_siblings
from tests.support.service import pipeline_of

UNHURRIED = settings(deadline=None)  # a busy machine proves nothing
CASES = ("Churn", "churn", "cHURN")
PLAIN = {"model_name": "m", "identifier": "inputs"}
ARGUMENTS = {"account": "model_management_account_id", "service": "webservice_name"}
CASED = st.text("aAbB-", min_size=1, max_size=3)


class Life:
    """An archive on a disk that folds case, and a shipper for it that works when it is asked to."""

    def __init__(self, folder: Path, file_format: str = "csv") -> None:
        self.root = str(folder / "archive")
        self.files = FoldingFiles(self.root)
        self.archive = Archive(
            self.root, spool=folder / "spool", format=file_format, ship="off", fsync="never", min_free_bytes=0, batch_seconds=0,
            max_row_bytes=1000, exit_timeout=0,
        )  # fmt: skip
        self.store = LocalStore(self.root, self.files)

    def pipeline(self) -> Pipeline:
        return pipeline_of(self.archive.settings, self.files, pytest.fail)

    def ship(self) -> None:
        pipeline = self.pipeline()
        while pipeline.step().rows:
            continue

    def collector(self, **identity: str) -> ModelDataCollector:
        parts: dict[str, Any] = {ARGUMENTS.get(part, part): text for part, text in {**PLAIN, **identity}.items()}
        return self.archive.collector(**parts)

    def collect(self, number: int, **identity: str) -> None:
        assert self.collector(**identity).collect({"n": number})

    def values(self, **identity: str) -> list[int]:
        parts: dict[str, Any] = {part.replace("model_version", "version"): text for part, text in {**PLAIN, **identity}.items()}
        return sorted(self.archive.read(**parts)["n"].to_pylist())


@pytest.fixture(params=["csv", "parquet"])
def life(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Life]:
    life = Life(tmp_path, request.param)
    yield life
    life.archive.close()


def assert_apart(life: Life, rows: int) -> None:
    found = audit(life.store)
    assert (found.verdict, found.rows, found.unaccounted, found.problems) == (COMPLETE, rows, [], [])
    assert folded_siblings(life.root) == []


@pytest.mark.parametrize("part", names.IDENTITY)
def test_collectors_of_two_cases_have_folders_of_their_own(life: Life, part: str) -> None:
    for number, name in enumerate(CASES):
        life.collect(number, **{part: name})
        life.ship()
    for number, name in enumerate(CASES):  # and where a shipper without its memory comes
        life.collect(10 + number, **{part: name})
    life.ship()
    for number, name in enumerate(CASES):
        assert life.values(**{part: name}) == [number, 10 + number]
    assert_apart(life, 6)


def test_two_cases_in_one_round_stay_apart(life: Life) -> None:
    for number, name in enumerate(CASES):
        life.collect(number, model_name=name)
    life.ship()
    assert [life.values(model_name=name) for name in CASES] == [[0], [1], [2]]
    assert_apart(life, 3)


def test_what_was_refused_of_the_second_case_is_said_in_a_folder_of_its_own(life: Life) -> None:
    life.collect(0, model_name="Churn")
    life.ship()
    assert not life.collector(model_name="churn").collect({"n": "x" * 2000})
    life.archive.close()
    life.ship()
    folders = {}
    for log in Path(life.root).rglob("_manifest/*.jsonl"):
        for line in log.read_text().splitlines() if "unknown" in log.parts else ():
            folders[json.loads(line)["identity"]["model_name"]] = log.parts[-7]
    assert folders == {"Churn": "unknown-Churn-unknown", "churn": names.respelled("unknown-churn-unknown")}
    assert audit(life.store).refused == {"too_large": 1}


def test_the_second_case_is_compacted_and_erased_alone(life: Life) -> None:
    for number in range(4):
        life.collect(number, model_name=CASES[number % 2])
        life.ship()
    assert not [done.problem for done in compacted(life.store) if done.problem]
    assert [life.values(model_name=name) for name in CASES[:2]] == [[0, 2], [1, 3]]
    assert not [done.problem for done in erase(job(life.store, model_name="churn"), "n = 1", dry=False) if done.problem]
    assert [life.values(model_name=name) for name in CASES[:2]] == [[0, 2], [3]]
    assert folded_siblings(life.root) == []


def test_a_disk_that_tells_case_apart_has_the_names_as_before(tmp_path: Path) -> None:
    life = Life(tmp_path)
    life.files = type("Telling", (FoldingFiles,), {"_real": lambda self, path: path})(life.root)
    for number, name in enumerate(CASES):
        life.collect(number, model_name=name)
    life.ship()
    assert {path.name for path in Path(life.root, "unknown", "unknown").iterdir()} == {
        f"unknown-{name}-unknown" for name in CASES
    }


def test_the_first_name_is_plain_and_the_second_decodes_to_the_same_text(life: Life) -> None:
    for number, name in enumerate(CASES[:2]):
        life.collect(number, model_name=name)
        life.ship()
    first, second = sorted(path.name for path in Path(life.root, "unknown", "unknown").iterdir())
    assert first == "unknown-Churn-unknown"
    assert names.decode_component(second) == "unknown-churn-unknown" != second


def test_a_folder_that_can_not_be_looked_at_stops_no_other(tmp_path: Path) -> None:
    life = Life(tmp_path)
    life.collect(0, model_name="Churn", service="a")
    life.ship()
    listdir = life.files.listdir

    def refused(path: str) -> list[str]:
        if path.endswith(f"{os.sep}a"):
            raise OSError(errno.EACCES, "Permission denied", path)
        return listdir(path)

    life.files.listdir = refused  # type: ignore[method-assign] # a disk with one fault
    with pytest.raises(Unavailable, match="find a folder of the archive"):
        LocalStore(life.root, life.files).own_folder("unknown/a/unknown-churn-unknown")
    for service in ("a", "b"):
        life.collect(1, model_name="churn", service=service)
    life.ship()
    life.files.listdir = listdir  # type: ignore[method-assign] # mended
    assert life.values(model_name="churn", service="b") == [1]


def test_an_audit_says_that_two_cases_met_when_an_archive_was_copied_to_such_a_disk(tmp_path: Path) -> None:
    life = Life(tmp_path)
    for number, name in enumerate(CASES[:2]):  # as a disk that tells case apart has them
        life.collect(number, model_name=name)
    pipeline = pipeline_of(life.archive.settings, warn=pytest.fail)
    while pipeline.step().rows:
        continue
    copy = FoldingFiles(tmp_path / "copy")
    for path in sorted(path for path in Path(life.root).rglob("*") if path.is_file()):
        target = str(tmp_path / "copy" / path.relative_to(life.root))
        make_folders(copy, os.path.dirname(target))
        replace_file(copy, target, path.read_bytes())
    assert audit(LocalStore(str(tmp_path / "copy"), copy)).verdict == BROKEN


@settings(UNHURRIED, max_examples=6, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(st.fixed_dictionaries(dict.fromkeys(names.IDENTITY, CASED)), min_size=2, max_size=4))
@example([dict.fromkeys(names.IDENTITY, case) for case in ("a", "A")])
def test_any_identities_keep_their_rows(identities: list[dict[str, str]]) -> None:
    with TemporaryDirectory() as folder:
        life = Life(Path(folder))
        expected: dict[str, list[int]] = {}
        for number, identity in enumerate(identities):
            life.collect(number, **identity)
            life.ship()
            expected.setdefault(json.dumps(identity), []).append(number)
        assert {key: life.values(**json.loads(key)) for key in expected} == expected
        assert_apart(life, len(identities))
        life.archive.close()


TEXT = st.text(st.sampled_from("aAbBcCdDoOnN-._~ éÉ2\0"), max_size=8)


@UNHURRIED
@given(TEXT, TEXT)
@example("con", "Con")
@example("~2d", "~2D")
@example("é", "É")
def test_components_are_one_name_to_such_a_disk_only_where_their_texts_are(one: str, other: str) -> None:
    assume(one.casefold() != other.casefold())
    assert names.component(one).casefold() != names.component(other).casefold()


@UNHURRIED
@given(TEXT, TEXT)
@example("churn", "~63hurn")
@example("a" * 170, "A" * 170)
def test_the_second_name_of_a_text_is_nobody_elses_in_any_case(one: str, other: str) -> None:
    assume(one != other)
    second = names.respelled(names.component(one))
    assert second.casefold() != names.respelled(names.component(other)).casefold()
    if second != names.component(one):
        assert second.casefold() != names.component(other).casefold()
    assert names.respelled(second) == second and len(second) <= names.LONGEST


@UNHURRIED
@given(st.fixed_dictionaries(dict.fromkeys(names.IDENTITY, CASED)))
def test_the_second_folder_of_a_collector_names_it(identity: dict[str, str]) -> None:
    assert identity_of(names.respelled(collector_folder(identity))) == identity


@UNHURRIED
@given(st.fixed_dictionaries({part: st.one_of(CASED, TEXT, st.text(max_size=90)) for part in names.IDENTITY}))
@example(dict.fromkeys(names.IDENTITY, "Con"))
@example(dict.fromkeys(names.IDENTITY, "com1 .txt"))
@example(dict.fromkeys(names.IDENTITY, "a:b. "))
@example(dict.fromkeys(names.IDENTITY, "COM\u00b9"))
def test_windows_takes_each_name_of_a_path_as_it_is(identity: dict[str, str]) -> None:
    for folder in (collector_folder(identity), names.respelled(collector_folder(identity))):
        path = PureWindowsPath("C:/archive", folder)
        assert path.parts[2:] == tuple(folder.split("/"))
        assert not set('<>:"|?*') & set(folder) and folder.isprintable()
        for name in path.parts[2:]:
            assert not PureWindowsPath(name).is_reserved() and name == name.rstrip(". ")
