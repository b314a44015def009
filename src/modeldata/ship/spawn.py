"""Start a shipper as a process of its own, which finds every module where this process finds it.

It is started through a shell that leaves at once, so that it is nobody's child: a service that waits for all its
children, or counts them, never meets it. It gets no descriptor of ours, its own session, and its settings by environment.
"""

from __future__ import annotations

import os
import sys

from modeldata import windows
from modeldata.settings.table import SETTINGS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from modeldata.settings import Settings
    from modeldata.spool.files import Files
    from modeldata.spool.folder import SpoolFolder

LOG_BYTES = 1 << 20
"""A longer log of the shippers is put aside, and the one that was aside goes."""
_DETACH = '"$@" </dev/null >/dev/null 2>>"$MODELDATA_SHIPPER_LOG" &'
SPOOL = "MODELDATA_SHIPPER_SPOOL"
"""Names the spool that a child ships: the one that its service opened, whatever the settings would choose by now."""
_SEARCHED = "MODELDATA_SHIPPER_PATH"
_CODE = f"""import os, sys
sys.path[:] = os.environ.pop({_SEARCHED!r}).split("\\n")
from modeldata.ship.%s import main
sys.exit(main())"""


def interpreter() -> str | None:
    """A Python to run the shipper with; None inside a program that merely embeds one (uWSGI, mod_wsgi)."""
    names = [sys.executable, os.path.join(sys.prefix, "bin", "python3"), os.path.join(sys.base_prefix, "bin", "python3")]
    for name in names:
        if name and os.path.basename(name).lower().startswith(("python", "pypy")) and os.access(name, os.X_OK):
            return name
    return None


def searched(path: Sequence[object], library: str, script: str, package: str) -> list[str]:
    """Where the shipper looks for modules: the standard library first, then what this process has in its order.

    An old backport in `site-packages`, or a file of the service that is called like a standard module, may be harmless to the
    service and break the shipper. So the script's folder comes last, and nothing before the standard library.

    library: its folder. script: the folder of the script. package: the folder or archive that holds this package.
    """
    entries = [os.path.abspath(one) if one == "" or os.path.exists(one) else one for one in path if isinstance(one, str)]
    late = [os.path.abspath(one) for one in ("", script)]
    standard = [one for one in entries if _is_standard(one, library)]
    others = [one for one in entries if one not in standard and one not in late]
    return list(dict.fromkeys([*standard, *others, package, *(one for one in late if one in entries)]))


def _is_standard(entry: str, library: str) -> bool:
    zipped = os.path.basename(entry).startswith("python") and entry.endswith(".zip")
    compiled = (os.path.join(library, "lib-dynload"), os.path.join(os.path.dirname(library), "DLLs"))
    return entry in (library, *compiled) or (zipped and entry == _zip_beside(library))


def _zip_beside(library: str) -> str:
    return os.path.join(os.path.dirname(library), f"python{sys.version_info.major}{sys.version_info.minor}.zip")


def _our_search() -> list[str]:
    script = getattr(sys.modules.get("__main__"), "__file__", None) or ""
    package = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    return searched(sys.path, os.path.dirname(os.path.abspath(os.__file__)), os.path.dirname(script), package)


def child_environment(place: SpoolFolder, settings: Settings, outer: Mapping[str, str]) -> dict[str, str]:
    """What the child needs to know. Secrets travel here and nowhere else: the environment of a process is its user's own."""
    return {
        **outer,
        **settings.variables(SETTINGS),
        "MODELDATA_SHIPPER_LOG": place.log,
        SPOOL: place.folder,
        _SEARCHED: "\n".join(_our_search()),
    }


def child_command(python: str) -> list[str]:
    """The last words are for those who look at a list of processes."""
    return [python, *_flags(), "-c", _CODE % "child", "modeldata", "ship", "--child"]


def encoder_command(python: str, outer: Mapping[str, str]) -> tuple[list[str], dict[str, str]]:
    """A process that encodes some rows: its command and its environment. It needs no settings."""
    command = [python, *_flags(), "-c", _CODE % "encoder_child", "modeldata", "encoder"]
    return command, {**outer, _SEARCHED: "\n".join(_our_search())}


def _flags() -> list[str]:
    """What this interpreter takes from its surroundings, so does the other; and `-P`: nothing from the working directory."""
    flags = sys.flags
    named = (
        ("-I", flags.isolated), ("-E", flags.ignore_environment), ("-s", flags.no_user_site), ("-S", flags.no_site),
        ("-B", flags.dont_write_bytecode),
    )  # fmt: skip
    return ["-P", *(name for name, is_set in named if is_set)]


def start_detached(place: SpoolFolder, settings: Settings, files: Files) -> None:
    """Start a shipper that outlives this process. Raises OSError where that is impossible."""
    python = interpreter()
    if python is None:
        raise OSError("no Python interpreter to run a shipper with")
    command = child_command(python)
    environment = child_environment(place, settings, os.environ)
    put_log_aside(place.log, files)
    log = files.open(place.log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)  # private from its first byte
    try:
        (windows.start if windows.HERE else _start_through_shell)(command, environment, log)
    finally:
        files.close(log)


def _start_through_shell(command: list[str], environment: Mapping[str, str], log: int) -> None:
    """The shell opens the log once more: no descriptor of ours is inherited."""
    shell = ["/bin/sh", "-c", _DETACH, "sh", *command]
    options = {"setsid": True} if sys.platform != "darwin" else {"setpgroup": 0}
    # Not through `os`: gevent puts a waitpid there that waits for its loop to see SIGCHLD, which gunicorn's workers reset.
    posix = sys.modules["posix"]
    if not hasattr(posix, "posix_spawn"):
        raise OSError("this Python can't start a process that is nobody's child")
    pid = posix.posix_spawn(shell[0], shell, environment, **options)
    try:
        posix.waitpid(pid, 0)
    except ChildProcessError:
        pass  # the service reaps its children itself


def put_log_aside(path: str, files: Files) -> bool:
    """Give a log that has become long the name `.1`. True where that was done."""
    try:
        if files.stat(path).st_size <= LOG_BYTES:
            return False
        files.rename(path, path + ".1")
    except OSError:
        return False  # a log is never worth a failure
    return True
