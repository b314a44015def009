"""G1: any text makes one harmless path component, different texts make different ones, and identities never share a folder."""

from __future__ import annotations

import os
import string
from pathlib import Path

import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from modeldata.format import names
from modeldata.format.paths import day_folder

UNHURRIED = settings(deadline=None)  # a busy machine proves nothing
ANY_TEXT = st.text(st.characters(codec=None), max_size=400)
HARD_TEXT = st.text("-_.~ /\\:aCcOoNn1\0\n\ud800é", max_size=12)
TEXT = st.one_of(ANY_TEXT, HARD_TEXT)
SAFE = frozenset(string.ascii_letters + string.digits + "._-~ ")
ROOT = "/srv/archive"
TABLE = [
    "../../etc/x", "/abs", "a/b", "..", ".", "", "\0", "a\0b", "x" * 300, "é" * 300, "CON", "con", "con.txt", "NUL", "Lpt9.csv",
    "~", "~41", "~~", "naïve", "模型", "🤖", "\ud800", "a\nb", "\x1b[31m", ".hidden", "_manifest", "trailing.", "trailing ",
    " leading", "back\\slash", "C:\\x", "a:b", "a*b?", "$Timestamp", "%2e%2e", "file://x", "-rf", "a=b",
]  # fmt: skip
PLAIN = ["churn", "model.pkl", "inputs", "v1.2-beta", "a b", "A", "3f2504e0-4f89-11d3-9a0c-0305e82c3301"]
FIELDS = ("account", "service", "model_id", "model_name", "model_version", "identifier")


def identity(**other: str) -> dict[str, str]:
    return {**dict.fromkeys(FIELDS, "unknown"), **other}


def assert_harmless(made: str) -> None:
    assert made and SAFE.issuperset(made)
    assert len(os.fsencode(made)) <= 255
    assert made[0] not in "._ " and made[-1] not in ". "
    stem = made.split(".")[0].rstrip().lower()
    assert stem not in {"con", "prn", "aux", "nul"}
    assert not (stem[:3] in ("com", "lpt") and stem[3:].isdigit() and len(stem) == 4)
    assert os.path.dirname(os.path.realpath(os.path.join(ROOT, made))) == os.path.realpath(ROOT)


@pytest.mark.parametrize("text", TABLE)
def test_each_trick_of_the_table_becomes_one_harmless_component(text: str) -> None:
    assert_harmless(names.component(text))


def test_no_two_of_the_table_become_the_same() -> None:
    assert len({names.component(text) for text in TABLE + PLAIN}) == len(TABLE + PLAIN)


@pytest.mark.parametrize("text", PLAIN)
def test_ordinary_names_stay_as_they_are(text: str) -> None:
    assert names.component(text) == text


@UNHURRIED
@given(TEXT)
def test_any_text_becomes_one_harmless_component(text: str) -> None:
    assert_harmless(names.component(text))


@UNHURRIED
@given(TEXT)
def test_any_text_comes_back_unless_it_was_shortened(text: str) -> None:
    made = names.component(text)
    decoded = names.decode_component(made)
    if decoded is None:
        assert len(made) == names.LONGEST
    else:
        assert decoded == text


@UNHURRIED
@given(TEXT, TEXT)
@example("con", "~63on")
@example("\ud83d\ude00", "\U0001f600")
@example("é", "e\u0301")
def test_different_texts_become_different_components(one: str, other: str) -> None:
    assume(one != other)
    assert names.component(one) != names.component(other)


@UNHURRIED
@given(st.text("é/x", min_size=170, max_size=400), st.text("é/x", min_size=1, max_size=3))
def test_shortened_components_differ_too_where_only_the_end_does(text: str, end: str) -> None:
    assert names.component(text) != names.component(text + end)


@pytest.mark.parametrize("made", ["a/b", "..", "~zz", "~4", "~41b", "a~2d", "CON", "_x", "é"])
def test_what_was_never_made_is_refused_when_decoded(made: str) -> None:
    with pytest.raises(ValueError):
        names.decode_component(made)


@pytest.mark.parametrize("field", FIELDS)
@pytest.mark.parametrize("text", TABLE)
def test_no_field_of_an_identity_leads_out_of_the_archive(tmp_path: Path, field: str, text: str) -> None:
    made = day_folder(identity(**{field: text}), 0, hour_folders=False)
    real = os.path.realpath(os.path.join(tmp_path, made))
    assert real.startswith(os.path.realpath(tmp_path) + os.sep)
    for part in made.split("/"):
        assert_harmless(part)
    os.makedirs(real)  # and a real file system takes it


@pytest.mark.parametrize("field", FIELDS)
def test_no_two_values_of_a_field_share_a_folder(field: str) -> None:
    made = [day_folder(identity(**{field: text}), 0, hour_folders=False) for text in TABLE + PLAIN]
    assert len(set(made)) == len(made)


PART = st.one_of(st.text("ab-", min_size=1, max_size=6), st.uuids().map(str), st.text(min_size=1, max_size=4))
IDENTITIES = st.fixed_dictionaries(dict.fromkeys(FIELDS, PART))


@UNHURRIED
@given(IDENTITIES, IDENTITIES, st.booleans())
@example(identity(model_id="x-y", model_name="z"), identity(model_id="x", model_name="y-z"), False)
@example(identity(model_name="y-z", model_version="1"), identity(model_name="y", model_version="z-1"), False)
def test_two_identities_never_share_a_folder_or_a_key(one: dict[str, str], other: dict[str, str], hours: bool) -> None:
    assume(one != other)
    assert names.stream(one) != names.stream(other)
    assert day_folder(one, 0, hours) != day_folder(other, 0, hours)


GUID = "3f2504e0-4f89-11d3-9a0c-0305e82c3301"


@UNHURRIED
@given(st.sampled_from([GUID, "3f2504e0", "a"]), st.text("ab-", max_size=5), st.text("1-", max_size=3))
def test_a_model_id_that_looks_like_the_start_of_a_guid_is_distinguished_from_one(model_id: str, name: str, version: str) -> None:
    made = day_folder(identity(model_id=model_id, model_name=name, model_version=version), 0, False)
    for cut in range(len(GUID)):
        other = identity(model_id=GUID[:cut], model_name=f"{GUID[cut + 1 :]}-{name}", model_version=version)
        if other["model_id"] != model_id:
            assert day_folder(other, 0, False) != made
