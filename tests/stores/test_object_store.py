"""What the store for objects does with each answer, one call at a time: S3 with conditions (moto) and without (rclone), GCS.

`test_lost_answers` and `test_a_store_out_of_reach` have the same with a whole shipper around it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from modeldata import urls
from modeldata.errors import SettingsError
from modeldata.store import Conflict, Rejected, Unavailable
from modeldata.store import objects as object_store
from modeldata.store.objects import ObjectStore
from tests.support.proxy import Exchange, Match, answer, corrupt, cut, forward, hold, lose_answer
from tests.support.scripts import run

from .backends import PREFIX, Backend, proxy_of
from .conftest import _fixture

objects = _fixture("s3", "s3 plain", "gcs")
conditional = _fixture("s3", "gcs")
"""Servers that keep the first of two writers. They also take bytes without a look at their checksum."""
NAMES = (
    "a/~2Dx/d.csv",
    "a/$x y/d",
    "ü/日本/😀.csv",
    "a/100%/x",
    "a/%20/x",
    "a/b+c&d=e",
    "a/[x]{y}|z",
    "a/#h?q",
    "a/*.csv",
    "a/b;c,d@e:f",
)
CONDITIONS = ("if-match", "if-none-match", "x-goog-if-generation-match")


def _store(backend: Backend, **env: str) -> ObjectStore:
    return ObjectStore(urls.parse(backend.url), lambda: {**backend.env, **env})


def _key(path: str) -> str:
    return f"{PREFIX}/{path}"


def _asked(backend: Backend) -> list[str]:
    return [seen.method for seen in proxy_of(backend).log]


def _puts(*names: str) -> Match:
    """PUTs with one of these headers; any, without."""
    return lambda seen: seen.method == "PUT" and (not names or any(name in seen.headers for name in names))


def _fails(work: Callable[[], object]) -> Unavailable:
    with pytest.raises(Unavailable) as caught:
        work()
    return caught.value


def opaque(exchange: Exchange) -> None:
    """The tag says nothing of the content, as with keys of KMS."""
    exchange.reply(_opaque(exchange.send()))


def _opaque(answer: bytes) -> bytes:
    return re.sub(rb'(?i)etag: "[0-9a-f]+"', b'ETag: "of-no-use"', answer)


# Outcomes that are not known


@pytest.mark.parametrize("again", [False, True])
def test_a_put_whose_answer_is_lost_is_found_there_and_not_sent_again(objects: Backend, again: bool) -> None:
    proxy_of(objects).fault(lose_answer, _puts())
    store = _store(objects)
    store.put("a/certificate/timeout", b"rows")  # neither word of the name is what happened
    if again:
        store.put("a/certificate/timeout", b"rows")
    assert objects.files() == {_key("a/certificate/timeout"): b"rows"}
    assert _asked(objects)[:2] == ["PUT", "GET"]


def test_a_put_that_is_cut_is_looked_for_and_then_reported(objects: Backend) -> None:
    proxy_of(objects).fault(cut(of_body=2), _puts())
    store = _store(objects)
    assert "the connection broke" in _fails(lambda: store.put("a", b"rows")).cause
    assert _asked(objects) == ["PUT", "GET"]
    store.put("a", b"rows")
    assert objects.files() == {_key("a"): b"rows"}


def test_what_may_still_arrive_is_never_refused(objects: Backend) -> None:
    """It would be cut and sent under other names, and then arrive as a whole."""
    proxy = proxy_of(objects)
    proxy.fault(hold, _puts())
    proxy.fault(answer(413), _puts(), times=None)
    store = _store(objects)
    _fails(lambda: store.put("a", b"rows"))
    for _ in range(2):
        assert "413" in _fails(lambda: store.put("a", b"rows")).cause
    assert proxy.release() == [200]
    store.put("a", b"rows")
    assert objects.files() == {_key("a"): b"rows"}


def test_a_definite_refusal_is_reported_as_one_unless_the_bytes_are_there(objects: Backend) -> None:
    objects.bucket.write(_key("there"), b"rows")
    proxy_of(objects).fault(answer(413), _puts(), times=None)
    store = _store(objects)
    with pytest.raises(Rejected, match="413"):
        store.put("a", b"rows")
    store.put("there", b"rows")
    assert set(objects.files()) == {_key("there")}


def test_the_library_repeats_nothing(objects: Backend) -> None:
    proxy_of(objects).fault(answer(503, {"Retry-After": "37"}, objects.error("SlowDown")), times=None)
    report = _fails(lambda: _store(objects).put("a", b"rows"))
    assert _asked(objects) == ["PUT"]
    assert "busy" in report.cause and report.retry_after is None, "it does not show us the header"


def test_two_writers_in_conflict_are_no_reason_to_give_up(conditional: Backend) -> None:
    body = conditional.error("ConditionalRequestConflict")
    proxy_of(conditional).fault(answer(409, {}, body), _puts())
    store = _store(conditional)
    _fails(lambda: store.put("a", b"rows"))
    store.put("a", b"rows")
    assert conditional.files() == {_key("a"): b"rows"}


# B13: bytes that change on the way, with a server that does not look


def test_what_the_store_keeps_damaged_is_reported_and_mended(conditional: Backend) -> None:
    proxy_of(conditional).fault(corrupt, _puts())
    store = _store(conditional)
    assert "other bytes than were sent" in _fails(lambda: store.put("a", b"rows")).cause
    store.put("a", b"rows")
    assert conditional.files() == {_key("a"): b"rows"}
    last = proxy_of(conditional).seen("PUT")[-1]
    assert any(last.headers.get(name) not in (None, "*", "0") for name in CONDITIONS), "only that very copy is written over"


def test_a_damaged_copy_that_somebody_replaced_is_left_alone(conditional: Backend) -> None:
    proxy_of(conditional).fault(corrupt, _puts())
    store = _store(conditional)
    _fails(lambda: store.put("a", b"rows"))
    conditional.bucket.write(_key("a"), b"theirs")
    for _ in range(2):
        with pytest.raises(Conflict):
            store.put("a", b"rows")
    assert conditional.files() == {_key("a"): b"theirs"}


def test_a_damaged_copy_that_is_replaced_while_we_mend_it_is_left_alone(conditional: Backend) -> None:
    def overtake(exchange: Exchange) -> None:
        conditional.bucket.write(_key("a"), b"theirs")
        forward(exchange)

    proxy = proxy_of(conditional)
    proxy.fault(corrupt, _puts())
    store = _store(conditional)
    _fails(lambda: store.put("a", b"rows"))
    proxy.fault(overtake, _puts())
    with pytest.raises(Conflict):
        store.put("a", b"rows")
    assert conditional.files() == {_key("a"): b"theirs"}


def test_a_damaged_copy_that_somebody_removed_is_made_again(conditional: Backend) -> None:
    proxy_of(conditional).fault(corrupt, _puts())
    store = _store(conditional)
    _fails(lambda: store.put("a", b"rows"))
    conditional.bucket.delete(_key("a"))
    store.put("a", b"rows")
    assert conditional.files() == {_key("a"): b"rows"}


def test_a_store_that_knows_only_the_condition_to_create_is_mended_too(moto: Backend) -> None:
    proxy = proxy_of(moto)
    proxy.fault(corrupt, _puts())
    proxy.fault(answer(501, {}, moto.error("NotImplemented")), _puts("if-match"), times=None)
    store = _store(moto)
    for _ in range(2):
        _fails(lambda: store.put("a", b"rows"))
    store.put("a", b"rows")
    store.put("b", b"rows")
    assert moto.files() == {_key("a"): b"rows", _key("b"): b"rows"}
    assert "if-none-match" in proxy.seen("PUT")[-1].headers


def test_a_look_that_fails_damages_nothing(moto: Backend) -> None:
    """Where the tag says nothing, the object is read back; whether it is ours is then open, and never a reason to write over it."""
    proxy = proxy_of(moto)
    proxy.fault(opaque, _puts(), times=None)
    proxy.fault(answer(503, {}, moto.error("SlowDown")), lambda seen: seen.method == "GET", times=4)
    store = _store(moto)
    for path in ("a", "b"):
        assert "busy" in _fails(lambda path=path: store.put(path, b"rows")).cause  # type: ignore[misc]
    moto.bucket.write(_key("b"), b"theirs")
    store.put("a", b"rows")
    with pytest.raises(Conflict):
        store.put("b", b"rows")
    assert moto.files() == {_key("a"): b"rows", _key("b"): b"theirs"}


def test_what_is_gone_right_after_its_put_is_no_success(moto: Backend) -> None:
    """Nobody can tell a store that kept nothing from a reader who was quick: rather once more than not at all."""

    def take_away(exchange: Exchange) -> None:
        success = _opaque(exchange.send())
        moto.bucket.delete(_key("a"))  # before the answer: the store looks as soon as it has it
        exchange.reply(success)

    proxy_of(moto).fault(take_away, _puts())
    with pytest.raises(Unavailable, match="does not have it"):
        _store(moto).put("a", b"rows")
    assert not moto.files()
    _store(moto).put("a", b"rows")
    assert moto.files() == {_key("a"): b"rows"}


# B17


def test_conditions_can_be_switched_off_and_then_each_name_is_looked_at(moto: Backend) -> None:
    moto.bucket.write(_key("theirs"), b"theirs")
    store = _store(moto, AWS_CONDITIONAL_PUT="disabled")
    store.put("a", b"rows")
    with pytest.raises(Conflict):
        store.put("theirs", b"rows")
    assert moto.files() == {_key("theirs"): b"theirs", _key("a"): b"rows"}
    assert not [seen for seen in proxy_of(moto).seen("PUT") if set(CONDITIONS) & set(seen.headers)]


# B7, B8: what is said, and what is asked again


@pytest.mark.parametrize(("status", "code"), [(400, "ExpiredToken"), (400, "InvalidToken"), (401, ""), (403, "AccessDenied")])
def test_credentials_that_are_refused_are_asked_for_again(moto: Backend, status: int, code: str) -> None:
    asked: list[Mapping[str, str]] = []

    def credentials() -> Mapping[str, str]:
        asked.append(moto.env)
        return moto.env

    store = ObjectStore(urls.parse(moto.url), credentials)
    assert not asked, "nothing is done before the first call"
    rule = proxy_of(moto).fault(answer(status, {}, moto.error(code) if code else b""), times=2)
    for tries in (1, 2):
        report = _fails(lambda: store.put("a", b"rows"))
        assert "credentials" in report.cause and moto.container in report.where
        assert len(asked) == tries
    store.put("a", b"rows")
    store.put("b", b"rows")
    assert len(asked) == 3 and rule.times_done == 2


def test_a_file_of_credentials_that_can_not_be_read_is_named() -> None:
    def credentials() -> Mapping[str, str]:
        raise SettingsError("read the credentials", "/etc/keys", cause="Permission denied", hint="what it should be")

    report = _fails(lambda: ObjectStore(urls.parse("s3://bucket/x"), credentials).put("a", b"rows"))
    assert "/etc/keys" in report.cause and "Permission denied" in report.cause and report.hint == "what it should be"


@pytest.mark.parametrize("call", ["put", "walk", "read"])
def test_a_bucket_that_is_missing_is_named_with_what_to_do(objects: Backend, call: str) -> None:
    objects.bucket.drop()
    store = _store(objects)
    calls = {"put": lambda: store.put("a", b"rows"), "walk": lambda: list(store.walk()), "read": lambda: store.read("a")}
    report = _fails(calls[call])
    assert f"create the bucket '{objects.container}'" in report.hint and objects.container in report.where


def test_a_bucket_in_another_region_is_reported_as_that(moto: Backend) -> None:
    proxy_of(moto).fault(answer(301, {}, moto.error("PermanentRedirect")))
    report = _fails(lambda: _store(moto).put("a", b"rows"))
    assert "another region" in report.cause and "AWS_REGION" in report.hint


def test_the_same_trouble_has_the_same_words(objects: Backend) -> None:
    proxy = proxy_of(objects)
    store = _store(objects)
    words = set()
    for number in range(3):
        body = f"<Error><Code>InternalError</Code><RequestId>8FA{number}</RequestId></Error>".encode()
        proxy.fault(answer(500, {"x-amz-request-id": f"{number}"}, body), _puts())
        words.add(str(_fails(lambda: store.put("a", b"rows"))))
    assert len(words) == 1 and "status 500 (InternalError)" in words.pop()


def test_an_error_has_nothing_of_the_librarys_in_its_chain(moto: Backend) -> None:
    proxy_of(moto).fault(answer(403, {}, moto.error("AccessDenied")))
    report = _fails(lambda: _store(moto).put("a", b"rows"))
    assert report.__cause__ is None and report.__context__ is None


def test_the_librarys_own_log_shows_no_secret(moto: Backend, tmp_path: Path) -> None:
    secrets = {"AWS_SECRET_ACCESS_KEY": "a-secret-that-nobody-sees", "AWS_SESSION_TOKEN": "a-token-that-nobody-sees"}
    code = f"""
        from modeldata import urls
        from modeldata.store import Unavailable
        from modeldata.store.objects import ObjectStore
        store = ObjectStore(urls.parse({moto.url!r}), lambda: { ({**moto.env, **secrets})!r})
        store.put("a", b"rows")
        try:
            store.put("b", b"rows")
        except Unavailable as error:
            print("told", error)
        """
    proxy_of(moto).fault(answer(403, {}, moto.error("AccessDenied")), _puts(), nth=2)
    done = run(code, tmp_path, {"RUST_LOG": "trace", "RUST_BACKTRACE": "full"})
    assert done.stdout.startswith("told") and not [one for one in secrets.values() if one in done.stdout + done.stderr]


# Names and lists


def test_a_key_is_the_very_name(objects: Backend) -> None:
    store = _store(objects)
    for name in NAMES:
        store.put(name, name.encode())
        assert store.read(name) == name.encode() and store.length(name) == len(name.encode())
    assert sorted(store.walk()) == sorted(NAMES)
    if objects.name == "s3":  # as the cloud's own SDK has them
        assert objects.files() == {_key(name): name.encode() for name in NAMES}


def test_a_long_list_comes_in_pages_and_only_of_this_archive(moto: Backend) -> None:
    paths = [f"m/{number:04}" for number in range(1002)]
    for path in paths:
        moto.bucket.write(_key(path), b"")
    moto.bucket.write(f"{PREFIX}-other/x", b"")
    assert list(_store(moto).walk()) == paths
    assert len(proxy_of(moto).seen("GET")) == 2


def _days(backend: Backend) -> list[str]:
    """Files of 40 days of two collectors; they are there."""
    paths = [f"m/{collector}/{day:02}/data-{part}.csv" for collector in "ab" for day in range(40) for part in range(3)]
    for path in paths:
        backend.bucket.write(_key(path), b"")
    return paths


def _to_day_30(path: str) -> str:
    collector, day = path.split("/")[1:3]
    return f"m/{collector}/30" if int(day) < 30 else "" if day == "30" else f"m/{collector}/~"


def test_a_listing_goes_on_where_the_next_file_of_interest_may_be(objects: Backend, monkeypatch: pytest.MonkeyPatch) -> None:
    paths = _days(objects)
    monkeypatch.setattr(object_store, "PAGE", 2)
    found = list(_store(objects).walk(skip=_to_day_30))
    assert found == sorted(set(found)) and set(found) <= set(paths), "by name, each once"
    assert {path for path in paths if "/30/" in path} <= set(found)
    assert len(found) <= 30, f"{len(paths)} files are there"
    assert any("start-after" in seen.query for seen in proxy_of(objects).log), "the server begins there"


def test_a_server_that_lists_from_the_beginning_alone_still_lists_all_once(
    moto: Backend, monkeypatch: pytest.MonkeyPatch
) -> None:
    paths, whole = _days(moto), object_store.obstore.list
    monkeypatch.setattr(object_store, "PAGE", 6)
    monkeypatch.setattr(object_store.obstore, "list", lambda *given, offset, **named: whole(*given, **named))
    store = _store(moto)
    for _ in range(2):
        assert list(store.walk(skip=_to_day_30)) == paths


def test_a_server_that_refuses_to_begin_with_a_name_lists_all_once(moto: Backend, monkeypatch: pytest.MonkeyPatch) -> None:
    paths = _days(moto)
    monkeypatch.setattr(object_store, "PAGE", 6)
    proxy_of(moto).fault(answer(501, {}, moto.error("NotImplemented")), lambda seen: "start-after" in seen.query)
    assert list(_store(moto).walk(skip=_to_day_30)) == paths
