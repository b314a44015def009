"""The sidecar at one address, until it is stopped."""

from __future__ import annotations

import os
import signal
import ssl
from typing import TYPE_CHECKING

from modeldata.errors import ModelDataError, SpoolError
from modeldata.intake.messages import warn
from modeldata.listening import bound, bracketed
from modeldata.service.sidecar.recent import Journal, Recent
from modeldata.spool.files import Files
from modeldata.spool.location import locate_spool

if TYPE_CHECKING:
    from collections.abc import Callable

    import uvicorn

    from modeldata.archive import Archive
    from modeldata.service.sidecar.guard import Access

OPERATION = "start the sidecar"
PORT = 50011
"""Where azureml-ai-monitoring posts to."""
JOURNAL = "sidecar.recent"
STOP_SECONDS = 10
IDLE_SECONDS = 120
"""Connections that clients keep for their next event: closed later than by them, so none is closed under an event."""


def serve(archive: Archive, access: Access, port: int, model: str, ready: Callable[[str], None]) -> None:
    """Take events until SIGTERM or Ctrl-C; those that have begun are finished. ready: gets the URL once it is bound.

    Raises `SettingsError` where anybody could post, `ModelDataError` where address or certificates can't be used, `MissingExtra`
    without `modeldata[sidecar]`.
    """
    access.check()
    _check_libraries()
    with bound(access.host, port, OPERATION) as listener:
        try:
            archive.open()  # the first event need not wait for it; where it can't be, events are refused
            server = _server(archive, access, model)
            scheme = "https" if access.certificate else "http"
            ready(f"{scheme}://{bracketed(access.host)}:{listener.getsockname()[1]}")
            signal.signal(signal.SIGTERM, _leave)  # the server has its own while it runs, and then calls this one
            server.run([listener])
        finally:
            archive.close()


def _check_libraries() -> None:
    from modeldata.catalog.errors import need

    try:
        import starlette  # noqa: F401 - asked for here, so that what is missing is said in words
        import uvicorn  # noqa: F401 - likewise
    except ImportError as error:
        raise need(error.name or "uvicorn", "sidecar", OPERATION) from None


def _server(archive: Archive, access: Access, model: str) -> uvicorn.Server:
    import uvicorn

    from modeldata.service.sidecar.app import Sidecar

    sidecar = Sidecar(archive, model, access.token, Recent(journal=_journal(archive)))
    config = uvicorn.Config(
        sidecar.app, log_level="warning", access_log=False, ws="none", lifespan="off", server_header=False,
        timeout_graceful_shutdown=STOP_SECONDS, timeout_keep_alive=IDLE_SECONDS,
        ssl_certfile=access.certificate, ssl_keyfile=access.key, ssl_ca_certs=access.client_ca,
        ssl_cert_reqs=ssl.CERT_REQUIRED if access.client_ca else ssl.CERT_NONE,
    )  # fmt: skip
    try:
        config.load()
    except OSError as error:  # ssl.SSLError is one
        cause = f"certificates: {error.strerror or error}"
        raise ModelDataError(OPERATION, cause=cause, hint="--tls-cert, --tls-key and --tls-client-ca name PEM files") from error
    return uvicorn.Server(config)


def _journal(archive: Archive) -> Journal | None:
    """In the spool, which outlives this process. None where it can't be used: then no event is kept, either."""
    try:
        folder = locate_spool(archive.settings, Files(), os.environ).folder
    except SpoolError:
        return None
    return Journal(os.path.join(folder, JOURNAL), warn)


def _leave(*_: object) -> None:
    raise SystemExit(0)
