"""G5, G8: whatever is logged, raised or shown holds no secret and is one line."""

from __future__ import annotations

import base64
import copy
import json
import pickle
import traceback
from urllib.parse import quote, urlencode

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modeldata.errors import MASK, ModelDataError, SettingsError, SpoolError, StoreError, mask
from modeldata.settings import Settings

UNHURRIED = settings(deadline=None)  # a busy machine proves nothing
KEY = base64.b64encode(bytes(range(40, 104))).decode()
"""Of the length and alphabet of an Azure account key."""
S3 = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
SIGNATURE = quote(base64.b64encode(bytes(range(100, 132))).decode(), safe="")
CONNECTION = f"DefaultEndpointsProtocol=https;AccountName=acct;AccountKey={KEY};EndpointSuffix=core.windows.net"
SAS = f"https://acct.blob.core.windows.net/c?sv=2024-11-04&se=2027-01-01&sig={SIGNATURE}&sp=rw"
TABLE = {
    "connection string": (CONNECTION, KEY),
    "connection string with a SAS": (f"BlobEndpoint=https://h;SharedAccessSignature=sv=1&sig={SIGNATURE}", SIGNATURE),
    "SAS in a URL": (SAS, SIGNATURE),
    "SAS first in the query": (f"https://h/c?sig={SIGNATURE}", SIGNATURE),
    "SAS in an encoded URL": (f"redirect={quote(SAS, safe='')}", quote(SIGNATURE, safe="")),
    "bare account key": (f"Incorrect padding in {KEY}", KEY),
    "user and password": (f"http://user:{S3}@proxy:8080/", S3),
    "password with an @": ("http://user:p@ss-word@proxy/", "ss-word"),
    "password with a comma": ("http://user:p,ss-word@proxy/", "ss-word"),
    "password with a slash": ("http://user:p/ss-word@proxy/", "ss-word"),
    "token as user": ("https://ghp_abcdefSECRET@host/repo", "ghp_abcdefSECRET"),
    "S3 keys in a URL": (f"s3://AKIAEXAMPLE:{S3}@bucket/x", S3),
    "S3 setting": (f"aws_secret_access_key = {S3}", S3),
    "S3 setting, upper case": (f"AWS_SECRET_ACCESS_KEY={S3}", S3),
    "S3 answer": (f"<SecretAccessKey>{S3}</SecretAccessKey>", S3),
    "S3 presigned": (f"https://b/k?X-Amz-Credential=AKIA&X-Amz-Signature={'ab' * 32}", "ab" * 32),
    "dict": (repr({"account_key": KEY, "n": 1}), KEY),
    "dict with a quote": (repr({"password": f"it's {S3}"}), S3),
    "JSON": (json.dumps({"secret_access_key": f'a"{S3}'}), S3),
    "JSON in JSON": (json.dumps(json.dumps({"password": S3})), S3),
    "quoted, with a space": (f'password="a {S3}"', S3),
    "bearer": (f"Authorization: Bearer {S3}", S3),
    "bearer alone": (f"sent Bearer {S3}, got 403", S3),
    "headers": (repr({"Authorization": f"SharedKey acct:{SIGNATURE}", "Host": "h"}), SIGNATURE),
    "AWS header": (f"authorization: AWS4-HMAC-SHA256 Credential=AKIA/x, Signature={'cd' * 32}", "cd" * 32),
    "after a character whose lower case is longer": (f"İİİ AccountKey={KEY}", KEY),
}


@pytest.mark.parametrize("case", TABLE)
def test_a_secret_of_each_kind_is_masked_and_masking_twice_changes_nothing(case: str) -> None:
    text, secret = TABLE[case]
    assert secret in text
    masked = mask(f"before {text} ")
    assert secret not in masked
    assert masked.startswith("before ") and MASK in masked
    assert mask(masked) == masked


@pytest.mark.parametrize("case", TABLE)
def test_no_error_shows_a_secret_in_any_of_its_parts(case: str) -> None:
    text, secret = TABLE[case]
    try:
        raise StoreError(f"open {text}", text, cause=text, hint=text)
    except StoreError as error:
        shown = [str(error), repr(error), *traceback.format_exception_only(error), repr(error.args), repr(vars(error))]
        shown += [repr(pickle.loads(pickle.dumps(error)))]
    assert not [part for part in shown if secret in part]


@pytest.mark.parametrize(
    "text",
    [
        "could not append: /srv/archive/unknown/svc/1-churn-2/inputs: [Errno 28] No space left on device",
        "abfss://container@acct.dfs.core.windows.net/path",
        "https://acct.blob.core.windows.net:8080/container/a@b",
        "Make sure the value of Authorization header is formed correctly including the signature.",
        "Expecting value: line 1 column 1, unexpected token: }",
        "design=blue, config=2",
        "the bearer of this",
        "",
    ],
)
def test_what_a_user_needs_to_read_stays(text: str) -> None:
    assert mask(text) == text


@pytest.mark.parametrize("variable", ["AML_MODEL_DC_STORAGE", "AWS_SECRET_ACCESS_KEY", "AZURE_STORAGE_KEY"])
def test_a_secret_of_the_environment_is_masked_however_it_turns_up(variable: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert S3 in mask(f"bad signature made with {S3}")
    monkeypatch.setenv(variable, S3)
    assert mask(f"bad signature made with {S3}") == f"bad signature made with {MASK}"


@UNHURRIED
@given(st.text(st.characters(codec=None)))
def test_any_text_becomes_one_printable_line(text: str) -> None:
    masked = mask(text)
    assert masked.isprintable()
    assert len(masked.splitlines()) <= 1
    masked.encode("utf-8")  # lone surrogates would break a log handler


def test_a_log_line_cannot_be_forged_and_a_terminal_not_driven() -> None:
    masked = mask("model\nERROR root: all is lost\r\x1b[2J\u2028\u202ex")
    assert masked == r"model\nERROR root: all is lost\r\x1b[2J\u2028\u202ex"


@UNHURRIED
@given(st.text("abAB01+/", min_size=4, max_size=60), st.sampled_from(["AccountKey", "sig", "password", "SecretAccessKey"]))
def test_a_value_of_any_letters_is_masked_behind_its_name(secret: str, name: str) -> None:
    for text in (f"{name}={secret}", f"a=1;{name}={secret};b=2", f"?x=1&{name}={secret}&y=2", json.dumps({name: f"<{secret}>"})):
        assert mask(text).replace(MASK, "").count(secret) == text.replace(secret, "", 1).count(secret)


def test_an_error_says_what_where_why_and_what_helps_and_survives_copies() -> None:
    error = SpoolError("open the spool", "/x", cause="it is a link", hint="use a real folder")
    assert str(error) == "could not open the spool: /x: it is a link (use a real folder)"
    for made in (pickle.loads(pickle.dumps(error)), copy.copy(error), copy.deepcopy(error)):
        assert type(made) is SpoolError
        assert str(made) == str(error)
        assert (made.operation, made.where, made.cause, made.hint) == (
            "open the spool",
            "/x",
            "it is a link",
            "use a real folder",
        )


def test_the_tree_of_errors() -> None:
    assert issubclass(SettingsError, ModelDataError) and issubclass(SettingsError, ValueError)
    assert issubclass(SpoolError, ModelDataError) and issubclass(StoreError, ModelDataError)


def test_settings_show_no_secret() -> None:
    env = {"AML_MODEL_DC_STORAGE": CONNECTION, "AML_MODEL_DC_STORAGE_ENABLED": "false", "SERVICE_NAME": "a\nb"}
    made = Settings.build(env)
    shown = repr(made) + str(made) + repr(made.origin)
    assert KEY not in shown and "acct" not in shown and "\n" not in shown


@pytest.mark.parametrize(
    "url", [SAS, CONNECTION, f"foo://user:{S3}@host/", f"az://c?sig={SIGNATURE}", f"x://h?{urlencode({'password': S3})}"]
)
def test_an_archive_that_cannot_be_used_is_named_without_its_secret(url: str) -> None:
    with pytest.raises(SettingsError) as caught:
        Settings.build({"MODELDATA_ARCHIVE": url})
    shown = "".join(traceback.format_exception(caught.value))
    assert not [secret for secret in (KEY, S3, SIGNATURE) if secret in shown]


@pytest.mark.parametrize("variable", ["MODELDATA_FSYNC", "MODELDATA_ENABLED", "MODELDATA_SPOOL_MAX_BYTES", "MODELDATA_SHIP"])
def test_a_secret_in_the_wrong_variable_is_not_shown(variable: str) -> None:
    for secret in (CONNECTION, KEY, SAS):
        with pytest.raises(SettingsError) as caught:
            Settings.build({variable: secret})
        assert variable in str(caught.value)
        assert KEY[:20] not in str(caught.value) and SIGNATURE[:20] not in str(caught.value)
