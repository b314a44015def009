"""`modeldata demo`: a real model service, archived before your eyes."""

from __future__ import annotations

import importlib.util
import json
import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from modeldata.cli.options import JsonOption

NEEDED = ("duckdb", "fastapi", "httpx", "pandas", "sklearn", "uvicorn")
"""What the demo imports, and what the commands need that it prints at its end."""


def command(
    archive: Annotated[Path, typer.Option("--archive", help="A local folder; another run adds to it.")] = Path("demo-archive"),
    as_json: JsonOption = False,
) -> None:
    """Train a real model, serve it, ask it over HTTP, and show what is in the archive.

    Exits with 1 where what was sent and what is archived differ.
    """
    missing = [name for name in NEEDED if importlib.util.find_spec(name) is None]
    if missing:
        print(f"modeldata: {', '.join(missing)} missing: pip install 'modeldata[demo]'", file=sys.stderr)
        raise typer.Exit(1)
    out = Console(highlight=False, stderr=as_json)
    out.print("Loading pandas; a cold disk takes some seconds.", style="dim")
    from modeldata.cli.demo.tour import Tour  # here: pandas comes with it

    tour = Tour(archive.expanduser().absolute(), out)
    checks = tour.run()
    if as_json:
        results = [{**check._asdict(), "good": check.good} for check in checks]
        print(json.dumps({"archive": str(tour.archive), "run": tour.name, "checks": results}))
    raise typer.Exit(0 if all(check.good for check in checks) else 1)
