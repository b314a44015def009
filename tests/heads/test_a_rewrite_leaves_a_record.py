"""compact, erase and prune leave a record of what they made of what, signed where a key is given."""

from __future__ import annotations

import base64
import json
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from modeldata.catalog.audit import COMPLETE, EXPLAINED, UNPROVEN
from modeldata.format.head import PublicKey, Signer
from modeldata.keep.jobs import compact
from modeldata.spool.files import Files
from modeldata.store.local import LocalStore
from modeldata.store.port import Conflict, Rejected, Unavailable
from modeldata.testing import Died
from tests.heads.kit import archived, files_of, logs_of
from tests.keep.kit import SMALL, VERBS, filled, job, local, replaced_ids, rows
from tests.support.audits import audit_at_once

KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
PUBLIC = PublicKey("jobs", KEY.public_key().public_bytes_raw())


@pytest.mark.parametrize("verb", VERBS)
@pytest.mark.parametrize("file_format", ["csv", "parquet"])
def test_each_folder_that_is_rewritten_has_a_record_of_its_new_batches(tmp_path, verb, file_format):
    filled(tmp_path, file_format)
    archive = tmp_path / "archive"
    before = files_of(archive)
    VERBS[verb](local(tmp_path))
    (records,) = logs_of({name: data for name, data in files_of(archive).items() if name not in before}).values()
    (record,) = records
    there = archived(archive)
    made = {batch: hashes for batch, hashes in there.items() if batch not in replaced_ids(tmp_path)}
    assert record["batches"].items() <= made.items() and len(record["batches"]) >= 1
    assert set(record["replaces"]) == replaced_ids(tmp_path)
    assert bool(record.get("pruned")) == (verb == "prune")


def test_a_record_is_signed_where_the_run_has_a_key(tmp_path):
    filled(tmp_path)
    before = files_of(tmp_path / "archive")
    work = job(local(tmp_path))
    list(compact(work._replace(run=work.run._replace(signer=Signer(PUBLIC, KEY.sign))), SMALL))
    (line,) = [data for name, data in files_of(tmp_path / "archive").items() if name not in before]
    body, _, signature = json.loads(line)["head"].partition("\n\n")
    KEY.public_key().verify(base64.b64decode(signature.split(" ")[2])[4:], f"{body}\n".encode())


class NoHeads(LocalStore):
    refusal: Exception = Unavailable("write", "_heads", cause="Input/output error")

    def append(self, path: str, start: int, data: bytes | memoryview) -> bool:
        if path.startswith("_heads/"):
            raise self.refusal
        return super().append(path, start, data)


@pytest.mark.parametrize(
    "refusal", [NoHeads.refusal, Rejected("write", "_heads", cause="too large"), Conflict("it is another's")]
)
def test_a_rewrite_holds_where_the_archive_takes_no_record(tmp_path, refusal):
    filled(tmp_path)
    before = rows(local(tmp_path))
    store = NoHeads(str(tmp_path / "archive"), Files())
    store.refusal = refusal
    VERBS["compact"](store)
    assert rows(local(tmp_path)) == before and replaced_ids(tmp_path)


def pending(tmp_path: Path) -> list[Path]:
    return list((tmp_path / "archive").rglob("_manifest/*.record"))


@pytest.mark.parametrize("verb", VERBS)
@pytest.mark.parametrize("file_format", ["csv", "parquet"])
def test_a_record_that_the_archive_did_not_take_comes_with_the_next_run(tmp_path, verb, file_format):
    """As it was signed then: the next run has no key."""
    filled(tmp_path, file_format)
    before = files_of(tmp_path / "archive")
    VERBS[verb](NoHeads(str(tmp_path / "archive"), Files()))
    found = audit_at_once(local(tmp_path))
    assert found.verdict == UNPROVEN and "by a rewrite that no head tells of" in " ".join(found.unproven)
    (left,) = pending(tmp_path)
    line = left.read_bytes()
    VERBS[verb](local(tmp_path))
    assert pending(tmp_path) == [] and line in [
        data for name, data in files_of(tmp_path / "archive").items() if name not in before
    ]
    found = audit_at_once(local(tmp_path))
    assert found.verdict == (COMPLETE if verb == "compact" else EXPLAINED) and not found.unproven


def test_a_record_is_in_the_archive_before_its_switch_and_proves_nothing_where_that_never_comes(tmp_path):
    filled(tmp_path)

    class DiesAtTheSwitch(Files):
        def link(self, source: str, target: str) -> None:
            if target.endswith("/generation-1.jsonl"):
                raise Died("before the switch")
            super().link(source, target)

    with pytest.raises(Died):
        VERBS["compact"](local(tmp_path, DiesAtTheSwitch()))
    assert len(pending(tmp_path)) == 1 and audit_at_once(local(tmp_path)).verdict == COMPLETE
    heads = set((tmp_path / "archive" / "_heads").iterdir())
    VERBS["prune"](local(tmp_path))
    assert pending(tmp_path) == [] and len(set((tmp_path / "archive" / "_heads").iterdir()) - heads) == 1
    assert audit_at_once(local(tmp_path)).verdict == EXPLAINED


def test_what_is_no_record_proves_nothing_and_goes(tmp_path):
    filled(tmp_path)
    (manifests,) = (tmp_path / "archive").glob("*/*/*/inputs/*/*/*/_manifest")
    (manifests / f"{'5' * 32}-{'6' * 8}-1.record").write_bytes(b"half of somethi")
    heads = set((tmp_path / "archive" / "_heads").iterdir())
    VERBS["compact"](local(tmp_path))
    assert pending(tmp_path) == [] and len(set((tmp_path / "archive" / "_heads").iterdir()) - heads) == 1
