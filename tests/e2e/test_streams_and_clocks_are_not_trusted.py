"""Promises 1 and 5: a clock that stands still, or a stream that nobody can write to, stops no call of ours."""

from __future__ import annotations

import time
from pathlib import Path

import freezegun
import pytest

from modeldata import Archive
from tests.support.scripts import run


@pytest.mark.parametrize("step", [0.0, -1.0])
def test_flush_ends_although_the_clock_stands_still_or_runs_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: float
) -> None:
    archive = Archive(tmp_path, ship="off", fsync="never", min_free_bytes=1)
    assert archive.collector("m").collect([1])
    moments = iter(1000.0 + step * number for number in range(100))  # ends, so that a flush without an end fails
    monkeypatch.setattr(time, "monotonic", lambda: next(moments))
    assert archive.flush(0.2) is False
    assert archive.close(0.1) is False


def test_a_test_tool_that_freezes_time_stops_neither_flush_nor_a_full_spool(tmp_path: Path) -> None:
    with freezegun.freeze_time("2026-01-02"):
        archive = Archive(
            tmp_path, ship="off", fsync="never", min_free_bytes=1, spool_max_bytes=300_000, when_full="block", block_timeout=0.05
        )
        collector = archive.collector("m")
        accepted = [collector.collect(["x" * 5_000]) for _ in range(80)]
        assert archive.flush(0.2) is False
        assert archive.close(0.1) is False
    assert True in accepted and False in accepted
    assert archive.stats().dropped == {"spool_full": accepted.count(False)}


@pytest.mark.parametrize("stream", ["sys.stdout.close()", "sys.stdout = None", "sys.stdout = open('o', 'w', encoding='ascii')"])
@pytest.mark.parametrize("variable", ["AML_MODEL_DC_DEBUG", "MODELDATA_SERVICE"])
def test_no_stream_that_can_not_be_written_reaches_the_service(tmp_path: Path, stream: str, variable: str) -> None:
    run(
        f"""
    import os, sys
    {stream}
    from azureml.datacollector import ModelDataCollector
    assert ModelDataCollector("m").collect([1]) is False
    os.environ["AML_MODEL_DC_STORAGE_ENABLED"] = "true"
    os.environ["MODELDATA_SHIP"] = "off"
    collector = ModelDataCollector("m", feature_names=["é"])
    assert collector.collect(["ü"]) and collector.collect({{"refused"}}) is False
    """,
        tmp_path,
        env={variable: "true"},
    )
