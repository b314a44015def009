"""A folder of a local archive that is a link, such as an old year on a larger disk, is of the archive for whoever looks at it.

The oracle reads the CSV files where they really lie.
"""

from __future__ import annotations

import csv
import json
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from modeldata.catalog.audit import COMPLETE, EXPLAINED, audit
from modeldata.errors import StoreError
from tests.cli.kit import run
from tests.keep.kit import DAY, compacted, erased, local, pruned
from tests.read.kit import Shipped

pytestmark = pytest.mark.posix("links, which a user of Windows may not make")

LEVELS = {"account": 0, "model": 2, "collector": 3, "year": 4, "month": 5, "day": 6}
"""Which folder is moved and linked: how deep it is below the archive."""
ROWS = 6


@pytest.fixture
def shipped(tmp_path: Path) -> Shipped:
    made = Shipped(str(tmp_path / "archive"), tmp_path / "spool")
    for part in range(2):
        made.collect("inputs", [{"customer": 17 + at % 2, "n": 10 * part + at} for at in range(ROWS // 2)], at=f"{DAY}T10:00:00")
        made.ship()
    return made


def link(folder: Path, level: str, relative: bool = False) -> Path:
    """Move a folder of the archive to a larger disk, with a link in its place: where it is now."""
    (day,) = (folder / "archive").glob("*/*/*/inputs/2026/11/20")
    moved = Path(*day.parts[: len((folder / "archive").parts) + LEVELS[level] + 1])
    away = folder / "large-disk" / moved.name
    away.parent.mkdir()
    shutil.move(moved, away)
    moved.symlink_to(os.path.relpath(away, moved.parent) if relative else away, target_is_directory=True)
    return away


def numbers(away: Path) -> list[int]:
    """`n` of every row behind the link, by the csv module."""
    found = []
    for path in away.rglob("data*.csv"):
        with path.open(newline="") as file:
            found += [int(row["n"]) for row in csv.DictReader(file)]
    return sorted(found)


def read(shipped: Shipped) -> list[int]:
    return sorted(shipped.archive.read("m", "inputs")["n"].to_pylist())


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("relative", [False, True])
def test_its_rows_are_read_and_audited(shipped: Shipped, tmp_path: Path, level: str, relative: bool) -> None:
    away = link(tmp_path, level, relative)
    assert read(shipped) == numbers(away) and len(numbers(away)) == ROWS
    found = audit(local(tmp_path))
    assert (found.verdict, found.rows) == (COMPLETE, ROWS)
    assert shipped.archive.read("m", "inputs", start=DAY).num_rows == ROWS
    assert shipped.archive.sql("select count(*) from m_inputs").fetchall() == [(ROWS,)]


@pytest.mark.parametrize("level", LEVELS)
def test_rows_that_come_later_go_the_same_way(shipped: Shipped, tmp_path: Path, level: str) -> None:
    away = link(tmp_path, level)
    shipped.collect("inputs", {"customer": 1, "n": 99}, at=f"{DAY}T11:00:00")
    shipped.ship()
    assert read(shipped) == numbers(away) and 99 in numbers(away)
    assert audit(local(tmp_path)).verdict == COMPLETE


@pytest.mark.parametrize("level", LEVELS)
def test_erase_compact_and_prune_reach_behind_it(shipped: Shipped, tmp_path: Path, level: str) -> None:
    away = link(tmp_path, level)
    left = [at + 10 * part for part in range(2) for at in range(ROWS // 2) if at % 2]
    assert not [done.problem for done in erased(local(tmp_path)) if done.problem]
    assert read(shipped) == numbers(away) == left
    assert not [done.problem for done in compacted(local(tmp_path)) if done.problem]
    assert read(shipped) == left
    assert not [done.problem for done in pruned(local(tmp_path)) if done.problem]
    assert not [path for path in away.rglob("data*") if path.parent.name != "_manifest"]


def test_ls_and_head_show_it(shipped: Shipped, tmp_path: Path) -> None:
    link(tmp_path, "year")
    archive = str(tmp_path / "archive")
    (line,) = json.loads(run("ls", "--archive", archive, "--json").out)["collectors"]
    assert line["rows"] == ROWS
    assert len(run("head", "m/inputs", "--archive", archive, "--csv").rows()) == ROWS


def test_links_that_lead_round_in_circles_or_to_what_is_listed_add_no_row(shipped: Shipped, tmp_path: Path) -> None:
    archive = tmp_path / "archive"
    away = link(tmp_path, "year")
    (collector,) = archive.glob("*/*/*/inputs")
    (collector / "all").symlink_to(archive)  # its own archive
    (away / "up").symlink_to(away)  # a folder that leads to itself
    (away / "back").symlink_to(collector)
    (collector.parent / "again").symlink_to(collector)  # another name for what is listed
    (collector / "2027").symlink_to(away)  # a second link to one folder
    (archive / "root").symlink_to("/")
    assert read(shipped) == numbers(away) and len(numbers(away)) == ROWS
    found = audit(local(tmp_path))
    assert (found.verdict, found.rows) == (COMPLETE, ROWS)


def test_a_folder_that_two_links_lead_to_is_listed_once(shipped: Shipped, tmp_path: Path) -> None:
    away = link(tmp_path, "year")
    (collector,) = (tmp_path / "archive").glob("*/*/*/inputs")
    (collector / "2027").symlink_to(away)
    (away / "up").symlink_to(away)
    store = local(tmp_path)
    listed = [os.path.realpath(os.path.join(store.root, path)) for path in store.walk()]
    assert len(listed) == len(set(listed)) and {str(path) for path in away.rglob("data*.csv")} <= set(listed)


def test_a_link_that_leads_nowhere_is_an_error_and_no_complete_archive(shipped: Shipped, tmp_path: Path) -> None:
    away = link(tmp_path, "year")
    away.rename(tmp_path / "not-mounted")
    cause = r"it is a link to .*2026: No such file.*mount what it leads to"
    with pytest.raises(StoreError, match=cause):
        read(shipped)
    found = audit(local(tmp_path))
    assert found.verdict not in (COMPLETE, EXPLAINED) and re.search(cause, " ".join(found.unread))
    (tmp_path / "not-mounted").rename(away)
    assert len(read(shipped)) == ROWS


def test_folders_without_end_are_passed_over(shipped: Shipped, tmp_path: Path) -> None:
    """A stranger's archive may nest folders deeper than Python's stack, behind a link or not."""
    start = Path.cwd()
    (tmp_path / "deep").mkdir()
    try:
        os.chdir(tmp_path / "deep")
        for _ in range(1100):
            os.mkdir("d")
            os.chdir("d")
        (tmp_path / "archive" / "deep").symlink_to(tmp_path / "deep")
        assert len(read(shipped)) == ROWS and audit(local(tmp_path)).verdict == COMPLETE
    finally:
        os.chdir(start)
        subprocess.run(["rm", "-rf", str(tmp_path / "deep")], check=True)


def test_a_link_in_the_place_of_a_file_is_no_folder(shipped: Shipped, tmp_path: Path) -> None:
    (day,) = (tmp_path / "archive").glob("*/*/*/inputs/2026/11/20")
    (day / "stray.txt").symlink_to(tmp_path / "nowhere")
    with pytest.warns(UserWarning, match="stray.txt"):
        assert len(read(shipped)) == ROWS
