"""Processes that encode some rows and leave: what crashes or hangs in them is nobody's loss. `isolation` starts their parent.

The parent imports what they need once, encodes nothing itself, and forks for each piece of work. Where there is no fork, it
encodes itself, and `isolation` starts another where it died.
"""

from __future__ import annotations

import faulthandler
import os
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from modeldata.ship.batch import BatchFormat
    from modeldata.ship.encoding_job import EncodingJob, Outcome

SIZE = 8
"""Bytes of each number between two processes. A piece of work, and an answer, begins with its length."""


def main() -> int:
    """Work from standard input, what became of it to standard output, until the input ends."""

    answers = os.dup(1)
    os.dup2(2, 1)  # what a library prints is no part of an answer
    with open(answers, "wb") as output:
        while size := int.from_bytes(sys.stdin.buffer.read(SIZE), "little"):
            status, answer = _apart(sys.stdin.buffer.read(size))
            output.write(status.to_bytes(SIZE, "little", signed=True) + len(answer).to_bytes(SIZE, "little") + answer)
            output.flush()
    return 0


def _apart(packed: bytes) -> tuple[int, bytes]:
    """(status of the process, its answer): no answer where it died."""
    if not hasattr(os, "fork"):
        return 0, _answer(packed)
    reading, writing = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            with open(writing, "wb") as output:
                output.write(_answer(packed))
        finally:
            os._exit(0)
    os.close(writing)
    with open(reading, "rb") as answers:
        answer = answers.read()
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), answer


def _answer(packed: bytes) -> bytes:
    from modeldata.ship.encoding_job import pack_failure, pack_outcomes, unpack, unpack_job

    seconds, memory, *rest = unpack(packed)
    faulthandler.dump_traceback_later(seconds, exit=True)  # also where C code holds the GIL for ever
    try:
        b"x" * memory
        work, form = unpack_job(rest)
        return pack_outcomes(work, _encode(work, form))
    except Exception as error:  # whatever it is, it is the answer
        return pack_failure(error)
    finally:
        faulthandler.cancel_dump_traceback_later()


def _encode(work: EncodingJob, form: BatchFormat) -> Iterator[Outcome]:
    from modeldata.ship.batch import encode_group
    from modeldata.ship.json_rows import as_json, encode_rows

    if not work.groups:
        _encode_harmless(form)
    elif work.most:
        yield from encode_rows(work.groups[0], work.start, work.most, form, json=work.as_json)
    elif work.as_json:
        yield from as_json(work.groups, form)
    else:
        for group in work.groups:
            yield from ((group, made) for made in encode_group(group, form))


def _encode_harmless(form: BatchFormat) -> None:
    """Values at which no encoder may die: where it does, it is broken, and no row is to blame."""
    import pyarrow as pa

    from modeldata.columns import Column

    values = {"int64": [1, 2], "double": [0.5, None], "str": ["a", "b"]}
    columns = [Column(kind, kind, pa.array(some)) for kind, some in values.items()]
    form.encoder.encode(columns, excel_safe=form.excel_safe, metadata={})
