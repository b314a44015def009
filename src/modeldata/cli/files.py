"""A file that a command writes: its format, and that it is whole or not there."""

from __future__ import annotations

import os
import secrets
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, BinaryIO

import typer

from modeldata.errors import ModelDataError
from modeldata.format.files import FORMATS

if TYPE_CHECKING:
    from collections.abc import Iterator

STDOUT = "-"
FORMS = (*FORMATS, "arrow")
"""As the ending of a file's name says it."""
if TYPE_CHECKING:
    Form = str
else:
    Form = StrEnum("Form", [(name, name) for name in FORMS])

FormatOption = Annotated[Form | None, typer.Option("--format", help="Else as FILE ends; csv for stdout.")]
OverwriteOption = Annotated[
    bool, typer.Option("--overwrite", help="Replace FILE if it is there. Never a device, a pipe or a folder.")
]


def form_of(output: str, file_format: str | None = None) -> str:
    """The format of a file: as it is said, else as its name ends. Raises `typer.BadParameter`."""
    if file_format is not None:
        return str(file_format)
    if output == STDOUT:
        return "csv"
    ending = Path(output).suffix.removeprefix(".").lower()
    if ending not in FORMS:
        raise typer.BadParameter(f"{output} does not end in {', '.join('.' + form for form in FORMS)}")
    return ending


@contextmanager
def whole_file(path: Path, overwrite: bool) -> Iterator[BinaryIO]:
    """A file that gets its name when the block has ended well, and else is gone. Raises `ModelDataError`.

    Only a regular file is ever replaced. A link stays, and the file that it leads to is replaced.
    """
    if os.path.lexists(path) and not path.is_file():
        raise ModelDataError("write", str(path), cause="it is not a regular file", hint="-o - writes to stdout")
    if path.exists() and not overwrite:
        raise ModelDataError("write", str(path), cause="it is there already", hint="--overwrite replaces it")
    path = Path(os.path.realpath(path))
    part = path.with_name(f".{path.name}.{secrets.token_hex(4)}.part")
    try:
        with part.open("xb") as sink:
            yield sink
            sink.flush()
            os.fsync(sink.fileno())
        part.replace(path)
    except OSError as error:
        raise ModelDataError("write", str(path), cause=error.strerror or str(error)) from error
    finally:
        part.unlink(missing_ok=True)
