"""Promises 1 and 3: `collect()` never raises, and refused rows are counted under one of a few reasons, whatever the data raises."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from modeldata import Archive, ModelDataError
from modeldata.errors import LONGEST_SECRET, MASK, MOST_TEXT, said
from modeldata.intake.messages import warn
from modeldata.intake.refusals import REASONS
from modeldata.spool.files import Files
from tests.support.archive import manifest_lines
from tests.support.scripts import run
from tests.support.service import ship_all

SECRET = "AccountKey=hunter2hunter2"


class NoText(Exception):
    def __str__(self) -> str:
        raise RuntimeError("no text")


class TextIsNoText(Exception):
    def __str__(self) -> str:
        return 5  # type: ignore[return-value] # this is what is wrong with it


class Huge(Exception):
    def __str__(self) -> str:
        return "://" * 1_000_000


class OwnText(str):
    def __getitem__(self, key: object) -> str:
        raise RuntimeError("not in parts")


class OddText(Exception):
    def __str__(self) -> str:
        return OwnText("text")


class NamesAReason(Exception):
    reason = SECRET + "x" * 100_000


class ReasonRaises(Exception):
    @property
    def reason(self) -> str:
        raise ValueError("no reason")


class Lies(Exception):
    @property
    def __class__(self) -> Any:
        raise ValueError("no class")

    @property
    def __cause__(self) -> Any:
        raise ValueError("no cause")

    @property
    def __traceback__(self) -> Any:
        raise ValueError("no traceback")


class Meta(type):
    @property
    def __name__(cls) -> str:
        raise ValueError("no name")

    @property
    def __module__(cls) -> str:
        raise ValueError("no module")


class OddClass(Exception, metaclass=Meta):
    pass


class RecursionInText(Exception):
    def __str__(self) -> str:
        return "recursion"


KINDS: list[type[Exception]] = [
    NoText, TextIsNoText, Huge, OddText, NamesAReason, ReasonRaises, Lies, OddClass, RecursionInText, MemoryError, RecursionError,
    OSError, StopIteration, GeneratorExit,
]  # fmt: skip


def _raises(kind: type[BaseException]) -> Any:
    class Raises:
        def _fail(self, *_: object) -> Any:
            raise kind

        __str__ = __iter__ = __len__ = __eq__ = __ne__ = __array__ = _fail  # type: ignore[assignment] # all of it fails

        def __hash__(self) -> int:
            raise kind

    return Raises()


@pytest.mark.parametrize("kind", KINDS[:-1], ids=lambda kind: type.__dict__["__name__"].__get__(kind))
def test_whatever_an_exception_of_the_data_is_like_the_row_is_refused_and_counted(
    tmp_path: Path, kind: type[Exception], caplog: pytest.LogCaptureFixture
) -> None:
    archive = Archive(tmp_path, ship="off", min_free_bytes=1)
    collector = archive.collector("m")
    bad = _raises(kind)
    answers = [
        collector.collect([1], bad), collector.collect([bad]), collector.collect({"a": bad}), collector.collect([{"a": [bad]}]),
        collector.collect(bad), collector.collect([[1, bad]]),
    ]  # fmt: skip
    stats = archive.stats()
    assert answers == [False] * 6
    assert sum(stats.dropped.values()) == 6
    assert set(stats.dropped) <= REASONS
    assert all(len(record.getMessage()) < 3 * MOST_TEXT and "hunter2" not in record.getMessage() for record in caplog.records)


def test_no_word_of_an_exception_becomes_a_reason_in_the_archive(tmp_path: Path) -> None:
    archive = Archive(tmp_path, ship="off", min_free_bytes=1)
    collector = archive.collector("m")
    for _ in range(3):
        collector.collect([1], _raises(NamesAReason))
    assert collector.collect([1])
    archive.close(0)
    ship_all(Files(), str(tmp_path))
    report = json.dumps([line for _, line in manifest_lines(tmp_path)])
    assert "hunter2" not in report and len(report) < 10_000
    assert '"invalid_data", 3' in report or '"invalid_data": 3' in report


def test_with_on_error_raise_an_exception_without_text_is_a_model_data_error(tmp_path: Path) -> None:
    collector = Archive(tmp_path, ship="off", on_error="raise", min_free_bytes=1).collector("m")
    for kind in (NoText, Huge, OddClass):
        with pytest.raises(ModelDataError, match="could not collect"):
            collector.collect([1], _raises(kind))


class NoEnd(list[int]):
    def __iter__(self) -> Iterator[int]:
        while True:
            yield 1

    def __len__(self) -> int:
        raise RuntimeError("no length")

    def __getitem__(self, key: object) -> Any:
        raise RuntimeError("no items")


def test_refused_rows_of_a_list_are_counted_by_its_real_length() -> None:
    from modeldata.collector import MAX_ROWS, rows_in

    class Shaped:
        shape: Any

        def __init__(self, shape: Any) -> None:
            self.shape = shape

    assert rows_in(NoEnd([1, 2])) == 1
    assert rows_in(NoEnd([[1], [2], [3]])) == 3  # type: ignore[list-item] # rows
    assert rows_in(Shaped((10**40, 2))) == MAX_ROWS
    assert [rows_in(Shaped(shape)) for shape in ((-5, 2), (0, 1), "text", ("a", "b"), (4, 2), (7,), 3)] == [1, 1, 1, 1, 4, 1, 1]


def test_a_count_of_rows_that_lies_poisons_no_later_row(tmp_path: Path) -> None:
    class Lying:
        shape = (10**40, 10**40)

    archive = Archive(tmp_path, ship="off", min_free_bytes=1)
    collector = archive.collector("m")
    assert collector.collect(Lying()) is False
    assert all(collector.collect([number]) for number in range(3))
    archive.close(0)
    assert archive.stats().accepted == 3


def test_the_class_of_data_may_say_what_it_likes(tmp_path: Path) -> None:
    class Odd(metaclass=Meta):
        @property
        def __class__(self) -> Any:
            raise ValueError("no class")

    class Unhashable(type):
        def __hash__(cls) -> int:
            raise ValueError("no hash")

        def __eq__(cls, other: object) -> bool:
            raise ValueError("not comparable")

    archive = Archive(tmp_path, ship="off", min_free_bytes=1)
    collector = archive.collector("m")
    for data in (Odd(), [Odd()], Unhashable("Hashless", (), {})(), [Unhashable("Hashless", (list,), {})()]):
        assert collector.collect(data) in (True, False)
    assert collector.collect([1])
    stats = archive.stats()
    assert stats.accepted + sum(stats.dropped.values()) == 5


@pytest.mark.posix("fork")
def test_where_no_memory_is_left_after_a_fork_a_row_is_refused_and_counted(tmp_path: Path) -> None:
    """The child needs a page of its own to know forks by, and a packer: here it gets neither."""
    run(
        """
    import os, resource
    from modeldata import Archive
    archive = Archive("a", ship="off", min_free_bytes=1)
    collector = archive.collector("m")
    assert collector.collect([1])
    pid = os.fork()
    if pid == 0:
        used = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (used, used))
        try:
            answers = [collector.collect([number, "x" * 1000]) for number in range(50)]
            writer, refusals = archive._intake.writer, archive._intake.shared.refusals
            counted = sum(writer.drops().values()) + sum(refusals._uncounted.values()) + sum(writer.accepted().values())
            os._exit(0 if counted == 50 else 3)
        except BaseException as error:
            os.write(2, repr(error).encode())
            os._exit(4)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    """,
        tmp_path,
        timeout=60,
    )


def test_what_another_says_is_cut_before_it_is_masked_and_shows_no_half_secret() -> None:
    secret = "s" * 300
    for before in range(MOST_TEXT + LONGEST_SECRET - 350, MOST_TEXT + LONGEST_SECRET + 10, 7):
        text = "a " * (before // 2) + f"://user:{secret}@host"
        shown = said(ValueError(text))
        assert "ss" not in shown and len(shown) < MOST_TEXT + 100
    assert said(ValueError(f"{SECRET} x")) == f"ValueError: AccountKey={MASK} x"
    assert said(ValueError()) == "ValueError"


def test_a_log_handler_that_raises_costs_no_row_and_reaches_nobody(tmp_path: Path) -> None:
    class Broken(logging.Handler):
        def handle(self, record: logging.LogRecord) -> bool:
            raise RuntimeError("log handler failed")

    handler = Broken()
    logging.getLogger().addHandler(handler)
    try:
        archive = Archive(tmp_path, ship="off", min_free_bytes=1)
        collector = archive.collector("m")
        warn("said by anybody")
        assert collector.collect({"text"}) is False
        assert collector.collect([1])
    finally:
        logging.getLogger().removeHandler(handler)
    assert archive.stats().dropped == {"unsupported_type": 1}


def test_a_call_during_which_its_archive_is_closed_is_refused_and_counted(tmp_path: Path) -> None:
    """By another thread, for example. Here the data itself closes it, and then has a fault, too."""
    archive = Archive(tmp_path, ship="off", min_free_bytes=1)
    collector = archive.collector("m")

    class Closes:
        def __array__(self, *_: object, **__: object) -> object:
            archive.close(0)
            raise ValueError("bad")

    assert collector.collect([1])
    assert collector.collect(Closes()) is False
    assert collector.collect([2]) is False
    assert archive.stats().dropped == {"invalid_data": 1, "closed": 1}
