"""The table of settings, and how a value is found: in the arguments, the environment, the settings file, the defaults."""

from __future__ import annotations

import os

from modeldata.errors import SettingsError, mask
from modeldata.format.files import FORMATS
from modeldata.parsing import boundary, flag, one_of, path_text, positive_seconds, positive_size, seconds, size

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from modeldata.settings.file import SettingsFile

MIB = 1024 * 1024
LOCAL_SECONDS, REMOTE_SECONDS = 1.0, 5.0
CONFIG_MAP = "/var/azureml-app/model_config_map.json"
REMOTE_BATCH = 4 * MIB
"""Bytes of spooled rows that make a batch: small enough to be there soon, large enough not to be a crumb."""

Value = str | int | float | bool | None


class Setting:
    """Its environment variables in the order they are asked, how text becomes a value, its default, and why."""

    __slots__ = ("default", "name", "parse", "variables", "why")

    def __init__(self, name: str, variables: tuple[str, ...], parse: Callable[[str], Value], default: Value, why: str) -> None:
        self.name = name
        self.variables = variables
        self.parse = parse
        self.default = default
        self.why = why

    def as_text(self, value: Value) -> str:
        """The text that `parse` makes this value of."""
        if self.parse is boundary:
            return "hour" if value else "day"
        return "" if value is None else str(value).lower() if isinstance(value, bool) else str(value)


_POLICY = one_of("drop_newest", "drop_oldest", "block")
_SYNC = one_of("always", "interval", "never")
_SHIP = one_of("auto", "process", "thread", "off")

SETTINGS = {
    setting.name: setting
    for setting in (
        Setting("archive", ("MODELDATA_ARCHIVE",), path_text, "", "./modeldata: works on a laptop with nothing set"),
        Setting("enabled", ("MODELDATA_ENABLED", "AML_MODEL_DC_STORAGE_ENABLED"), flag, True, "who imports it wants it"),
        Setting("debug", ("AML_MODEL_DC_DEBUG",), flag, False, "prints each call as CSV, as the original did"),
        Setting("format", ("MODELDATA_FORMAT",), one_of(*FORMATS), "csv", "the original's"),
        Setting("hour_folders", ("AML_MODEL_DC_BOUNDARY",), boundary, False, "day, as in the original"),
        Setting("spool", ("MODELDATA_SPOOL",), path_text, None, "beside a local archive, or in the state directory"),
        Setting("spool_max_bytes", ("MODELDATA_SPOOL_MAX_BYTES",), positive_size, 1024 * MIB, "hours of an outage"),
        Setting("when_full", ("MODELDATA_WHEN_FULL",), _POLICY, "drop_newest", "bounded, and accepted still means archived"),
        Setting("block_timeout", ("MODELDATA_BLOCK_TIMEOUT",), seconds, 0.05, "the longest `block` may hold a request"),
        Setting("min_free_bytes", ("MODELDATA_MIN_FREE_BYTES",), size, 512 * MIB, "a service must not die of our spool"),
        Setting("fsync", ("MODELDATA_FSYNC",), _SYNC, "interval", "bounds what a power cut can take"),
        Setting("fsync_seconds", ("MODELDATA_FSYNC_SECONDS",), positive_seconds, 1.0, "what a power cut can take"),
        Setting("ship", ("MODELDATA_SHIP",), _SHIP, "auto", "a child, else a thread: the request path keeps its GIL"),
        Setting("batch_bytes", ("MODELDATA_BATCH_BYTES",), positive_size, REMOTE_BATCH, "one request of an object store"),
        Setting("batch_seconds", ("MODELDATA_BATCH_SECONDS",), seconds, LOCAL_SECONDS, "latency against small writes"),
        Setting("max_row_bytes", ("MODELDATA_MAX_ROW_BYTES",), positive_size, 4 * MIB, "fits any store's smallest block"),
        Setting("exit_timeout", ("MODELDATA_EXIT_TIMEOUT",), seconds, 2.0, "the longest that an exit waits for a thread"),
        Setting("excel_safe", ("MODELDATA_EXCEL_SAFE",), flag, False, "machine data keeps its bytes"),
        Setting("on_error", ("MODELDATA_ON_ERROR",), one_of("drop", "raise"), "drop", "scoring goes on whatever we meet"),
        Setting(
            "credentials",
            ("MODELDATA_CREDENTIALS",),
            path_text,
            None,
            "a file of variables for the store, read again",
        ),
        Setting("heads", ("MODELDATA_HEADS",), str, "", "a second place for heads, or - for the log"),
        Setting("heads_key", ("MODELDATA_HEADS_KEY",), str, "", "signs heads: an Ed25519 key, or its file"),
        Setting("allow_insecure", ("MODELDATA_ALLOW_INSECURE",), flag, False, "keys never cross a network unencrypted"),
        Setting("allow_network_spool", ("MODELDATA_ALLOW_NETWORK_SPOOL",), flag, False, "a lock may vanish there"),
        Setting("config_map", ("MODELDATA_CONFIG_MAP",), str, CONFIG_MAP, "the original's"),
        Setting("service_name", ("SERVICE_NAME",), str, "", "set by the platform the service runs on"),
    )
}

LAYOUT = ("format", "hour_folders", "excel_safe")
"""Settings of a service that decide what its archive looks like, whoever ships."""


def value_of(setting: Setting, given: Mapping[str, object], env: Mapping[str, str], file: SettingsFile) -> tuple[Value, str]:
    """The value, and where it comes from."""
    value = given.get(setting.name)
    if value is not None:
        where = f"argument {setting.name}"
        return _parsed(setting, _as_text(setting, value, where), where), "argument"
    for variable in setting.variables:
        text = env.get(variable, "")
        if text and not text.isspace():
            return _parsed(setting, text, variable), variable
    if setting.name in file.values:
        where = f"{setting.name} in {file.path}"
        text = _as_text(setting, file.values[setting.name], where)
        if text and not text.isspace():
            return _parsed(setting, text, where), file.path
    return setting.default, "default"


def _as_text(setting: Setting, value: object, where: str) -> str:
    if isinstance(value, os.PathLike):
        value = os.fspath(value)
    if setting.parse is boundary and isinstance(value, bool):
        return "hour" if value else "day"
    takes_text_only = setting.parse in (path_text, str)
    if isinstance(value, str) or (isinstance(value, (int, float)) and not takes_text_only):
        return str(value)
    hint = "give text" if takes_text_only else "give text or a number"
    raise SettingsError(f"understand {where}", cause=f"{type(value).__name__} is not valid", hint=hint)


def _parsed(setting: Setting, text: str, where: str) -> Value:
    try:
        return setting.parse(text)
    except ValueError as error:
        shown = mask(repr(text))  # masked whole: half a secret would not be known as one
        cause = f"{shown:.80} is not valid"
        raise SettingsError(f"understand {where}", cause=cause, hint=f"give {error}") from None
