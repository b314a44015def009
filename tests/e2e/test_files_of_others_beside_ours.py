"""Files of others in an archive, in its spool, and names that want to leave it: nothing of others is touched."""

from __future__ import annotations

import json
import os
import stat
from pathlib import Path

import pytest

from modeldata import Archive, ModelDataCollector
from tests.e2e.kit import Clock, day_of, features_of, listed, ship, spool8
from tests.support.archive import assert_complete, data_files, features
from tests.support.scripts import drain, modeldata


def test_a_data_csv_of_somebody_else_is_never_touched(root: Path, archive: Archive, clock: Clock) -> None:
    theirs = day_of(root) / "data.csv"
    theirs.parent.mkdir(parents=True)
    theirs.write_bytes(b"their,own\n1,2\n")
    before = theirs.stat()

    assert archive.collector("m", "inputs", ["n"]).collect([1])
    ship(archive)

    assert theirs.read_bytes() == b"their,own\n1,2\n"
    assert (theirs.stat().st_mtime_ns, theirs.stat().st_ino) == (before.st_mtime_ns, before.st_ino)
    assert features_of(day_of(root) / f"data-{spool8(root)}-1.csv") == [("1",)]
    assert listed(day_of(root)) == [f"data-{spool8(root)}-1.csv", "data.csv"]


@pytest.mark.parametrize("change", ["grown", "removed", "replaced"])
def test_a_file_of_ours_that_somebody_changed_is_left_as_it_is_and_we_go_on_beside_it(
    root: Path, archive: Archive, clock: Clock, change: str
) -> None:
    collector = archive.collector("m", "inputs", ["n"])
    assert collector.collect([1])
    ship(archive)
    first = day_of(root) / "data.csv"
    if change == "grown":
        first.write_bytes(first.read_bytes() + b"a line of theirs\n")
    elif change == "replaced":
        first.write_bytes(b"theirs\n")
    else:
        first.unlink()
    left = first.read_bytes() if first.exists() else None

    assert collector.collect([2]) and collector.collect([3])
    report: list[str] = []
    ship(archive, report.append)

    assert (first.read_bytes() if first.exists() else None) == left
    assert features_of(day_of(root) / f"data-{spool8(root)}-1.csv") == [("2",), ("3",)]
    assert len(report) == 1 and "foreign_change" in report[0] and str(first) in report[0]


def test_two_spools_on_one_archive_never_share_a_file(root: Path, tmp_path: Path, clock: Clock) -> None:
    archives = [Archive(root, spool=tmp_path / name, ship="off", min_free_bytes=0) for name in ("one", "two")]
    for number, archive in enumerate(archives * 2):
        assert archive.collector("m", "inputs", ["n"]).collect([number])
        drain(root, "--spool", str(tmp_path / "one" if archive is archives[0] else tmp_path / "two"))
    for archive in archives:
        archive.close(0)

    assert {tuple(features_of(path)) for path in data_files(root)} == {(("0",), ("2",)), (("1",), ("3",))}
    assert "data.csv" in listed(day_of(root)) and len(listed(day_of(root))) == 2


@pytest.mark.posix("named pipes in a folder")
def test_what_is_no_segment_is_ignored_never_deleted_and_hangs_nobody(root: Path, archive: Archive, clock: Clock) -> None:
    assert archive.collector("m", "inputs", ["n"]).collect([1])
    (segments,) = root.glob(".modeldata-spool-*/segments")
    like_one = "0" * 32 + "-000001.seg"
    garbage = {
        ".DS_Store": b"mac",
        "x.seg~": b"backup",
        "half.tmp": b"half",
        "4913": b"vim",
        like_one + ".swp": b"",
        "notes.txt": b"n",
    }
    for name, content in garbage.items():
        (segments / name).write_bytes(content)
    (segments / "folder").mkdir()
    (segments / ("1" * 32 + "-000001.seg")).mkdir()
    os.mkfifo(segments / "pipe")
    os.mkfifo(segments / ("2" * 32 + "-000001.seg"))
    outside = root.parent / "outside"
    outside.write_bytes(b"not ours")
    (segments / ("3" * 32 + "-000001.seg")).symlink_to(outside)
    names = {path.name for path in segments.iterdir()}

    for _ in range(2):
        done = modeldata("ship", "--drain", "--archive", str(root), timeout=60)
        assert done.returncode == 0, done.stdout + done.stderr
        assert archive.collector("m", "inputs", ["n"]).collect([2])

    assert [cell for (cell,) in features(root)] == ["1", "2"]
    assert names <= {path.name for path in segments.iterdir()}, "nothing of it was deleted"
    assert {name: (segments / name).read_bytes() for name in garbage} == garbage and outside.read_bytes() == b"not ours"
    assert stat.S_ISFIFO((segments / "pipe").stat().st_mode)
    archive.close(0)
    assert json.loads(modeldata("status", "--json", "--archive", str(root), timeout=60).stdout)["pending"] == 1


FIELDS = ["model_name", "identifier", "model_management_account_id", "webservice_name", "model_id", "model_version"]
TRICKS = [
    "../../etc/x", "/abs", "//abs", "a/b", "..", ".", "...", "a/../../b", "\0", "a\0b", "x" * 300, "é" * 300, "CON", "nul.txt", "~", "~root",
    "ünï☃", "a\\b", "..\\..\\b", "C:\\x", "%2e%2e%2f", "a\nb", " ", "_x", ".hidden", "e\u0301", "\u00e9", "\ud800", "$HOME", "A", "a",
]  # fmt: skip


@pytest.mark.parametrize("field", FIELDS)
def test_no_name_leaves_the_archive_and_no_two_names_share_a_file(
    tmp_path: Path, root: Path, archive: Archive, field: str
) -> None:
    (tmp_path / "elsewhere").mkdir()
    before = sorted(path.name for path in tmp_path.iterdir())
    for number, name in enumerate(TRICKS):
        fields = {"model_name": "m", field: name}
        assert archive.collector(**fields, feature_names=["n"]).collect([number]), name
    ship(archive)

    real = os.path.realpath(root)
    found = [path for path in root.rglob("*") if ".modeldata-spool" not in str(path)]
    assert all(os.path.realpath(path).startswith(real + os.sep) for path in found)
    assert all(len(part.encode()) <= 255 for path in found for part in path.relative_to(root).parts)
    files = data_files(root)
    assert sorted(int(cell) for path in files for (cell,) in features_of(path)) == list(range(len(TRICKS)))
    assert [len(features_of(path)) for path in files] == [1] * len(TRICKS), "two names never share a file"
    assert len({str(path).lower() for path in files}) >= len(TRICKS) - 1, "but for A and a, not even where case does not count"
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted({*before, "a"})
    assert assert_complete(root) == len(TRICKS)


@pytest.mark.parametrize("field", FIELDS)
def test_an_empty_name_or_one_that_is_no_text_raises_at_once_and_names_the_argument(archive: Archive, field: str) -> None:
    good = {"model_name": "m"}
    with pytest.raises(ValueError, match=field):
        archive.collector(**{**good, field: ""})
    for wrong in (None, b"m", 1.5, ["m"], True, object()):
        with pytest.raises(TypeError, match=field):
            archive.collector(**{**good, field: wrong})  # type: ignore[arg-type]  # that is the point


@pytest.mark.parametrize("wrong", ["one text", 5, {"a", "b"}, [1, 2], [None], [["a"]], b"ab"])
def test_feature_names_that_are_no_list_of_names_raise_at_once(archive: Archive, wrong: object) -> None:
    with pytest.raises(TypeError, match="feature_names"):
        archive.collector("m", feature_names=wrong)  # type: ignore[arg-type]  # that is the point


def test_an_archive_that_is_none_and_unknown_settings_raise_at_once(tmp_path: Path) -> None:
    with pytest.raises(TypeError, match="archive"):
        ModelDataCollector("m", archive=str(tmp_path))  # type: ignore[arg-type]  # that is the point
    with pytest.raises(TypeError):
        ModelDataCollector()  # type: ignore[call-arg]  # that is the point
    with pytest.raises(ValueError, match="speed"):
        Archive(tmp_path, speed="high")
    with pytest.raises(ValueError, match="ship"):
        Archive(tmp_path, ship="sometimes")
    with pytest.raises(ValueError, match="spool_max_bytes"):
        Archive(tmp_path, spool_max_bytes=-1)
