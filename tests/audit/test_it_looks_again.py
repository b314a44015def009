"""A healthy archive is never called broken, whatever a service or a rewrite does meanwhile."""

from __future__ import annotations

from pathlib import Path

import pytest

from modeldata.catalog.audit import BROKEN, COMPLETE, EXPLAINED, WAITS
from modeldata.store.local import LocalStore
from tests.audit.kit import Harmed, audited, store_at
from tests.keep.kit import VERBS, compacted, filled


@pytest.mark.parametrize("what", ["rows", "line"])
def test_rows_before_their_line_and_half_a_line_are_a_round_under_way(tmp_path: Path, what: str) -> None:
    harmed = Harmed(tmp_path)
    log = harmed.last_log
    whole = log.read_bytes()
    lines = whole.splitlines(keepends=True)
    log.write_bytes(lines[0] if what == "rows" else whole[:-10])
    assert audited(harmed.root).verdict == BROKEN, "nobody ends the round"
    assert audited(harmed.root, lambda seconds: _write(log, whole)).verdict == COMPLETE


def test_a_service_that_is_always_ahead_of_its_lines_is_complete(tmp_path: Path) -> None:
    """At each look there are more rows than lines, and those of the look before have theirs."""
    harmed = Harmed(tmp_path)
    for number in range(2, 9):
        harmed.add(number)
    harmed.make_old()
    (file,), log = harmed.files, harmed.last_log
    content, lines = file.read_bytes(), log.read_bytes().splitlines(keepends=True)
    ends = [line["offset"] + line["bytes"] for line in harmed.lines(log)]
    at = 2

    def show() -> None:
        file.write_bytes(content[: ends[at]])
        log.write_bytes(b"".join(lines[:at]))

    def work(seconds: float) -> None:
        nonlocal at
        at += 1
        show()

    show()
    found = audited(harmed.root, work)
    assert (found.verdict, found.problems) == (COMPLETE, [])


def test_bytes_that_stay_without_a_line_are_named_after_some_looks(tmp_path: Path) -> None:
    harmed = Harmed(tmp_path)
    with harmed.files[0].open("ab") as file:
        file.write(b"2026-11-23T10:00:09.000000,,,99,x\n")
    waited: list[float] = []
    found = audited(harmed.root, waited.append)
    assert found.verdict == BROKEN and "where its manifest ends" in found.problems[0]
    assert waited == list(WAITS)


@pytest.mark.parametrize("verb", sorted(VERBS))
def test_a_folder_that_is_rewritten_between_listing_and_reading_is_as_it_should_be(tmp_path: Path, verb: str) -> None:
    shipped = filled(tmp_path, "parquet")
    root = Path(shipped.archive.settings.archive)
    store = Racing(store_at(root), lambda: VERBS[verb](LocalStore(str(root), store._files)))
    found = audited(store)
    assert (found.verdict, found.problems) == (COMPLETE if verb == "compact" else EXPLAINED, [])
    assert store.raced


def test_rows_that_come_to_another_day_between_two_looks_are_no_gap(tmp_path: Path) -> None:
    harmed = Harmed(tmp_path)
    for number, moment in ((2, "2026-11-20T10:00:00"), (3, "2026-11-22T10:00:00")):
        harmed.shipped.collect("inputs", *({"n": 3 * number + row, "text": "x"} for row in range(3)), at=moment)
        harmed.shipped.ship()
    hidden = next(log for log in harmed.logs if "2026/11/20" in str(log)).parent.parent
    away = tmp_path / "away"
    hidden.rename(away)
    assert audited(harmed.root).verdict == BROKEN
    assert audited(harmed.root, lambda seconds: _back(away, hidden)).verdict == COMPLETE


def test_what_a_killed_rewrite_left_is_named_and_is_not_broken(tmp_path: Path) -> None:
    shipped = filled(tmp_path)
    root = Path(shipped.archive.settings.archive)
    compacted(store_at(root))  # type: ignore[arg-type] # a local store is both
    file = next(root.rglob("data-*.parquet"))
    left = file.with_name(f"data-{9:08x}{'a' * 32}-1.parquet")
    left.write_bytes(file.read_bytes())
    found = audited(root)
    assert found.verdict == COMPLETE and left.name in found.unaccounted[0]


def test_rounds_that_come_while_it_looks_have_their_records_afterwards(tmp_path: Path) -> None:
    harmed = Harmed(tmp_path)
    store = Racing(store_at(harmed.root), lambda: [harmed.add(number) for number in range(2, 6)], "_manifest/data")
    found = audited(store)
    assert (found.verdict, found.rows, found.unproven) == (COMPLETE, 18, [])


class Racing(LocalStore):
    """A local archive; right before some file is read, somebody else works on it."""

    def __init__(self, store: LocalStore, race: object, before: str = "") -> None:
        super().__init__(store.root, store._files)
        self._race = race
        self._before = before
        self.raced = False

    def read(self, path: str, start: int = 0, size: int | None = None) -> bytes:
        if not self.raced and self._before in path:
            self.raced = True
            self._race()  # type: ignore[operator] # a function
        return super().read(path, start, size)


def _write(path: Path, content: bytes) -> None:
    path.write_bytes(content)


def _back(away: Path, hidden: Path) -> None:
    if away.exists():
        away.rename(hidden)
