"""The load of a soak: processes that collect until they are killed, or end in one of many ways. See `soak`.

A nursery forks them, one for each line on stdin, so that importing is paid for once. Each collects into the archive that
its line names, and keeps a `Book` of what it did.
"""

from __future__ import annotations

import atexit
import ctypes
import os
import random
import shutil
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import TypeAlias

from tests.support.ledger import FEATURES, Book

Collect: TypeAlias = Callable[[object], bool]

ROWS_A_SECOND = 4_000
"""Of one plain worker: together less than what the shipper and its kills let through on one core."""
DESCRIPTORS = range(3, 64)
"""What `closed_descriptors` closes, as a daemon does when it starts."""
PATTERN_BYTES = 8_192
BACKUP_SKIPS = 4 << 20
"""A backup leaves out larger files, so that it comes round often."""


def _collector(identifier: str) -> Collect:
    from modeldata import ModelDataCollector

    return ModelDataCollector("m", identifier, FEATURES).collect


def plain(folder: str, name: str, side: str) -> None:
    """Collects in bulk, with threads, forks and children that end without a word. `side`: a third collector, a new one now and then."""
    chance = random.Random(name)
    collects = [_collector(identifier) for identifier in ("inputs", "predictions", side)]
    book = Book(folder, name)
    threads = chance.choice([0, 0, 0, 1, 2])
    for n in range(threads):
        threading.Thread(target=_for_ever, args=(Book(folder, f"{name}t{n}"), collects[1]), daemon=True).start()
    rows, began, children = 0, time.monotonic(), 0
    while True:
        dice = chance.random()
        many = 1 if dice < 0.5 else chance.randrange(2, 400)
        pad = "" if dice < 0.9 else "x" * chance.randrange(2_000) if dice < 0.998 else "y" * 400_000
        book.collect(chance.choice(collects), pad, many if len(pad) < 2_000 else 1)
        rows += many
        if dice < 0.004 and not threads:
            children += 1
            _child(folder, f"{name}c{children}", collects[0], by_c=dice < 0.002)
        if dice > 0.9995:
            os._exit(0)
        ahead = rows / ROWS_A_SECOND - (time.monotonic() - began)
        if ahead > 0:
            time.sleep(ahead)


def _for_ever(book: Book, collect: Collect) -> None:
    while True:
        book.collect(collect)
        time.sleep(0.005)


def _child(folder: str, name: str, collect: Collect, *, by_c: bool) -> None:
    """A forked child that collects and ends without a word."""
    pid = ctypes.CDLL(None).fork() if by_c else os.fork()
    if pid == 0:
        book = Book(folder, name)
        for _ in range(5):
            book.collect(collect)
        os._exit(0)


def shipping_thread(folder: str, name: str, side: str) -> None:
    """Ships by a thread of its own, while another thread makes backups of the whole archive, its spool too."""
    os.environ["MODELDATA_SHIP"] = "thread"
    threading.Thread(target=_back_up, args=(os.environ["MODELDATA_ARCHIVE"], folder), daemon=True).start()
    _for_ever(Book(folder, name), _collector("inputs"))


def _back_up(archive: str, folder: str) -> None:
    copy = os.path.join(folder, "backup")
    while True:
        shutil.rmtree(copy, ignore_errors=True)
        with suppress(OSError):  # shutil.Error is one: files come and go under it
            shutil.copytree(archive, copy, ignore=_too_large)
        note(folder, "backups", name=archive)
        time.sleep(0.2)


def _too_large(folder: str, found: list[str]) -> list[str]:
    large = []
    for name in found:
        with suppress(OSError):
            if os.lstat(os.path.join(folder, name)).st_size > BACKUP_SKIPS:
                large.append(name)
    return large


def closed_descriptors(folder: str, name: str, side: str) -> None:
    """Closes all descriptors, ours too, opens files of its own under these numbers, and goes on collecting."""
    chance = random.Random(name)
    if chance.random() < 0.3:
        os.environ["MODELDATA_SHIP"] = "thread"
    collect = _collector("inputs")
    book = Book(folder, name)
    for _ in range(20):
        book.collect(collect)
    os.closerange(DESCRIPTORS.start, DESCRIPTORS.stop)
    own = [_write_pattern(os.path.join(folder, f"{name}-{number}.own")) for number in DESCRIPTORS]
    note(folder, "owned", *own)
    book = Book(folder, f"{name}b")
    for _ in range(100):
        dice = chance.random()
        book.collect(collect, "x" * 300 if dice < 0.98 else "y" * 400_000, 1 if dice > 0.8 else 5)
        time.sleep(0.005)
    if chance.random() < 0.7:
        atexit._run_exitfuncs()
    os._exit(0)


def pattern(path: str) -> bytes:
    """What a file of a service holds that has nothing to do with us."""
    text = os.path.basename(path).encode()
    return (text * (PATTERN_BYTES // len(text) + 1))[:PATTERN_BYTES]


def _write_pattern(path: str) -> str:
    fd = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)  # stays open, as a service's database does
    os.write(fd, pattern(path))
    return path


def note(folder: str, book: str, *names: str, name: str = "") -> None:
    """Lines that the judge reads, added in one write."""
    fd = os.open(os.path.join(folder, book), os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    os.write(fd, "".join(f"{one}\n" for one in (names or (name,))).encode())
    os.close(fd)


def overwritten(folder: Path) -> Iterator[str]:
    """Files of services that do not hold any more what was written into them."""
    book = folder / "owned"
    for path in book.read_text().splitlines() if book.exists() else ():
        if Path(path).read_bytes() != pattern(path):
            yield path


KINDS = {kind.__name__: kind for kind in (plain, shipping_thread, closed_descriptors)}


def nursery(folder: str) -> None:
    """Forks a process for each line `kind name archive side` on stdin and answers with its pid; itself it never collects."""
    import modeldata.collector  # noqa: F401 - the children inherit it

    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    for line in sys.stdin:
        pid = os.fork()
        if pid == 0:
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            os.close(0)
            kind, name, archive, side = line.split()
            os.environ["MODELDATA_ARCHIVE"] = archive
            try:
                KINDS[kind](folder, name, side)
            finally:
                os._exit(1)
        print(pid, flush=True)


_books: dict[int, Book] = {}


def application(environ: dict[str, object], start_response: object) -> list[bytes]:
    """What gunicorn serves: each request collects a row of inputs and some predictions."""
    book = _books.get(os.getpid())
    if book is None:
        folder = os.environ["SOAK_FOLDER"]
        book = _books[os.getpid()] = Book(folder, f"g{os.getpid()}-{os.urandom(4).hex()}")
    taken = [book.collect(_collector("inputs")), book.collect(_collector("predictions"), "z" * 30, 20)]
    start_response("200 OK", [("Content-Type", "text/plain")])  # type: ignore[operator] # WSGI's own type needs a stub
    return [str(sum(taken)).encode()]


if __name__ == "__main__":
    nursery(os.environ["SOAK_FOLDER"])
