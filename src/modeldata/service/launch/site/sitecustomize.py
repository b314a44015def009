"""Imported by each Python process below `modeldata run`, before anything else. Then the user's own `sitecustomize` is run.

It imports nothing of ours: only once a process imports a server that we know is `modeldata` loaded there.
"""

from __future__ import annotations

import os
import sys
from importlib.machinery import PathFinder
from importlib.util import module_from_spec

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from importlib.machinery import ModuleSpec
    from types import ModuleType
    from typing import Any

HOOKED = frozenset({
    "granian.asgi", "granian.rsgi", "granian.wsgi", "grpc", "grpc.aio", "gunicorn.app.base", "hypercorn.app_wrappers",
    "uvicorn.config", "waitress.server", "werkzeug.serving", "wsgiref.simple_server",
})  # fmt: skip
"""Modules of servers that are changed once they are imported: as in `modeldata.service.launch.hooks`."""
OURS = ("modeldata", "ship")


class Loader:
    """That of a module, and what is done to the module afterwards."""

    def __init__(self, loader: Any) -> None:
        self._loader = loader

    def __getattr__(self, name: str) -> Any:
        return getattr(self._loader, name)

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        module: ModuleType | None = self._loader.create_module(spec)
        return module

    def exec_module(self, module: ModuleType) -> None:
        self._loader.exec_module(module)
        try:
            from modeldata.service.launch.hooks import patch

            patch(module)
        except Exception as error:  # the service goes on as it is
            print(f"modeldata run: nothing is archived: {type(error).__name__}: {error}", file=sys.stderr)


class Finder:
    """Finds the modules of servers as the others do, and gives them a loader of ours."""

    def find_spec(self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None) -> ModuleSpec | None:
        if name not in HOOKED:
            return None
        for finder in sys.meta_path:
            find = None if finder is self else getattr(finder, "find_spec", None)
            spec: ModuleSpec | None = None if find is None else find(name, path, target)
            if spec is not None:
                spec.loader = Loader(spec.loader)  # type: ignore[assignment]  # it does what loaders do
                return spec
        return None


def run_the_users() -> None:
    """The `sitecustomize` that ours stands before."""
    here = os.path.dirname(os.path.abspath(__file__))
    spec = PathFinder.find_spec("sitecustomize", [entry for entry in sys.path if os.path.abspath(entry) != here])
    if spec is not None and spec.loader is not None:
        module = sys.modules["sitecustomize"] = module_from_spec(spec)
        spec.loader.exec_module(module)


if not any(sys.orig_argv[at : at + 2] == list(OURS) for at in range(len(sys.orig_argv))):  # not in our own shipper
    sys.meta_path.insert(0, Finder())
run_the_users()
