"""What was done to an archive, what is known besides, and the verdict. The table of docs/audit.md is drawn from it.

The archive: two hosts, each with a spool of its own, archived inputs and predictions on two days. Heads are signed.
"""

from __future__ import annotations

import base64
import json
import shutil
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Any, NamedTuple
from zlib import crc32

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from modeldata.catalog.audit import BROKEN, COMPLETE, UNPROVEN
from modeldata.format import head
from modeldata.format.head import PublicKey, Signer, entry_hash

OLD, NEW = "2026-11-20T10:00:00", "2026-11-21T10:00:00"
SEED = bytes(range(32))
NAME = "example.org/heads"
KNOWN = ("the archive alone", "its spools", "a head kept elsewhere", "the public key", "head and key")


def signer_of(seed: bytes) -> Signer:
    key = Ed25519PrivateKey.from_private_bytes(seed)
    return Signer(PublicKey(NAME, key.public_key().public_bytes_raw()), key.sign)


def private_text(seed: bytes) -> str:
    public = signer_of(seed).public
    return f"PRIVATE+KEY+{NAME}+{public.id.hex()}+{base64.b64encode(bytes([1]) + seed).decode()}"


class World(NamedTuple):
    """Two hosts' archive, a copy of it from the day before, its spools, and heads that were kept elsewhere."""

    archive: Path
    spools: list[Path]
    notes: list[str]


# Tools of an attacker who knows the format


def days(root: Path, day: str, identifier: str = "*") -> list[Path]:
    return sorted(root.glob(f"*/*/*/{identifier}/{day[:10].replace('-', '/')}"))


def logs(root: Path) -> list[Path]:
    return sorted(root.glob("_heads/*.jsonl"))


def cut_batch(root: Path) -> str:
    """The newest batch of the first host with its line. Its id."""
    (day,) = days(root, NEW, "inputs")
    log = day / "_manifest" / "data.csv.jsonl"
    *kept, last = log.read_bytes().splitlines(keepends=True)
    line = json.loads(last)
    log.write_bytes(b"".join(kept))
    data = day / line["file"]
    data.write_bytes(data.read_bytes()[: line["offset"]])
    return str(line["batch"])


def change_value(root: Path) -> tuple[str, list[str]]:
    """A value of the newest batch, with its checksum. Its id and the hashes that a record would have."""
    (day,) = days(root, NEW, "inputs")
    log = day / "_manifest" / "data.csv.jsonl"
    *kept, last = log.read_bytes().splitlines(keepends=True)
    line = json.loads(last)
    data = day / line["file"]
    content = data.read_bytes()
    start = line["offset"] + line["bytes"] - line["row_bytes"]
    rows = content[start:].replace(b",41", b",14")
    assert rows != content[start:]
    data.write_bytes(content[:start] + rows)
    line["crc32"] = crc32(rows)
    log.write_bytes(b"".join(kept) + json.dumps(line, separators=(",", ":"), sort_keys=True).encode() + b"\n")
    return str(line["batch"]), [sha256(rows).hexdigest(), entry_hash(line)]


Change = Callable[[list[dict[str, object]]], None]


def rewrite_log(path: Path, change: Change, signer: Signer | None) -> None:
    """A log that is consistent in itself again, after its records were changed."""
    lines = [json.loads(line) for line in path.read_bytes().splitlines()]
    name = lines[0]["head"].split("\n")[0].removeprefix("modeldata/")
    records = [json.loads(line["leaf"]) for line in lines]
    change(records)
    tree, out = head.Tree(), b""
    for record in records:
        leaf = json.dumps(record, separators=(",", ":"), sort_keys=True).encode()
        tree = tree.plus(leaf)
        out += head.log_line(leaf, head.head_of(name, tree).note(signer))
    path.write_bytes(out)


def log_with(root: Path, batch: str) -> Path:
    return next(path for path in logs(root) if batch in path.read_text())


def _without(batch: str) -> Change:
    def change(records: list[dict[str, object]]) -> None:
        at = next(at for at, record in enumerate(records) if batch in dict(record.get("batches", {})))  # type: ignore[call-overload]
        del records[at:]

    return change


# The attacks


def newest_batch(root: Path) -> None:
    cut_batch(root)


def newest_batch_and_record(root: Path) -> None:
    batch = cut_batch(root)
    path = log_with(root, batch)
    lines = path.read_bytes().splitlines(keepends=True)
    at = next(at for at, line in enumerate(lines) if batch.encode() in line)
    assert at == len(lines) - 1, "the newest batch is of the newest round"
    path.write_bytes(b"".join(lines[:at]))


def newest_day(root: Path) -> None:
    for day in days(root, NEW):
        shutil.rmtree(day)


def one_collector(root: Path) -> None:
    shutil.rmtree(next(root.glob("*/*/*/predictions")))


def one_host(root: Path) -> None:
    for path in [*root.rglob("data-*.csv"), *root.rglob("_manifest/data-*.csv.jsonl"), *root.rglob("_manifest/data-*.owner")]:
        path.unlink()


def one_host_and_its_log(root: Path) -> None:
    spool = next(root.rglob("data-*.csv")).name.split("-")[1]
    one_host(root)
    for path in logs(root):
        if path.name.startswith(spool):
            path.unlink()


def manifests(root: Path) -> None:
    for path in root.rglob("_manifest/data*.jsonl"):
        path.unlink()


def value(root: Path) -> None:
    change_value(root)


def value_and_records(root: Path, signer: Signer | None = None) -> None:
    batch, hashes = change_value(root)

    def change(records: list[dict[str, object]]) -> None:
        for record in records:
            if batch in dict(record.get("batches", {})):  # type: ignore[call-overload]
                record["batches"] = {**dict(record["batches"]), batch: hashes}  # type: ignore[call-overload]

    rewrite_log(log_with(root, batch), change, signer)


def value_and_records_with_another_key(root: Path) -> None:
    value_and_records(root, signer_of(bytes(32)))


def rows_claimed(root: Path) -> None:
    log = next(root.rglob("_manifest/data.csv.jsonl"))
    first, *others = log.read_bytes().splitlines(keepends=True)
    line = json.loads(first)
    ((writer, start, _),) = line["sequences"]
    line |= {"rows": 10**11, "sequences": [[writer, start, start + 10**11 - 1]]}
    log.write_bytes(json.dumps(line).encode() + b"\n" + b"".join(others))


def old_copy(root: Path) -> None:
    shutil.rmtree(root)
    shutil.copytree(root.with_name("backup"), root)


def heads_removed(root: Path) -> None:
    shutil.rmtree(root / "_heads")


def head_cut(root: Path) -> None:
    path = logs(root)[0]
    path.write_bytes(b"".join(path.read_bytes().splitlines(keepends=True)[:-1]))


def head_forged(root: Path) -> None:
    path = logs(root)[0]
    *kept, last = path.read_bytes().splitlines(keepends=True)
    line = json.loads(last)
    body = line["head"].split("\n")
    body[2] = base64.b64encode(bytes(32)).decode()
    path.write_bytes(b"".join(kept) + json.dumps({**line, "head": "\n".join(body)}).encode() + b"\n")


def record_edited(root: Path) -> None:
    path = logs(root)[0]
    path.write_bytes(path.read_bytes().replace(b'\\"time_ns\\":1', b'\\"time_ns\\":2', 1))


def record_removed(root: Path) -> None:
    path = logs(root)[0]
    path.write_bytes(b"".join(path.read_bytes().splitlines(keepends=True)[1:]))


def logs_swapped(root: Path) -> None:
    first, second = logs(root)
    names = [json.loads(path.read_bytes().splitlines()[0])["head"].split("\n")[0] for path in (first, second)]
    swapped = [path.read_text().replace(*pair) for path, pair in ((first, names), (second, reversed(names)))]
    first.write_text(swapped[0])
    second.write_text(swapped[1])


def signed_with_another_key(root: Path) -> None:
    for path in logs(root):
        rewrite_log(path, lambda records: None, signer_of(bytes(32)))


def signatures_removed(root: Path) -> None:
    for path in logs(root):
        rewrite_log(path, lambda records: None, None)


def rewrite_forged(root: Path) -> dict[str, Any]:
    """The newest batch replaced as `compact` does, with another value. The line that replaces it."""
    (day,) = days(root, NEW, "inputs")
    line = json.loads((day / "_manifest" / "data.csv.jsonl").read_bytes().splitlines()[-1])
    data = (day / line["file"]).read_bytes()
    header, rows = data.splitlines(keepends=True)[0], data[line["offset"] + line["bytes"] - line["row_bytes"] :]
    rows = rows.replace(b",41", b",14")
    name = f"data-{1:08x}{'a' * 32}-1.csv"
    (day / name).write_bytes(header + rows)
    for of_a_shipper in ("archived_ns", "spool", "host"):
        del line[of_a_shipper]
    line |= {"file": name, "offset": 0, "bytes": len(header + rows), "row_bytes": len(rows), "crc32": crc32(rows)}
    line |= {"batch": "a-1-1", "replaces": [line["batch"]]}
    (day / "_manifest" / "generation-1.jsonl").write_text(json.dumps(line) + "\n")
    return line


def rewrite_forged_with_a_record(root: Path) -> None:
    line = rewrite_forged(root)
    (day,) = days(root, NEW, "inputs")
    rows = (day / line["file"]).read_bytes()[-line["row_bytes"] :]
    hashes = [sha256(rows).hexdigest(), entry_hash(line)]
    leaf = head.Record(0, 1, batches={line["batch"]: hashes}, replaces=line["replaces"]).leaf()
    (root / "_heads" / "a.jsonl").write_bytes(head.log_line(leaf, head.head_of("a", head.tree_of([leaf])).note()))


def nothing(root: Path) -> None:
    return


class Attack(NamedTuple):
    """`verdicts` in the order of `KNOWN`."""

    words: str
    do: Callable[[Path], None]
    verdicts: tuple[str, str, str, str, str]


_EVERY_TIME = (BROKEN,) * 5
_NEVER = (COMPLETE,) * 5
_NOT_ALONE = (COMPLETE, BROKEN, BROKEN, COMPLETE, BROKEN)
_NOT_ALONE_OR_BY_KEY = (COMPLETE, BROKEN, BROKEN, BROKEN, BROKEN)
_BY_KEY = (COMPLETE, COMPLETE, COMPLETE, BROKEN, BROKEN)

ATTACKS = (
    Attack("nothing", nothing, _NEVER),
    Attack("the newest batch cut off, with its line", newest_batch, _EVERY_TIME),
    Attack("the newest batch cut off, with its line and its record", newest_batch_and_record, _NOT_ALONE),
    Attack("the newest day removed", newest_day, _EVERY_TIME),
    Attack("all of one collector removed", one_collector, _EVERY_TIME),
    Attack("the files of one host removed", one_host, _EVERY_TIME),
    Attack("the files of one host removed, with its log", one_host_and_its_log, _NOT_ALONE),
    Attack("manifests removed", manifests, _EVERY_TIME),
    Attack("a value changed, with its checksum", value, _EVERY_TIME),
    Attack("a value changed, and all records after it made again without the key", value_and_records, _NOT_ALONE_OR_BY_KEY),
    Attack("the same, signed with another key", value_and_records_with_another_key, _NOT_ALONE_OR_BY_KEY),
    Attack("a rewrite forged", rewrite_forged, (UNPROVEN,) * 5),
    Attack("a rewrite forged, with a record without a signature", rewrite_forged_with_a_record, _BY_KEY),
    Attack("an old copy put back", old_copy, _NOT_ALONE),
    Attack("rows claimed that are not there", rows_claimed, _EVERY_TIME),
    Attack("all heads removed", heads_removed, (UNPROVEN, BROKEN, BROKEN, UNPROVEN, BROKEN)),
    Attack("the newest head of a log removed", head_cut, _NOT_ALONE),
    Attack("the oldest record of a log removed", record_removed, _EVERY_TIME),
    Attack("a head forged", head_forged, _EVERY_TIME),
    Attack("a record edited", record_edited, _EVERY_TIME),
    Attack("the logs of two spools swapped", logs_swapped, _EVERY_TIME),
    Attack("heads signed again with another key", signed_with_another_key, _BY_KEY),
    Attack("signatures removed", signatures_removed, _BY_KEY),
)


def table() -> str:
    """The table of the page."""
    rows = [["what was done", *KNOWN], ["---"] * (1 + len(KNOWN)), *([attack.words, *attack.verdicts] for attack in ATTACKS)]
    return "".join(f"| {' | '.join(row)} |\n" for row in rows)
