"""`visavis run` as a person starts it: a process, its words, its page, its end."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import numpy as np
import pytest

from visavis.cli import main
from visavis.images import write_image


@contextmanager
def run(*arguments: str, folder: Path) -> Iterator[tuple[str, str, subprocess.Popen[str]]]:
    """Start `visavis run`; the address that it prints, all that it printed before, and the process."""
    process = subprocess.Popen(
        [sys.executable, "-m", "visavis", "run", *arguments],
        cwd=folder,
        env={**os.environ, "COLUMNS": "200"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    said = ""
    try:
        assert process.stdout is not None
        for line in process.stdout:
            said += line
            found = re.search(r"http://[\d.]+:\d+", line)
            if found:
                yield found[0], said, process
                return
        pytest.fail(f"it ended before it served: {said}")
    finally:
        process.kill()
        process.communicate()


def playing(address: str) -> dict[str, object]:
    """The health report once the loop plays."""
    deadline = time.monotonic() + 60  # a machine that tests on every core starts slowly
    while True:
        try:
            report: dict[str, object] = httpx.get(f"{address}/health", timeout=5).json()
            source = report["source"]
            assert isinstance(source, dict)
            if source["state"] == "playing" and report["messages"]:
                return report
        except httpx.TransportError:
            pass
        assert time.monotonic() < deadline, "the loop does not play"
        time.sleep(0.1)


def test_without_a_camera_a_scripted_face_plays_a_busy_port_is_left_and_ctrl_c_ends_it(tmp_path: Path) -> None:
    from websockets.sync.client import connect

    with socket.socket() as busy:
        busy.bind(("127.0.0.1", 0))
        busy.listen()
        port = busy.getsockname()[1]
        with run("--camera", "97", "--port", str(port), folder=tmp_path) as (address, said, process):
            assert f"port {port} is busy" in said
            assert "camera:97 cannot be opened" in said
            assert "a scripted face" in said
            assert "Bridgewater Madonna" in said
            report = playing(address)
            assert report["source"] == {"kind": "script", "state": "playing", "fallback": True}
            with connect(address.replace("http", "ws") + "/ws") as line:
                message = json.loads(line.recv(timeout=20))
                assert message["source"]["fallback"] is True
                assert len(message["w"]) == 52
                start = time.monotonic()
                process.send_signal(signal.SIGINT)
                assert process.wait(10) == 0
                assert time.monotonic() - start < 3
    assert list(tmp_path.iterdir()) == []


def test_a_picture_plays_with_settings_from_a_file_and_the_command_line(tmp_path: Path) -> None:
    write_image(tmp_path / "visitor.png", np.full((480, 640, 3), 60, np.uint8))
    (tmp_path / "museum.toml").write_text('[portrait]\nmode = "contrary"\n[server]\nport = 0\nhost = "127.0.0.1"\n')
    arguments = ("--source", "visitor.png", "--config", "museum.toml", "--mode", "mirror", "--lang", "fr", "--preview")
    with run(*arguments, folder=tmp_path) as (address, said, process):
        assert "visitor.png" in said
        assert "preview is on" in said
        report = playing(address)
        assert report["mode"] == "mirror"
        assert 'lang="fr"' in httpx.get(address).text
        deadline = time.monotonic() + 10
        while httpx.get(f"{address}/preview.jpg").status_code != 200:
            assert time.monotonic() < deadline
            time.sleep(0.1)
        process.terminate()
        assert process.wait(10) == 128 + signal.SIGTERM


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["--source", "nothing.mp4"], 2, "nothing.mp4"),
        (["--source", "script", "--portrait", "nobody-knows-her"], 2, "nobody-knows-her"),
        (["--source", "script", "--config", "missing.toml"], 2, "missing.toml"),
        (["--source", "script", "--host", "203.0.113.9"], 2, "server.host = '203.0.113.9' is no address"),
        (["--source", "script", "--mode", "laugh"], 2, "laugh"),
    ],
)
def test_what_cannot_be_run_is_one_line_and_an_exit_code(
    arguments: list[str], code: int, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["run", *arguments]) == code
    output = capsys.readouterr()
    assert said in output.err.replace("\n", " ")
    assert "Traceback" not in output.err
    assert output.out == ""
