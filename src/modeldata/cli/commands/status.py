"""`modeldata status`: what waits, who ships, since when, and what was refused."""

from __future__ import annotations

import json
import os
import time

from modeldata.cli.console import Out
from modeldata.cli.options import JsonOption, SpoolOptions
from modeldata.errors import mask
from modeldata.ship.status import status_of
from modeldata.spool.files import Files
from modeldata.spool.location import locate_spool


def command(options: SpoolOptions, as_json: JsonOption = False) -> None:
    """What is pending, how old it is, who ships, what was refused and why."""
    settings = options.settings()
    counts = status_of(settings, Files(), time.time_ns()).as_dict()
    shown = {"archive": mask(settings.archive), "spool": locate_spool(settings, Files(), os.environ).folder, **counts}
    if as_json:
        print(json.dumps(shown))
        return
    out, widest = Out(), max(map(len, shown))
    for name, value in shown.items():
        out.labelled(f"[bold]{name.replace('_', ' '):{widest}}[/]  ", _text(name, value))


def _text(name: str, value: object) -> str:
    if name == "leader":
        if not isinstance(value, dict):
            return "nobody ships just now"
        since = time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(value["since_ns"] / 1e9))
        troubles = [f"; {value[key]}" for key in ("heads", "unremoved") if key in value]
        return "".join([f"process {value['pid']} on {value['host']}, since {since} UTC", *troubles])
    if isinstance(value, dict):
        return ", ".join(f"{key}: {_plain(held)}" for key, held in value.items()) or "nothing"
    return _plain(value)


def _plain(value: object) -> str:
    if isinstance(value, dict):
        return " ".join(f"{key.replace('_', ' ')} {_plain(held)}" for key, held in value.items())
    if isinstance(value, float):
        return f"{value:.1f}"
    if isinstance(value, int):
        return f"{value:,}"
    return "none" if value is None else str(value)
