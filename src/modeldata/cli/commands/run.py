"""`modeldata run`: a service as it is, and archived."""

from __future__ import annotations

import os
from typing import Annotated

import typer

from modeldata.cli.archive import say
from modeldata.cli.options import ArchiveOptions
from modeldata.service.launch.command import environment_of


def command(
    options: ArchiveOptions,
    service: Annotated[list[str], typer.Argument(metavar="COMMAND", help="The command that starts the service.")],
    model: Annotated[str, typer.Option("--model", help="The model's name in the archive.")] = "service",
    path: Annotated[
        list[str] | None, typer.Option("--path", help="Record requests of this path, * for any text; may be given several times.")
    ] = None,
    sample: Annotated[float, typer.Option("--sample", min=0.0, max=1.0, help="The share of correlation ids that is kept.")] = 1.0,
) -> None:
    """Run a service and archive its predictions, without a change to it: modeldata run --model churn -- uvicorn service:app

    For services that uvicorn, gunicorn, hypercorn, granian, waitress, werkzeug or wsgiref serve (FastAPI, Flask, Django, MLflow
    and others), and for gRPC servers in Python; their workers too. Recorded are the usual paths of model servers (/predict,
    /invocations, /score, ...) and methods of gRPC, or those of --path. The command takes the place of this one.
    """
    environment = environment_of(os.environ, model, path or (), sample, options.archive)
    try:
        os.execvpe(service[0], service, environment)
    except OSError as error:
        say(f"could not run {service[0]}: {error.strerror}")
        raise typer.Exit(1) from error
