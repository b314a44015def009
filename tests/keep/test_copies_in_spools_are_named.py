"""What an erasure can't take, since a service or a shipper holds it, is named: file by file, with the rows, until it is gone."""

from __future__ import annotations

import json
from pathlib import Path
from unittest import mock

import pytest

from modeldata import Archive
from modeldata.keep.copies import copies as copies_of
from modeldata.keep.expression import Expression
from modeldata.settings import Settings
from modeldata.spool.files import Files
from modeldata.spool.folder import open_place
from tests.read.kit import Shipped

from .conftest import Run
from .kit import DAY, job, local

AT = f"{DAY}T10:00:00"
ANN = "who = 'ann@example.com'"


@pytest.fixture(params=["csv", "parquet"])
def shipped(request: pytest.FixtureRequest, tmp_path: Path) -> Shipped:
    """Archived, and still in the segment of a service that lives: two rows of Ann and one of Bob."""
    made = Shipped(str(tmp_path / "archive"), tmp_path / "spool", request.param)
    for number, who in enumerate(["ann", "bob", "ann"]):
        made.collect("inputs", {"who": f"{who}@example.com", "n": number}, at=AT)
    made.ship()
    return made


def ship(shipped: Shipped) -> None:
    """Ship, whatever the shipper warns of."""
    with mock.patch.object(shipped._pipeline._sender, "_warn", lambda text: None):
        shipped.ship()


def segments(folder: Path) -> list[Path]:
    return sorted((folder / "spool").rglob("*.seg"))


def erased(run: Run, folder: Path, where: str = ANN, *more: str) -> tuple[int, dict[str, object]]:
    """Exit code, and what is said as JSON; a dry run says the same before."""
    dry = json.loads(run("erase", "archive", "--spool", str(folder / "spool"), "--where", where, "--json", *more)[1])
    spool = {path: path.read_bytes() for path in (folder / "spool").rglob("*") if path.is_file()}
    code, out, _ = run("erase", "archive", "--spool", str(folder / "spool"), "--where", where, "--json", "--yes", *more)
    report: dict[str, object] = json.loads(out)
    assert {**dry, "dry_run": False} == report
    assert {path: path.read_bytes() for path in (folder / "spool").rglob("*") if path.is_file()} == spool
    return code, report


def copies(report: dict[str, object]) -> list[tuple[str, object]]:
    found = report["copies"]
    assert isinstance(found, list)
    return [(copy["path"], copy["rows"]) for copy in found]


def test_archived_rows_in_the_segment_of_a_living_service_are_named_until_it_ends(
    run: Run, shipped: Shipped, tmp_path: Path
) -> None:
    (segment,) = segments(tmp_path)
    code, report = erased(run, tmp_path)
    assert (code, report["rows"], copies(report)) == (1, 2, [(str(segment), 2)])
    assert "until it is full or the service that writes it ends" in str(report["copies"])
    shipped.archive.close()
    code, report = erased(run, tmp_path, "who = 'bob@example.com'")
    assert "the next shipper removes this file" in str(report["copies"])
    code, _, err = run("erase", "archive", "--spool", str(tmp_path / "spool"), "--where", ANN, "--yes")
    assert code == 1 and "2 rows that fit are in" in " ".join(err.split()), "also when the archive has no such column any more"
    segments(tmp_path)[0].unlink()
    assert "rows that fit" not in run("erase", "archive", "--spool", str(tmp_path / "spool"), "--where", ANN)[2]


def test_a_text_line_says_which_file_has_them_and_what_to_do(run: Run, shipped: Shipped, tmp_path: Path) -> None:
    (segment,) = segments(tmp_path)
    code, _, err = run("erase", "archive", "--spool", str(tmp_path / "spool"), "--where", ANN)
    assert code == 0, "a dry run only shows it"
    assert f"2 rows that fit are in {segment}: they are archived" in " ".join(err.split())


def test_rows_that_wait_are_named_with_what_to_do_first(run: Run, shipped: Shipped, tmp_path: Path) -> None:
    shipped.collect("inputs", {"who": "ann@example.com", "n": 9}, at=AT)
    code, report = erased(run, tmp_path)
    assert (code, report["rows"], copies(report)) == (1, 2, [(str(segments(tmp_path)[0]), 3)])
    assert "archive them (modeldata ship --drain), then erase again" in str(report["copies"])
    ship(shipped)
    assert erased(run, tmp_path)[1]["rows"] == 1


def test_rows_of_others_in_the_spool_are_not_named(run: Run, shipped: Shipped, tmp_path: Path) -> None:
    shipped.collect("inputs", {"who": "eve@example.com", "n": 9}, at=AT)
    shipped.collect("elsewhere", {"n": 1})
    code, report = erased(run, tmp_path, "who = 'nobody'")
    assert (code, report["rows"], report["copies"]) == (0, 0, [])
    code, report = erased(run, tmp_path, "n = 1", "--identifier", "inputs")
    assert copies(report) == [(str(segments(tmp_path)[0]), 1)], "only of the collectors that are meant"


@pytest.mark.posix("links, which a user of Windows may not make")
def test_a_round_that_could_not_land_is_named(run: Run, shipped: Shipped, tmp_path: Path) -> None:
    blocked = next((tmp_path / "archive").glob("*/*/*")) / "blocked"
    blocked.symlink_to("/nonexistent")
    shipped.collect("blocked", {"who": "ann@example.com", "n": 5}, at=AT)
    ship(shipped)
    blocked.unlink()
    _, report = erased(run, tmp_path)
    assert [rows for path, rows in copies(report) if "/sinks/" in path] == [1]
    assert "has not landed yet" in str(report["copies"])


def test_what_can_not_be_read_is_named_with_the_text_that_is_in_it(run: Run, shipped: Shipped, tmp_path: Path) -> None:
    (folder,) = (tmp_path / "spool").glob("*/quarantine")
    (folder / "a.bin").write_bytes(b"...ann@example.com...")
    (folder / "b.bin").write_bytes(b"...")
    (segment,) = segments(tmp_path)
    segment.write_bytes(segment.read_bytes().replace(b"ann@", b"Xnn@", 1))
    code, report = erased(run, tmp_path)
    assert code == 1
    assert copies(report) == [(str(segment), None), (str(folder / "a.bin"), None), (str(folder / "b.bin"), None)]
    assert str(report["copies"]).count("it has the text 'ann@example.com'") == 1


def test_another_archive_of_the_spool_is_named(run: Run, tmp_path: Path) -> None:
    both = Archive([str(tmp_path / "archive"), str(tmp_path / "other")], spool=tmp_path / "spool", ship="thread")
    both.collector("m", "inputs").collect({"who": "ann@example.com"})
    assert both.flush(30)
    both.close()
    (place,) = (path.parent for path in (tmp_path / "spool").rglob("spool.json"))
    settings = Settings.build({}, archive=str(tmp_path / "archive"), spool=place)
    with mock.patch("modeldata.keep.copies.existing_place", lambda *_: open_place(str(place), Files(), bytes(16), 0)):
        found = list(copies_of(job(local(tmp_path)), Expression(ANN), settings, Files(), {}))
    assert [(copy.path, copy.rows) for copy in found if copy.rows == 0] == [(str(tmp_path / "other"), 0)]
