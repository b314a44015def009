"""`modeldata ui` as a process: an address that works at once, a token that is new each time, an end by a signal."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from modeldata.errors import ModelDataError
from modeldata.listening import bound, is_loopback
from modeldata.ui.serve import Address, serve
from tests.cli.kit import run
from tests.ui import kit


def test_it_serves_at_once_and_ends_by_ctrl_c(planted: tuple[Path, list[kit.Row]], tmp_path: Path) -> None:
    command = [sys.executable, "-m", "modeldata", "ui", str(planted[0] / "archive"), "--json"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        url = json.loads(process.stdout.readline())["url"]
        page, _, token = url.partition("#token=")
        assert page.startswith("http://127.0.0.1:") and len(token) >= 32
        with urllib.request.urlopen(page, timeout=60) as answer:
            assert b"<title>modeldata</title>" in answer.read()
        with pytest.raises(urllib.error.HTTPError, match="401"):
            urllib.request.urlopen(f"{page}api/spool", timeout=60)
        asked = urllib.request.Request(f"{page}api/overview", headers={"Authorization": f"Bearer {token}"})
        with urllib.request.urlopen(asked, timeout=60) as answer:
            assert json.load(answer)["rows"] == sum(len(kit.archived(planted[0], name)) for name in ("inputs", "predictions"))
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=60)
    assert process.returncode in (0, 130) and "Traceback" not in said


def test_a_port_that_is_taken_is_said(tmp_path: Path) -> None:
    import socket

    from modeldata import Archive

    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        with pytest.raises(ModelDataError, match="--port 0 takes a free one"):
            serve(Archive(tmp_path), "127.0.0.1", other.getsockname()[1], pytest.fail)


def test_an_answer_is_sent_at_once() -> None:
    import asyncio
    import socket

    nodelay: list[int] = []

    async def serve() -> None:
        async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            nodelay.append(writer.get_extra_info("socket").getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))
            writer.close()

        with bound("127.0.0.1", 0, "test") as listener:
            async with await asyncio.start_server(answer, sock=listener):
                reader, writer = await asyncio.open_connection(*listener.getsockname())
                await reader.read()
                writer.close()

    asyncio.run(serve())
    assert nodelay[0]


@pytest.mark.parametrize(
    ("host", "only_here"),
    [("127.0.0.1", True), ("::1", True), ("localhost", True), ("0.0.0.0", False), ("10.1.2.3", False), ("example.com", False)],
)
def test_addresses_of_this_machine_alone_are_known(host: str, only_here: bool) -> None:
    assert is_loopback(host) == only_here


def test_the_names_that_it_answers_to_have_its_port() -> None:
    assert Address("127.0.0.1", 81, "t").names == {"127.0.0.1:81", "localhost:81"}
    assert Address("::1", 81, "t").url == "http://[::1]:81/#token=t" and Address("10.1.2.3", 81, "t").names == {"10.1.2.3:81"}


def test_without_its_libraries_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(sys.modules, "uvicorn", None)
    done = run("ui", str(tmp_path))
    assert done.code == 1 and 'pip install "modeldata[ui]"' in done.err
