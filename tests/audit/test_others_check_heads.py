"""Heads are in formats that others check: programs from PyPI that know nothing of us accept them, and refuse each forgery.

metamorphic-log reads C2SP checkpoints and checks their signatures, pymerkle makes the trees of RFC 9162.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import metamorphic_log as notes
import pymerkle as trees
import pytest

from tests.audit import attacks
from tests.audit.attacks import SEED, logs, signer_of

FORGERIES = (
    attacks.newest_batch_and_record, attacks.value_and_records, attacks.value_and_records_with_another_key, attacks.head_cut,
    attacks.head_forged, attacks.record_edited, attacks.record_removed, attacks.logs_swapped, attacks.signed_with_another_key,
    attacks.signatures_removed, attacks.old_copy,
)  # fmt: skip


def accepted(archive: Path, kept: list[str], key: str) -> bool:
    """Do others find that each log begins with the head of it that was kept, and is signed by the key?"""
    found = {}
    for path in logs(archive):
        tree = trees.InmemoryTree(algorithm="sha256")
        roots = []
        for text in path.read_bytes().splitlines():
            line = json.loads(text)
            tree.append_entry(line["leaf"].encode())
            roots.append(tree.get_root())
            try:
                head = notes.checkpoint_verify(line["head"], [key])
            except notes.VerifyError:
                return False
            if (head.size, bytes(head.root)) != (len(roots), bytes(roots[-1])):
                return False
        found[head.origin] = roots
    for note in kept:
        head = notes.checkpoint_verify(note, [key])
        if [bytes(root) for root in found.get(head.origin, [])[head.size - 1 : head.size]] != [bytes(head.root)]:
            return False
    return True


def test_others_accept_the_heads_of_an_archive(world: attacks.World) -> None:
    assert accepted(world.archive, world.notes, signer_of(SEED).public.text())


@pytest.mark.parametrize("forgery", FORGERIES, ids=lambda forgery: forgery.__name__)
def test_others_refuse_each_forgery_of_heads(world: attacks.World, forgery: Callable[[Path], None]) -> None:
    forgery(world.archive)
    assert not accepted(world.archive, world.notes, signer_of(SEED).public.text())


def test_others_refuse_another_key(world: attacks.World) -> None:
    assert not accepted(world.archive, world.notes[:0], signer_of(bytes(32)).public.text())
