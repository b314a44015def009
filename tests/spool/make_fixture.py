"""Makes the old spool that every later version must ship: `python -m tests.spool.make_fixture`. Run once for each segment version.

The spool is as a killed service leaves it: nothing is closed, one frame is torn. What the archive must then hold is in the test.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd

from modeldata import Archive
from modeldata.spool.frame import SEGMENT_VERSION

HERE = Path(__file__).parent / "fixtures"
CALLS: dict[str, list[object]] = {
    "list": [[1, "a", 2.5, None, True], [2**70, 'ü,"\n', float("nan"), b"x", False]],
    "dicts": [[{"a": 1, "b": "x"}, {"a": 2}]],
    "block": [np.arange(6.0).reshape(3, 2), np.arange(4.0).reshape(2, 2)],
    "frame": [pd.DataFrame({"n": [1, 2], "f": [0.5, np.nan], "s": ["x", None]})],
    "arrow": [pd.DataFrame({"n": pd.array([1, None], dtype="int64[pyarrow]")})],
}


def main() -> None:
    target = HERE / f"spool-{SEGMENT_VERSION}"
    if target.exists():
        sys.exit(f"{target} is there: an old spool is never made again")
    with tempfile.TemporaryDirectory() as folder:
        archive = Archive(Path(folder) / "archive", ship="off")
        for identifier, calls in CALLS.items():
            collector = archive.collector("fixture", identifier)
            for number, data in enumerate(calls):
                assert collector.collect(data, f"call-{number}")
        place = archive._intake.writer.place
        (lane,) = archive._intake.writer.lanes
        assert place is not None and lane.segment is not None
        end = lane.segment.end
        lane.segment.store(b"\xf5MDf" + bytes(range(60)))  # what a death in the middle of a write leaves
        for lane in archive._intake.writer.lanes:
            lane.abandon()
        shutil.copytree(Path(place.folder), target)
    for segment in (target / "segments").iterdir():
        with segment.open("r+b") as file:
            file.truncate(end + 4096)  # zeros to the end, as preallocated; fewer of them
    print(f"made {target}")


if __name__ == "__main__":
    main()
