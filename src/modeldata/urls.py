"""Archive URLs: what may be said, and what each part means. Pure text; what opens them is in `store/`.

    path, file:///path                          a local folder
    az://container/prefix                       Azure Blob Storage; the account comes from the credentials
    abfss://container@account.dfs.core.windows.net/prefix     the same, with the account
    s3://bucket/prefix                          Amazon S3, and what speaks its language (AWS_ENDPOINT_URL)
    gs://bucket/prefix                          Google Cloud Storage

No URL has a secret in it: credentials come from where each cloud's own tools take them.
"""

from __future__ import annotations

import os

from modeldata import windows

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

STORES = {
    "az": ("azure", "AzureStore", "azure.storage.blob", "azure"),
    "abfss": ("azure", "AzureStore", "azure.storage.blob", "azure"),
    "s3": ("objects", "ObjectStore", "obstore", ""),
    "gs": ("objects", "ObjectStore", "obstore", ""),
}
"""Scheme → its module in `store/`, the class there, the library that it needs, the extra of ours that brings that one."""
SEPARATOR = ","
"""Between several archives. A path with a comma is written as a `file:` URL with `%2C`."""
_SEPARATORS = frozenset("/\\")
_HEX = frozenset(b"0123456789abcdefABCDEF")
_NAME_CHARACTERS = frozenset("abcdefghijklmnopqrstuvwxyz0123456789-._")


class Location:
    """A remote archive: `scheme`, `host` (the account's own, or empty), `container` (or bucket), `prefix` (no outer slashes)."""

    __slots__ = ("container", "host", "prefix", "scheme")

    def __init__(self, scheme: str, host: str, container: str, prefix: str) -> None:
        self.scheme = scheme
        self.host = host
        self.container = container
        self.prefix = prefix

    def key(self, path: str) -> str:
        """The name of `path` in its container."""
        return f"{self.prefix}/{path}" if self.prefix else path


def scheme_of(url: str) -> str:
    """The lower-case scheme of a remote URL, empty for anything else."""
    scheme, colon, _ = url.partition(":")
    scheme = scheme.lower()
    return scheme if colon and scheme in STORES else ""


def parse(url: str) -> Location:
    """The parts of a remote URL. Raises ValueError, saying what is wrong with it."""
    scheme = scheme_of(url)
    rest = url.partition(":")[2]
    if not scheme or not rest.startswith("//"):
        raise ValueError(f"it should begin with {scheme or 'az'}://")
    authority, _, path = rest[2:].partition("/")
    if "?" in rest or "#" in rest:
        raise ValueError("it has a query; keys and signatures come from the environment, never from the URL")
    host = ""
    if scheme == "abfss":
        authority, at, host = authority.partition("@")
        if not at or "." not in host:
            raise ValueError("it should be abfss://container@account.dfs.core.windows.net/prefix")
    elif "@" in authority or ":" in authority:
        raise ValueError("it has a user, a password or a port; those come from the environment")
    if not authority:
        raise ValueError("the container or bucket is missing")
    if not 3 <= len(authority) <= 222 or not _NAME_CHARACTERS.issuperset(authority):
        raise ValueError(f"{authority!r:.80} can't be the name of a container or bucket")
    parts = [part for part in path.split("/") if part]
    if any(part in (".", "..") for part in parts) or any(not letter.isprintable() or letter == "\\" for letter in path):
        raise ValueError("its prefix has parts that a store would change")
    return Location(scheme, host.lower(), authority, "/".join(parts))


def library_of(url: str) -> str:
    """The module that the store of a remote URL needs."""
    return STORES[scheme_of(url)][2]


def install_hint(url: str) -> str:
    """The command that installs what an archive needs."""
    _, _, library, extra = STORES.get(scheme_of(url), ("", "", "modeldata", ""))
    return f'pip install "modeldata[{extra}]"' if extra else f"pip install {library}"


def split(text: str) -> Sequence[str]:
    """The archives that a setting names, without repeats."""
    return list(dict.fromkeys(part.strip() for part in text.split(SEPARATOR) if part.strip()))


def listable(path: str) -> str:
    """A local path as it can stand in a list of archives."""
    if SEPARATOR not in path:
        return path
    return "file:" + path.replace("%", "%25").replace(SEPARATOR, "%2C")


def local_folder(url: str, *, is_windows: bool = windows.HERE) -> str | None:
    """The path that a URL without scheme or with `file:` names; None for other schemes and for other hosts.

    `x://…` is a scheme on Windows, too; a drive is `x:/…`.
    """
    scheme, separator, rest = url.partition(":")
    if scheme.lower() == "file":
        if rest.startswith("//"):
            host, slash, path = rest[2:].partition("/")
            if host.lower() not in ("", "localhost"):
                return None
            rest = slash + path
        path = _percent_decoded(rest)
        return path[1:] if is_windows and path[2:3] == ":" else path
    remote = (rest.startswith("//") and not _SEPARATORS.intersection(scheme)) or scheme.lower() in STORES
    if separator and remote:
        return None
    return os.path.expanduser(url)


def _percent_decoded(text: str) -> str:
    """As `urllib.parse.unquote`, which costs a service 10 ms to import."""
    plain, *escapes = os.fsencode(text).split(b"%")
    data = plain
    for escape in escapes:
        known = len(escape) > 1 and _HEX.issuperset(escape[:2])
        data += bytes.fromhex(escape[:2].decode()) + escape[2:] if known else b"%" + escape
    return os.fsdecode(data)
