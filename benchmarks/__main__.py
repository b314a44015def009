"""Every benchmark, one question a file: `python -m benchmarks [name ...]`. Prints tables; read ratios, not single times."""

from __future__ import annotations

import sys

from benchmarks import (
    collect_cost,
    first_minute,
    fleet,
    import_time,
    in_short,
    layers,
    peers,
    reading,
    reading_growth,
    revisions,
    scale,
    service,
    shipper,
    shipping,
    sustained,
    threads,
    ui,
)

QUESTIONS = {
    "first_minute": first_minute.main,
    "import_time": import_time.main,
    "collect_cost": collect_cost.main,
    "peers": peers.main,
    "threads": threads.main,
    "service": service.main,
    "layers": layers.main,
    "sustained": sustained.main,
    "scale": scale.main,
    "shipper": shipper.main,
    "shipping": shipping.main,
    "reading": reading.main,
    "reading_growth": reading_growth.main,
    "ui": ui.main,
}
PAGES = (
    in_short.page,
    first_minute.page,
    peers.page,
    threads.page,
    service.page,
    sustained.page,
    shipper.page,
    shipping.page,
    scale.page,
    reading.page,
    ui.page,
    revisions.page,
    fleet.page,
)
"""Each draws its section of docs/performance.md (fleet: of docs/scale.md) from the runs that are kept as reference."""

if __name__ == "__main__":
    if sys.argv[1:] == ["page"]:
        for page in PAGES:
            page()
        sys.exit()
    for name in sys.argv[1:] or QUESTIONS:
        print(f"\n## {name}: {(sys.modules[QUESTIONS[name].__module__].__doc__ or '').splitlines()[0]}\n")
        QUESTIONS[name]()
