"""Columns that the archive adds, and text as one component of a path. Pure text, no disk; where files go is in `paths`."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

TIMESTAMP = "$Timestamp"
CORRELATION = "$CorrelationId"
REQUEST = "$RequestId"
WRITER = "$Writer"
SEQUENCE = "$Sequence"
ROW = "$Row"
JSON = "$Json"
"""The one column of rows that come with too many different columns (see `ship.json_rows`)."""
OWN_COLUMNS = (TIMESTAMP, CORRELATION, REQUEST, WRITER, SEQUENCE, ROW)
ZERO_GUID = "00000000-0000-0000-0000-000000000000"

IDENTITY = ("account", "service", "model_id", "model_name", "model_version", "identifier")
"""What tells one collector from another."""

MANIFEST = "_manifest"
"""Beside the data of a day. A leading underscore or dot is what Spark and Hive skip."""
OWN_FOLDER = "_modeldata"
"""At an archive's root: what is true of all of it."""
LONGEST = 180
"""Bytes of a path component; longer ones end in a hash. File systems allow 255, and we append to names."""

_HASH = 32
"""Hex digits of that hash: 128 bits, so that nobody can make two names meet on purpose."""

_PLAIN = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._- ")
_DEVICES = frozenset(["con", "prn", "aux", "nul", *(f"com{n}" for n in range(1, 10)), *(f"lpt{n}" for n in range(1, 10))])


def component(text: str) -> str:
    """One path component for any text: different texts give different components, none of them leads anywhere else.

    ASCII letters, digits, `.`, `_`, `-` and inner spaces stay; every other UTF-8 byte becomes `~XX`. So do a leading dot
    or underscore (Spark and Hive would skip it), a trailing dot or space and the first letter of a device name (Windows
    would change those). Empty text is `~`. Texts with a form longer than 180 bytes end in `~~` and a hash.
    """
    if not text:
        return "~"
    escaped_text = text if _PLAIN.issuperset(text) else "".join(one if one in _PLAIN else escaped(one) for one in text)
    if escaped_text[0] in "._ ":
        escaped_text = escaped(escaped_text[0]) + escaped_text[1:]
    if escaped_text[-1] in ". ":
        escaped_text = escaped_text[:-1] + escaped(escaped_text[-1])
    if escaped_text.split(".")[0].strip().lower() in _DEVICES:
        escaped_text = escaped(escaped_text[0]) + escaped_text[1:]
    return shortened(escaped_text)


def shortened(name: str) -> str:
    """`name`, or where it is too long its beginning and a hash of all of it."""
    if len(name) <= LONGEST:
        return name
    from hashlib import sha256  # 10 ms to import, and names are seldom that long

    digest = sha256(name.encode("ascii")).hexdigest()[:_HASH]
    return f"{name[: LONGEST - _HASH - 2]}~~{digest}"


def escaped(character: str) -> str:
    return "".join(f"~{byte:02X}" for byte in character.encode("utf-8", "surrogatepass"))


def respelled(path: str) -> str:
    """`path` with each letter of its components escaped: two that differ are two names also where a disk takes `A` for `a`.

    For the second of two names that such a disk takes for one. A component that ends in a hash has no second name like it.
    """
    return "/".join(part if "~~" in part else shortened(_letters_escaped(part)) for part in path.split("/"))


def _letters_escaped(part: str) -> str:
    plain, *escapes = part.split("~")
    texts = [(plain, ""), *((escape[2:], f"~{escape[:2]}") for escape in escapes)]
    return "".join(known + "".join(escaped(one) if one.isalpha() else one for one in text) for text, known in texts)


def decode_component(name: str) -> str | None:
    """The text that `component` was given, also of a name that was `respelled`; None where it was shortened.

    Raises ValueError for what neither of them makes.
    """
    if "~~" in name:
        return None
    if name == "~":
        return ""
    plain, *escapes = name.split("~")
    data = plain.encode()
    for escape in escapes:
        data += bytes.fromhex(escape[:2]) + escape[2:].encode()
    text = data.decode("utf-8", "surrogatepass")
    if name not in (component(text), respelled(component(text))):
        raise ValueError(f"not a path component of ours: {name!r:.80}")
    return text


def stream(identity: Mapping[str, str]) -> str:
    """A key for a collector: two identities never share one."""
    return "/".join([component(identity[part]) for part in IDENTITY])
