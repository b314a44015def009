"""Compiles the two parts in `src/modeldata/native/` into a wheel, or beside their source for an editable install.

It also makes the package's long description of the README.

`MODELDATA_BUILD`: `try` (the default) makes the wheel without them where one can't be compiled, and says so once; `require` fails
then, for releases; `pure` does not compile.
"""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
import sysconfig
import tempfile
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface
from hatchling.metadata.plugin.interface import MetadataHookInterface

NATIVE = Path("src/modeldata/native")
PARTS = ("accelerator", "shipper")
HEADERS = "numpy>=2.0"
"""What is built with them runs with numpy 1, too."""
MACHINES = ("x86_64", "aarch64")
OLDEST_GLIBC = (2, 17)
"""Wheels for an older one have names of another kind."""
HOME = ""
"""Where the files of the repository can be read by anybody. There is no such place yet."""
RELATIVE_LINK = re.compile(r"(?P<before>!?\[(?P<words>[^]]*)\])\((?![a-z]+:|#)(?P<target>[^)]*)\)")
RELATIVE_IMAGE = re.compile(r"!\[[^]]*\]\((?![a-z]+:)[^)]*\)\n*")
WARNINGS = ["-Wall", "-Wextra", "-Wno-unused-parameter", "-Wno-missing-field-initializers"]
FLAGS = ["-std=c11", "-D_GNU_SOURCE", "-O2", "-fPIC", "-shared", "-fvisibility=hidden", *WARNINGS]


class NotBuilt(Exception):
    """A part was not compiled: the reason."""


def libraries_in(folder: Path) -> list[Path]:
    """Where the compiled parts for the Python that runs this lie."""
    return [folder / f"{part}{sysconfig.get_config_var('EXT_SUFFIX')}" for part in PARTS]


def hindrance() -> str:
    """Why nothing can be compiled for the Python that runs this; empty where it can be."""
    if sys.platform != "linux" or os.uname().machine not in MACHINES or sys.implementation.name != "cpython":
        return "it is for CPython under Linux on x86-64 and ARM64"
    return "it is for Pythons with a GIL" if sysconfig.get_config_var("Py_GIL_DISABLED") else ""


def compile_into(root: Path, folder: Path, *options: str) -> list[Path]:
    """The compiled parts for the Python that runs this, in `folder`: all of them. Raises NotBuilt."""
    if reason := hindrance():
        raise NotBuilt(reason)
    libraries = libraries_in(folder)
    try:
        import numpy

        compiler = shlex.split(os.environ.get("CC") or sysconfig.get_config_var("CC") or "cc")
        headers = [f"-I{sysconfig.get_paths()['include']}", f"-I{numpy.get_include()}"]
        for part, library in zip(PARTS, libraries, strict=True):
            command = [*compiler, *FLAGS, *options, *headers, str(root / NATIVE / f"{part}.c"), "-o", f"{library}.new"]
            done = subprocess.run(command, capture_output=True, text=True)
            if done.returncode:
                raise NotBuilt(f"{shlex.join(command)}\n{done.stderr.strip()}")
        for library in libraries:
            os.replace(f"{library}.new", library)  # a process that runs may have the other one loaded
    except (ImportError, OSError) as error:
        raise NotBuilt(str(error)) from error
    finally:
        for library in libraries:
            Path(f"{library}.new").unlink(missing_ok=True)
    return libraries


def tag_of(libraries: list[Path]) -> str:
    """The tag of a wheel with these libraries: for this Python, and for each Linux of which the C library is new enough."""
    from packaging.tags import sys_tags

    here = next(sys_tags())
    content = b"".join(library.read_bytes() for library in libraries)
    asked = [(int(major), int(minor)) for major, minor in re.findall(rb"GLIBC_(\d+)\.(\d+)", content)]
    major, minor = max([OLDEST_GLIBC, *asked])
    platform = f"manylinux_{major}_{minor}_{os.uname().machine}" if asked else here.platform
    return f"{here.interpreter}-{here.abi}-{platform}"


def long_description(readme: str, home: str) -> str:
    """The README where its links lead nowhere by themselves: with `home` before them, else as the words alone."""
    if home:
        return RELATIVE_LINK.sub(rf"\g<before>({home}/\g<target>)", readme)
    return RELATIVE_LINK.sub(r"\g<words>", RELATIVE_IMAGE.sub("", readme))


class LongDescription(MetadataHookInterface):
    PLUGIN_NAME = "custom"

    def update(self, metadata: dict[str, Any]) -> None:
        readme = (Path(self.root) / "README.md").read_text(encoding="utf-8")
        metadata["readme"] = {"content-type": "text/markdown", "text": long_description(readme, HOME)}


class AcceleratorHook(BuildHookInterface):  # type: ignore[type-arg] # of any builder
    PLUGIN_NAME = "custom"

    def dependencies(self) -> list[str]:
        """numpy, where there is something to compile. Some Pythons have no wheel of it, and would compile it first."""
        return [] if hindrance() or os.environ.get("MODELDATA_BUILD") == "pure" else [HEADERS]

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        mode = os.environ.get("MODELDATA_BUILD", "try")
        if mode not in ("try", "require", "pure"):
            raise ValueError(f"MODELDATA_BUILD is {mode!r}: it may be try, require or pure")
        root = Path(self.root)
        self._scratch = tempfile.TemporaryDirectory()
        folder = root / NATIVE if version == "editable" else Path(self._scratch.name)
        for library in libraries_in(folder):
            library.unlink(missing_ok=True)  # of an earlier source
        if mode == "pure":
            return
        try:
            made = compile_into(root, folder)
        except NotBuilt as error:
            if mode == "require":
                raise
            self.app.display_warning(f"modeldata is built without its compiled parts; all works, more slowly: {error}")
            return
        build_data["pure_python"] = False
        build_data["tag"] = tag_of(made)
        if version != "editable":
            for library in made:
                build_data["force_include"][str(library)] = f"modeldata/native/{library.name}"

    def finalize(self, version: str, build_data: dict[str, Any], artifact_path: str) -> None:
        if hasattr(self, "_scratch"):  # `initialize` came so far
            self._scratch.cleanup()
