"""The page on this machine: an address, a token in its fragment, a server until Ctrl-C."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, NamedTuple

from modeldata.listening import bound, bracketed, is_loopback

if TYPE_CHECKING:
    from collections.abc import Callable

    from modeldata.archive import Archive

LOOPBACK = "127.0.0.1"


class Address(NamedTuple):
    """Where the page is. The part after `#` stays in the browser: it is in no request, no log and no referrer."""

    host: str
    port: int
    token: str

    @property
    def url(self) -> str:
        return f"http://{bracketed(self.host)}:{self.port}/#token={self.token}"

    @property
    def names(self) -> set[str]:
        """What a browser may call it."""
        names = {self.host, "localhost"} if is_loopback(self.host) else {self.host}
        return {f"{bracketed(name)}:{self.port}" for name in names}


def serve(archive: Archive, host: str, port: int, ready: Callable[[Address], None]) -> None:
    """Serve the page until the process is asked to end. ready: gets the address once it is bound. port 0: any free one.

    Raises `ModelDataError` where the address can't be had, `MissingExtra` without `modeldata[ui]`.
    """
    from modeldata.catalog.errors import need
    from modeldata.ui import app

    try:
        import uvicorn
    except ImportError:
        raise need("uvicorn", "ui", "show the archive") from None
    listener = bound(host, port, "show the archive")
    address = Address(host, listener.getsockname()[1], secrets.token_urlsafe(24))
    page = app(archive, token=address.token, hosts=address.names)
    config = uvicorn.Config(
        page, log_level="warning", access_log=False, ws="none", lifespan="off", server_header=False, timeout_graceful_shutdown=2
    )
    ready(address)
    with listener:
        uvicorn.Server(config).run([listener])
