"""A row at which the encoder crashes is set aside alone: shippers live, and every other row is archived once."""

from __future__ import annotations

import csv
import json
import signal
from collections import Counter
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from modeldata import Archive
from modeldata.errors import SpoolError
from modeldata.settings import Settings
from modeldata.ship import deadly_rounds, isolation
from modeldata.ship.pipeline import Pipeline
from tests.support.scripts import modeldata, run, wait_until
from tests.support.service import pipeline_of

POISON = "poison"
DOUBLE = """
import os, signal, time
import modeldata.columns, modeldata.encode

def act():
    how = os.environ["POISON_HOW"]
    if how == "segv":
        os.kill(os.getpid(), signal.SIGSEGV)
    elif how == "exit":
        os._exit(0)
    time.sleep(3600)

def deadly_encode(encode):
    def wrapped(self, columns, **options):
        for column in columns:
            values = column.values if isinstance(column.values, list) else column.values.to_pylist()
            if os.environ["POISON_WHERE"] == "always" or any("poison" in str(value) for value in values):
                act()
        return encode(self, columns, **options)
    return wrapped

def deadly_decode(decode):
    def wrapped(types, extra, found, *most):
        if any(b"poison" in bytes(data) for _, data in found):
            act()
        return decode(types, extra, found, *most)
    return wrapped

if os.environ["POISON_WHERE"] == "decode":
    for decoders in (modeldata.columns._DECODERS, modeldata.columns._SOME):
        decoders.update({layout: deadly_decode(decode) for layout, decode in decoders.items()})
else:
    for name in ("csv", "jsonl", "parquet"):
        kind = type(modeldata.encode.format_of(name))
        kind.encode = deadly_encode(kind.encode)
"""
"""Loaded by each Python that starts with its folder in PYTHONPATH: a library that crashes at a value."""


def _deadly(folder: Path, how: str = "segv", where: str = "encode") -> dict[str, str]:
    """The environment of processes whose encoder dies of the word."""
    (folder / "site").mkdir(exist_ok=True)
    (folder / "site" / "sitecustomize.py").write_text(DOUBLE)
    return {"PYTHONPATH": str(folder / "site"), "POISON_HOW": how, "POISON_WHERE": where}


def _values(archive: Path) -> Counter[str]:
    """The texts of all rows in the archive, by other readers than ours."""
    found: Counter[str] = Counter()
    for path in archive.rglob("data*.csv"):
        with path.open(encoding="utf-8", newline="") as lines:
            found.update(row.get("text") or json.loads(row["$Json"])["text"] for row in csv.DictReader(lines))
    for path in archive.rglob("data*.parquet"):
        found.update(pq.ParquetFile(path).read()["text"].to_pylist())
    return found


def _set_aside(archive: Path) -> list[Path]:
    return sorted(archive.rglob("quarantine/*.bin"))


COLLECT = """
    import sys
    from modeldata import Archive
    archive = Archive("archive", ship="{ship}", format="{form}", batch_seconds=0.0)
    for name in ("in", "out"):
        if "{fresh}" == "True":
            for number in range(9):
                assert archive.collector(name, name, ["text"]).collect([f"{{name}}{{number}}"])
    if "{fresh}" == "True":
        assert archive.collector("in", "in", ["text"]).collect(["poison"])
    archive.collector("other", "other", ["text"]).collect(["{word}"])
    sys.exit(0 if archive.flush({wait}) else 5)
"""
ALL = Counter([f"{name}{number}" for name in ("in", "out") for number in range(9)])


def _service(folder: Path, ship: str, word: str, env: dict[str, str], *, form: str = "csv", fresh: bool = False) -> int:
    wait = 0 if ship == "off" else 60
    code = COLLECT.format(ship=ship, word=word, form=form, fresh=fresh, wait=wait)
    return run(code, folder, env, check=False).returncode


@pytest.mark.parametrize("form", ["csv", pytest.param("parquet", marks=pytest.mark.faults)])
def test_after_two_drains_that_died_the_third_archives_every_other_row(tmp_path: Path, form: str) -> None:
    env = _deadly(tmp_path)
    _service(tmp_path, "off", "a", {}, form=form, fresh=True)
    archive = str(tmp_path / "archive")
    statuses = [modeldata("ship", "--drain", "--archive", archive, env=env).returncode for _ in range(3)]
    assert statuses == [-signal.SIGSEGV, -signal.SIGSEGV, 0]
    assert _values(tmp_path / "archive") == ALL + Counter(["a"])
    assert len(_set_aside(tmp_path / "archive")) == 1
    audit = modeldata("audit", archive)
    assert "quarantined" in audit.stdout + audit.stderr


@pytest.mark.faults
def test_a_service_with_a_shipper_thread_dies_twice_of_a_row_and_then_lives(tmp_path: Path) -> None:
    env = _deadly(tmp_path)
    statuses = [_service(tmp_path, "thread", word, env, fresh=word == "a") for word in "abc"]
    assert statuses == [-signal.SIGSEGV, -signal.SIGSEGV, 0]
    assert _values(tmp_path / "archive") == ALL + Counter("abc")
    assert len(_set_aside(tmp_path / "archive")) == 1


@pytest.mark.faults
def test_shipping_processes_that_die_of_a_row_are_followed_by_one_that_sets_it_aside(tmp_path: Path) -> None:
    assert _service(tmp_path, "process", "a", _deadly(tmp_path), fresh=True) == 0
    wait_until(lambda: _values(tmp_path / "archive") == ALL + Counter(["a"]))
    assert len(_set_aside(tmp_path / "archive")) == 1


class _Life:
    """A spool whose rounds are all encoded in other processes."""

    def __init__(
        self, folder: Path, patch: pytest.MonkeyPatch, how: str = "segv", where: str = "encode", form: str = "csv"
    ) -> None:
        self._patch = patch
        self.deadly(_deadly(folder, how, where))
        patch.setattr(deadly_rounds, "DEATHS", 0)
        self.path = folder / "archive"
        self._archive = Archive(str(self.path), ship="off", format=form)
        self.settings = Settings.build({}, archive=str(self.path), format=form, min_free_bytes=0)
        self.warned: list[str] = []

    def deadly(self, env: dict[str, str]) -> None:
        for name, value in env.items():
            self._patch.setenv(name, value)

    def collect(self, name: str, data: object, columns: list[str] | None = None) -> None:
        assert self._archive.collector(name, name, columns).collect(data)

    def ship(self) -> Pipeline:
        self._archive.close()
        pipeline = pipeline_of(self.settings, warn=self.warned.append)
        while pipeline.step().more:
            continue
        return pipeline


def test_a_row_inside_a_large_call_is_set_aside_without_the_others(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    life = _Life(tmp_path, monkeypatch, form="parquet")
    rows = [[f"row{number}"] for number in range(11)]
    life.collect("in", [*rows[:6], [POISON], *rows[6:]], ["text"])
    state = life.ship().state
    assert _values(life.path) == Counter(text for (text,) in rows)
    assert state.quarantined == 1
    numbers = [(row["$Row"], row["$Sequence"], row["text"]) for path in life.path.rglob("data*.parquet") for row in _rows(path)]
    assert sorted(numbers) == [(place, place, f"row{place if place < 6 else place - 1}") for place in range(12) if place != 6]


def _rows(path: Path) -> list[dict[str, object]]:
    found: list[dict[str, object]] = pq.ParquetFile(path).read().to_pylist()
    return found


@pytest.mark.sampled(2)
@pytest.mark.parametrize(("how", "where"), [("exit", "encode"), ("segv", "decode")])
def test_one_row_in_each_of_two_collectors_is_set_aside(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, how: str, where: str
) -> None:
    life = _Life(tmp_path, monkeypatch, how, where)
    for name in ("in", "out"):
        for text in (f"{name}1", POISON, f"{name}2"):
            life.collect(name, {"text": text})
    life.collect("good", {"text": "good"})
    state = life.ship().state
    assert _values(life.path) == Counter(["in1", "in2", "out1", "out2", "good"])
    assert state.quarantined == 2
    assert sum("the encoder died of it" in text for text in life.warned) == 2


@pytest.mark.faults
def test_a_row_that_hangs_its_encoder_is_set_aside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(isolation, "SECONDS", 10.0)
    life = _Life(tmp_path, monkeypatch, how="hang")
    for text in ("a", POISON):
        life.collect("in", {"text": text})
    assert life.ship().state.quarantined == 1
    assert _values(life.path) == Counter(["a"])
    assert "it took too long" in life.warned[-1]


def test_where_the_encoder_dies_of_every_row_nothing_is_set_aside_and_all_waits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    life = _Life(tmp_path, monkeypatch, where="always")
    life.collect("in", {"text": "a"})
    with pytest.raises(SpoolError, match="died also without them: SIGSEGV"):
        life.ship()
    assert not _set_aside(life.path)
    life.deadly(_deadly(tmp_path))
    life.ship()
    assert _values(life.path) == Counter(["a"])


def test_the_next_row_of_its_kind_kills_no_shipper(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only processes of its own die of the second: what had one row set aside is encoded apart for a while."""
    life = _Life(tmp_path, monkeypatch)
    life.collect("in", {"text": POISON})
    assert life.ship().state.quarantined == 1
    monkeypatch.setattr(deadly_rounds, "DEATHS", 2)
    again = _Life.__new__(_Life)
    again.__dict__.update(life.__dict__, _archive=Archive(str(life.path), ship="off"))
    again.collect("in", {"text": POISON})
    again.collect("in", {"text": "a"})
    assert again.ship().state.quarantined == 2
    assert _values(life.path) == Counter(["a"])


def test_rows_that_share_a_file_as_json_are_cut_down_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("modeldata.ship.placement.MAX_SHAPES", 1)
    life = _Life(tmp_path, monkeypatch)
    life.collect("in", {"text": "a"})
    life.collect("in", [{"text": "b", "x": 1}, {"text": POISON, "x": 2}, {"text": "c", "x": 3}])
    assert life.ship().state.quarantined == 1
    assert _values(life.path) == Counter("abc")
