"""Encode in another process, so that a row that kills its encoder is found, set aside, and stops no other.

What dies is cut into halves, and each half gets a process of its own: groups, then calls, then rows. A single row is set aside
where two processes died of it, and one that has as much memory and no such row does not.
"""

from __future__ import annotations

import os
import signal
import subprocess
from collections import Counter
from threading import Timer
from typing import TYPE_CHECKING

from modeldata.errors import SpoolError
from modeldata.ship.batch import FAIR, FAIR_TIMES
from modeldata.ship.encoder_child import SIZE
from modeldata.ship.encoding_job import EncodingJob, pack_job, unpack, unpack_outcomes
from modeldata.ship.spawn import encoder_command, interpreter

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Any

    from modeldata.ship.batch import BatchFormat
    from modeldata.ship.definitions import ArchiveLayout
    from modeldata.ship.encoding_job import Outcome
    from modeldata.ship.gathered import FrameGroup

SECONDS, BYTES_A_SECOND = 60.0, 500_000
"""How long an encoder may take: so long, and a second more for so many bytes. Far more than any needs."""
SLOW_START = 60.0
"""How much longer we wait for its process than it may take."""
MOST_DEATHS = 200
"""Of one collector in one round. Beyond it, what dies is set aside without being cut further: other rows can't wait for hours."""
TOO_LONG = 1
"""The status of a process that `faulthandler` ends."""


class EncoderDied(Exception):
    """The process gave no answer, or answered that it failed."""


class IsolatedEncoder:
    """Encodes work of one round in other processes: that of the groups that are `wanted`.

    killed: called with each collector of which a row is set aside.
    """

    def __init__(
        self, form_of: Callable[[ArchiveLayout], BatchFormat], wanted: Callable[[FrameGroup], bool], killed: Callable[[str], None]
    ) -> None:
        self._form_of = form_of
        self._killed = killed
        self._deaths: Counter[str] = Counter()
        self._python = interpreter()
        self._wanted = wanted
        self._process: subprocess.Popen[bytes] | None = None

    def wanted(self, group: FrameGroup) -> bool:
        """Not inside a program that merely embeds Python: there is nothing to start then."""
        return self._python is not None and self._wanted(group)

    def encode(self, work: EncodingJob) -> Iterator[Outcome]:
        """What `encode_groups` makes of it. Raises MemoryError, ImportError, OSError or `SpoolError` where the host is to
        blame: nothing is set aside then."""
        if not work.groups:
            return
        try:
            yield from self._made(work)
        except EncoderDied as error:
            yield from self._cut(work, str(error))

    def _cut(self, work: EncodingJob, why: str) -> Iterator[Outcome]:
        halves = work.halves()
        if len(work.groups) == 1:
            stream = work.groups[0].stream
            self._deaths[stream] += 1
            halves = halves if self._deaths[stream] < MOST_DEATHS else []
        for half in halves:
            yield from self.encode(half)
        if not halves:
            yield from self._judge(work, why)

    def _judge(self, work: EncodingJob, why: str) -> Iterator[Outcome]:
        """A round that is not cut any more gets a second chance, and is set aside where it kills again."""
        try:
            yield from self._made(work)
        except EncoderDied:
            self._check_host(work)
            self._killed(work.groups[0].stream)
            yield from work.set_aside(f"the encoder died of it: {why}")

    def _made(self, work: EncodingJob) -> list[Outcome]:
        seconds = SECONDS + work.data_bytes() / BYTES_A_SECOND
        return unpack_outcomes(work, self._ask(pack_job(work, self._form_of(work.groups[0].layout), seconds, 0), seconds))

    def _check_host(self, work: EncodingJob) -> None:
        """Raises where a process dies also without these rows: then they are not to blame, and wait."""
        memory = FAIR + FAIR_TIMES * work.data_bytes()
        try:
            self._ask(pack_job(EncodingJob([]), self._form_of(work.groups[0].layout), SECONDS, memory), SECONDS)
        except EncoderDied as error:
            hint = "look for a broken library or too little memory; the rows wait in the spool until it works"
            raise SpoolError("encode rows", "another process", cause=f"it died also without them: {error}", hint=hint) from error

    def _ask(self, packed: bytes, seconds: float) -> dict[str, Any]:
        """Raises `EncoderDied`; what `_content` raises; OSError where no process can be started."""
        process = self._process = self._process or self._start()
        patience = Timer(seconds + SLOW_START, process.kill)
        patience.start()
        try:
            answer = _exchange(process, packed)
        except OSError:
            answer = None  # a broken pipe: it is gone
        finally:
            patience.cancel()
        if answer is None:
            self.close()
            raise EncoderDied("no answer")
        return _content(*answer)

    def _start(self) -> subprocess.Popen[bytes]:
        assert self._python is not None  # else nothing is wanted
        command, environment = encoder_command(self._python, os.environ)
        return subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=environment,
            start_new_session=True,  # who interrupts the service does not mean the rows
        )  # fmt: skip

    def close(self) -> None:
        """End the process, where there is one."""
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            process.communicate()


def _exchange(process: subprocess.Popen[bytes], packed: bytes) -> tuple[int, bytes] | None:
    """(status, answer) to a piece of work; None where the process ends before it has answered. Raises OSError."""
    assert process.stdin is not None and process.stdout is not None
    process.stdin.write(len(packed).to_bytes(SIZE, "little") + packed)
    process.stdin.flush()
    head = process.stdout.read(2 * SIZE)
    size = int.from_bytes(head[SIZE:], "little")
    answer = process.stdout.read(size)
    if len(head) < 2 * SIZE or len(answer) < size:
        return None
    return int.from_bytes(head[:SIZE], "little", signed=True), answer


def _content(status: int, answer: bytes) -> dict[str, Any]:
    """Raises `EncoderDied`; MemoryError and ImportError, as the process did."""
    try:
        content: dict[str, Any] = unpack(answer)
    except ValueError:
        raise EncoderDied(_in_words(status)) from None
    if "made" in content:
        return content
    raise {"memory": MemoryError, "import": ImportError, "other": EncoderDied}[content["kind"]](content["text"])


def _in_words(status: int) -> str:
    """Why a process ended."""
    if status < 0:
        return signal.Signals(-status).name
    return "it took too long" if status == TOO_LONG else f"status {status}" if status else "no answer"
