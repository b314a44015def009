"""Records and heads have one form, and those who know only the standards accept it."""

from __future__ import annotations

import json
from base64 import b64decode
from hashlib import sha256

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from modeldata.format import head
from modeldata.format.head import PublicKey, Record, SignedHead, Signer, Tree, WriterRecord, tree_of

SEED = bytes(range(32))
PRIVATE = Ed25519PrivateKey.from_private_bytes(SEED)
PUBLIC = PublicKey("audit.example.com", PRIVATE.public_key().public_bytes_raw())
SIGNER = Signer(PUBLIC, PRIVATE.sign)


def root_as_the_rfc_says(leaves: list[bytes]) -> bytes:
    """RFC 9162, section 2.1.1, word for word."""
    if not leaves:
        return sha256().digest()
    if len(leaves) == 1:
        return sha256(b"\x00" + leaves[0]).digest()
    k = 1
    while k * 2 < len(leaves):
        k *= 2
    return sha256(b"\x01" + root_as_the_rfc_says(leaves[:k]) + root_as_the_rfc_says(leaves[k:])).digest()


@pytest.mark.parametrize("size", [*range(18), 31, 32, 33, 100])
def test_the_root_is_that_of_rfc_9162(size):
    leaves = [b"leaf %d" % number for number in range(size)]
    assert tree_of(leaves).root() == root_as_the_rfc_says(leaves)


def test_a_tree_keeps_no_more_hashes_than_its_size_has_bits():
    tree = tree_of(b"%d" % number for number in range(1023))
    assert len(tree.subtrees) == 10 and tree.size == 1023
    assert len(tree.plus(b"").subtrees) == 1


def test_a_tree_can_be_continued_from_what_is_kept_of_it():
    tree = tree_of([b"a", b"b", b"c"])
    assert Tree(tree.size, tree.subtrees).plus(b"d") == tree_of([b"a", b"b", b"c", b"d"])


def test_a_record_reads_back_as_it_was():
    record = Record(
        3, 17, "ab" * 16, "host", "/spool", {"b": ["0" * 64, "1" * 64]}, {"s/t": {"cd" * 16: 2**63}}, ["p"], ["q"],
        {"cd" * 16: WriterRecord(1, 2, True, {"s/t": 4})}, ["r"], ["f/2026/01/01"], {"later": [1, None]},
    )  # fmt: skip
    assert Record.of(record.leaf()) == record
    assert Record.of(record.leaf()).leaf() == record.leaf()


def test_a_record_is_one_line_of_canonical_json_without_fields_that_say_nothing():
    assert Record(0, 5, host="h\n\u00e4").leaf() == b'{"host":"h\\n\\u00e4","round":0,"time_ns":5}'


@pytest.mark.parametrize("leaf", ["", "[]", "{}", '{"round":0}', '{"round":0,"time_ns":1,"batches":{"b":["x"]}}', "[" * 100_000])
def test_what_is_no_record_is_refused(leaf):
    with pytest.raises(ValueError):
        Record.of(leaf)


def test_the_hash_of_a_manifest_line_is_the_same_wherever_its_rows_lie():
    line = {"batch": "b", "rows": 1, "crc32": 5, "row_bytes": 7}
    placed = {**line, "file": "data.csv", "offset": 9, "bytes": 11}
    assert head.entry_hash(placed) == head.entry_hash(line)
    assert head.entry_hash({**placed, "crc32": 6}) != head.entry_hash(line)


def test_a_head_is_a_c2sp_checkpoint():
    tree = tree_of([b"a"])
    origin, size, root, *rest = head.head_of("log", tree).note().split("\n")
    assert (origin, size, rest) == ("modeldata/log", "1", ["", ""])
    assert b64decode(root) == sha256(b"\0a").digest()


def test_a_signature_is_one_that_the_key_checks():
    note = head.head_of("log", tree_of([b"a"])).note(SIGNER)
    read = SignedHead.of(note)
    (signature,) = read.by(PUBLIC)
    PRIVATE.public_key().verify(signature, read.body.encode())
    assert read.by(PublicKey("another", PUBLIC.key)) == []


def test_a_head_with_lines_of_a_later_version_and_signatures_by_others_is_read():
    note = head.head_of("log", tree_of([b"a"])).note(SIGNER)
    body, signature = note.split("\n\n")
    read = SignedHead.of(f"{body}\nlater\n\n\u2014 witness AAAAAAAA\n{signature}")
    assert read.head == head.head_of("log", tree_of([b"a"]))
    assert read.body == f"{body}\nlater\n" and len(read.signatures) == 2


@pytest.mark.parametrize(
    ("old", "new"),
    [("modeldata/", "other/"), ("\n1\n", "\n01\n"), ("\n1\n", "\n-1\n"), ("\n\n", "\n"), ("=\n", "\n"), ("\u2014 ", "- ")],
)
def test_a_note_of_another_form_is_refused(old, new):
    note = head.head_of("log", tree_of([b"a"])).note(SIGNER)
    assert old in note
    with pytest.raises(ValueError):
        SignedHead.of(note.replace(old, new, 1))


def test_a_line_of_a_log_holds_the_exact_bytes_of_the_leaf():
    leaf, note = Record(0, 5).leaf(), head.head_of("log", tree_of([b"a"])).note(SIGNER)
    line = head.log_line(leaf, note)
    assert line.count(b"\n") == 1 and json.loads(line)["leaf"].encode() == leaf
    assert head.read_line(line) == (leaf, SignedHead.of(note))


@pytest.mark.parametrize("line", ["", "[]", "null", '{"leaf":1,"head":""}', '{"leaf":""}', '{"leaf":"","head":""}'])
def test_what_is_no_line_of_a_log_is_refused(line):
    with pytest.raises(ValueError):
        head.read_line(line)


def test_a_public_key_reads_back_and_one_with_another_id_is_refused():
    assert PublicKey.of(PUBLIC.text() + "\n") == PUBLIC
    name, id_, key = PUBLIC.text().split("+", 2)
    assert id_ == sha256(name.encode() + b"\n\x01" + PUBLIC.key).hexdigest()[:8]
    for text in (f"{name}+00000000+{key}", f"{name}+{id_}", f"+{id_}+{key}", f"a b+{id_}+{key}", f"{name}+{id_}+AAAA", ""):
        with pytest.raises(ValueError):
            PublicKey.of(text)


def test_a_private_key_of_go_s_note_package_is_read():
    # made with golang.org/x/mod/sumdb/note: its documentation's example
    text = "PRIVATE+KEY+PeterNeumann+c74f20a3+AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz"
    name, seed = head.private_key(text)
    public = Ed25519PrivateKey.from_private_bytes(seed).public_key().public_bytes_raw()
    assert PublicKey(name, public).text() == "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"


def test_what_is_no_private_key_is_refused_without_a_word_of_it():
    for text in ("secret", "PRIVATE+KEY+secret", "PRIVATE+KEY+n+id+c2VjcmV0"):
        with pytest.raises(ValueError) as refused:
            head.private_key(text)
        assert "secret" not in str(refused.value) and "c2VjcmV0" not in str(refused.value)
