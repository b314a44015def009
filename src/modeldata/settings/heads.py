"""Where heads go besides the archive, and what signs them, as settings keep it: paths are absolute, the rest is as it is."""

from __future__ import annotations

from modeldata import urls
from modeldata.settings.archives import absolute

LOG = "-"
"""As the second place: the log of whoever ships."""
KEY_BEGINS = "PRIVATE+KEY+"
PEM_BEGINS = "-----BEGIN"


def is_key_text(setting: str) -> bool:
    """Is it a key itself? Else it is the path of one."""
    return setting.lstrip().startswith((KEY_BEGINS, PEM_BEGINS))


def kept(setting: str) -> str:
    """Either setting, as it also means the same in another folder."""
    if setting == LOG or is_key_text(setting) or urls.scheme_of(setting):
        return setting
    folder = urls.local_folder(setting)
    return absolute(folder) if folder else setting
