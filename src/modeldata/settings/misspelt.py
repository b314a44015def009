"""Variables of the environment that look like a setting and are none."""

from __future__ import annotations

from modeldata.native import SWITCH
from modeldata.settings import AML_STORAGE
from modeldata.settings.file import VARIABLE
from modeldata.settings.table import SETTINGS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

OURS = ("MODELDATA_SHIPPER_",)
"""What a process of ours gives its shipper."""
LIKE = ("MODEL", "AML_MODEL")
ALIKE = 0.85
"""How alike two names must be for one to be a slip of the other: one letter or two."""


def misspelt(names: Iterable[str]) -> dict[str, str]:
    """{variable: the setting's variable that may be meant}."""
    known = {variable for setting in SETTINGS.values() for variable in setting.variables} | {AML_STORAGE, VARIABLE, SWITCH}
    unknown = [name for name in names if name.startswith(LIKE) and name not in known and not name.startswith(OURS)]
    if not unknown:
        return {}
    from difflib import get_close_matches  # here: nobody needs it where nothing is unknown

    return {name: near[0] for name in sorted(unknown) if (near := get_close_matches(name, known, 1, ALIKE))}


def warning(variable: str, meant: str) -> str:
    """What to say of one."""
    return f"the variable {variable} is no setting and has no effect: {meant} may be meant"
