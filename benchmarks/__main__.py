"""Every benchmark, one question a file: `python -m benchmarks [name ...]`. Prints tables; read ratios, not single times."""

from __future__ import annotations

import sys

from benchmarks import collect_cost, import_time, peers, shipping

QUESTIONS = {
    "import_time": import_time.main,
    "collect_cost": collect_cost.main,
    "peers": peers.main,
    "shipping": shipping.main,
}

if __name__ == "__main__":
    if sys.argv[1:] == ["page"]:
        sys.exit(peers.page())
    for name in sys.argv[1:] or QUESTIONS:
        print(f"\n## {name}: {(sys.modules[QUESTIONS[name].__module__].__doc__ or '').splitlines()[0]}\n")
        QUESTIONS[name]()
