"""What a user may have to read, and how: the operation, where, why, and what to do. Secrets never get that far.

The tree, all of it public:
    ModelDataError
    ├── SettingsError   also a ValueError: something said can't be meant
    ├── SpoolError      the local folder that rows wait in
    └── StoreError      the archive
`mask` is what everything goes through that is logged, raised or shown.
"""

from __future__ import annotations

import os

MASK = "***"

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
_SCHEMES = ("bearer ", "sharedkey ", "sharedkeylite ")
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
_BASE64 = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/")
_ENDS = " \t\r\n&;\"'<"
_URL_ENDS = ' \t\r\n"<>'
_CONTAINER_SCHEMES = ("abfs", "abfss", "wasb", "wasbs")
"""Before the `@` they have a container, which a user needs to read."""


class ModelDataError(Exception):
    """Something did not work. Its text says what was tried, on what, why it failed, and what helps; secrets are masked.

    The same in parts: `operation`, `where` (a path or URL, or empty), `cause`, `hint`.
    """

    def __init__(self, operation: str, where: str = "", *, cause: str = "", hint: str = "") -> None:
        self.operation = mask(operation)
        self.where = mask(where)
        self.cause = mask(cause)
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
    """A setting, an argument or a URL that can't be meant."""


class SpoolError(ModelDataError):
    """The spool can't be used: its folder, its owner, its format."""


class StoreError(ModelDataError):
    """The archive can't be used."""


def _again(kind: type[ModelDataError], operation: str, where: str, cause: str, hint: str) -> ModelDataError:
    return kind(operation, where, cause=cause, hint=hint)


def mask(text: str) -> str:
    """`text` as one safe line: keys, signatures and passwords become `***`, control characters are escaped.

    Rather too much is masked than too little. Masking twice is the same as once.
    """
    for masked in (_mask_known, _mask_users, _mask_headers, _mask_tokens, _mask_named, _mask_keys):
        text = masked(text)
    if text.isprintable():
        return text
    return "".join(one if one.isprintable() else one.encode("unicode_escape").decode("ascii") for one in text)


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


def _mask_users(text: str) -> str:
    """`scheme://user:password@host` → `scheme://***@host`."""
    at = text.find("://")
    while at >= 0:
        start = at + 3
        sign = _user_end(text, start)
        container = text[:at].lower().endswith(_CONTAINER_SCHEMES) and ":" not in text[start:sign]
        if sign > start and not container:
            text = text[:start] + MASK + text[sign:]
        at = text.find("://", start)
    return text


def _user_end(text: str, start: int) -> int:
    """Where the `@` is that ends user and password, -1 for none. Passwords with a bare `/`, `?` or `#` are met in practice."""
    word = _find_any(text, _URL_ENDS, start)
    host = _find_any(text, _URL_ENDS + "/?#", start)
    sign = text.rfind("@", start, host)
    _, colon, port = text[start:host].rpartition(":")
    if sign < 0 and colon and port and not port.isdigit():
        sign = text.rfind("@", start, word)
    return sign


def _mask_headers(text: str) -> str:
    """`Authorization: Bearer abc` → `Authorization: ***`."""
    low = _lower(text)
    at = low.find(_HEADER)
    while at >= 0:
        after = at + len(_HEADER)
        start = _value_start(low, at, after, plain=False)
        if start:
            while start < len(text) and text[start] in "\\\"'":
                start += 1
            if not text.startswith(MASK, start):
                text = text[:start] + MASK + text[_find_any(text, "\r\n\"'\\", start) :]
                low = _lower(text)
        at = low.find(_HEADER, max(start, after))
    return text


def _mask_tokens(text: str) -> str:
    """`Bearer abc` → `Bearer ***`, where it stands without its header."""
    for word in _SCHEMES:
        at = _lower(text).find(word)
        while at >= 0:
            start = at + len(word)
            end = _find_any(text, " \t\r\n\"'\\,<", start)
            if end - start >= _TOKEN:
                text = text[:start] + MASK + text[end:]
            at = _lower(text).find(word, start)
    return text


def _mask_named(text: str) -> str:
    """What follows `AccountKey=`, `sig=`, `"password": ` and the like, up to where such a value ends."""
    for word in _NAMES + _WORDS:
        low = _lower(text)
        at = low.find(word)
        while at >= 0:
            start = _value_start(low, at, at + len(word), plain=word in _WORDS)
            if start:
                start, end = _value(text, start)
                if text[start:end].rstrip(".,:)]}") not in ("", MASK):
                    text = text[:start] + MASK + text[end:]
                    low = _lower(text)
            at = low.find(word, max(start, at + len(word)))
    return text


def _value_start(low: str, word: int, at: int, *, plain: bool) -> int:
    """Where the value begins of a name that ends at `at`; 0 where no value follows."""
    if plain and word and low[word - 1].isalnum() and low[max(0, word - 3) : word - 2] != "%":
        return 0
    quoted = low[at : at + 2].lstrip("\\")[:1] in ("'", '"')
    loose = quoted or not plain
    while at < len(low) and low[at] in ("\\'\" " if loose else ""):
        at += 1
    if low[at : at + 1] == "=" or (loose and low[at : at + 1] in (":", ">")):
        at += 1
    elif low[at : at + 3] == "%3d":
        at += 3
    else:
        return 0
    while loose and at < len(low) and low[at] == " ":
        at += 1
    return at


def _value(text: str, at: int) -> tuple[int, int]:
    """(start, end) of the value at `at`, without its quotes."""
    start = at
    while text[start : start + 1] == "\\":
        start += 1
    quote = text[start : start + 1]
    if quote not in ("'", '"'):
        return at, _find_any(text, _ENDS, at)
    escaped = start > at  # inside another quoted text, so that each quote of this one has a backslash
    end = start = start + 1
    while end < len(text) and (text[end] != quote or (text[end - 1] == "\\" and not escaped)):
        end += 1
    return start, end - 1 if escaped and text[end - 1] == "\\" else end


def _mask_keys(text: str) -> str:
    """An account key that stands alone, as in the message of a Base64 decoder."""
    at = text.find("==")
    while at >= 0:
        start = at
        while start and text[start - 1] in _BASE64:
            start -= 1
        if at - start >= _ACCOUNT_KEY:
            text = text[:start] + MASK + text[at + 2 :]
            at = start
        at = text.find("==", at + 1)
    return text


def _find_any(text: str, ends: str, at: int) -> int:
    while at < len(text) and text[at] not in ends:
        at += 1
    return at


def _lower(text: str) -> str:
    """Lower case, character by character, so that positions stay."""
    low = text.lower()
    return low if len(low) == len(text) else "".join(one.lower() if len(one.lower()) == 1 else one for one in text)
