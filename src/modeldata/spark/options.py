"""What `.option(...)` says to the format "modeldata", as settings and identity. Pure but for the environment that it is given.

path                        the archive's URL: what `load` and `save` take
model, identifier           as for `ModelDataCollector`; and service, account, model_id, version
archive_format              writing: csv, jsonl or parquet (MODELDATA_FORMAT without it)
correlation_id, request_id  writing: of every row
start, end                  reading: times, ISO 8601; from `start` on, before `end`. Without a zone they are UTC
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from modeldata.errors import SettingsError
from modeldata.identity import Identity
from modeldata.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Mapping

IDENTITY = {
    "account": "account",
    "service": "service",
    "model_id": "model_id",
    "model": "model_name",
    "version": "model_version",
    "identifier": "identifier",
}
"""Option → part of an identity."""
KNOWN = frozenset((*IDENTITY, "path", "archive_format", "correlation_id", "request_id", "start", "end"))


def checked(options: Mapping[str, str]) -> dict[str, str]:
    """The options by their names, in lower case. Raises `SettingsError` for one that is not known."""
    given = {name.lower(): value for name, value in options.items()}
    unknown = sorted(set(given) - KNOWN)
    if unknown:
        raise SettingsError(
            "understand the options", cause="unknown: " + ", ".join(unknown), hint="known are " + ", ".join(sorted(KNOWN))
        )
    if not given.get("path"):
        raise SettingsError("find the archive", cause="no path is given", hint="say .load(url) or .save(url)")
    return given


def settings_of(options: Mapping[str, str], env: Mapping[str, str]) -> Settings:
    """The settings of the archive that `path` names. Raises `SettingsError`."""
    given = options.get("archive_format")
    return Settings.here(env, archive=options["path"], format=given)  # type: ignore[arg-type] # any text: `build` looks


def identity_of(options: Mapping[str, str], settings: Settings) -> Identity:
    """The identity of the rows that are written. Raises `SettingsError` where no model is named."""
    if not options.get("model"):
        raise SettingsError("write to the archive", cause="no model is named", hint='say .option("model", name)')
    given = {part: options.get(option, "unknown") for option, part in IDENTITY.items()}
    given["identifier"] = options.get("identifier", "default")
    name, identifier = given.pop("model_name"), given.pop("identifier")
    return Identity.build(name, identifier, **given, settings=settings, warn=lambda text: None)


def filters(options: Mapping[str, str]) -> dict[str, str]:
    """Part of an identity → the one that is wanted, for those that are named."""
    return {part: options[option] for option, part in IDENTITY.items() if option in options}
