"""The manifest decides whose rows a batch has, and each batch counts once, whatever copies an archive holds.

The oracle is what was collected. Files are copied and moved as sync programs, file managers and people do it.
"""

from __future__ import annotations

import itertools
import json
import shutil
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from modeldata import Archive
from modeldata.catalog.audit import BROKEN, COMPLETE, EXPLAINED, audit
from modeldata.catalog.batches import Catalog
from modeldata.catalog.errors import Damaged, NotThere, SkippedWarning
from modeldata.keep.jobs import erase
from modeldata.read.follow import Follow
from modeldata.read.plan import ReadRequest
from modeldata.read.query import ReadQuery
from modeldata.read.reader import Reader
from modeldata.spool.files import Files
from modeldata.store import open_store
from tests.keep.kit import compacted, erased, job, local, pruned
from tests.read.kit import Counting, Shipped

DAY = "2026-11-20"
NOW_NS = 1_795_000_000_000_000_000
MANIFEST_COPIES = (
    "data.csv.sync-conflict-20261128-120000-ABCDEFG.jsonl",  # Syncthing
    "data.csv (Ann's conflicted copy 2026-11-28).jsonl",  # Dropbox
    "data.csv-DESKTOP-4711.jsonl",  # OneDrive
    "Copy of data.csv.jsonl",
    "data.csv - Copy.jsonl",
    "data.csv (1).jsonl",
)
DATA_COPIES = (
    "data.sync-conflict-20261128-120000-ABCDEFG.csv",
    "data (Ann's conflicted copy 2026-11-28).csv",
    "data-DESKTOP-4711.csv",
    "Copy of data.csv",
    "data - Copy.csv",
    "data (1).csv",
)


@pytest.fixture
def shipped(tmp_path: Path) -> Shipped:
    """Four rows of inputs, customers 17 and 18, and as many predictions, all of one day."""
    archive = Shipped(str(tmp_path / "archive"), tmp_path / "spool")
    for number in range(2):
        at = f"{DAY}T10:00:0{number}"
        archive.collect("inputs", [{"customer": 17 + row, "n": 2 * number + row} for row in range(2)], at=at, ids=f"id-{number}")
        archive.collect("predictions", [{"score": number / 4}] * 2, at=at, ids=f"id-{number}")
        archive.ship()
    return archive


def day(folder: Path, identifier: str = "inputs") -> Path:
    (path,) = (folder / "archive").glob(f"*/*/*/{identifier}/2026/11/20")
    return path


def numbers(shipped: Shipped) -> list[int]:
    return sorted(shipped.archive.read("m", "inputs")["n"].to_pylist())


def assert_once(shipped: Shipped, folder: Path, rows: int = 4) -> None:
    """Every way to look at the archive shows the rows of inputs once."""
    archive = shipped.archive
    assert numbers(shipped) == list(range(rows))
    assert archive.scan("m", "inputs").count() == rows
    assert sorted(row["n"] for row in archive.scan("m", "inputs").to_pylist()) == list(range(rows))
    assert sorted(archive.read("m", "inputs", start=DAY)["n"].to_pylist()) == list(range(rows))
    assert archive.sql("select count(*), count(distinct n) from m_inputs").fetchall() == [(rows, rows)]
    assert archive.join("m", "inputs", "predictions").to_arrow().num_rows == rows
    held = {collector.name: collector.total.rows for collector in archive.collectors()}
    assert held == {"m/inputs": rows, "m/predictions": 4} and len(archive.collectors()) == 2
    found = audit(local(folder))
    assert (found.verdict, found.rows, found.problems) == (COMPLETE, rows + 4, [])


@pytest.fixture
def silent() -> Iterator[None]:
    """Any warning is an error here."""
    with warnings.catch_warnings():
        warnings.simplefilter("error", SkippedWarning)
        yield


# In one folder


@pytest.mark.parametrize("name", MANIFEST_COPIES)
@pytest.mark.usefixtures("silent")
def test_a_second_copy_of_a_manifest_adds_no_row(shipped: Shipped, tmp_path: Path, name: str) -> None:
    log = day(tmp_path) / "_manifest" / "data.csv.jsonl"
    log.with_name(name).write_bytes(log.read_bytes())
    assert_once(shipped, tmp_path)


@pytest.mark.usefixtures("silent")
def test_an_older_copy_of_a_manifest_adds_no_row_and_takes_none(shipped: Shipped, tmp_path: Path) -> None:
    log = day(tmp_path) / "_manifest" / "data.csv.jsonl"
    log.with_name(MANIFEST_COPIES[0]).write_bytes(log.read_bytes().splitlines(keepends=True)[0])
    assert_once(shipped, tmp_path)


@pytest.mark.parametrize("kept", [0, 1])
def test_what_only_one_of_two_conflicting_manifests_has_counts(shipped: Shipped, tmp_path: Path, kept: int) -> None:
    log = day(tmp_path) / "_manifest" / "data.csv.jsonl"
    log.with_name(MANIFEST_COPIES[0]).write_bytes(log.read_bytes())
    log.write_bytes(log.read_bytes().splitlines(keepends=True)[kept])
    assert_once(shipped, tmp_path)


def test_two_lines_that_differ_about_one_batch_are_a_problem_and_never_both(shipped: Shipped, tmp_path: Path) -> None:
    log = day(tmp_path) / "_manifest" / "data.csv.jsonl"
    line = json.loads(log.read_text().splitlines()[0])
    log.with_name(MANIFEST_COPIES[0]).write_text(json.dumps({**line, "crc32": 1}) + "\n")
    with pytest.raises(Damaged, match=r"data\.csv\.jsonl, line 1 and .*both say what batch .* is, and not the same"):
        numbers(shipped)
    with pytest.warns(SkippedWarning, match="not the same"):
        assert sorted(shipped.archive.read("m", "inputs", errors="skip")["n"].to_pylist()) == [0, 1, 2, 3]
    assert audit(local(tmp_path)).verdict == BROKEN
    assert all("not the same" in done.problem for done in compacted(local(tmp_path)) if done.collector.endswith("inputs"))


@pytest.mark.usefixtures("silent")
def test_a_batch_that_is_in_a_second_file_adds_no_row_and_goes_with_the_next_rewrite(shipped: Shipped, tmp_path: Path) -> None:
    folder, name = day(tmp_path), "data-0a0b0c0d-1.csv"
    lines = [json.loads(line) for line in (folder / "_manifest" / "data.csv.jsonl").read_text().splitlines()]
    shutil.copy(folder / "data.csv", folder / name)
    text = "".join(json.dumps({**line, "file": name, "archived_ns": 1}) + "\n" for line in lines)
    (folder / "_manifest" / f"{name}.jsonl").write_text(text)
    assert_once(shipped, tmp_path)
    assert not [done.problem for done in erased(local(tmp_path)) if done.problem]
    assert numbers(shipped) == [1, 3] and not (folder / name).exists()


@pytest.mark.parametrize("name", DATA_COPIES)
def test_a_second_copy_of_a_data_file_is_named_and_not_read(shipped: Shipped, tmp_path: Path, name: str) -> None:
    shutil.copy(day(tmp_path) / "data.csv", day(tmp_path) / name)
    with pytest.warns(SkippedWarning, match="is not a file of this archive"):
        assert numbers(shipped) == [0, 1, 2, 3]


@pytest.mark.parametrize("verb", [compacted, erased, pruned])
def test_a_rewrite_leaves_no_copy_of_a_manifest(shipped: Shipped, tmp_path: Path, verb: Callable[..., object]) -> None:
    log = day(tmp_path) / "_manifest" / "data.csv.jsonl"
    log.with_name(MANIFEST_COPIES[0]).write_bytes(log.read_bytes())
    verb(local(tmp_path))
    assert sorted(path.name for path in log.parent.glob("*.jsonl")) == ["generation-1.jsonl"]
    found = audit(local(tmp_path))
    assert found.verdict in (COMPLETE, EXPLAINED) and not found.problems


def test_one_run_over_many_folders_gives_each_batch_a_name_of_its_own(shipped: Shipped, tmp_path: Path) -> None:
    """Records of what was archived go by these names."""
    assert len(compacted(local(tmp_path))) == 2
    lines = [line for log in (tmp_path / "archive").rglob("generation-*.jsonl") for line in log.read_text().splitlines()]
    assert len({json.loads(line)["batch"] for line in lines}) == len(lines) == 2
    found = audit(local(tmp_path))
    assert (found.verdict, found.problems) == (COMPLETE, []) and len(numbers(shipped)) == 4


class NamesTwice(Counting):
    """A store whose listing names each key twice, as lists of several pages may while files are added."""

    def walk(
        self, folder: str = "", wanted: Callable[[str], bool] | None = None, skip: Callable[[str], str] | None = None
    ) -> Iterator[str]:
        paths = list(super().walk(folder, wanted, skip))
        yield from paths + paths


def test_a_listing_that_names_a_file_twice_adds_no_row(shipped: Shipped, tmp_path: Path) -> None:
    store = NamesTwice(local(tmp_path))
    assert sorted(Reader(store, "a").scan("m", "inputs").to_arrow()["n"].to_pylist()) == [0, 1, 2, 3]
    assert audit(store).rows == 8 and audit(store).verdict == COMPLETE
    folder = tmp_path / "archive/acc/svc/1-old-2/inputs/2017/10/05"
    folder.mkdir(parents=True)
    (folder / "data.csv").write_text("$Timestamp,$CorrelationId,$RequestId,n\n2017-10-05T10:00:00.000001,a,b,1\n")
    assert Reader(store, "a").scan("old", "inputs").to_arrow()["n"].to_pylist() == [1]


# Another collector's, another day's


def test_another_collectors_day_is_not_read_and_is_named(shipped: Shipped, tmp_path: Path) -> None:
    shutil.copytree(day(tmp_path, "predictions"), day(tmp_path).parent / "19")
    with pytest.warns(SkippedWarning, match=r"not read: .*inputs/2026/11/19: 2 batches .* of another day or of .*/predictions"):
        assert_once(shipped, tmp_path)
    assert "score" not in shipped.archive.read("m", "inputs").column_names
    assert any("inputs/2026/11/19" in path for path in audit(local(tmp_path)).unaccounted)


def test_files_of_another_collector_among_ones_own_are_not_read(shipped: Shipped, tmp_path: Path) -> None:
    shipped.collect("predictions", {"score": 0.5, "also": "text"}, at=f"{DAY}T11:00:00")
    shipped.ship()
    (other,) = day(tmp_path, "predictions").glob("data-*.csv")
    for path in (other, other.parent / "_manifest" / f"{other.name}.jsonl"):
        shutil.copy(path, str(path).replace("predictions", "inputs"))
    with pytest.warns(SkippedWarning, match="of another day or of"):
        assert numbers(shipped) == [0, 1, 2, 3]
    assert not [done.problem for done in compacted(local(tmp_path)) if done.problem]
    assert (day(tmp_path) / other.name).exists(), "it is not ours to remove"
    with pytest.warns(SkippedWarning):
        assert numbers(shipped) == [0, 1, 2, 3]


def test_a_day_copied_to_another_day_adds_no_row(shipped: Shipped, tmp_path: Path) -> None:
    shutil.copytree(day(tmp_path), day(tmp_path).parent / "21")
    with pytest.warns(SkippedWarning, match="of another day"):
        assert_once(shipped, tmp_path)


def test_a_collectors_folder_under_a_second_name_adds_no_row(shipped: Shipped, tmp_path: Path) -> None:
    collector = day(tmp_path).parents[2]
    shutil.copytree(collector, collector.with_name("inputs - Copy"))
    assert numbers(shipped) == [0, 1, 2, 3]
    with pytest.warns(SkippedWarning, match="of another day or of"), pytest.raises(NotThere, match="no rows"):
        shipped.archive.read("m", "inputs - Copy")
    assert audit(local(tmp_path)).rows == 8


def test_a_day_that_was_renamed_is_read_as_long_as_nothing_else_has_its_rows(shipped: Shipped, tmp_path: Path) -> None:
    original = day(tmp_path)
    renamed = original.parent / "21"
    shutil.move(original, renamed)
    assert numbers(shipped) == [0, 1, 2, 3]
    shutil.copytree(renamed, original)
    with pytest.warns(SkippedWarning, match="of another day"):
        assert numbers(shipped) == [0, 1, 2, 3]


def test_a_day_that_was_moved_and_not_copied_is_a_problem_of_the_audit(shipped: Shipped, tmp_path: Path) -> None:
    shutil.move(day(tmp_path, "predictions"), day(tmp_path).parent / "19")
    found = audit(local(tmp_path))
    assert found.verdict == BROKEN and "is not where it belongs" in " ".join(found.problems)


@pytest.mark.parametrize("name", ["20 - Copy", "20 (1)", "old"])
def test_a_copy_of_a_day_under_a_name_that_is_no_day_adds_no_row(shipped: Shipped, tmp_path: Path, name: str) -> None:
    shutil.copytree(day(tmp_path), day(tmp_path).parent / name)
    assert_once(shipped, tmp_path)
    assert any(name in text for text in audit(local(tmp_path)).unaccounted)


# Erasing


COPIES: dict[str, Callable[[Path], Path]] = {
    "another collector's day": lambda day: Path(str(day.parent / "19").replace("inputs", "predictions")),
    "another day": lambda day: day.parent / "21",
    "no day": lambda day: day.parent / "20 - Copy",
    "another name": lambda day: Path(str(day).replace("inputs", "inputs - Copy")),
}


@pytest.mark.parametrize("where", COPIES)
@pytest.mark.filterwarnings("ignore::modeldata.SkippedWarning")
def test_rows_in_a_copy_are_named_by_erase_until_it_is_gone(shipped: Shipped, tmp_path: Path, where: str) -> None:
    copy = COPIES[where](day(tmp_path))
    shutil.copytree(day(tmp_path), copy)
    for rows in (2, 0):
        found = list(erase(job(local(tmp_path), identifier="inputs"), "customer = 17", dry=False))
        assert sum(done.rows for done in found) == rows
        (problem,) = [done.problem for done in found if done.problem]
        assert problem.endswith(f"{copy.relative_to(tmp_path / 'archive')}/data.csv: 2 rows stay in this copy: remove it")
    shutil.rmtree(copy)
    assert list(erase(job(local(tmp_path), identifier="inputs"), "customer = 17", dry=False)) == []


@pytest.mark.parametrize("name", DATA_COPIES)
@pytest.mark.filterwarnings("ignore::modeldata.SkippedWarning")
def test_rows_in_a_file_under_another_name_are_named_by_erase(shipped: Shipped, tmp_path: Path, name: str) -> None:
    shutil.copy(day(tmp_path) / "data.csv", day(tmp_path) / name)
    (found,) = erase(job(local(tmp_path), identifier="inputs"), "customer = 17", dry=False)
    assert found.rows == 2 and found.problem.endswith(f"/{name}: 2 rows stay in this copy: remove it")
    assert not list(erase(job(local(tmp_path), identifier="inputs"), "customer = 99", dry=False)), "it has no such row"


# Copies of the archive in the archive


@pytest.fixture
def backup(shipped: Shipped, tmp_path: Path) -> Path:
    archive = tmp_path / "archive"
    shutil.copytree(archive / "unknown", tmp_path / "copy")
    shutil.copytree(tmp_path / "copy", archive / "backup" / "unknown")
    return archive / "backup"


def test_a_backup_inside_an_archive_adds_no_row_and_is_named(shipped: Shipped, tmp_path: Path, backup: Path) -> None:
    with pytest.warns(SkippedWarning, match=r"not read: backup/.*inputs/2026/11/20: a copy"):
        assert_once(shipped, tmp_path)
    assert any("backup/" in text for text in audit(local(tmp_path)).unaccounted)


@pytest.mark.filterwarnings("ignore::modeldata.SkippedWarning")
@pytest.mark.parametrize("file_format", ["csv", "parquet"])
def test_a_backup_from_before_compaction_adds_no_row(tmp_path: Path, file_format: str) -> None:
    shipped = Shipped(str(tmp_path / "archive"), tmp_path / "spool", file_format)
    for number in range(4):
        shipped.collect("inputs", {"customer": 17, "n": number}, at=f"{DAY}T10:00:0{number}")
        shipped.ship()
    shutil.copytree(tmp_path / "archive" / "unknown", tmp_path / "copy")
    compacted(local(tmp_path))
    shutil.copytree(tmp_path / "copy", tmp_path / "archive" / "backup" / "unknown")
    assert numbers(shipped) == [0, 1, 2, 3]
    compacted(local(tmp_path))  # the copies, too
    assert numbers(shipped) == [0, 1, 2, 3] and audit(local(tmp_path)).rows == 4


@pytest.mark.filterwarnings("ignore::modeldata.SkippedWarning")
@pytest.mark.usefixtures("backup")
def test_erase_and_prune_reach_a_backup_inside_the_archive(shipped: Shipped, tmp_path: Path) -> None:
    assert not [done.problem for done in erased(local(tmp_path)) if done.problem]
    assert numbers(shipped) == [1, 3]
    rows = [path.read_text() for path in (tmp_path / "archive").rglob("data*.csv") if "/inputs/" in str(path)]
    assert len(rows) == 2 and all(",18," in text and ",17," not in text for text in rows)
    pruned(local(tmp_path))
    assert not list((tmp_path / "archive").rglob("data*.csv"))


@pytest.mark.filterwarnings("ignore::modeldata.SkippedWarning")
def test_rows_erased_in_an_archive_do_not_come_back_with_a_backup(shipped: Shipped, tmp_path: Path) -> None:
    shutil.copytree(tmp_path / "archive" / "unknown", tmp_path / "copy")
    erased(local(tmp_path))
    shutil.copytree(tmp_path / "copy", tmp_path / "archive" / "backup" / "unknown")
    assert numbers(shipped) == [1, 3]


@pytest.mark.filterwarnings("ignore::modeldata.SkippedWarning")
def test_what_only_the_backup_still_has_is_read(shipped: Shipped, tmp_path: Path, backup: Path) -> None:
    shutil.rmtree(day(tmp_path))
    assert numbers(shipped) == [0, 1, 2, 3] and audit(local(tmp_path)).verdict == COMPLETE


@pytest.mark.filterwarnings("ignore::modeldata.SkippedWarning")
def test_an_archive_and_its_copy_seen_from_above_are_read_once(shipped: Shipped, tmp_path: Path) -> None:
    above = tmp_path / "above"
    for name in ("archive", "archive-copy"):
        shutil.copytree(tmp_path / "archive", above / name)
    archive = Archive(above, ship="off", spool=tmp_path / "other")
    assert sorted(archive.read("m", "inputs")["n"].to_pylist()) == [0, 1, 2, 3]
    assert {held.name: held.total.rows for held in archive.collectors()} == {"m/inputs": 4, "m/predictions": 4}
    assert archive.sql("select count(*) from m_inputs").fetchall() == [(4,)]


@pytest.mark.usefixtures("silent")
@pytest.mark.parametrize("root", [".", "archive", "archive/unknown", "archive/unknown/unknown"])
def test_an_archive_seen_from_above_or_below_has_all_its_rows(shipped: Shipped, tmp_path: Path, root: str) -> None:
    archive = Archive(tmp_path / root, ship="off", spool=tmp_path / "other")
    assert sorted(archive.read("m", "inputs")["n"].to_pylist()) == [0, 1, 2, 3] == numbers(shipped)


def test_a_file_of_the_original_in_a_backup_adds_no_row(tmp_path: Path) -> None:
    for above in ("", "backup/"):
        folder = tmp_path / "archive" / f"{above}acc/svc/i-m-1/inputs/2017/10/05"
        folder.mkdir(parents=True)
        (folder / "data.csv").write_text("$Timestamp,$CorrelationId,$RequestId,n\n2017-10-05T10:00:00.000001,a,b,1\n")
    with pytest.warns(SkippedWarning, match="a copy"):
        assert Archive(tmp_path / "archive", ship="off").read("m", "inputs")["n"].to_pylist() == [1]


def test_a_batch_of_which_a_copy_has_some_rows_only_is_a_problem(shipped: Shipped, tmp_path: Path, backup: Path) -> None:
    (log,) = backup.glob("unknown/*/inputs/2026/11/20/_manifest/data.csv.jsonl".replace("*", "*/*", 1))
    first, second = map(json.loads, log.read_text().splitlines())
    writer = first["sequences"][0][0]
    log.write_text(json.dumps(first) + "\n" + json.dumps({**second, "batch": "x", "sequences": [[writer, 3, 4]]}) + "\n")
    with pytest.raises(Damaged, match="some rows of batch x are in another folder, too"):
        numbers(shipped)


@pytest.mark.usefixtures("backup")
@pytest.mark.filterwarnings("ignore::modeldata.SkippedWarning")
def test_follow_gives_each_row_once_beside_a_backup(shipped: Shipped, tmp_path: Path) -> None:
    minutes = itertools.count(1)
    follow = Follow(question(shipped), timeout=0, now_ns=lambda: NOW_NS + next(minutes) * 60_000_000_000)
    shipped.collect("inputs", {"customer": 1, "n": 9}, at=f"{DAY}T11:00:00")
    shipped.ship()
    shutil.copytree(tmp_path / "archive" / "unknown", tmp_path / "archive" / "backup" / "unknown", dirs_exist_ok=True)
    assert [n for table in follow for n in table["n"].to_pylist()] == [9]


def question(shipped: Shipped) -> ReadQuery:
    url = shipped.archive.settings.archive
    request = ReadRequest({"model_name": "m", "identifier": "inputs"})
    return ReadQuery.of(open_store(url, Files()), url, request)


# Names that a disk takes for one


@pytest.fixture
def twins(tmp_path: Path) -> Shipped:
    """`Churn` and `churn` as a disk without case has them: in one folder."""
    archive = Shipped(str(tmp_path / "archive"), tmp_path / "spool")
    for model, at in (("Churn", "20"), ("churn", "21")):
        archive.collect("inputs", {"n": int(at)}, at=f"2026-11-{at}T10:00:00", model=model)
    archive.ship()
    (tmp_path / "archive/unknown/unknown/unknown-churn-unknown/inputs/2026/11/21").rename(
        tmp_path / "archive/unknown/unknown/unknown-Churn-unknown/inputs/2026/11/21"
    )
    shutil.rmtree(tmp_path / "archive/unknown/unknown/unknown-churn-unknown")
    return archive


@pytest.mark.filterwarnings("ignore::modeldata.SkippedWarning")
def test_collectors_that_share_a_folder_are_read_by_their_names(twins: Shipped, tmp_path: Path) -> None:
    assert twins.archive.read("Churn", "inputs")["n"].to_pylist() == [20]
    assert twins.archive.read("churn", "inputs")["n"].to_pylist() == [21]
    assert twins.archive.read("churn", "inputs", start="2026-11-21")["n"].to_pylist() == [21]
    found = audit(local(tmp_path))
    assert (found.verdict, found.rows, len(found.writers)) == (COMPLETE, 2, 2)


def test_rows_of_a_twin_are_named_and_never_rewritten_as_the_others(twins: Shipped, tmp_path: Path) -> None:
    with pytest.warns(SkippedWarning, match="rows of churn/inputs lie here, too"):
        twins.archive.read("Churn", "inputs")
    before = {path: path.read_bytes() for path in (tmp_path / "archive").rglob("11/21/data*")}
    for verb in (compacted, pruned):
        assert any("rows of churn/inputs are in this folder" in done.problem for done in verb(local(tmp_path)))
    assert before == {path: path.read_bytes() for path in before}


# What it costs


def test_a_read_of_one_collector_asks_for_its_manifests_only(shipped: Shipped, tmp_path: Path) -> None:
    store = Counting(local(tmp_path))
    Reader(store, "a").scan("m", "inputs").to_arrow()
    logs = [path for path, _ in store.reads if "_manifest" in path]
    assert len(logs) == 1 and "/inputs/" in logs[0]


LITTER = (".DS_Store", "Thumbs.db", "desktop.ini", "_SUCCESS", ".data.csv.crc", "data.csv.crc", "_started_1", "10_$folder$", "10")


@pytest.mark.parametrize("name", LITTER)
@pytest.mark.usefixtures("silent")
def test_what_file_managers_and_hadoop_leave_is_no_warning(shipped: Shipped, tmp_path: Path, name: str) -> None:
    (day(tmp_path) / name).write_bytes(b"")
    (day(tmp_path) / "_manifest" / name).write_bytes(b"")
    assert_once(shipped, tmp_path)


def test_markers_of_folders_are_no_files(shipped: Shipped, tmp_path: Path) -> None:
    paths = list(local(tmp_path).walk())
    markers = {path[: path.index("/", at)] for path in paths for at in range(1, len(path)) if "/" in path[at:]}
    catalog = Catalog(local(tmp_path), [*paths, *markers])
    assert [listing.foreign for listing in catalog.listings.values() if listing.place and listing.foreign] == []
