"""What was done to an archive, and what an audit says, by what it knows besides: each cell of the table of docs/audit.md."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from modeldata.catalog.audit import COMPLETE
from modeldata.catalog.witness import Witness, heads_in, key_of, spool_looker
from modeldata.spool.files import Files
from tests.audit import attacks
from tests.audit.attacks import ATTACKS, KNOWN, SEED, Attack, World, signer_of, table
from tests.audit.kit import audited, store_at

ROOT = Path(__file__).parents[2]


def known(world: World, what: str) -> Witness:
    heads = heads_in(world.notes) if "head" in what else []
    key = key_of(signer_of(SEED).public.text(), Files()) if "key" in what else None
    if "spools" not in what:
        return Witness(heads, key)
    named = [str(folder) for folder in world.spools]
    return Witness(heads, key, spool_looker(str(world.archive), store_at(world.archive), Files(), "another host", named, ""))


@pytest.mark.parametrize("what", KNOWN)
@pytest.mark.parametrize("attack", ATTACKS, ids=lambda attack: attack.words)
def test_an_attack_is_noticed_by_what_is_known(world: World, attack: Attack, what: str) -> None:
    attack.do(world.archive)
    found = audited(world.archive, witness=known(world, what))
    assert found.verdict == attack.verdicts[KNOWN.index(what)], found.as_dict()
    if found.verdict == COMPLETE:
        assert found.not_known or (what == "head and key" and attack.words == "nothing"), "it says what it can't know"


@pytest.mark.parametrize(
    ("attack", "words"),
    [
        (attacks.record_removed, "1 records before record 2 are gone"),
        (attacks.newest_batch, "is gone, and a head proves that it was archived"),
        (attacks.value, "by their head: a value was changed, and its checksum with it"),
        (attacks.one_host_and_its_log, "is gone, and had"),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_the_audit_says_what_was_done(world: World, attack: Callable[[Path], None], words: str) -> None:
    """Also where another guard would have noticed it, too."""
    attack(world.archive)
    assert words in " ".join(audited(world.archive, witness=known(world, "head")).problems)


def test_the_page_has_the_table() -> None:
    assert table() in (ROOT / "docs" / "audit.md").read_text(encoding="utf-8")
