"""Who else is in a group, by what this machine's own files say. A name service would be asked over the network."""

from __future__ import annotations

import sys

from modeldata.interrupts import spare

LOCAL_SOURCES = frozenset({"files", "altfiles", "compat", "mymachines", "systemd"})
"""Of accounts, in `nsswitch.conf`. Any other may know members that no file names."""


class Accounts:
    """`passwd`, `group`, `nsswitch`: the text of these files; `user` is our own id."""

    __slots__ = ("_members", "_named", "_network", "_primary", "_user")

    def __init__(self, passwd: str, group: str, nsswitch: str, user: int) -> None:
        self._user = user
        users = [fields for fields in _lines(passwd) if len(fields) > 3 and fields[2].isdigit() and fields[3].isdigit()]
        trusted = {fields[0] for fields in users if int(fields[2]) in (0, user)}
        self._primary = {int(fields[3]) for fields in users if int(fields[2]) not in (0, user)}
        self._named: set[int] = set()
        self._members: set[int] = set()
        for fields in _lines(group):
            if len(fields) > 3 and fields[2].isdigit():
                self._named.add(int(fields[2]))
                if {name.strip() for name in fields[3].split(",") if name.strip()} - trusted:
                    self._members.add(int(fields[2]))
        self._network = _asks_a_network(nsswitch) or "\n+" in f"\n{passwd}\n{group}"  # a plus: NIS

    def only_ours(self, group: int) -> bool:
        """Is nobody in `group` but us and root?

        True for a group that no file names, such as the `fsGroup` of a pod: only who starts a process can give it that number.
        False where a name service may know more members; but for a group with the number of our own user, which is his own.
        """
        if group == 0:
            return True
        if group in self._primary or group in self._members:
            return False
        return group in self._named or not self._network or group == self._user


def local_accounts(user: int | None) -> Accounts | None:
    """The accounts of this machine for our user; None where its files do not hold them (macOS)."""
    in_files = sys.platform != "darwin"
    if user is None or not in_files:
        return None
    return Accounts(_text("/etc/passwd"), _text("/etc/group"), _text("/etc/nsswitch.conf"), user)


def _lines(text: str) -> list[list[str]]:
    return [line.split(":") for line in text.splitlines()]


def _asks_a_network(nsswitch: str) -> bool:
    for line in nsswitch.splitlines():
        name, _, sources = line.partition("#")[0].partition(":")
        if name.strip() in ("passwd", "group", "initgroups"):
            words = [word for word in sources.split() if not word.startswith("[") and not word.endswith("]")]
            if not LOCAL_SOURCES.issuperset(words):
                return True
    return False


def _text(path: str) -> str:
    try:
        with open(path, encoding="utf-8", errors="surrogateescape") as file:
            return file.read()
    except OSError as error:
        spare(error)
        return ""  # a bare container has no such file: nobody but us is there
