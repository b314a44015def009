"""What each row of the fault matrix is about, in a few words."""

from __future__ import annotations

from tests.faults import hostile

TITLES: dict[str, str] = {
    "A1": "SIGKILL of workers under load", "A2": "SIGKILL in the middle of a 16 MiB frame", "A3": "SIGKILL of the shipper",
    "A4": "SIGKILL at every operation and every system call of the shipper", "A5": "the same during the recovery from it",
    "A6": "exception, sys.exit, os._exit right after collect", "A7": "SIGTERM to gunicorn under load",
    "A8": "interpreter shutdown in the middle of a batch", "A9": "no memory while encoding",
    "A10": "a stopped and continued shipper", "A11": "all processes gone, a shipper alone on the old spool",
    "A12": "a segment that was only begun",
    "B1": "store down, then up", "B2": "black hole", "B3": "response lost after the commit", "B4": "request cut half-way",
    "B5": "delayed duplicate", "B6": "500, 503, 429 with Retry-After", "B7": "401, 403, wrong or expired credentials",
    "B8": "container or bucket missing", "B9": "one batch refused for its content", "B10": "50,000 blocks reached",
    "B11": "file deleted, replaced or grown by somebody else", "B12": "the name is taken by a block blob",
    "B13": "corrupted upload", "B14": "slow store", "B15": "DNS or TLS failure", "B16": "one of two archives down",
    "B17": "a store without conditional writes",
    "C1": "full disk under a frame", "C2": "full disk under checkpoint, intent, staging", "C3": "spool limit reached",
    "C4": "EIO on write", "C5": "EIO on fsync", "C6": "EIO on read", "C7": "any bit flipped", "C8": "lying length",
    "C9": "a segment cut at any byte", "C10": "power cut", "C11": "checkpoint lost, cut or old", "C12": "spool removed while in use",
    "C13": "spool read-only", "C14": "no file descriptors, no inodes, quota", "C15": "spool on a network file system, in a container",
    "C16": "spool copied or restored", "C17": "archive's disk full, kill in the middle of an append",
    "C18": "a format from the future, a spool of an old version",
    "D1": "gunicorn's workers, with and without preload", "D2": "forks while threads collect", "D3": "a fork made in C",
    "D4": "a forgotten child of the leader", "D5": "multiprocessing's three ways, children that end by os._exit",
    "D6": "threads and an event loop", "D7": "gevent", "D8": "signal handlers, finalizers, log handlers that collect",
    "D9": "collect after close and at shutdown", "D10": "two shippers", "D11": "two spools, one archive",
    "D12": "equal process numbers", "D13": "a thousand dead segments", "D14": "a reader faster than its writer",
    "D15": "workers that live for ten requests", "D16": "a fork after the collector is gone",
    "E1": "clock set back", "E2": "clock ten years ahead, or in 1970", "E3": "midnight inside a batch", "E4": "retry after midnight",
    "E5": "rows of last week", "E6": "time zones", "E7": "clock skew against the store", "E8": "suspend and resume",
    "F1": "objects that can't be stored", "F2": "every kind of value", "F3": "every kind of text", "F4": "very large rows",
    "F5": "no rows, 10,000 columns", "F6": "schema drift", "F7": "names that collide", "F8": "data changed after the call",
    "F9": "formulas", "F10": "garbage in the spool",
    "G1": "hostile names", "G2": "a spool of somebody else", "G3": "planted links", "G4": "hard links, fifos, devices",
    "G5": "secrets", "G6": "malicious frames", "G7": "plain http with credentials", "G8": "forged log lines",
    "G9": "secrets in arguments and files", "G10": "a shipper of another user",
} | hostile.TITLES  # fmt: skip
