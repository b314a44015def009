"""An environment that holds only what a reader was asked to install: all else that is installed here can't be imported."""

from __future__ import annotations

import tomllib
from importlib.metadata import PackageNotFoundError, packages_distributions, requires
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
HIDE = """
import sys

class Hidden:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {hidden!r}:
            raise ModuleNotFoundError(f"No module named {{name!r}}: nobody asked to install it", name=name)

sys.meta_path.insert(0, Hidden())
"""


def installed_by(*asked: str) -> set[str]:
    """The distributions that `pip install` of these brings here, such as "modeldata[cli]" or "pandas". Ours as in this tree."""
    done: set[str] = set()
    waiting = [Requirement(text) for text in asked]
    while waiting:
        each = waiting.pop()
        for text in _requirements(each):
            needed = Requirement(text)
            extras = each.extras or {""}
            key = str(needed.name) + str(sorted(needed.extras))
            if key not in done and (needed.marker is None or any(needed.marker.evaluate({"extra": extra}) for extra in extras)):
                done.add(key)
                waiting.append(needed)
        done.add(each.name)
    return {canonicalize_name(name.partition("[")[0]) for name in done}


def _requirements(each: Requirement) -> list[str]:
    if each.name == "modeldata":
        extras = PROJECT["optional-dependencies"]
        return [*PROJECT["dependencies"], *(text for extra in each.extras for text in extras[extra])]
    try:
        return requires(each.name) or []
    except PackageNotFoundError:
        return []


def environment(folder: Path, *asked: str) -> dict[str, str]:
    """Variables that hide every other distribution of this environment from Python's processes. `folder` is the test's."""
    allowed = installed_by(*asked)
    hidden = {
        module
        for module, owners in packages_distributions().items()
        if not any(canonicalize_name(owner) in {*allowed, "modeldata"} for owner in owners)
    }
    place = folder / "only"
    place.mkdir()
    (place / "sitecustomize.py").write_text(HIDE.format(hidden=hidden), encoding="utf-8")
    return {"PYTHONPATH": str(place)}
