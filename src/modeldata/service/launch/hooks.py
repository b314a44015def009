"""What is done to a server's module once it is imported: the application that it serves gets `Archiving` around it.

Only functions that every version of the server has are replaced, and each calls the one that was there.
"""

from __future__ import annotations

import functools
import inspect
import os
from typing import TYPE_CHECKING, Any

from modeldata.intake.messages import warn
from modeldata.service import asgi, wsgi
from modeldata.service.guarded import guarded
from modeldata.service.launch.command import options_of
from modeldata.service.recorder import Recorder

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
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
    if isinstance(app, kind) or not callable(app):  # the server says what is wrong with it
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
        if is_wsgi(app):
            app = self.callable = archived(app, wsgi.Archiving)
        elif not is_asgi(app) and not _takes(app, 3):
            warn("nothing is archived: gunicorn serves an application here that is neither WSGI nor ASGI")
        return app

    module.BaseApplication.wsgi = loaded


def _interceptor(name: str) -> Callable[[Any], None]:
    """For `grpc.server` and `grpc.aio.server`."""

    def patch_server(module: Any) -> None:
        module.server = _with_argument(module.server, "interceptors", lambda given: intercepted(given, name))

    return patch_server


def intercepted(given: Iterable[Any] | None, name: str) -> Sequence[Any]:
    """Interceptors of a gRPC server, and ours before them: it sees what they refuse."""
    theirs = list(given or ())  # it may be of a kind that can be read once
    ours = guarded(_ours_before, theirs, name)
    return [*(ours or ()), *theirs]


def _ours_before(theirs: Sequence[Any], name: str) -> Sequence[Any]:
    from modeldata.service import grpc

    kind = getattr(grpc, name)
    return [] if any(isinstance(each, kind) for each in theirs) else [kind(*_recording())]


def _takes_app(kind: type[asgi.Archiving | wsgi.Archiving], function: str, parameter: str) -> Callable[[Any], None]:
    """A patch of a function or a method that the application is given to."""
    *owners, name = function.split(".")

    def patch_function(module: Any) -> None:
        owner = functools.reduce(getattr, owners, module)
        setattr(owner, name, _with_argument(getattr(owner, name), parameter, lambda app: archived(app, kind)))

    return patch_function


def _with_argument(function: Any, parameter: str, change: Callable[[Any], Any]) -> Any:
    """The function, which gets one of its arguments changed."""
    signature = inspect.signature(function)
    if parameter not in signature.parameters:
        raise AttributeError(f"{function.__qualname__} has no parameter {parameter}")

    @functools.wraps(function)
    def called(*arguments: Any, **named: Any) -> Any:
        bound = signature.bind(*arguments, **named)
        bound.arguments[parameter] = change(bound.arguments.get(parameter))
        return function(*bound.args, **bound.kwargs)

    return called


def _granian_rsgi(module: Any) -> None:
    module._callbacks_from_target = _with_argument(module._callbacks_from_target, "target", _as_it_is)


def _as_it_is(target: Any) -> Any:
    warn("nothing is archived: granian serves RSGI here; start it with --interface asgi or wsgi")
    return target


def is_asgi(app: Any) -> bool:
    """Is it a coroutine function, or an object that is called as one?"""
    return inspect.iscoroutinefunction(app) or inspect.iscoroutinefunction(getattr(app, "__call__", None))  # noqa: B004 - not whether


def is_wsgi(app: Any) -> bool:
    """gunicorn serves others as well: those of uvicorn's workers, of aiohttp's, of tornado's."""
    return not is_asgi(app) and _takes(app, 2)


def _takes(app: Any, count: int) -> bool:
    """Can it be called with so many arguments?"""
    try:
        inspect.signature(app).bind(*range(count))
    except TypeError:
        return False
    except ValueError:  # compiled: there is nothing to look at
        pass
    return True


def _both(*patches: Callable[[Any], None]) -> Callable[[Any], None]:
    def patch_all(module: Any) -> None:
        for each in patches:
            each(module)

    return patch_all


_PATCHES = {
    "granian.asgi": _takes_app(asgi.Archiving, "_callback_wrapper", "callback"),
    "granian.rsgi": _granian_rsgi,
    "granian.wsgi": _takes_app(wsgi.Archiving, "_callback_wrapper", "callback"),
    "grpc": _interceptor("Archiving"),
    "grpc.aio": _interceptor("AsyncArchiving"),
    "gunicorn.app.base": _gunicorn,
    "hypercorn.app_wrappers": _both(
        _takes_app(asgi.Archiving, "ASGIWrapper.__init__", "app"), _takes_app(wsgi.Archiving, "WSGIWrapper.__init__", "app")
    ),
    "uvicorn.config": _uvicorn,
    "waitress.server": _takes_app(wsgi.Archiving, "create_server", "application"),
    "werkzeug.serving": _takes_app(wsgi.Archiving, "make_server", "app"),
    "wsgiref.simple_server": _takes_app(wsgi.Archiving, "WSGIServer.set_app", "application"),
}
