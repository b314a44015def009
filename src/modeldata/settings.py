"""Settings: one frozen value, built in one place, from arguments, then the environment, then defaults."""

from __future__ import annotations

import os
import sys

from modeldata import urls
from modeldata.errors import SettingsError, SpoolError, mask
from modeldata.format.names import FORMATS, component
from modeldata.parsing import boundary, flag, one_of, path_text, positive_seconds, positive_size, seconds, size
from modeldata.urls import local_folder

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    _Path = str | os.PathLike[str]
    _Archives = _Path | Sequence[_Path] | None

MIB = 1024 * 1024
LOCAL_SECONDS, REMOTE_SECONDS = 1.0, 5.0
SPOOL_PREFIX = ".modeldata-spool-"
"""Begins the name of a spool that lies beside a local archive. A leading dot is what Spark and Hive skip."""
CONFIG_MAP = "/var/azureml-app/model_config_map.json"
AML_ARCHIVE = "az://modeldata"
"""Where the original put its data, in the storage account of `AML_MODEL_DC_STORAGE`."""
AML_STORAGE = "AML_MODEL_DC_STORAGE"
REMOTE_BATCH, PARQUET_BATCH, PARQUET_SECONDS = 4 * MIB, 64 * MIB, 60.0
"""Bytes of spooled rows (and seconds) that make a batch: small enough to be there soon, large enough not to be a crumb."""
EXTRAS = {"az": ("azure.storage.blob", "azure"), "abfss": ("azure.storage.blob", "azure")}
"""Scheme → the module it needs, and the extra of ours that brings it."""

Value = str | int | float | bool | None


class _Field:
    """A setting: its environment variables in the order they are asked, how text becomes a value, its default, and why."""

    __slots__ = ("default", "name", "parse", "variables", "why")

    def __init__(self, name: str, variables: tuple[str, ...], parse: Callable[[str], Value], default: Value, why: str) -> None:
        self.name = name
        self.variables = variables
        self.parse = parse
        self.default = default
        self.why = why


_POLICY = one_of("drop_newest", "drop_oldest", "block")
_SYNC = one_of("always", "interval", "never")
_SHIP = one_of("auto", "process", "thread", "off")

FIELDS = (
    _Field("archive", ("MODELDATA_ARCHIVE",), path_text, "", "./modeldata: works on a laptop with nothing set"),
    _Field("enabled", ("MODELDATA_ENABLED", "AML_MODEL_DC_STORAGE_ENABLED"), flag, True, "who imports it wants it"),
    _Field("debug", ("AML_MODEL_DC_DEBUG",), flag, False, "prints each call as CSV, as the original did"),
    _Field("format", ("MODELDATA_FORMAT",), one_of(*FORMATS), "csv", "the original's"),
    _Field("hour_folders", ("AML_MODEL_DC_BOUNDARY",), boundary, False, "day, as in the original"),
    _Field("spool", ("MODELDATA_SPOOL",), path_text, None, "beside a local archive, or in the state directory"),
    _Field("spool_max_bytes", ("MODELDATA_SPOOL_MAX_BYTES",), positive_size, 1024 * MIB, "hours of an outage"),
    _Field("when_full", ("MODELDATA_WHEN_FULL",), _POLICY, "drop_newest", "bounded, and accepted still means archived"),
    _Field("block_timeout", ("MODELDATA_BLOCK_TIMEOUT",), seconds, 0.05, "the longest `block` may hold a request"),
    _Field("min_free_bytes", ("MODELDATA_MIN_FREE_BYTES",), size, 512 * MIB, "a service must not die of our spool"),
    _Field("fsync", ("MODELDATA_FSYNC",), _SYNC, "interval", "bounds what a power cut can take"),
    _Field("fsync_seconds", ("MODELDATA_FSYNC_SECONDS",), positive_seconds, 1.0, "what a power cut can take"),
    _Field("ship", ("MODELDATA_SHIP",), _SHIP, "auto", "a child, else a thread: the request path keeps its GIL"),
    _Field("batch_bytes", ("MODELDATA_BATCH_BYTES",), positive_size, REMOTE_BATCH, "one request of an object store"),
    _Field("batch_seconds", ("MODELDATA_BATCH_SECONDS",), seconds, LOCAL_SECONDS, "latency against small writes"),
    _Field("max_row_bytes", ("MODELDATA_MAX_ROW_BYTES",), positive_size, 4 * MIB, "fits any store's smallest block"),
    _Field("exit_timeout", ("MODELDATA_EXIT_TIMEOUT",), seconds, 2.0, "the longest that an exit waits for a thread"),
    _Field("excel_safe", ("MODELDATA_EXCEL_SAFE",), flag, False, "machine data keeps its bytes"),
    _Field("on_error", ("MODELDATA_ON_ERROR",), one_of("drop", "raise"), "drop", "scoring goes on whatever we meet"),
    _Field(
        "credentials",
        ("MODELDATA_CREDENTIALS",),
        path_text,
        None,
        "a file of variables for the store, read anew",
    ),
    _Field("allow_insecure", ("MODELDATA_ALLOW_INSECURE",), flag, False, "keys never cross a network unencrypted"),
    _Field("allow_network_spool", ("MODELDATA_ALLOW_NETWORK_SPOOL",), flag, False, "a lock may vanish there"),
    _Field("config_map", ("MODELDATA_CONFIG_MAP",), str, CONFIG_MAP, "the original's"),
    _Field("service_name", ("SERVICE_NAME",), str, "", "set by the platform the service runs on"),
)
_BY_NAME = {field.name: field for field in FIELDS}

LAYOUT = ("format", "hour_folders", "excel_safe")
"""Settings of a service that decide what its archive looks like, whoever ships."""


class Settings:
    """All settings of an archive. Frozen; equal when all values are. `origin` says where each came from.

    archive: a URL; local ones are absolute paths. spool: an absolute path, None for the default place (`spool_folder`).
    Sizes are in bytes, times in seconds.
    """

    __slots__ = (
        "allow_insecure", "allow_network_spool", "archive", "batch_bytes", "batch_seconds", "block_timeout", "config_map",
        "credentials", "debug", "enabled", "excel_safe", "exit_timeout", "format", "fsync", "fsync_seconds", "hour_folders",
        "max_row_bytes", "min_free_bytes", "on_error", "origin", "others", "service_name", "ship", "spool", "spool_max_bytes",
        "when_full",
    )  # fmt: skip

    allow_insecure: bool
    allow_network_spool: bool
    archive: str
    batch_bytes: int
    batch_seconds: float
    block_timeout: float
    config_map: str
    credentials: str | None
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
    others: tuple[str, ...]
    """The archives that rows of these settings go to besides, where these are for one of several (`only`)."""
    service_name: str
    ship: str
    spool: str | None
    spool_max_bytes: int
    when_full: str

    @classmethod
    def build(
        cls, env: Mapping[str, str], *, archive: _Archives = None, enabled_default: bool = True, **given: object
    ) -> Settings:
        """The settings that arguments, environment and defaults give, in this order.

        Raises `SettingsError`, naming the argument or variable, for what can't be meant.
        """
        if archive is not None:
            given["archive"] = _listed(archive)
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
        object.__setattr__(made, "others", ())
        made._place(env, origin)
        return made

    def _place(self, env: Mapping[str, str], origin: dict[str, str]) -> None:
        """Settle what depends on other settings or on where we are: the archives' URLs, paths, how long a batch waits."""
        text = self.archive
        if not text and env.get(AML_STORAGE):
            text, origin["archive"] = AML_ARCHIVE, AML_STORAGE
        archives = [check_archive(url, opened=self.enabled) for url in urls.split(text or "modeldata")]
        if not archives:
            raise SettingsError("open the archive", text, cause="it names none", hint="set MODELDATA_ARCHIVE to a path or URL")
        object.__setattr__(self, "archive", urls.SEPARATOR.join(_each_once(archives)))
        self._size_batches(any(urls.scheme_of(url) for url in archives), origin)
        for name in ("spool", "credentials"):
            path = getattr(self, name)
            if path is None:
                continue
            local = local_folder(path)
            if local is None:
                raise SettingsError(f"use the {name}", path, cause="it is not local", hint="give a local path")
            object.__setattr__(self, name, _absolute(local))

    def _size_batches(self, remote: bool, origin: Mapping[str, str]) -> None:
        parquet = self.format == "parquet"
        if origin["batch_seconds"] == "default" and (remote or parquet):
            object.__setattr__(self, "batch_seconds", PARQUET_SECONDS if parquet else REMOTE_SECONDS)
        if origin["batch_bytes"] == "default" and parquet:
            object.__setattr__(self, "batch_bytes", PARQUET_BATCH)

    @property
    def archives(self) -> list[str]:
        """The URLs of `archive`, one each."""
        return list(urls.split(self.archive))

    @property
    def layout(self) -> dict[str, Value]:
        """What the archive should look like: goes with the rows."""
        return {name: getattr(self, name) for name in LAYOUT}

    def _copy(self) -> Settings:
        made = Settings.__new__(Settings)
        for name in Settings.__slots__:
            object.__setattr__(made, name, getattr(self, name))
        return made

    def only(self, url: str) -> Settings:
        """The same settings for one of its archives."""
        made = self._copy()
        object.__setattr__(made, "archive", url)
        object.__setattr__(made, "others", tuple(one for one in (*self.archives, *self.others) if one != url))
        return made

    def with_origin(self, told: Mapping[str, str]) -> Settings:
        """The same settings, said to come from elsewhere (setting → where)."""
        made = self._copy()
        object.__setattr__(made, "origin", {**self.origin, **told})
        return made

    def spool_folder(self, env: Mapping[str, str] | None = None) -> str:
        """Where rows wait. A spool that was named is a root with a folder for each archive, so two archives may share it.

        Else beside a local archive, or below the state directory that `env` (`os.environ`) gives. Found when it is asked
        for: a server may change its user after the settings were built, and users never share a spool.

        Raises `SpoolError` where there is no such place.
        """
        env = os.environ if env is None else env
        if self.spool is not None:
            return os.path.join(self.spool, self.spool_key())
        if self._spool_is_beside:
            return os.path.join(local_folder(self.archive) or "", SPOOL_PREFIX + user_name(env))
        return os.path.join(state_folder(env), self.spool_key())

    @property
    def _spool_is_beside(self) -> bool:
        return len(self.archives) == 1 and not urls.scheme_of(self.archive)

    def spool_is_temporary(self, env: Mapping[str, str] | None = None) -> bool:
        """Do rows wait in the temporary directory, because no home can be written? A restart may empty it."""
        if self.spool is not None or self._spool_is_beside:
            return False
        return _home_state(os.environ if env is None else env) is None

    def of_spool(self, folder: str) -> Settings:
        """The same settings for whoever ships the spool that was opened as `folder`: where it lies beside its archive, for that
        archive, although the link on the way to it may lead elsewhere by now."""
        beside, name = os.path.split(folder)
        if self.spool is not None or len(self.archives) > 1 or not name.startswith(SPOOL_PREFIX):
            return self
        made = self._copy()
        object.__setattr__(made, "archive", urls.listable(beside))
        return made

    def sink_key(self) -> str:
        """A short name for the archive as it is spelled."""
        return key_of(self.archive)

    def spool_key(self) -> str:
        """A short name for the archives, in whatever order they are."""
        return key_of(urls.SEPARATOR.join(sorted(self.archives)))

    def to_env(self) -> dict[str, str]:
        """The environment that builds these settings again, for a child process."""
        return self.variables([field.name for field in FIELDS])

    def variables(self, names: Sequence[str]) -> dict[str, str]:
        """The settings `names` as environment variables."""
        made = {}
        for field in (_BY_NAME[name] for name in names):
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


def key_of(archives: str) -> str:
    """What a text of archives makes the name of a folder, here and in every earlier version."""
    from hashlib import sha256

    return sha256(archives.encode("utf-8", "surrogatepass")).hexdigest()[:16]


def _listed(archive: _Path | Sequence[_Path]) -> object:
    if isinstance(archive, (list, tuple)):
        texts = [_listed(one) for one in archive]
        wrong = next((one for one in texts if not isinstance(one, str)), None)
        return wrong if wrong is not None else urls.SEPARATOR.join(map(str, texts))
    return urls.listable(os.fspath(archive)) if isinstance(archive, os.PathLike) else archive


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
    if field.parse is boundary and isinstance(value, bool):
        return "hour" if value else "day"
    takes_text_only = field.parse in (path_text, str)
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


def _absolute(folder: str) -> str:
    try:
        return os.path.abspath(folder)
    except OSError as error:  # a relative path, and the working directory was removed
        raise SettingsError("find the folder", folder, cause=str(error), hint="give an absolute path") from error


def check_archive(url: str, *, opened: bool = True) -> str:
    """The URL of an archive as it is kept: local ones as absolute paths.

    Raises `SettingsError` for one that can't be opened: said at once, not by rows that pile up.

    opened: False lets pass one whose library is not installed, for settings that are switched off.
    """
    low = url.lower()
    if "accountkey=" in low or "sharedaccesssignature=" in low:
        hint = "set AML_MODEL_DC_STORAGE to it; an archive is a path or URL"
        raise SettingsError("open the archive", cause="this is a connection string, not a URL", hint=hint)
    if urls.scheme_of(url):
        return _check_remote(url, opened)
    folder = local_folder(url)
    if folder and "\0" not in folder:
        return urls.listable(_absolute(folder))
    scheme = low.partition(":")[0]
    cause = "it names no folder of this host" if scheme == "file" else f"scheme {scheme!r} is not known"
    known = "known are a path, file://, " + ", ".join(f"{name}://" for name in urls.REMOTE)
    raise SettingsError("open the archive", url, cause=cause, hint=f"{known}; set MODELDATA_ARCHIVE")


def _each_once(archives: Sequence[str]) -> list[str]:
    """Without a second spelling of the same folder: a link, another case where case does not count."""
    unique: dict[str, str] = {}
    for url in archives:
        folder = None if urls.scheme_of(url) else local_folder(url)
        unique.setdefault(os.path.normcase(os.path.realpath(folder)) if folder else url, url)
    return list(unique.values())


def _check_remote(url: str, opened: bool) -> str:
    try:
        location = urls.parse(url)
    except ValueError as error:
        hint = "for example az://container/prefix, s3://bucket/prefix, gs://bucket/prefix"
        raise SettingsError("open the archive", url, cause=str(error), hint=hint) from None
    module, _ = EXTRAS.get(location.scheme, ("obstore", ""))
    if opened and not _installed(module):
        raise SettingsError("open the archive", url, cause=f"{module} is not installed", hint=install_hint(url))
    at = f"{location.container}@{location.host}" if location.host else location.container
    return f"{location.scheme}://{at}" + (f"/{location.prefix}" if location.prefix else "")


def install_hint(url: str) -> str:
    """The command that installs what the archive `url` needs."""
    module, extra = EXTRAS.get(urls.scheme_of(url), ("obstore", ""))
    return f'pip install "modeldata[{extra}]"' if extra else f"pip install {module}"


def _installed(module: str) -> bool:
    from importlib.util import find_spec

    try:
        return find_spec(module) is not None
    except ImportError:  # a parent of it
        return False


def state_folder(env: Mapping[str, str]) -> str:
    """Where the platform wants a user's state to be; below the temporary directory where no home can be written.

    Raises `SpoolError` where that can't be written, either.
    """
    return _home_state(env) or os.path.join(_temporary_folder(env), f"modeldata-{user_name(env)}")


def state_folder_if_any(env: Mapping[str, str]) -> str | None:
    """`state_folder`; None where nothing can be written."""
    try:
        return state_folder(env)
    except SpoolError:
        return None


def _home_state(env: Mapping[str, str]) -> str | None:
    """The folder for our state in the user's home; None where it can't be written."""
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
    return None


def _temporary_folder(env: Mapping[str, str]) -> str:
    """As `tempfile` finds it, but never the working directory, without writing a file, and without its cost to import."""
    named = [env.get(name, "") for name in ("TMPDIR", "TEMP", "TMP")]
    for folder in [*named, "/tmp", "/var/tmp"]:
        if os.path.isabs(folder) and os.path.isdir(folder) and os.access(folder, os.W_OK):
            return folder
    raise SpoolError(
        "find a folder for the spool",
        cause="neither a home nor a temporary directory can be written",
        hint="set MODELDATA_SPOOL to a folder that this user can write and that outlives a restart",
    )


def _existing(path: str) -> str:
    while not os.path.exists(path) and os.path.dirname(path) != path:
        path = os.path.dirname(path)
    return path


def user_name(env: Mapping[str, str]) -> str:
    """A name for the user this process runs as now, fit for a path."""
    return str(os.getuid()) if hasattr(os, "getuid") else component(env.get("USERNAME", "user"))
