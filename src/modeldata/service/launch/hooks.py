"""What is done to a server's module once it is imported: the application that it serves gets `Archiving` around it.

Only functions that every version of the server has are replaced, and each calls the one that was there.
"""

from __future__ import annotations

import functools
import inspect
import os
from typing import TYPE_CHECKING, Any

from modeldata.service import asgi, wsgi
from modeldata.service.guarded import guarded
from modeldata.service.launch.command import options_of
from modeldata.service.recorder import Recorder

if TYPE_CHECKING:
    from types import ModuleType


def patch(module: ModuleType) -> None:
    """Raises AttributeError where the server's version has not what we know."""
    _PATCHES[module.__name__](module)


@functools.cache
def _recording() -> tuple[Recorder, list[str] | None]:
    options = options_of(os.environ)
    return Recorder(options["model"], sample=options["sample"]), options["paths"] or None


def archived(app: Any, kind: type[asgi.Archiving | wsgi.Archiving]) -> Any:
    """`app` with `kind` around it; `app` itself where it has that, or where no recorder can be made: the log has the reason."""
    if isinstance(app, kind):
        return app
    recording = guarded(_recording)
    return app if recording is None else kind(app, *recording)


def _uvicorn(module: Any) -> None:
    load = module.Config.load

    @functools.wraps(load)
    def loading(self: Any) -> None:
        load(self)
        self.loaded_app = archived(self.loaded_app, asgi.Archiving)

    module.Config.load = loading


def _gunicorn(module: Any) -> None:
    application = module.BaseApplication.wsgi

    @functools.wraps(application)
    def loaded(self: Any) -> Any:
        app = application(self)
        if not is_asgi(app):  # of a worker of uvicorn, which loads it as uvicorn does
            app = self.callable = archived(app, wsgi.Archiving)
        return app

    module.BaseApplication.wsgi = loaded


def _werkzeug(module: Any) -> None:
    make = module.make_server

    @functools.wraps(make)
    def making(host: str, port: int, app: Any, *more: Any, **named: Any) -> Any:
        return make(host, port, archived(app, wsgi.Archiving), *more, **named)

    module.make_server = making


def is_asgi(app: Any) -> bool:
    """Is it a coroutine function, or an object that is called as one?"""
    return inspect.iscoroutinefunction(app) or inspect.iscoroutinefunction(getattr(app, "__call__", None))  # noqa: B004 - not whether


_PATCHES = {"gunicorn.app.base": _gunicorn, "uvicorn.config": _uvicorn, "werkzeug.serving": _werkzeug}
