"""Does a store keep what its port promises? Every sentence of `modeldata.store.Store` as a test.

For a store of your own, with pytest:

    class TestMyStore(AppendConformance, StoreConformance):    # without AppendConformance where files can't grow
        @pytest.fixture(autouse=True)
        def _place(self, tmp_path):
            self.url = ...

        def open(self):
            return MyStore(self.url)

`open` gives a new store object on the same place, as a process has after a restart. Each test needs an empty place.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from modeldata.store import Conflict, Unavailable

if TYPE_CHECKING:
    from collections.abc import Callable

    from modeldata.store import Store

PATHS = (
    "a/data.csv",
    "account/service/unknown-churn-1/inputs/2026/11/23/data.csv",
    "a b/~2Dx/m~C3~A4/data-0a1b2c3d-1.csv",
    "a/_manifest/data.csv.jsonl",
    "x" * 180 + "/" + "y" * 180 + "/data.parquet",
    "ü/日本/😀/$Timestamp.csv",
)
RACERS = 4


def _refused(work: Callable[[], object]) -> bool:
    """Is it `Conflict`?"""
    try:
        work()
    except Conflict:
        return True
    return False


class StoreConformance:
    """Files that are written once, and reading. For every store."""

    conditional = True
    """Does the server keep the first of two writers? Where it does not, only the determinism of our names keeps them apart."""

    def open(self) -> Store:
        """A new store object on the same, at first empty, place."""
        raise NotImplementedError  # the test class of a store says how it is opened

    def test_what_is_put_is_there_as_a_whole_for_every_kind_of_name(self) -> None:
        for number, path in enumerate(PATHS):
            content = f"rows {number}\n".encode()
            self.open().put(path, content)
            store = self.open()
            assert store.read(path) == content
            assert store.length(path) == len(content)
        assert sorted(self.open().walk()) == sorted(PATHS), "under the very names"

    def test_a_file_may_be_empty_and_is_then_somebodys(self) -> None:
        store = self.open()
        for _ in range(2):
            store.put("a/empty", b"")
        assert store.read("a/empty") == b"" and store.length("a/empty") == 0
        assert list(self.open().walk()) == ["a/empty"]
        if self.conditional:
            assert _refused(lambda: self.open().put("a/empty", b"rows"))

    def test_a_part_of_a_buffer_is_put_without_the_rest_of_it(self) -> None:
        self.open().put("a/data.csv", memoryview(b"[rows]")[1:5])
        assert self.open().read("a/data.csv") == b"rows"

    def test_whoever_looks_during_a_put_sees_all_of_it_or_nothing(self) -> None:
        content = bytes(range(256)) * (8 << 12)
        seen: set[int] = set()
        landed = threading.Event()

        def look() -> None:
            store = self.open()
            while not landed.is_set():
                seen.add(store.length("a/large"))

        watcher = threading.Thread(target=look)
        watcher.start()
        try:
            self.open().put("a/large", content)
        finally:
            landed.set()
            watcher.join()
        assert seen <= {0, len(content)}

    def test_a_put_may_be_repeated_also_after_a_restart(self) -> None:
        store = self.open()
        for _ in range(2):
            store.put("a/data.csv", b"rows")
        self.open().put("a/data.csv", b"rows")
        assert list(self.open().walk()) == ["a/data.csv"]
        assert self.open().read("a/data.csv") == b"rows"

    def test_a_put_never_replaces_what_is_there(self) -> None:
        if not self.conditional:
            return  # nothing but our names, which are never used twice, keeps such a server from it
        self.open().put("a/data.csv", b"theirs")
        for ours in (b"ours", b"theirs and more", b"thei", b""):
            assert _refused(lambda ours=ours: self.open().put("a/data.csv", ours))  # type: ignore[misc]
        assert self.open().read("a/data.csv") == b"theirs"

    def test_of_racing_puts_one_is_there_and_the_others_know(self) -> None:
        if not self.conditional:
            return
        contents = [bytes([65 + number]) * 1000 for number in range(RACERS)]
        won: list[bytes] = []

        def race(content: bytes) -> None:
            if not _refused(lambda: self.open().put("a/data.parquet", content)):
                won.append(content)

        threads = [threading.Thread(target=race, args=(content,)) for content in contents]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(won) == 1 and self.open().read("a/data.parquet") == won[0]

    def test_megabytes_come_back_byte_for_byte_whole_and_in_parts(self) -> None:
        content = bytes(range(256)) * (8 << 12)
        store = self.open()
        store.put("a/large", content)
        assert store.read("a/large") == content
        assert store.read("a/large", 1_000_000, 3_000_001) == content[1_000_000:4_000_001]
        assert store.read("a/large", len(content) - 5) == content[-5:]

    def test_reading_ends_where_the_file_ends(self) -> None:
        store = self.open()
        store.put("a/data.csv", b"12345")
        assert store.read("a/data.csv", 3, 100) == b"45"
        assert store.read("a/data.csv", 5, 10) == b""
        assert store.read("a/data.csv", 99, 10) == store.read("a/data.csv", 99) == b""
        assert store.read("a/data.csv", 0, 0) == b""
        assert store.read("a/data.csv", 1, 2) == b"23"

    def test_a_file_that_is_not_there_has_no_length_and_may_be_removed(self) -> None:
        store = self.open()
        assert store.length("no/such/file") == 0
        store.remove("no/such/file")
        assert list(store.walk()) == []

    def test_removed_is_removed(self) -> None:
        store = self.open()
        store.put("a/data.csv", b"rows")
        store.remove("a/data.csv")
        assert store.length("a/data.csv") == 0 and list(self.open().walk()) == []

    def test_the_walk_names_every_file_once(self) -> None:
        store = self.open()
        paths = sorted(f"m/{day:02}/data-{part}.csv" for day in range(12) for part in range(3))
        for path in paths:
            store.put(path, path.encode())
        found = list(self.open().walk())
        assert sorted(found) == paths and len(found) == len(paths)

    def test_a_folder_is_walked_without_its_neighbours(self) -> None:
        store = self.open()
        for path in ("m/1/data.csv", "m/1/_manifest/data.jsonl", "m/10/data.csv", "data.csv"):
            store.put(path, b"rows")
        assert sorted(self.open().walk("m/1")) == ["m/1/_manifest/data.jsonl", "m/1/data.csv"]

    def test_a_copy_has_the_same_bytes_and_outlives_its_source(self) -> None:
        content = bytes(range(256)) * 4096
        for number, target in enumerate(PATHS):
            source = f"_attempts/{number}.part"
            self.open().put(source, content)
            self.open().copy(source, target)
            assert self.open().read(source) == content
            self.open().remove(source)
            assert self.open().read(target) == content
        assert sorted(self.open().walk()) == sorted(PATHS)

    def test_a_copy_may_be_repeated_also_after_a_restart(self) -> None:
        self.open().put("_attempts/1.part", b"rows")
        store = self.open()
        for _ in range(2):
            store.copy("_attempts/1.part", "a/data.csv")
        self.open().copy("_attempts/1.part", "a/data.csv")
        assert self.open().read("a/data.csv") == b"rows"

    def test_what_is_not_there_can_not_be_copied(self) -> None:
        try:
            self.open().copy("_attempts/1.part", "a/data.csv")
        except Unavailable:
            assert list(self.open().walk()) == []
            return
        raise AssertionError("a copy of nothing was made")

    def test_a_cleared_folder_is_empty_and_its_neighbours_are_not(self) -> None:
        store = self.open()
        for path in ("m/1/data.csv", "m/1/sub/data.csv", "m/10/data.csv"):
            store.put(path, b"rows")
        for _ in range(2):
            store.clear("m/1")
        store.clear("no/such/folder")
        assert list(self.open().walk()) == ["m/10/data.csv"]


class AppendConformance:
    """Files that grow. For stores with `appends`."""

    def open(self) -> Store:
        raise NotImplementedError  # the test class of a store says how it is opened

    def test_a_name_has_one_owner_for_ever(self) -> None:
        assert self.open().claim("a/data.csv", b"one\n", "11111111")
        assert not self.open().claim("a/data.csv", b"two\n", "22222222")
        assert self.open().claim("a/data.csv", b"one\n", "11111111"), "also after a restart"
        self.open().append("a/data.csv", 0, b"rows")
        assert self.open().claim("a/data.csv", b"one\n", "11111111")
        assert not self.open().claim("a/data.csv", b"two\n", "22222222")

    def test_of_racing_claims_one_wins(self) -> None:
        won: list[int] = []

        def race(number: int) -> None:
            if self.open().claim("a/data.csv", b"owner %d\n" % number, f"{number:08}"):
                won.append(number)

        threads = [threading.Thread(target=race, args=(number,)) for number in range(RACERS)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(won) == 1

    def test_a_name_that_somebody_else_has_written_to_can_not_be_claimed(self) -> None:
        self.open().put("a/data.csv", b"theirs")
        assert not self.open().claim("a/data.csv", b"one\n", "11111111")

    def test_appends_follow_each_other_and_may_each_be_repeated(self) -> None:
        store = self.open()
        assert store.claim("a/data.csv", b"one\n", "11111111")
        assert store.length("a/data.csv") == 0
        for _ in range(2):
            store.append("a/data.csv", 0, b"first\n")
        store.append("a/data.csv", 6, b"second\n")
        self.open().append("a/data.csv", 6, b"second\n")
        assert self.open().read("a/data.csv") == b"first\nsecond\n"

    def test_an_append_is_known_again_when_others_followed_it(self) -> None:
        store = self.open()
        store.append("a/log.jsonl", 0, b"first\n")
        store.append("a/log.jsonl", 6, b"second\n")
        self.open().append("a/log.jsonl", 0, b"first\n")
        assert self.open().read("a/log.jsonl") == b"first\nsecond\n"

    def test_a_position_that_is_not_ours_is_never_written_to(self) -> None:
        self.open().append("a/data.csv", 0, b"theirs")
        for start, ours in ((0, b"ours"), (3, b"ours"), (0, b"others"), (99, b"ours")):
            assert _refused(lambda start=start, ours=ours: self.open().append("a/data.csv", start, ours))  # type: ignore[misc]
        assert self.open().read("a/data.csv") == b"theirs"

    def test_a_file_that_is_gone_is_not_begun_in_the_middle(self) -> None:
        store = self.open()
        store.append("a/data.csv", 0, b"first\n")
        store.remove("a/data.csv")
        assert _refused(lambda: self.open().append("a/data.csv", 6, b"second\n"))
        assert self.open().length("a/data.csv") == 0
