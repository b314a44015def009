"""Everything that a first `collect()`, `stats()`, `flush()` or `close()` would import, imported when an archive is made instead.

A process that forks while one of its threads imports leaves the child with a half-imported module, or with the lock of one: it
can never import it again. Archives are made when a service starts, rows come from all its threads: so these calls import
nothing. What handles numpy, pandas or Arrow data is brought in only where the user has those libraries already.
"""

from __future__ import annotations


def prepare() -> None:
    """Import what collecting will need. Costs some ten milliseconds, once."""
    import hashlib
    import json
    import logging
    import opcode  # what `interrupts` looks an exception up in
    import threading

    import modeldata.ship.status  # and with it what looks at checkpoints and segments
    import modeldata.snapshot.libraries
    import modeldata.snapshot.packing
    import modeldata.store.archive_id
    from modeldata.spool.keep_gil import find_libc

    del hashlib, json, logging, opcode, threading
    find_libc()
    modeldata.snapshot.libraries.prepare()
