"""`modeldata run`: real servers, started by their own commands, with an application that knows nothing of us."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from modeldata.service import wsgi
from modeldata.service.launch import hooks
from modeldata.service.launch.command import SITE, environment_of
from tests.service.kit import Recording, features
from tests.service.servers import ask
from tests.service.unmodified import GOOD, Service, compared, running
from tests.support.scripts import environment, run

FASTAPI = """
import sitecustomize
assert sitecustomize.OF_THE_USER
from fastapi import FastAPI

app = FastAPI()

@app.post("/predict")
def predict(rows: list[dict[str, float]]) -> dict[str, list[float]]:
    return {"scores": [2 * row["x"] for row in rows]}

@app.post("/fail")
def fail() -> None:
    raise RuntimeError("broken")
"""
FLASK = """
import sitecustomize
assert sitecustomize.OF_THE_USER
from flask import Flask, request

app = Flask(__name__)

@app.post("/predict")
def predict():
    return {"scores": [2 * row["x"] for row in request.get_json()]}

@app.post("/fail")
def fail():
    raise RuntimeError("broken")
"""
ASGI = """
import json

async def app(scope, receive, send):
    if scope["type"] != "http":
        return
    rows = json.loads((await receive())["body"])
    if scope["path"] == "/fail":
        await send({"type": "http.response.start", "status": 503, "headers": []})
        return await send({"type": "http.response.body", "body": b"broken"})
    body = json.dumps({"scores": [2 * row["x"] for row in rows]}).encode()
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"application/json")]})
    await send({"type": "http.response.body", "body": body})
"""
WSGI = """
import json

def app(environ, start):
    rows = json.loads(environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"])))
    if environ["PATH_INFO"] == "/fail":
        start("503 Unavailable", [("content-type", "text/plain")])
        return [b"broken"]
    start("200 OK", [("content-type", "application/json")])
    return [b'{"scores": ', json.dumps([2 * row["x"] for row in rows]).encode(), b"}"]
"""
RSGI = """
async def app(scope, protocol):
    protocol.response_str(200, [("content-type", "text/plain")], "as it is")
"""
AIOHTTP = """
from aiohttp import web

async def predict(request):
    return web.Response(text="as it is")

app = web.Application()
app.add_routes([web.post("/predict", predict)])
"""
GUNICORN = ["{bin}/gunicorn", "service:app", "-b", "127.0.0.1:{port}"]
HYPERCORN = ["{bin}/hypercorn", "-b", "127.0.0.1:{port}"]
GRANIAN = ["{bin}/granian", "service:app", "--port", "{port}", "--interface"]
WSGIREF = (
    "import service; from wsgiref.simple_server import make_server as m; m('127.0.0.1', {port}, service.app).serve_forever()"
)
SERVERS = {
    "uvicorn": Service(["{bin}/uvicorn", "service:app", "--port", "{port}"], FASTAPI),
    "gunicorn": Service([*GUNICORN, "-w", "2"], FLASK),
    "hypercorn": Service([*HYPERCORN, "service:app"], ASGI),
    "waitress": Service(["{bin}/waitress-serve", "--listen", "127.0.0.1:{port}", "service:app"], WSGI),
}
MORE_SERVERS = {
    "werkzeug": Service(["{bin}/flask", "--app", "service", "run", "--port", "{port}"], FLASK),
    "gunicorn with uvicorn": Service([*GUNICORN, "-k", "uvicorn_worker.UvicornWorker"], FASTAPI),
    "hypercorn with wsgi": Service([*HYPERCORN, "wsgi:service:app"], FLASK),
    "granian": Service([*GRANIAN, "asgi"], ASGI),
    "granian with wsgi": Service([*GRANIAN, "wsgi"], WSGI),
    "wsgiref": Service(["{python}", "-c", WSGIREF], WSGI),
}
"""These only in `make services`: each costs seconds."""


@pytest.mark.posix("signals of a service")
@pytest.mark.parametrize("server", [*SERVERS, *(pytest.param(name, marks=pytest.mark.services) for name in MORE_SERVERS)])
def test_a_server_of_its_own_command_is_archived_and_answers_the_same(tmp_path: Path, server: str) -> None:
    found = compared({**SERVERS, **MORE_SERVERS}[server], tmp_path)
    assert sorted(features(found.rows["inputs"])) == [(float(number),) for number in range(GOOD)], found.said
    assert len(found.rows["predictions"]) == GOOD


@pytest.mark.services
@pytest.mark.posix("signals of a service")
@pytest.mark.parametrize(
    ("command", "code"), [([*GRANIAN, "rsgi"], RSGI), ([*GUNICORN, "-k", "aiohttp.GunicornWebWorker"], AIOHTTP)]
)
def test_a_server_that_cannot_be_archived_runs_on_and_says_so(tmp_path: Path, command: list[str], code: str) -> None:
    with running(Service(command, code), tmp_path, tmp_path / "archive") as (port, said):
        assert ask(port, "/predict", {})[2] == b"as it is"
    assert "nothing is archived" in said()


def _of_gunicorn(module: Any, app: Any) -> Any:
    class Application(module.BaseApplication):  # type: ignore[misc] # of a module that is loaded here
        def load_config(self) -> None:
            pass

        def load(self) -> Any:
            return app

    application = Application()
    assert application.wsgi() is application.wsgi()
    return application.wsgi()


def _of_waitress(module: Any, app: Any) -> Any:
    server = module.create_server(app, listen="127.0.0.1:0", clear_untrusted_proxy_headers=False)
    server.close()
    return server.application


def _of_wsgiref(module: Any, app: Any) -> Any:
    with module.WSGIServer(("127.0.0.1", 0), module.WSGIRequestHandler) as server:
        server.set_app(app)
        return server.get_app()


def _of_granian(module: Any, app: Any) -> Any:
    module._callback_wrapper = lambda callback, scope_opts, log_format=None: callback  # its own starts a runtime
    hooks.patch(module)
    hooks.patch(module)
    return module._callback_wrapper(app, {})


def _loaded(name: str) -> Any:
    """A module that nobody else sees, patched twice."""
    if name == "granian.wsgi":
        return ModuleType(name)
    spec = importlib.util.find_spec(name)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    hooks.patch(module)
    hooks.patch(module)
    return module


WSGI_SERVERS = {"gunicorn.app.base": _of_gunicorn, "waitress.server": _of_waitress,
                "wsgiref.simple_server": _of_wsgiref, "granian.wsgi": _of_granian}  # fmt: skip


@pytest.mark.parametrize("server", WSGI_SERVERS)
def test_a_hook_puts_ours_around_the_application_of_a_server_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, server: str
) -> None:
    monkeypatch.setattr(hooks, "_recording", lambda: (Recording(tmp_path).recorder(), None))

    def app(environ: Any, start_response: Any) -> list[bytes]:
        return []

    served = WSGI_SERVERS[server](_loaded(server), app)
    assert isinstance(served, wsgi.Archiving) and served.app is app


@pytest.mark.parametrize("takes", ["", "request", "scope, receive, send"])
def test_gunicorn_serves_applications_of_other_kinds_as_they_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, takes: str
) -> None:
    """Those of aiohttp, tornado, uvicorn: its workers for them look at what the application is."""
    monkeypatch.setattr(hooks, "_recording", lambda: (Recording(tmp_path).recorder(), None))
    app = eval(f"lambda {takes}: None")
    assert _of_gunicorn(_loaded("gunicorn.app.base"), app) is app


def test_the_modules_that_are_waited_for_are_those_that_are_patched(tmp_path: Path) -> None:
    done = run("from importlib.util import spec_from_file_location as s, module_from_spec as m; import sys\n"
               f"spec = s('site_of_run', {os.path.join(SITE, 'sitecustomize.py')!r})\n"
               "module = m(spec); spec.loader.exec_module(module); print(sorted(module.HOOKED))", tmp_path)  # fmt: skip
    assert done.stdout.strip() == str(sorted(hooks._PATCHES))


def test_the_environment_keeps_what_was_there() -> None:
    once = environment_of({"PYTHONPATH": "/a:/b", "HOME": "/h"}, "m", ["/p"], 0.5, None)
    assert once["PYTHONPATH"].split(os.pathsep) == [SITE, "/a", "/b"] and once["HOME"] == "/h"
    assert environment_of(once, "m", ["/p"], 0.5, None) == once


def test_a_command_that_is_not_there_is_said(tmp_path: Path) -> None:
    ours = [sys.executable, "-m", "modeldata", "run", "--", "no-such-command"]
    done = subprocess.run(ours, env=environment(), cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (1, "") and "could not run no-such-command" in done.stderr
