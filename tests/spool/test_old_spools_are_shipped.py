"""Every format that was ever released is shipped by this version (fault matrix C18)."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import pytest

from modeldata.catalog.audit import audit
from modeldata.settings import Settings
from modeldata.spool.files import Files
from modeldata.store import open_store
from tests.support.archive import rows
from tests.support.service import ship_all

HERE = Path(__file__).parent / "fixtures"

EXPECTED = {
    "list": [("1", "a", "2.5", "", "True"), (str(2**70), 'ü,"\n', "NaN", "eA==", "False")],
    "dicts": [("1", "x"), ("2", "")],
    "block": [("0.0", "1.0"), ("2.0", "3.0"), ("4.0", "5.0"), ("0.0", "1.0"), ("2.0", "3.0")],
    "frame": [("1", "0.5", "x"), ("2", "NaN", "")],
    "arrow": [("1",), ("",)],
}


@pytest.fixture(params=sorted(path.name for path in HERE.glob("spool-?")))
def archive(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    made = tmp_path / "archive"
    spool = Path(Settings.build({}, archive=str(made)).spool_folder())
    shutil.copytree(HERE / request.param, spool)
    for path in [spool, *spool.rglob("*")]:
        path.chmod(0o700 if path.is_dir() else 0o600)
    for folder in ("segments", "sinks", "quarantine"):
        (spool / folder).mkdir(exist_ok=True)  # git keeps no empty folders
    return made


def test_an_old_spool_is_archived_value_for_value(archive: Path) -> None:
    pipeline = ship_all(Files(), str(archive))

    for identifier, expected in EXPECTED.items():
        found = rows(archive, identifier)
        assert [tuple(list(row.values())[3:]) for row in found] == expected, identifier
    assert pipeline.state.torn == 1
    assert audit(open_store(str(archive), Files())).verdict == "complete"


def test_a_segment_from_the_future_is_left_alone_and_reported_while_the_others_are_shipped(archive: Path) -> None:
    spool = Path(Settings.build({}, archive=str(archive)).spool_folder())
    (old,) = (spool / "segments").iterdir()
    content = bytearray(old.read_bytes())
    from zlib import crc32

    for start in (0, 64):
        content[start + 8] = 99
        content[start + 60 : start + 64] = crc32(bytes(content[start : start + 60])).to_bytes(4, "little")
    future = old.with_name("f" * 32 + "-000001.seg")
    future.write_bytes(bytes(content))
    report: list[str] = []
    from tests.support.service import new_pipeline

    pipeline = new_pipeline(Files(), str(archive), report.append)
    while pipeline.step().rows:
        pipeline.remove(pipeline.finished())

    assert future.read_bytes() == bytes(content)
    assert any("version 99" in text and future.name in text for text in report)
    assert len(rows(archive, "block")) == 5


def test_a_spool_folder_of_an_unknown_format_is_refused_and_not_changed(archive: Path) -> None:
    from modeldata import SpoolError

    spool = Path(Settings.build({}, archive=str(archive)).spool_folder())
    note = json.loads((spool / "spool.json").read_text())
    (spool / "spool.json").write_text(json.dumps({**note, "format": 99}))
    before = {path: path.read_bytes() for path in spool.rglob("*") if path.is_file()}

    with pytest.raises(SpoolError, match="its format is 99"):
        ship_all(Files(), str(archive))

    assert {path: path.read_bytes() for path in spool.rglob("*") if path.is_file()} == before
    assert os.listdir(archive) == [spool.name]
