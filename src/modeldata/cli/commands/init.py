"""`modeldata init`: a settings file for this folder."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from modeldata.cli.archive import say
from modeldata.cli.files import OverwriteOption, whole_file
from modeldata.cli.options import ArchiveArgument, JsonOption
from modeldata.format.files import FORMATS
from modeldata.settings import Settings
from modeldata.settings.file import NAME, SettingsFile
from modeldata.settings.table import SETTINGS

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

USUAL = ("archive", "format", "spool", "spool_max_bytes", "when_full", "fsync", "ship", "excel_safe")
"""What most users change; all others are in the docs."""
HEAD = """# Settings of modeldata for what runs in this folder. Relative paths begin here.
# Arguments and variables of the environment (MODELDATA_...) go before them.
# Passwords and keys do not belong here.
"""


def command(
    *,
    file_format: Annotated[
        str | None, typer.Option("--format", metavar="FORMAT", help=f"Of the archive's files: {', '.join(FORMATS)}.")
    ] = None,
    spool: Annotated[str | None, typer.Option("--spool", metavar="FOLDER", help="Where rows wait. Keep it on a volume.")] = None,
    overwrite: OverwriteOption = False,
    options: ArchiveArgument,
    as_json: JsonOption = False,
) -> None:
    """Write modeldata.toml: settings that every command and every service in this folder then uses.

    Other settings stand in it as comments, with their defaults. Environment and arguments go before the file. Without ARCHIVE,
    it is ./modeldata. Nothing is opened, and no archive is made.
    """
    given = {"archive": options.url or os.environ.get("MODELDATA_ARCHIVE") or "modeldata", "format": file_format, "spool": spool}
    values = {name: text for name, text in given.items() if text is not None}
    path = os.path.abspath(NAME)
    settings = Settings.build({}, file=SettingsFile(path, values))
    try:
        data = text_of(values).encode()
    except UnicodeEncodeError:
        raise typer.BadParameter("a settings file is UTF-8, and this text is not") from None
    with whole_file(Path(path), overwrite) as sink:
        sink.write(data)
    if as_json:
        print(json.dumps({"file": path, "settings": {name: getattr(settings, name) for name in values}}))
    else:
        say(f"{path} is written; `modeldata doctor` shows what counts")
    for name in values:
        for variable in SETTINGS[name].variables:
            if os.environ.get(variable):
                say(f"the variable {variable} is set and goes before the file")


def text_of(values: Mapping[str, str]) -> str:
    """The file's text: what is set, and the usual settings as comments."""
    return HEAD + "\n" + "".join(line + "\n" for line in _lines(values))


def _lines(values: Mapping[str, str]) -> Iterator[str]:
    for name in USUAL:
        setting = SETTINGS[name]
        if name in values:
            yield f"{name} = {_quoted(values[name])}"
        else:
            text = _quoted(setting.default) if isinstance(setting.default, str) else setting.as_text(setting.default)
            yield f"# {name} = {text or _quoted('')}  # {setting.why}"


def _quoted(text: str) -> str:
    """A string as TOML has it: JSON's form, but for one control character."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")
