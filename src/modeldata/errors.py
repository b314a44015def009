"""What a user may have to read, and how: the operation, where, why, and what to do. Secrets never get that far.

The tree, all of it public:
    ModelDataError
    ├── SettingsError   also a ValueError: something given is not valid
    ├── SpoolError      the local folder that rows wait in
    └── StoreError      the archive
`mask` is what everything goes through that is logged, raised or shown.
"""

from __future__ import annotations

import os
from functools import cache

from modeldata.interrupts import spare

TYPE_CHECKING = False
if TYPE_CHECKING:
    import re

MASK = "***"
MOST_TEXT = 4096
"""Characters of somebody else's text that are shown."""
LONGEST_SECRET = 4096
"""So much is dropped at the end of a text that was cut."""

_NAMES = (
    "accountkey", "account_key", "account-key", "sharedaccesskey", "sharedaccesssignature", "sas_token",
    "secretaccesskey", "secret_access_key", "sessiontoken", "session_token", "access_token", "refresh_token",
    "clientsecret", "client_secret", "password", "passwd", "pwd", "x-amz-signature", "x-amz-security-token",
    "x-amz-credential", "x-goog-signature", "x-goog-credential",
)  # fmt: skip
"""What follows these and a `=`, `:` or `>` is a secret."""
_WORDS = ("sig", "token", "secret", "signature", "credential", "api_key", "apikey")
"""Ordinary words too, so only `word=value` and `"word": value` count."""
_HEADER = "authorization"
"""What follows it and a `:` or `=`, to the end of the line, is a secret."""
_SCHEMES = ("bearer", "sharedkey", "sharedkeylite")
_TOKEN = 16
"""Characters of the word after a scheme that make it a secret and not prose."""
AML = "AML_MODEL_DC_STORAGE"
_VARIABLES = (
    AML, "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AZURE_CLIENT_SECRET",
    "AZURE_STORAGE_ACCESS_KEY", "AZURE_STORAGE_ACCOUNT_KEY", "AZURE_STORAGE_CONNECTION_STRING", "AZURE_STORAGE_KEY",
    "AZURE_STORAGE_SAS_TOKEN",
)  # fmt: skip
"""What these hold is a secret wherever it turns up."""
_SHORTEST = 8
"""Characters; shorter ones would hide ordinary words."""
_ACCOUNT_KEY = 86
"""An Azure account key is so many Base64 characters and `==`."""
_CONTAINER_SCHEMES = ("abfs", "abfss", "wasb", "wasbs")
"""Before the `@` they have a container, which a user needs to read."""


class ModelDataError(Exception):
    """Something did not work. Its text says what was tried, on what, why it failed, and what helps; secrets are masked.

    The same in parts: `operation`, `where` (a path or URL, or empty), `cause`, `hint`.
    """

    def __init__(self, operation: str, where: str = "", *, cause: str = "", hint: str = "") -> None:
        self.operation = mask(operation)
        self.where = mask(where)
        self.cause = mask_foreign(cause)
        self.hint = mask(hint)
        text = f"could not {self.operation}"
        text += f": {self.where}" if where else ""
        text += f": {self.cause}" if cause else ""
        text += f" ({self.hint})" if hint else ""
        super().__init__(text)

    def __reduce__(self) -> tuple[object, ...]:
        """An error crosses process pools whole; by default it would be made again from its text alone."""
        return _again, (type(self), self.operation, self.where, self.cause, self.hint)


class SettingsError(ModelDataError, ValueError):
    """A setting, an argument or a URL that is not valid."""


class SpoolError(ModelDataError):
    """The spool can't be used: its folder, its owner, its format."""


class StoreError(ModelDataError):
    """The archive can't be used."""


def _again(kind: type[ModelDataError], operation: str, where: str, cause: str, hint: str) -> ModelDataError:
    return kind(operation, where, cause=cause, hint=hint)


def mask(text: str) -> str:
    """`text` as one safe line: keys, signatures and passwords become `***`, control characters are escaped.

    Rather too much is masked than too little. Masking twice is the same as once. Takes time in proportion to the text.
    """
    words, _, header, scheme, named, key, signing = _patterns()
    text = _mask_known(text)
    if "://" in text:
        text = words.sub(_mask_user, text)
    text = header.sub(rf"\1{MASK}", text)
    text = scheme.sub(rf"\1{MASK}", text)
    text = named.sub(_mask_value, text)
    text = key.sub(MASK, text)
    text = signing.sub(MASK, text)
    if text.isprintable():
        return text
    return "".join(one if one.isprintable() else one.encode("unicode_escape").decode("ascii") for one in text)


def mask_foreign(text: str) -> str:
    """`mask` for somebody else's text, of any length: it is cut before it is masked, and at most `MOST_TEXT` of it is shown.

    Where it was cut, the end is dropped too: it may be half a secret.
    """
    start = text[: MOST_TEXT + LONGEST_SECRET]
    masked = mask(start)
    if len(start) < len(text):
        masked = masked[: max(0, len(masked) - LONGEST_SECRET)]
    return masked if len(masked) <= MOST_TEXT and len(start) == len(text) else masked[:MOST_TEXT] + "..."


def said(error: BaseException) -> str:
    """What an exception of somebody else says: masked, of bounded length, whatever its own code does. Never empty."""
    kind = kind_name(type(error))
    try:
        text = str(error)
        text = text if type(text) is str else ""
    except Exception as trouble:
        spare(trouble)
        return kind
    masked = mask_foreign(text)
    if _module_of(type(error)) in ("modeldata.snapshot.schema", "modeldata.spool.quota"):
        return masked  # ours, worded for a user
    return f"{kind}: {masked}" if masked else kind


def kind_name(kind: type) -> str:
    """The name of a class, also where its metaclass has ideas of its own."""
    name = _name_of(kind)
    return mask(str.__str__(name)[:200])


_module_of = type.__dict__["__module__"].__get__
_name_of = type.__dict__["__name__"].__get__


@cache
def _patterns() -> tuple[re.Pattern[str], ...]:
    """Each looks at a character a bounded number of times: `*+` never gives back what it took. Late: `re` is no small import."""
    import re

    sign = r"(?:[=:>]|%3d)"
    quoted_name = rf"[\\'\" ]*+{sign}[ ]*+"
    name = rf"(?:{'|'.join(map(re.escape, _NAMES))}){quoted_name}"
    alone = r"(?:(?<![^\W_])|(?<=%..))"
    word = rf"{alone}(?:{'|'.join(_WORDS)})(?:(?=\\?['\"]){quoted_name}|(?:=|%3d))"
    value = r"""
        \\+(?P<escaped>["']) (?P<inner> (?:(?!(?P=escaped)).)*+ )
        | (?P<quote>["']) (?P<whole> (?: (?!(?P=quote)). | (?<=\\)(?P=quote) )*+ )
        | (?P<bare> [^\ \t\r\n&;"'<]*+ )
    """
    return (
        re.compile(r'[^ \t\r\n"<>]+'),
        re.compile(r"[^/?#]*+"),
        re.compile(rf"(?i)({_HEADER}{quoted_name}[\\\"']*+)(?!{re.escape(MASK)})[^\r\n\"'\\]*+"),
        re.compile(rf"(?i)((?:{'|'.join(_SCHEMES)})[ ])[^ \t\r\n\"'\\,<]{{{_TOKEN},}}"),
        re.compile(rf"(?P<name>{name}|{word})(?:{value})", re.IGNORECASE | re.DOTALL | re.VERBOSE),
        re.compile(rf"(?<![A-Za-z0-9+/])[A-Za-z0-9+/]{{{_ACCOUNT_KEY},}}+=="),
        re.compile(r"PRIVATE\+KEY\+[^ \t\r\n\"']*+|-----BEGIN [A-Z ]{0,20}PRIVATE KEY-----[^\"']*+"),
    )


def _mask_user(found: re.Match[str]) -> str:
    """In a word: `scheme://user:password@host` → `scheme://***@host`. There are passwords with a bare `/`, `?` or `#`."""
    word, ends = found[0], _patterns()[1]
    last, at, done = word.rfind("@"), word.find("://"), 0
    parts: list[str] = []
    while 0 <= at < last:
        start = at + 3
        host = ends.match(word, start).end()  # type: ignore[union-attr] # it matches nothing, too
        sign = word.rfind("@", start, host)
        _, colon, port = word[start:host].rpartition(":")
        if sign < 0 and colon and port and not port.isdigit():
            sign = last
        container = word[max(done, at - 5) : at].lower().endswith(_CONTAINER_SCHEMES) and ":" not in word[start:sign]
        if sign > start and not container:
            parts += [word[done:start], MASK]
            done = sign
        at = word.find("://", max(start, done))
    return "".join(parts) + word[done:]


def _mask_value(match: re.Match[str]) -> str:
    """What follows `AccountKey=`, `sig=`, `"password": ` and the like, up to where such a value ends."""
    group = next(name for name in ("inner", "whole", "bare") if match[name] is not None)
    value = match[group].removesuffix("\\") if group == "inner" else match[group]
    if value.rstrip(".,:)]}") in ("", MASK):
        return match[0]
    start, text = match.start(group) - match.start(), match[0]
    return text[:start] + MASK + text[start + len(value) :]


_SECRET_VARIABLES = ("KEY", "SECRET", "TOKEN", "CONNECTION_STRING", "PASSWORD", AML)
_remembered: set[str] = set()


def remember_secret(name: str, value: str) -> None:
    """From now on `value` is masked wherever it turns up, if `name` says that it is a secret."""
    upper = name.upper()
    if len(value) >= _SHORTEST and any(word in upper for word in _SECRET_VARIABLES):
        _remembered.add(value)


def _mask_known(text: str) -> str:
    for variable in _VARIABLES:
        value = os.environ.get(variable, "")
        if len(value) >= _SHORTEST:
            text = text.replace(value, MASK)
    for value in tuple(_remembered):
        text = text.replace(value, MASK)
    return text
