"""The table of mounts, as Linux shows it in `/proc/self/mountinfo`."""

from __future__ import annotations


def mount_of(path: str, mountinfo: str) -> tuple[str, str]:
    """(where it is mounted, its type) of the file system that `path` is on; both empty where the text does not say."""
    mount, longest = ("", ""), -1
    for line in mountinfo.splitlines():
        before, dash, after = line.partition(" - ")
        fields = before.split(" ")
        if not dash or len(fields) < 5:
            continue
        mounted = _unescaped(fields[4])
        inside = path == mounted or path.startswith(mounted.rstrip("/") + "/")
        if inside and len(mounted) >= longest:  # a later line of one place hides the earlier
            mount, longest = (mounted, after.split(" ")[0]), len(mounted)
    return mount


def _unescaped(text: str) -> str:
    """The kernel writes blanks, tabs, line ends and backslashes in octal."""
    for octal, plain in (("\\040", " "), ("\\011", "\t"), ("\\012", "\n"), ("\\134", "\\")):
        text = text.replace(octal, plain)
    return text
