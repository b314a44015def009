"""Promise 3: nothing is lost silently. Counts in `stats()`, in OpenTelemetry, in `audit`, in `doctor`."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pytest

from modeldata import Archive
from modeldata.catalog.audit import Audit
from modeldata.cli.commands.audit import STATUS
from modeldata.cli.commands.doctor import examine
from modeldata.settings import Settings
from modeldata.spool.files import Files
from tests.support.archive import data_files, features, manifest_lines
from tests.support.audits import audit_of
from tests.support.scripts import modeldata
from tests.support.service import ship_all, spool_of


@pytest.fixture
def archive(tmp_path: Path) -> Archive:
    return Archive(tmp_path / "archive", ship="off")


def _collected(folder: Path, rows: int = 20) -> Path:
    """An archive with rows in its spool, and one row refused; nobody shipped yet."""
    made = Archive(folder / "archive", ship="off")
    collector = made.collector("m", "inputs", ["n", "text"])
    for number in range(rows):
        assert collector.collect([number, "x" * 50])
    assert not collector.collect(object)
    made.close(0)
    return folder / "archive"


def drain(archive: Path) -> None:
    """What `modeldata ship --drain` does, in this process."""
    ship_all(Files(), str(archive))


def _audit(archive: Path) -> Audit:
    return audit_of(archive)


def test_stats_add_up_for_every_outcome(archive: Archive, tmp_path: Path) -> None:
    collector = archive.collector("m")
    for number in range(10):
        assert collector.collect([[number], [number]])
    for _ in range(3):
        assert not collector.collect({"refused"})
    assert not collector.collect(["x" * 5_000_000])

    stats = archive.stats()

    assert (stats.accepted, stats.pending, stats.archived) == (20, 20, 0)
    assert stats.dropped == {"unsupported_type": 3, "too_large": 1}
    assert stats.lag_seconds > 0 and stats.bytes > 0 and stats.segments == 1
    archive.close(0)
    drain(tmp_path / "archive")
    after = archive.stats()
    assert (after.pending, after.archived, after.refused) == (0, 20, {"unsupported_type": 3, "too_large": 1})


def test_stats_are_opentelemetry_metrics_too(archive: Archive) -> None:
    from opentelemetry.sdk.metrics import MeterProvider
    from opentelemetry.sdk.metrics.export import InMemoryMetricReader

    from modeldata.metrics import observe

    reader = InMemoryMetricReader()
    observe(archive, MeterProvider(metric_readers=[reader]))
    collector = archive.collector("m")
    for number in range(7):
        assert collector.collect([number])
    collector.collect({"refused"})

    data = json.loads(reader.get_metrics_data().to_json())
    metrics = data["resource_metrics"][0]["scope_metrics"][0]["metrics"]
    values = {metric["name"]: metric["data"]["data_points"] for metric in metrics}

    assert values["modeldata.rows.accepted"][0]["value"] == 7
    assert values["modeldata.rows.pending"][0]["value"] == 7
    (dropped,) = values["modeldata.rows.dropped"]
    assert dropped["value"] == 1 and dropped["attributes"]["reason"] == "unsupported_type"


def test_an_audit_of_a_whole_archive_says_complete_and_exits_with_0(tmp_path: Path) -> None:
    archive = _collected(tmp_path)
    drain(archive)

    done = modeldata("audit", str(archive), "--json")
    report = json.loads(done.stdout)

    assert done.returncode == 0
    assert (report["verdict"], report["rows"], report["refused"]) == ("complete", 20, {"unsupported_type": 1})


@pytest.mark.parametrize(
    "harm", ["remove a row", "change a byte", "append a row", "truncate", "remove the file", "remove a manifest line"]
)
def test_an_audit_finds_every_kind_of_harm_and_exits_with_1(tmp_path: Path, harm: str) -> None:
    archive = _collected(tmp_path)
    drain(archive)
    again = Archive(archive, ship="off")
    assert again.collector("m", "inputs", ["n", "text"]).collect([20, "y"])
    again.close(0)
    drain(archive)
    (file,) = data_files(archive)
    (log,) = archive.rglob("_manifest/data.csv.jsonl")
    content = file.read_bytes()
    lines = content.splitlines(keepends=True)
    if harm == "remove a row":
        file.write_bytes(b"".join(lines[:5] + lines[6:]))
    elif harm == "change a byte":
        file.write_bytes(content.replace(b"xxx", b"xyx", 1))
    elif harm == "append a row":
        file.write_bytes(content + lines[-1])
    elif harm == "truncate":
        file.write_bytes(content[:-3])
    elif harm == "remove the file":
        file.unlink()
    else:
        log.write_text("".join(log.read_text().splitlines(keepends=True)[1:]))

    found = _audit(archive)

    assert STATUS[found.verdict] == 1
    assert any("data.csv" in problem for problem in found.problems)


def test_an_audit_names_a_gap_whose_reason_is_known_and_exits_with_3(tmp_path: Path) -> None:
    archive = _collected(tmp_path)
    (segment,) = archive.rglob("*.seg")
    content = bytearray(segment.read_bytes())
    at = content.index(b"xxxx", 1_200)
    content[at] ^= 0xFF  # one byte of one row's data
    segment.write_bytes(bytes(content))
    drain(archive)

    done = modeldata("audit", str(archive))

    assert done.returncode == 3, done.stdout
    assert "rows" in done.stdout and "damaged" in done.stdout
    ((gap,),) = [writer.missing for writer in _audit(archive).writers]
    assert gap.first == gap.last and gap.reason == "damaged"
    assert len(features(archive)) == 19
    assert list((spool_of(archive) / "quarantine").iterdir()), "kept as it was"


def test_an_audit_lists_files_of_others_without_calling_them_broken(tmp_path: Path) -> None:
    archive = _collected(tmp_path)
    drain(archive)
    old = archive / "sub" / "group" / "acc" / "svc" / "id-m-1" / "inputs" / "2017" / "10" / "01" / "data.csv"
    old.parent.mkdir(parents=True)
    old.write_text("$Timestamp,$CorrelationId,$RequestId,a\n2017-10-01T00:00:00,,,1\n")

    found = _audit(archive)

    assert found.verdict == "complete"
    assert found.unaccounted == ["sub/group/acc/svc/id-m-1/inputs/2017/10/01/data.csv"]


def test_doctor_says_that_all_is_well_and_leaves_nothing_behind(tmp_path: Path) -> None:
    archive = _collected(tmp_path)
    drain(archive)
    before = sorted(path for path in archive.rglob("*"))

    done = modeldata("doctor", "--archive", str(archive))

    assert done.returncode == 0, done.stdout
    assert "collecting is on" in done.stdout and done.stdout.count("can be written and read back") == 2
    assert "20 are archived" in done.stdout
    assert sorted(path for path in archive.rglob("*")) == before


@pytest.mark.parametrize(
    ("env", "said"),
    [
        ({"MODELDATA_ENABLED": "false"}, "collecting is off (from MODELDATA_ENABLED)"),
        ({"AML_MODEL_DC_STORAGE_ENABLED": "false"}, "collecting is off (from AML_MODEL_DC_STORAGE_ENABLED)"),
        ({"MODELDATA_SHIP": "sometimes"}, "MODELDATA_SHIP"),
        ({"MODELDATA_ARCHIVE": "/proc/nowhere"}, "/proc/nowhere"),
        ({"MODELDATA_ARCHIVE": "ftp://x"}, "'ftp' is not known"),
        ({"MODELDATA_SPOOL": "/proc/nowhere"}, "MODELDATA_SPOOL"),
    ],
)
def test_doctor_says_why_nothing_is_there(tmp_path: Path, env: dict[str, str], said: str) -> None:
    done = modeldata("doctor", env={"MODELDATA_ARCHIVE": str(tmp_path), **env})

    assert done.returncode == 1
    assert said in done.stdout.replace("\n", " ")


def test_doctor_says_what_waits_and_that_nobody_ships(tmp_path: Path) -> None:
    archive = _collected(tmp_path)
    report = [finding.text for finding in examine(Settings.build({}, archive=str(archive)), Files())]
    assert any("20 rows wait" in text for text in report)
    assert any("nobody ships" in text for text in report)


def test_drop_counts_reach_the_archives_manifests(tmp_path: Path) -> None:
    archive = _collected(tmp_path)
    drain(archive)
    refused: Counter[str] = Counter()
    for _, line in manifest_lines(archive):
        refused.update(line.get("refused", {}))
    assert refused == {"unsupported_type": 1}


def test_doctor_says_that_a_setting_came_from_the_service_and_that_a_container_takes_the_spool_with_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from typer.testing import CliRunner

    from modeldata.cli.app import app
    from modeldata.spool.files import Files

    archive = Archive(tmp_path / "a", ship="off", min_free_bytes=0, hour_folders=True)
    assert archive.collector("m").collect([1])
    archive.close(0)
    monkeypatch.setattr(Files, "file_system", lambda self, path: "overlay")

    report = CliRunner().invoke(app, ["doctor", "--archive", str(tmp_path / "a")]).output

    assert "hour_folders = True (from the service that used this spool)" in report
    assert "give it a volume" in report
