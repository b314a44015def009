"""Settings: one frozen value, built in one place, from arguments, then the environment, then defaults."""

from __future__ import annotations

import os
import sys

from modeldata.errors import SettingsError, mask
from modeldata.names import component

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    _Path = str | os.PathLike[str]

MIB = 1024 * 1024
LOCAL_SECONDS, REMOTE_SECONDS = 1.0, 5.0
SPOOL_PREFIX = ".modeldata-spool-"
"""Begins the name of a spool that lies beside a local archive. A leading dot is what Spark and Hive skip."""
CONFIG_MAP = "/var/azureml-app/model_config_map.json"
AML_ARCHIVE = "az://modeldata"
"""Where the original put its data, in the storage account of `AML_MODEL_DC_STORAGE`."""
KNOWN_SCHEMES, LATER_SCHEMES = ("file",), ("az", "abfss", "s3", "gs")
"""Besides plain paths; Azure Blob Storage, S3 and GCS come in a later version."""

_HEX = frozenset(b"0123456789abcdefABCDEF")
Value = str | int | float | bool | None

_SIZE = "a size such as 67108864, 64M or 1GiB"
_TIME = "a time in seconds such as 5, 5s or 500ms"


class _Field:
    """A setting: its environment variables in the order they are asked, how text becomes a value, its default, and why."""

    __slots__ = ("default", "name", "parse", "variables", "why")

    def __init__(self, name: str, variables: tuple[str, ...], parse: Callable[[str], Value], default: Value, why: str) -> None:
        self.name = name
        self.variables = variables
        self.parse = parse
        self.default = default
        self.why = why


def _flag(text: str) -> bool:
    low = text.strip().lower()
    if low in ("true", "1", "yes", "on"):
        return True
    if low in ("false", "0", "no", "off"):
        return False
    raise ValueError("true or false")


_SIZES = (
    *((f"{letter}{end}", 1024**power) for power, letter in enumerate("kmgt", 1) for end in ("ib", "b", "")),
    ("b", 1),
)
_TIMES = (("ms", 0.001), ("min", 60), ("s", 1))


def _size(text: str) -> int:
    return int(_number(text, _SIZES, 1 << 62, _SIZE))


def _seconds(text: str) -> float:
    return float(_number(text, _TIMES, 1e9, _TIME))


def _positive_size(text: str) -> int:
    return int(_number(text, _SIZES, 1 << 62, f"{_SIZE}, more than 0", least=1))


def _positive_seconds(text: str) -> float:
    return float(_number(text, _TIMES, 1e9, f"{_TIME}, at least 1ms", least=0.001))


def _number(text: str, units: Iterable[tuple[str, float]], most: float, allowed: str, *, least: float = 0) -> float:
    low = text.strip().lower()
    unit, factor = next(((unit, factor) for unit, factor in units if low.endswith(unit)), ("", 1))
    low = low.removesuffix(unit).rstrip()
    try:
        number = factor * (int(low) if low.isdecimal() else float(low))
    except (ValueError, OverflowError):
        raise ValueError(allowed) from None
    if not least <= number <= most:
        raise ValueError(allowed)
    return number


def _path(text: str) -> str:
    try:
        good = b"\0" not in os.fsencode(text) and not text.isspace() and text != ""
    except UnicodeEncodeError:
        good = False
    if not good:
        raise ValueError("a path or URL")
    return text


def _one_of(*allowed: str) -> Callable[[str], str]:
    def parse(text: str) -> str:
        low = text.strip().lower()
        if low not in allowed:
            raise ValueError("one of " + ", ".join(allowed))
        return low

    return parse


def _format(text: str) -> str:
    low = _one_of("csv", "jsonl", "parquet")(text)
    if low != "csv":
        raise ValueError("csv; jsonl and parquet come in a later version")
    return low


def _boundary(text: str) -> bool:
    return _one_of("day", "hour")(text) == "hour"


_POLICY = _one_of("drop_newest", "drop_oldest", "block")
_SYNC = _one_of("always", "interval", "never")
_SHIP = _one_of("auto", "process", "thread", "off")

FIELDS = (
    _Field("archive", ("MODELDATA_ARCHIVE",), _path, "", "./modeldata: works on a laptop with nothing set"),
    _Field("enabled", ("MODELDATA_ENABLED", "AML_MODEL_DC_STORAGE_ENABLED"), _flag, True, "who imports it wants it"),
    _Field("debug", ("AML_MODEL_DC_DEBUG",), _flag, False, "prints each call as CSV, as the original did"),
    _Field("format", ("MODELDATA_FORMAT",), _format, "csv", "the original's"),
    _Field("hour_folders", ("AML_MODEL_DC_BOUNDARY",), _boundary, False, "day, as in the original"),
    _Field("spool", ("MODELDATA_SPOOL",), _path, None, "beside a local archive, or in the state directory"),
    _Field("spool_max_bytes", ("MODELDATA_SPOOL_MAX_BYTES",), _positive_size, 1024 * MIB, "hours of an outage"),
    _Field("when_full", ("MODELDATA_WHEN_FULL",), _POLICY, "drop_newest", "bounded, and accepted still means archived"),
    _Field("block_timeout", ("MODELDATA_BLOCK_TIMEOUT",), _seconds, 0.05, "the longest `block` may hold a request"),
    _Field("min_free_bytes", ("MODELDATA_MIN_FREE_BYTES",), _size, 512 * MIB, "a service must not die of our spool"),
    _Field("fsync", ("MODELDATA_FSYNC",), _SYNC, "interval", "bounds what a power cut can take"),
    _Field("fsync_seconds", ("MODELDATA_FSYNC_SECONDS",), _positive_seconds, 1.0, "what a power cut can take"),
    _Field("ship", ("MODELDATA_SHIP",), _SHIP, "auto", "a child, else a thread: the request path keeps its GIL"),
    _Field("batch_bytes", ("MODELDATA_BATCH_BYTES",), _positive_size, 4 * MIB, "one request of an object store"),
    _Field("batch_seconds", ("MODELDATA_BATCH_SECONDS",), _seconds, LOCAL_SECONDS, "latency against small writes"),
    _Field("max_row_bytes", ("MODELDATA_MAX_ROW_BYTES",), _positive_size, 4 * MIB, "fits any store's smallest block"),
    _Field("exit_timeout", ("MODELDATA_EXIT_TIMEOUT",), _seconds, 2.0, "the longest that an exit waits for a thread"),
    _Field("excel_safe", ("MODELDATA_EXCEL_SAFE",), _flag, False, "machine data keeps its bytes"),
    _Field("on_error", ("MODELDATA_ON_ERROR",), _one_of("drop", "raise"), "drop", "scoring goes on whatever we meet"),
    _Field("config_map", ("MODELDATA_CONFIG_MAP",), str, CONFIG_MAP, "the original's"),
    _Field("service_name", ("SERVICE_NAME",), str, "", "set by the platform the service runs on"),
)
_BY_NAME = {field.name: field for field in FIELDS}


class Settings:
    """All settings of an archive. Frozen; equal when all values are. `origin` says where each came from.

    archive: a URL; local ones are absolute paths. spool: an absolute path, None for the default place (`spool_folder`).
    Sizes are in bytes, times in seconds.
    """

    __slots__ = (
        "archive", "batch_bytes", "batch_seconds", "block_timeout", "config_map", "debug", "enabled", "excel_safe",
        "exit_timeout", "format", "fsync", "fsync_seconds", "hour_folders", "max_row_bytes", "min_free_bytes",
        "on_error", "origin", "service_name", "ship", "spool", "spool_max_bytes", "when_full",
    )  # fmt: skip

    archive: str
    batch_bytes: int
    batch_seconds: float
    block_timeout: float
    config_map: str
    debug: bool
    enabled: bool
    excel_safe: bool
    exit_timeout: float
    format: str
    fsync: str
    fsync_seconds: float
    hour_folders: bool
    max_row_bytes: int
    min_free_bytes: int
    on_error: str
    origin: Mapping[str, str]
    service_name: str
    ship: str
    spool: str | None
    spool_max_bytes: int
    when_full: str

    @classmethod
    def build(
        cls, env: Mapping[str, str], *, archive: _Path | None = None, enabled_default: bool = True, **given: object
    ) -> Settings:
        """The settings that arguments, environment and defaults give, in this order.

        Raises `SettingsError`, naming the argument or variable, for what can't be meant.
        """
        if archive is not None:
            given["archive"] = archive
        unknown = sorted(set(given) - set(_BY_NAME))
        if unknown:
            cause, hint = "unknown: " + ", ".join(unknown), "known are " + ", ".join(_BY_NAME)
            raise SettingsError("understand the settings", cause=cause, hint=hint)
        made = cls.__new__(cls)
        origin: dict[str, str] = {}
        for field in FIELDS:
            value, origin[field.name] = _value(field, given, env)
            object.__setattr__(made, field.name, value)
        if origin["enabled"] == "default":
            object.__setattr__(made, "enabled", enabled_default)
        object.__setattr__(made, "origin", origin)
        made._place(env, origin)
        return made

    def _place(self, env: Mapping[str, str], origin: dict[str, str]) -> None:
        """Settle what depends on other settings or on where we are: the archive's URL, paths, how long a batch waits."""
        url = self.archive
        if not url and env.get("AML_MODEL_DC_STORAGE"):
            url, origin["archive"] = AML_ARCHIVE, "AML_MODEL_DC_STORAGE"
        url = url or "modeldata"
        check_archive(url, opened=self.enabled)
        folder = local_folder(url)
        if folder is None and origin["batch_seconds"] == "default":
            object.__setattr__(self, "batch_seconds", REMOTE_SECONDS)
        object.__setattr__(self, "archive", url if folder is None else _absolute(folder))
        if self.spool is not None:
            spool = local_folder(self.spool)
            if spool is None:
                raise SettingsError("use the spool", self.spool, cause="it is not local", hint="give a local folder")
            object.__setattr__(self, "spool", _absolute(spool))

    def spool_folder(self, env: Mapping[str, str] | None = None) -> str:
        """Where rows wait. A spool that was named is a root with a folder for each archive, so two archives may share it.

        Else beside a local archive, or below the state directory that `env` (`os.environ`) gives. Found when it is asked
        for: a server may change its user after the settings were built, and users never share a spool.
        """
        env = os.environ if env is None else env
        if self.spool is not None:
            return os.path.join(self.spool, self.sink_key())
        folder = local_folder(self.archive)
        if folder is not None:
            return os.path.join(folder, f".modeldata-spool-{_user(env)}")
        return os.path.join(state_folder(env), self.sink_key())

    def sink_key(self) -> str:
        """A short name for the archive, the same in every process that means the same one."""
        from hashlib import sha256

        return sha256(self.archive.encode("utf-8", "surrogatepass")).hexdigest()[:16]

    def to_env(self) -> dict[str, str]:
        """The environment that builds these settings again, for a child process."""
        made = {}
        for field in FIELDS:
            value = getattr(self, field.name)
            text = "" if value is None else str(value).lower() if isinstance(value, bool) else str(value)
            if field.name == "hour_folders":
                text = "hour" if value else "day"
            made[field.variables[0]] = text
        return made

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(f"settings can't be changed ({name})")

    def __delattr__(self, name: str) -> None:
        raise AttributeError(f"settings can't be changed ({name})")

    def _values(self) -> tuple[Value, ...]:
        return tuple(getattr(self, field.name) for field in FIELDS)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Settings) and self._values() == other._values()

    def __hash__(self) -> int:
        return hash(self._values())

    def __repr__(self) -> str:
        shown = ", ".join(
            f"{field.name}={mask(value) if isinstance(value := getattr(self, field.name), str) else value!r}" for field in FIELDS
        )
        return f"Settings({shown})"


def _value(field: _Field, given: Mapping[str, object], env: Mapping[str, str]) -> tuple[Value, str]:
    value = given.get(field.name)
    if value is not None:
        where = f"argument {field.name}"
        return _parsed(field, _as_text(field, value, where), where), "argument"
    for variable in field.variables:
        text = env.get(variable, "")
        if text and not text.isspace():
            return _parsed(field, text, variable), variable
    return field.default, "default"


def _as_text(field: _Field, value: object, where: str) -> str:
    if isinstance(value, os.PathLike):
        value = os.fspath(value)
    if field.parse is _boundary and isinstance(value, bool):
        return "hour" if value else "day"
    takes_text_only = field.parse in (_path, str)
    if isinstance(value, str) or (isinstance(value, (int, float)) and not takes_text_only):
        return str(value)
    hint = "give text" if takes_text_only else "give text or a number"
    raise SettingsError(f"understand {where}", cause=f"{type(value).__name__} can't be meant", hint=hint)


def _parsed(field: _Field, text: str, where: str) -> Value:
    try:
        return field.parse(text)
    except ValueError as error:
        shown = mask(repr(text))  # masked whole: half a secret would not be known as one
        cause = f"{shown:.80} can't be meant"
        raise SettingsError(f"understand {where}", cause=cause, hint=f"give {error}") from None


def local_folder(url: str, *, windows: bool = os.name == "nt") -> str | None:
    """The path that a URL without scheme or with `file:` names; None for other schemes and for other hosts."""
    scheme, separator, rest = url.partition(":")
    if scheme.lower() == "file":
        if rest.startswith("//"):
            host, slash, path = rest[2:].partition("/")
            if host.lower() not in ("", "localhost"):
                return None
            rest = slash + path
        path = _percent_decoded(rest)
        return path[1:] if windows and path[2:3] == ":" else path
    drive = windows and len(scheme) == 1
    remote = (rest.startswith("//") and "/" not in scheme and not drive) or scheme.lower() in LATER_SCHEMES
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


def _absolute(folder: str) -> str:
    try:
        return os.path.abspath(folder)
    except OSError as error:  # a relative path, and the working directory was removed
        raise SettingsError("find the folder", folder, cause=str(error), hint="give an absolute path") from error


def check_archive(url: str, *, opened: bool = True) -> None:
    """Raises `SettingsError` for a URL that no store of this version can open: said at once, not by rows that pile up.

    opened: False lets pass what a later version can open, for settings that are switched off.
    """
    low = url.lower()
    if "accountkey=" in low or "sharedaccesssignature=" in low:
        hint = "set AML_MODEL_DC_STORAGE to it; an archive is a path or URL"
        raise SettingsError("open the archive", cause="this is a connection string, not a URL", hint=hint)
    scheme, colon, _ = low.partition(":")
    later = scheme in LATER_SCHEMES and colon != ""
    folder = local_folder(url)
    if (later and not opened) or (folder and "\0" not in folder):
        return
    cause = f"scheme {scheme!r} " + ("comes in a later version" if later else "is not known")
    if scheme == "file":
        cause = "it names no folder of this host"
    known = "known are a path and " + ", ".join(f"{name}://" for name in KNOWN_SCHEMES)
    raise SettingsError("open the archive", url, cause=cause, hint=f"{known}; set MODELDATA_ARCHIVE")


def state_folder(env: Mapping[str, str]) -> str:
    """Where the platform wants a user's state to be; below the temporary directory where no home can be written."""
    home = os.path.expanduser("~")
    if sys.platform == "win32":
        base = env.get("LOCALAPPDATA") or os.path.join(home, "AppData", "Local")
    elif sys.platform == "darwin":
        base = os.path.join(home, "Library", "Application Support")
    else:
        base = env.get("XDG_STATE_HOME", "")
        base = base if os.path.isabs(base) else os.path.join(home, ".local", "state")
    if os.path.isabs(base) and os.access(_existing(base), os.W_OK):
        return os.path.join(base, "modeldata")
    import tempfile

    return os.path.join(tempfile.gettempdir(), f"modeldata-{_user(env)}")


def _existing(path: str) -> str:
    while not os.path.exists(path) and os.path.dirname(path) != path:
        path = os.path.dirname(path)
    return path


def _user(env: Mapping[str, str]) -> str:
    """A name for the user this process runs as now, fit for a path."""
    return str(os.getuid()) if hasattr(os, "getuid") else component(env.get("USERNAME", "user"))
