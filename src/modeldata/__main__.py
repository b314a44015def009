"""`python -m modeldata`: the command line; `ship --child` is the shipper that a service starts for itself."""

from __future__ import annotations

import sys

if __name__ == "__main__":
    if sys.argv[1:] == ["ship", "--child"]:
        from modeldata.ship.child import main as run
    else:
        from modeldata.cli import main as run
    sys.exit(run())
