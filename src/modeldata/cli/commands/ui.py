"""`modeldata ui`: a page in the browser to look at the archive."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Annotated

import typer

from modeldata.cli.archive import say
from modeldata.cli.options import JsonOption, SpoolOptions
from modeldata.errors import mask

if TYPE_CHECKING:
    from modeldata.ui.serve import Address


def command(
    options: SpoolOptions,
    port: Annotated[int, typer.Option("--port", min=0, max=65535, help="0 takes a free one.")] = 0,
    open_page: Annotated[bool, typer.Option("--open", help="Open the page in the browser.")] = False,
    host: Annotated[
        str, typer.Option("--host", help="Another address than this machine's own. Whoever has the token then reads all rows.")
    ] = "127.0.0.1",
    as_json: JsonOption = False,
) -> None:
    """Show the archive, and the spool where there is one, on a page in the browser. It only reads. Ctrl-C ends it.

    Only this machine can open it, and only with the address that is printed: it has a token, new at each start. With another
    --host, other machines can, too; the token and all rows then go over the network as they are, without TLS.

    Needs modeldata[ui].
    """
    from modeldata.archive import archive_of
    from modeldata.listening import is_loopback
    from modeldata.ui.serve import serve

    settings = options.settings()

    def ready(address: Address) -> None:
        if not is_loopback(host):
            say(f"other machines can reach {host}: whoever sees the token reads all rows, and nothing is encrypted")
        print(json.dumps({"archive": mask(settings.archive), "url": address.url}) if as_json else address.url, flush=True)
        say(f"shows {settings.archives[0]}; Ctrl-C ends it")
        if open_page:
            import webbrowser

            if not webbrowser.open(address.url):
                say("no browser could be opened: open the address by hand")

    serve(archive_of(settings), host, port, ready)
    sys.stdout.flush()
