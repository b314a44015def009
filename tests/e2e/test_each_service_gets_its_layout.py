"""Several services, one spool, one shipper: the files of each are of its own format, in its own folders.

What each service wants goes with its rows. The settings of the process that ships are for rows of earlier versions alone.
"""

from __future__ import annotations

import csv
import json
import os
import shutil
import subprocess
import sys
import textwrap
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import msgpack
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis
from hypothesis import strategies as st

from modeldata import Archive
from modeldata.catalog.audit import audit
from modeldata.format import names
from modeldata.format.files import FORMATS
from modeldata.settings import Settings
from modeldata.ship.pipeline import Pipeline
from modeldata.snapshot.schema import Schema
from modeldata.spool.files import Files
from modeldata.store import open_store
from tests.support.archive import manifest_lines
from tests.support.scripts import drain, environment
from tests.support.service import Service, finish, new_pipeline, pipeline_of

Found = Counter[tuple[str, str, bool, str]]
"""(identifier, format, is it in the folder of an hour, the cell) of each row."""

SERVICES = {
    "a": {"MODELDATA_FORMAT": "csv", "MODELDATA_EXCEL_SAFE": "true"},
    "b": {"MODELDATA_FORMAT": "jsonl", "AML_MODEL_DC_BOUNDARY": "hour"},
    "c": {"MODELDATA_FORMAT": "parquet"},
}
ROWS = 30


def _cells(path: Path) -> list[str]:
    """What the first feature of each row is, as other programs read it."""
    if path.suffix == ".csv":
        with path.open(newline="", encoding="utf-8") as file:
            return [row[3] for row in list(csv.reader(file))[1:]]
    if path.suffix == ".jsonl":
        rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    else:
        rows = pq.ParquetFile(path).read().to_pylist()
    return [str(next(value for name, value in row.items() if name not in names.OWN_COLUMNS)) for row in rows]


def found_in(root: Path) -> Found:
    found: Found = Counter()
    for path in sorted(root.rglob("data*.*")):
        below = path.relative_to(root).parts
        if any(part.startswith(".modeldata-spool") for part in below) or names.MANIFEST in below:
            continue
        hour = len(below) == 9  # account, service, model, identifier, year, month, day, hour, file
        assert len(below) in (8, 9), path
        found.update((below[3], path.suffix[1:], hour, cell) for cell in _cells(path))
    return found


def expected_of(service: str, number: int) -> tuple[str, str, bool, str]:
    text = f"=1+{number}"
    return {
        "a": (service, "csv", False, "'" + text),
        "b": (service, "jsonl", True, text),
        "c": (service, "parquet", False, text),
    }[service]


EXPECTED: Found = Counter(expected_of(service, number) for service in SERVICES for number in range(ROWS))

PROGRAM = """
    import sys
    from modeldata import ModelDataCollector, flush
    collector = ModelDataCollector("m", sys.argv[1], ["x"])
    print("ready", flush=True)
    sys.stdin.readline()
    for number in range(int(sys.argv[2])):
        assert collector.collect([f"=1+{number}"])
    if sys.argv[3] == "wait":
        assert flush(60)
"""


def _run(folder: Path, archive: str, then: str, env: dict[str, str]) -> None:
    """All services at once, each a process of its own."""
    script = folder / "service.py"
    script.write_text(textwrap.dedent(PROGRAM))
    common = {"MODELDATA_ARCHIVE": archive, "MODELDATA_MIN_FREE_BYTES": "0", "MODELDATA_BATCH_SECONDS": "0.1", **env}
    processes = [
        subprocess.Popen(
            [sys.executable, str(script), service, str(ROWS), then],
            env=environment(**common, **wanted), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )
        for service, wanted in SERVICES.items()
    ]  # fmt: skip
    for process in processes:
        assert process.stdout is not None and process.stdout.readline() == "ready\n"
    for process in processes:
        process.communicate("go\n", timeout=120)
    assert [process.returncode for process in processes] == [0, 0, 0]


def test_three_services_on_one_spool_each_get_their_format_whoever_of_them_ships(tmp_path: Path) -> None:
    _run(tmp_path, str(tmp_path / "archive"), "wait", {})
    drain(tmp_path / "archive")

    assert found_in(tmp_path / "archive") == EXPECTED
    assert audit(open_store(str(tmp_path / "archive"), Files())).verdict == "complete"


def test_each_of_several_archives_gets_each_service_as_it_wants(tmp_path: Path) -> None:
    archives = [tmp_path / "one", tmp_path / "two"]
    _run(tmp_path, ",".join(map(str, archives)), "wait", {"MODELDATA_SPOOL": str(tmp_path / "spool")})

    assert [found_in(archive) for archive in archives] == [EXPECTED, EXPECTED]


@pytest.mark.parametrize("leader", [*SERVICES, "nobody"])
def test_an_operator_who_ships_with_any_settings_changes_no_service(tmp_path: Path, leader: str) -> None:
    archive = tmp_path / "archive"
    for service, wanted in SERVICES.items():
        with pytest.MonkeyPatch.context() as patch:
            for name, value in wanted.items():
                patch.setenv(name, value)
            made = Archive(archive, ship="off", min_free_bytes=0)
            for number in range(ROWS):
                assert made.collector("m", service, ["x"]).collect([f"=1+{number}"])
            made.close(0)

    _ship(archive, SERVICES.get(leader, {}))

    assert found_in(archive) == EXPECTED


def _ship(archive: Path, env: dict[str, str]) -> Pipeline:
    """As a shipper with the environment `env`, until nothing is left."""
    return finish(pipeline_of(Settings.build(env, archive=str(archive), min_free_bytes=0), warn=print))


KINDS = {
    "list": lambda text: [text],
    "dict": lambda text: {"x": text},
    "rows": lambda text: [[text]],
    "array": lambda text: np.array([[text]]),
    "frame": lambda text: pd.DataFrame({"x": [text]}),
    "arrow": lambda text: pa.table({"x": [text]}),
}
LAYOUTS = st.tuples(st.sampled_from(list(FORMATS)), st.booleans(), st.booleans())
CALLS = st.lists(st.tuples(LAYOUTS, st.sampled_from(["inputs", "outputs"]), st.sampled_from(sorted(KINDS))), max_size=5)


@hypothesis(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(calls=CALLS, leader=LAYOUTS)
def test_any_services_in_turn_leave_rows_of_one_collector_each_as_it_was_accepted(
    tmp_path_factory: pytest.TempPathFactory, calls: list[tuple[tuple[str, bool, bool], str, str]], leader: tuple[str, bool, bool]
) -> None:
    archive = tmp_path_factory.mktemp("layouts")
    expected: Found = Counter()
    for number, ((form, hours, safe), identifier, kind) in enumerate(calls):  # a restart with other settings, each time
        made = Archive(archive, ship="off", min_free_bytes=0, format=form, hour_folders=hours, excel_safe=safe)
        assert made.collector("m", identifier, ["x"]).collect(KINDS[kind](f"=1+{number}"))
        made.close(0)
        expected[identifier, form, hours, f"'=1+{number}" if safe and form == "csv" else f"=1+{number}"] += 1

    form, hours, safe = leader
    boundary = "hour" if hours else "day"
    _ship(archive, {"MODELDATA_FORMAT": form, "AML_MODEL_DC_BOUNDARY": boundary, "MODELDATA_EXCEL_SAFE": str(safe)})

    assert found_in(archive) == expected
    shutil.rmtree(archive)


def test_a_spool_noted_as_csv_does_not_make_csv_of_rows_that_were_collected_for_json_lines(tmp_path: Path) -> None:
    archive = tmp_path / "archive"
    for form, identifier in (("jsonl", "first"), ("csv", "last")):
        made = Archive(archive, ship="off", min_free_bytes=0, format=form, hour_folders=form == "jsonl")
        assert made.collector("m", identifier, ["x"]).collect(["v"])
        made.close(0)

    drain(archive)

    assert found_in(archive) == Counter([("first", "jsonl", True, "v"), ("last", "csv", False, "v")])


def test_rows_of_ever_new_columns_share_a_file_of_their_own_format(tmp_path: Path) -> None:
    expected: Counter[str] = Counter()
    for form in ("csv", "jsonl"):
        made = Archive(tmp_path, ship="off", min_free_bytes=0, format=form)
        for number in range(50):
            assert made.collector("m", "inputs").collect({f"{form}{number}": number})
            expected[form] += 1
        made.close(0)

    _ship(tmp_path, {})

    assert Counter(form for _, form, _, _ in found_in(tmp_path).elements()) == expected
    assert sum("$Json" in path.read_text() for path in tmp_path.rglob("data*.csv")) == 1
    assert sum('"$Json"' in path.read_text() for path in tmp_path.rglob("data*.jsonl") if path.parent.name != names.MANIFEST) == 1


def test_what_was_refused_is_reported_in_the_folder_of_the_hour(tmp_path: Path) -> None:
    made = Archive(tmp_path, ship="off", min_free_bytes=0, hour_folders=True)
    collector = made.collector("m", "inputs", ["x"])
    assert collector.collect(["v"])
    assert not collector.collect({7})
    made.close(0)

    _ship(tmp_path, {})

    (report,) = [path for path, line in manifest_lines(tmp_path) if "refused" in line]
    assert len(report.relative_to(tmp_path).parts) == 10


@pytest.mark.parametrize(
    "forged",
    [
        {"format": "xlsx"}, {"format": "../../x"}, {"format": ""}, {"format": None}, {"format": 7}, {"format": ["csv"]},
        {"format": {"csv": 1}}, {"format": b"csv"}, {"hour_folders": 1}, {"hour_folders": "day"}, {"excel_safe": None},
        {"excel_safe": []}, None, 3, "csv", [], {},
    ],
    ids=repr,
)  # fmt: skip
def test_a_forged_layout_is_refused_and_not_believed_while_others_go_on(tmp_path: Path, forged: object) -> None:
    service = Service(Files(), str(tmp_path))
    good = {"format": "csv", "hour_folders": False, "excel_safe": False}
    layout = {**good, **forged} if isinstance(forged, dict) and forged else forged
    shapes = service.shapes["inputs"]
    definition = {**msgpack.unpackb(shapes.row_schema(2, True).definition), "archive_layout": layout}
    shapes.rows[2, True] = Schema(shapes.stream, ("number", "text"), msgpack.packb(definition))
    assert service.collect("inputs", 1) and service.collect("predictions", 2)

    report: list[str] = []
    pipeline = new_pipeline(Files(), str(tmp_path), report.append)
    pipeline.step()

    assert found_in(tmp_path) == Counter([("predictions", "csv", False, "2")])
    assert pipeline.state.quarantined == 1
    assert any("quarantined" in text for text in report)


@pytest.fixture(params=[("csv", "day"), ("jsonl", "hour"), ("parquet", "day")], ids="-".join)
def of_leader(request: pytest.FixtureRequest) -> Iterator[tuple[str, str]]:
    yield request.param


def test_rows_without_a_layout_as_earlier_versions_wrote_them_get_that_of_the_shipper(
    tmp_path: Path, of_leader: tuple[str, str]
) -> None:
    service = Service(Files(), str(tmp_path))  # its definitions have no layout
    assert service.collect("inputs", 1)

    _ship(tmp_path, {"MODELDATA_FORMAT": of_leader[0], "AML_MODEL_DC_BOUNDARY": of_leader[1]})

    number = "1.0" if of_leader[0] == "parquet" else "1"
    assert found_in(tmp_path) == Counter([("inputs", of_leader[0], of_leader[1] == "hour", number)])


@pytest.mark.parametrize("spool", ["spool-1", "spool-2"])
def test_an_old_spool_is_shipped_in_the_format_of_the_shipper(tmp_path: Path, of_leader: tuple[str, str], spool: str) -> None:
    archive = tmp_path / "archive"
    folder = Path(Settings.build({}, archive=str(archive)).spool_folder())
    shutil.copytree(Path(__file__).parents[1] / "spool" / "fixtures" / spool, folder)
    for below in ("segments", "sinks", "quarantine"):
        (folder / below).mkdir(exist_ok=True)  # git keeps no empty folders
    for path in [folder, *folder.rglob("*")]:
        os.chmod(path, 0o700 if path.is_dir() else 0o600)

    _ship(archive, {"MODELDATA_FORMAT": of_leader[0], "AML_MODEL_DC_BOUNDARY": of_leader[1]})

    found = found_in(archive)
    assert {(form, hour) for _, form, hour, _ in found} == {(of_leader[0], of_leader[1] == "hour")}
    assert found.total() == 13
