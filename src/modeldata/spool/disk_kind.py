"""What kind of file system a spool is on. Locks, mappings and fsync mean what we need only on a local one."""

from __future__ import annotations

import os

from modeldata.errors import SpoolError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from modeldata.spool.files import Files

NETWORK = frozenset(
    {
        "afs", "beegfs", "ceph", "cifs", "gfs2", "glusterfs", "gpfs", "lustre", "ncpfs", "nfs", "nfs4", "ocfs2", "orangefs",
        "smb3", "smbfs",
    }
)  # fmt: skip
LOCAL_FUSE = ("fuse.fuse-overlayfs", "fuse.lxcfs", "fuse.ntfs", "fuse.ntfs-3g", "fuse.exfat", "fuse.ext2")
"""Behind other `fuse.` names are object stores, SSH and the like."""
WITH_THE_CONTAINER = ("overlay", "aufs", "fuse.fuse-overlayfs")


def check_local(folder: str, files: Files, *, allow_network: bool) -> None:
    """Raises `SpoolError` for a folder on a network file system, where a lock may vanish under a living process."""
    kind = files.file_system(folder)
    if not _on_network(kind) or allow_network:
        return
    raise SpoolError(
        "open the spool",
        folder,
        cause=f"it is on a network file system ({kind}), where neither locks nor fsync can be trusted",
        hint="set MODELDATA_SPOOL to a folder on a local disk; MODELDATA_ALLOW_NETWORK_SPOOL=true risks lost and doubled rows",
    )


def _on_network(kind: str) -> bool:
    return kind in NETWORK or (kind.startswith("fuse.") and kind not in LOCAL_FUSE)


def goes_with_container(folder: str, files: Files) -> bool:
    """Is the folder in a container's own layer, which is gone when the container is?"""
    return files.file_system(folder) in WITH_THE_CONTAINER


def on_volume_of_container(path: str, files: Files) -> bool:
    """Is `path` on a volume that a container was given? All who reach it there are of one deployment."""
    return files.mount_point(path) not in ("", "/") and _in_container(files)


def _in_container(files: Files) -> bool:
    marks = ("/.dockerenv", "/run/.containerenv")
    return "KUBERNETES_SERVICE_HOST" in os.environ or any(map(os.path.exists, marks)) or goes_with_container("/", files)
