"""What does `import modeldata` add to the start of a process?

Whole processes, interleaved in turn with a bare interpreter, so that a drift of the machine hits both alike.
"""

from __future__ import annotations

import subprocess
import sys
import time
from statistics import median

ROUNDS = 25
STATEMENTS = {
    "bare interpreter": "pass",
    "import modeldata": "import modeldata",
    "import numpy": "import numpy",
    "import pyarrow": "import pyarrow",
}


def main() -> None:
    times: dict[str, list[float]] = {name: [] for name in STATEMENTS}
    for turn in range(ROUNDS + 1):
        for name, statement in STATEMENTS.items():
            began = time.perf_counter()
            subprocess.run([sys.executable, "-c", statement], check=True)
            if turn:  # the first one compiles
                times[name].append((time.perf_counter() - began) * 1e3)
    bare = median(times["bare interpreter"])
    for name, found in times.items():
        print(f"{name:20} {median(found):7.1f} ms   over the bare interpreter {median(found) - bare:7.1f} ms")
