"""`modeldata sidecar`: rows that other programs post are archived."""

from __future__ import annotations

import json
import os
from typing import Annotated

import typer

from modeldata.cli.archive import say
from modeldata.cli.options import JsonOption, SpoolOptions
from modeldata.errors import ModelDataError, mask
from modeldata.service.sidecar.serve import PORT

TOKEN_VARIABLE = "MODELDATA_SIDECAR_TOKEN"


def command(
    options: SpoolOptions,
    host: Annotated[
        str, typer.Option("--host", help="Another address than this machine's own; then a token or --tls-client-ca is needed.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option("--port", min=0, max=65535, help="0 takes a free one.")] = PORT,
    model: Annotated[str, typer.Option("--model", help="The model's name where an event has none.")] = "service",
    token_file: Annotated[
        str | None, typer.Option("--token-file", help=f"A file with the token that senders show; else {TOKEN_VARIABLE}.")
    ] = None,
    tls_cert: Annotated[str | None, typer.Option("--tls-cert", help="The server's certificate (PEM), for TLS.")] = None,
    tls_key: Annotated[str | None, typer.Option("--tls-key", help="Its private key, where the certificate has none.")] = None,
    tls_client_ca: Annotated[
        str | None, typer.Option("--tls-client-ca", help="Only senders with a certificate that one of these signed (PEM).")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Archive what other programs post: services with azureml-ai-monitoring as they are, loggers of KServe and Seldon,
    CloudEvents, and rows as JSON, CSV or Arrow at /v1/collect/MODEL/IDENTIFIER. SIGTERM or Ctrl-C ends it.

    An event is answered with 200 once its rows are safe, and never before. Only this machine can post, unless --host says
    otherwise. /healthz says whether rows are taken, /metrics has the counts for Prometheus.

    Needs modeldata[sidecar].
    """
    from modeldata.archive import archive_of
    from modeldata.listening import is_loopback
    from modeldata.service.sidecar.guard import Access
    from modeldata.service.sidecar.serve import serve

    settings = options.settings()
    access = Access(host, _token(token_file), tls_cert, tls_key, tls_client_ca)

    def ready(url: str) -> None:
        if not is_loopback(host) and tls_cert is None:
            say(f"other machines can reach {host}, and nothing is encrypted: --tls-cert encrypts it")
        print(json.dumps({"archive": mask(settings.archive), "url": url}) if as_json else url, flush=True)
        say(f"archives to {settings.archives[0]}; Ctrl-C ends it")

    serve(archive_of(settings), access, port, model, ready)


def _token(file: str | None) -> str | None:
    """Raises `ModelDataError` where the file can't be read."""
    if file is None:
        return os.environ.get(TOKEN_VARIABLE)
    try:
        with open(file, encoding="utf-8") as opened:
            return opened.read().strip()
    except (OSError, UnicodeDecodeError) as error:
        raise ModelDataError("read the token", file, cause=str(error), hint="--token-file names a file of text") from error
