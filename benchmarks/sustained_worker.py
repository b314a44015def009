"""A service under steady load: `python -m benchmarks.sustained_worker FOLDER CASE CALLS`. What it has done is in FOLDER/tally."""

from __future__ import annotations

import mmap
import struct
import sys
import time
from pathlib import Path

PER_SECOND = 1_000
TALLY = struct.Struct("<QQQ")
"""Calls made, accepted, and by how many nanoseconds the latest one began too late. A mapped file: it is as safe as the rows."""


def main() -> None:
    from benchmarks.peer import inputs
    from modeldata import Archive

    folder, case, calls = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
    archive = Archive(folder / "archive", ship="process", min_free_bytes=0)
    collect, data = archive.collector("bench", "steady").collect, inputs(case)
    with (folder / "tally").open("wb+") as file:
        file.truncate(TALLY.size)
        tally = mmap.mmap(file.fileno(), TALLY.size)
    accepted = late = 0
    began = time.perf_counter_ns()
    for number in range(calls):
        due = began + number * 1_000_000_000 // PER_SECOND
        time.sleep(max(0, due - time.perf_counter_ns()) / 1e9)
        late = max(late, time.perf_counter_ns() - due)
        accepted += collect(data[number % len(data)], str(number))
        TALLY.pack_into(tally, 0, number + 1, accepted, late)


if __name__ == "__main__":
    main()
