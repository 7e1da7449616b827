"""The server: its pages, its streams, who may talk to it, and how it stops."""

from __future__ import annotations

import asyncio
import contextlib
import io
import json
import os
import re
import signal
import socket
import subprocess
import sys
import textwrap
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Pillow
from starlette.websockets import WebSocketDisconnect

from tests.stage.client import TestClient
from tests.stage.live import Stage, gradient_painting, running
from tests.stage.stand_ins import ToldFinder, ToldReader, blank, smiling_face
from visavis.errors import OutputError
from visavis.stage.browser import MAX_JPEG_BYTES, BrowserCamera, BrowserFeed
from visavis.stage.hub import Hub
from visavis.stage.preview import Preview
from visavis.stage.protocol import StageState
from visavis.stage.rigfiles import RigFiles
from visavis.stage.server import bind, build_app
from visavis.types import Face, Image, Snapshot

STATE = StageState("camera", "camera:0", "answer", state="playing")


def jpeg(width: int = 64, height: int = 48, *, value: int = 200) -> bytes:
    buffer = io.BytesIO()
    Pillow.fromarray(np.full((height, width, 3), value, np.uint8)).save(buffer, "JPEG")
    return buffer.getvalue()


@pytest.fixture
def camera() -> BrowserCamera:
    return BrowserCamera()


@pytest.fixture
def hub() -> Hub:
    return Hub()


@pytest.fixture
def client(hub: Hub, camera: BrowserCamera) -> Iterator[TestClient]:
    with TestClient(build_app(hub, gradient_painting(), camera=camera), base_url="http://127.0.0.1:8000") as client:
        yield client


def test_the_page_comes_with_a_policy_that_allows_nothing_from_elsewhere(client: TestClient) -> None:
    answer = client.get("/")
    assert answer.status_code == 200
    policy = answer.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert "http" not in policy
    # Nothing inline that the policy would block, nothing from another host.
    assert "<style" not in answer.text
    assert " style=" not in answer.text
    assert "<script>" not in answer.text
    assert "http://" not in answer.text
    assert "https://" not in answer.text


def test_all_that_the_page_asks_for_is_there(client: TestClient) -> None:
    page = client.get("/").text
    asked = {part.split('"')[0] for part in page.split('="/')[1:]}
    assert "static/main.js" in asked
    for path in asked:
        assert client.get(f"/{path}").status_code == 200, path
    for name in ("camera", "link", "playout", "portrait", "texts"):
        answer = client.get(f"/static/{name}.js")
        assert answer.headers["content-type"].startswith("text/javascript")
        assert answer.headers["cache-control"] == "no-cache"
        assert client.get(f"/static/{name}.js", headers={"if-none-match": answer.headers["etag"]}).status_code == 304


def test_the_rig_has_an_address_that_changes_with_its_content(client: TestClient) -> None:
    answer = client.get("/rig/")
    assert answer.history[0].headers["cache-control"] == "no-store"
    assert "immutable" in answer.headers["cache-control"]
    manifest = answer.json()
    picture = client.get(str(answer.url).replace("manifest.json", manifest["painting"]))
    assert picture.headers["content-type"] == "image/png"
    assert Pillow.open(io.BytesIO(picture.content)).size == (manifest["width"], manifest["height"])
    assert client.get("/rig/0123456789abcdef/manifest.json").status_code == 404
    assert client.get(str(answer.url).replace("manifest.json", "..%2f..%2fpyproject.toml")).status_code == 404
    assert gradient_painting().digest == gradient_painting().digest != gradient_painting(119).digest


def test_rig_files_need_a_manifest_and_plain_names() -> None:
    with pytest.raises(ValueError, match="manifest"):
        RigFiles({"a.bin": b""})
    with pytest.raises(ValueError, match="plain"):
        RigFiles({"manifest.json": b"{}", "../a": b""})


@pytest.mark.parametrize("path", ["/static/../server.py", "/static/%2e%2e/server.py", "/static/..%2f..%2ftypes.py"])
def test_no_path_leads_out_of_the_static_folder(client: TestClient, path: str) -> None:
    assert client.get(path).status_code == 404


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("127.0.0.1:8000", 200),
        ("localhost:8000", 200),
        ("[::1]:8000", 200),
        ("192.168.1.7:8000", 200),
        ("evil.example:8000", 403),
        ("", 403),
    ],
)
def test_only_known_names_and_numbers_are_answered(client: TestClient, host: str, status: int) -> None:
    assert client.get("/health", headers={"host": host}).status_code == status


def test_a_name_can_be_allowed(hub: Hub) -> None:
    with TestClient(build_app(hub, gradient_painting(), hosts=("Portrait.Museum.example",))) as client:
        assert client.get("/", headers={"host": "portrait.museum.example"}).status_code == 200
        assert client.get("/", headers={"host": "other.museum.example"}).status_code == 403


@pytest.mark.parametrize("path", ["/ws", "/ws/camera"])
@pytest.mark.parametrize("origin", ["http://evil.example", "http://127.0.0.1:9000", "null", "file://"])
def test_pages_of_other_origins_may_neither_listen_nor_send(client: TestClient, path: str, origin: str) -> None:
    with pytest.raises(WebSocketDisconnect), client.websocket_connect(path, headers={"origin": origin}):
        pass


def test_the_own_page_and_programs_may_listen(client: TestClient, hub: Hub) -> None:
    hub.publish(Snapshot(1.0, 0.9, 3), STATE)
    # The test client calls websockets by the name `testserver`, whatever the base address.
    for headers in ({"host": "127.0.0.1:8000", "origin": "http://127.0.0.1:8000"}, {"host": "127.0.0.1:8000"}):
        with client.websocket_connect("/ws", headers=headers) as line:
            message = line.receive_json()
            assert message["t"] == 1.0
            assert message["source"]["label"] == "camera:0"


def test_a_listener_gets_each_newer_message_and_the_last_again_when_nothing_is_new(
    client: TestClient, hub: Hub
) -> None:
    hub.publish(Snapshot(1.0, 1.0, 1), STATE)
    with client.websocket_connect("/ws", headers={"host": "localhost"}) as line:
        assert line.receive_json()["n"] == 1
        hub.publish(Snapshot(2.0, 2.0, 2), STATE)
        assert line.receive_json()["n"] == 2
        start = time.monotonic()
        assert line.receive_json()["n"] == 2
        assert 0.5 < time.monotonic() - start < 3


def test_health_without_and_with_a_loop(client: TestClient) -> None:
    report = client.get("/health").json()
    assert report["status"] == "ok"
    with running(Stage()) as stage:
        deadline = time.monotonic() + 20
        while stage.hub.newest[0] < 20 and time.monotonic() < deadline:
            time.sleep(0.02)
        import httpx

        report = httpx.get(f"{stage.url}health").json()
        assert report["status"] == "ok"
        assert report["source"] == {"kind": "script", "state": "playing", "fallback": False}
        assert report["loop"]["frames"] > 10
        assert report["loop"]["latency_ms"]["p95"] < 1000
        stage.loop.stop()
        answer = httpx.get(f"{stage.url}health")
        assert (answer.status_code, answer.json()["status"]) == (503, "failed")


# --- the visitor's camera --------------------------------------------------------------------------------------------


def test_pictures_of_the_visitor_reach_the_loop_the_newest_only(client: TestClient, camera: BrowserCamera) -> None:
    feed = BrowserFeed(camera)
    with client.websocket_connect("/ws/camera", headers={"host": "localhost"}) as line:
        for value in (10, 90, 250):
            line.send_bytes(jpeg(value=value))
            time.sleep(0.05)
        frame = feed.next(1.0)
        assert frame is not None
        assert frame.image.shape == (48, 64, 3)
        assert frame.image.mean() == pytest.approx(250, abs=3)
        assert feed.next(0.0) is None
    assert not camera.is_held


def test_one_visitor_at_a_time(client: TestClient) -> None:
    headers = {"host": "localhost"}
    with client.websocket_connect("/ws/camera", headers=headers) as first:
        assert first.receive_json() == {"v": 1, "camera": "yours"}
        first.send_bytes(jpeg())
        with client.websocket_connect("/ws/camera", headers=headers) as second:
            assert second.receive()["code"] == 1013
    with client.websocket_connect("/ws/camera", headers=headers) as third:
        third.send_bytes(jpeg())


def test_where_no_visitors_camera_is_wanted_it_is_refused(hub: Hub) -> None:
    with (
        TestClient(build_app(hub, gradient_painting())) as client,
        client.websocket_connect("/ws/camera", headers={"host": "localhost"}) as line,
        pytest.raises(WebSocketDisconnect) as end,
    ):
        line.receive_bytes()
    assert end.value.code == 1008


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"GIF89a" + bytes(200),
        jpeg()[:40],
        jpeg(8, 8),
        jpeg(2000, 100),
        b"\xff\xd8\xff" + bytes(MAX_JPEG_BYTES),
    ],
    ids=["empty", "gif", "cut", "tiny", "wide", "long"],
)
def test_what_is_no_small_jpeg_is_refused(camera: BrowserCamera, data: bytes) -> None:
    from visavis.errors import InputError

    with pytest.raises(InputError):
        camera.put(data)
    assert camera.refused == 1
    assert camera.get(newer_than=-1, timeout_s=0) is None


def test_a_jpeg_with_damaged_pixels_is_skipped(camera: BrowserCamera) -> None:
    whole = jpeg(320, 240)
    camera.put(whole[: len(whole) // 2])
    feed = BrowserFeed(camera)
    assert feed.next(0.0) is None
    assert camera.refused == 1
    camera.put(whole)
    assert feed.next(0.0) is not None


def test_a_visitor_who_sends_rubbish_is_shown_out(client: TestClient, camera: BrowserCamera) -> None:
    with client.websocket_connect("/ws/camera", headers={"host": "localhost"}) as line:
        for _ in range(30):
            line.send_bytes(b"rubbish")
            time.sleep(0.02)
        assert line.receive_json()["camera"] == "yours"
        assert line.receive()["code"] == 1007
    assert not camera.is_held


def test_when_the_visitor_is_gone_nobody_is_seen(camera: BrowserCamera) -> None:
    now = [50.0]
    camera = BrowserCamera(clock=lambda: now[0])
    feed = BrowserFeed(camera)
    camera.put(jpeg())
    assert feed.next(0.0) is not None
    now[0] += 0.5
    assert feed.next(0.0) is None
    now[0] += 5
    frame = feed.next(0.0)
    assert frame is not None
    assert not frame.image.any()


# --- privacy ---------------------------------------------------------------------------------------------------------


def test_preview_is_off_unless_it_is_asked_for(client: TestClient, hub: Hub) -> None:
    assert client.get("/preview.jpg").status_code == 404
    preview, now = Preview(), [1.0]
    app = build_app(hub, gradient_painting(), preview=preview, clock=lambda: now[0])
    with TestClient(app, base_url="http://localhost") as other:
        assert other.get("/preview.jpg").status_code == 503
        reading = ToldReader().read(smiling_face(), blank().image, 0.0)
        preview.watch(blank(value=128), Snapshot(1.0, 1.0, 1, (reading,), reading))
        answer = other.get("/preview.jpg")
        assert Pillow.open(io.BytesIO(answer.content)).size == (64, 48)
        assert answer.headers["cache-control"] == "no-store"
        # Whoever was there before the camera was lost is not shown on and on.
        now[0] = 4.0
        assert other.get("/preview.jpg").status_code == 503
        preview.watch(blank(), Snapshot(4.0, 4.0, 2, (), None))
        assert other.get("/preview.jpg").status_code == 200


_WITNESS = """
    import json, sys, threading, time
    watched = [False]
    written, talked = [], []

    def witness(event, arguments):
        if not watched[0]:
            return
        if event == "open":
            path, mode, flags = arguments
            writes = any(letter in (mode or "") for letter in "wax+") or (mode is None and flags & 3)
            if writes:
                written.append(str(path))
        elif event in ("socket.connect", "socket.sendto", "socket.sendmsg", "os.rename", "subprocess.Popen"):
            talked.append(f"{event} {arguments[1:]}")

    import httpx
    from websockets.sync.client import connect
    from tests.stage.live import Stage, running
    from tests.stage.stand_ins import SteadyFeed, ToldFinder, smiling_face
    from visavis.types import Frame
    import numpy as np

    MARK = 173  # every pixel of every frame

    class Marked(SteadyFeed):
        def next(self, timeout_s):
            frame = super().next(timeout_s)
            return Frame(np.full((48, 64, 3), MARK, np.uint8), frame.time_s, frame.index, "camera:0")

    stage = Stage(kind="camera", label="camera:0", open_feed=lambda: Marked(time.monotonic, time.sleep))
    with running(stage):
        pages = [httpx.get(stage.url + path).content for path in ("", "health", "preview.jpg", "static/main.js")]
        with connect(f"ws://127.0.0.1:{stage.port}/ws") as line:
            sys.addaudithook(witness)
            watched[0] = True
            messages = [line.recv() for _ in range(40)]
            watched[0] = False
    print(json.dumps({
        "written": written, "talked": talked, "messages": len(messages),
        "longest": max(len(message) for message in messages),
        "marks": sum(bytes([MARK]) * 8 in page for page in pages),
        "kinds": sorted({type(message).__name__ for message in messages}),
    }))
"""


def test_no_frame_reaches_disk_or_network(tmp_path: Path) -> None:
    """A witness to every file opened for writing and every socket that speaks, while frames go through the loop."""
    root = Path(__file__).resolve().parents[2]
    run = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(_WITNESS)],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(root)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    seen = json.loads(run.stdout)
    assert seen["messages"] == 40
    assert seen["written"] == []
    assert seen["talked"] == []
    assert seen["marks"] == 0
    # All that went out were texts far smaller than the smallest picture of the frames.
    assert seen["kinds"] == ["str"]
    assert seen["longest"] < 2048
    assert list(tmp_path.iterdir()) == []


# --- sockets ---------------------------------------------------------------------------------------------------------


def test_a_busy_port_moves_to_the_next() -> None:
    with socket.socket() as busy:
        busy.bind(("127.0.0.1", 0))
        busy.listen()
        port = busy.getsockname()[1]
        listener = bind("127.0.0.1", port)
        try:
            assert port < listener.getsockname()[1] <= port + 20
            assert listener.getsockname()[0] == "127.0.0.1"
        finally:
            listener.close()
        with pytest.raises(OutputError, match="--port"):
            bind("127.0.0.1", port, tries=1)


@pytest.mark.parametrize(("host", "port"), [("203.0.113.1", 8000), ("127.0.0.1", 99999)])
def test_an_address_that_cannot_be_served_is_refused(host: str, port: int) -> None:
    with pytest.raises(OutputError, match="serve"):
        bind(host, port)


def test_a_page_that_does_not_read_never_gets_a_queue_and_then_sees_the_present() -> None:
    with running(Stage()) as stage, socket.socket() as slow:
        # Small windows, so that the test does not take minutes to fill them.
        slow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        slow.connect(("127.0.0.1", stage.port))
        slow.sendall(
            b"GET /ws HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
        )
        deadline = time.monotonic() + 20
        while not stage.hub.listeners and time.monotonic() < deadline:
            time.sleep(0.01)
        state = stage.state
        for index in range(6_000):
            stage.hub.publish(Snapshot(float(index), float(index), index), state)
            if index % 500 == 0:
                time.sleep(0.005)
        published = stage.hub.newest[0]
        slow.settimeout(2.0)
        received, numbers = b"", [0]
        # The stage goes on publishing, so this very message may be one of those that the page never sees.
        while len(received) < 400_000 and numbers[-1] < published:
            chunk = slow.recv(65536)
            assert chunk, "the server hung up on a page that was slow"
            received += chunk
            numbers = [0, *(int(number) for number in re.findall(rb'"n":(\d+),', received))]
        assert len(numbers) < 1000
        assert numbers == sorted(numbers)
        assert numbers[-1] >= published


def test_ctrl_c_stops_within_three_seconds_with_pages_connected(tmp_path: Path) -> None:
    code = """
        import signal
        import time
        from tests.stage.live import gradient_painting
        from tests.stage.stand_ins import SteadyFeed, make_pipeline
        from visavis.stage.hub import Hub
        from visavis.stage.loop import Loop
        from visavis.stage.protocol import StageState
        from visavis.stage.server import bind, build_app, serve

        # A shell that starts these tests in the background has them ignore it.
        signal.signal(signal.SIGINT, signal.default_int_handler)
        hub = Hub()
        feed = SteadyFeed(time.monotonic, time.sleep)
        loop = Loop(lambda: feed, make_pipeline(), publish=hub.publish, state=StageState("script", "", "answer"))
        listener = bind("127.0.0.1", 0)
        print(listener.getsockname()[1], flush=True)
        try:
            serve(build_app(hub, gradient_painting(), loop=loop), listener, loop=loop)
        except KeyboardInterrupt:
            print("interrupted", feed.is_closed, loop.is_running, flush=True)
    """
    from websockets.exceptions import ConnectionClosed
    from websockets.sync.client import connect

    root = Path(__file__).resolve().parents[2]
    process = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(code)],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(root)},
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        port = int(process.stdout.readline())
        with connect(f"ws://127.0.0.1:{port}/ws") as line, connect(f"ws://127.0.0.1:{port}/ws"):
            line.recv(timeout=5)
            start = time.monotonic()
            process.send_signal(signal.SIGINT)
            with contextlib.suppress(ConnectionClosed):
                while True:
                    line.recv(timeout=5)
            output, _ = process.communicate(timeout=10)
            assert time.monotonic() - start < 3.0
        assert line.close_code == 1012
        assert output.strip() == "interrupted True False"
        assert process.returncode == 0
    finally:
        process.kill()
        process.communicate()


def test_a_loop_that_dies_takes_the_server_down_and_its_error_is_raised() -> None:
    from visavis.stage.loop import Loop
    from visavis.stage.server import serve

    class Broken(ToldFinder):
        def detect(self, image: Image, time_s: float = 0.0) -> tuple[Face, ...]:
            raise ZeroDivisionError("a bug")

    stage = Stage(finder=Broken())
    hub = Hub()
    from tests.stage.stand_ins import SteadyFeed, make_pipeline

    loop = Loop(
        lambda: SteadyFeed(time.monotonic, time.sleep),
        make_pipeline(stage.finder),
        publish=hub.publish,
        state=STATE,
    )
    start = time.monotonic()
    with pytest.raises(ZeroDivisionError, match="a bug"):
        serve(build_app(hub, stage.rig, loop=loop), bind("127.0.0.1", 0), loop=loop)
    assert time.monotonic() - start < 5


def test_messages_end_when_a_listener_leaves() -> None:
    async def listen_once() -> int:
        hub = Hub()
        hub.publish(Snapshot(1.0, 1.0, 1), STATE)
        stream = hub.messages()
        with hub.attached(asyncio.get_running_loop()):
            await anext(stream)
            assert hub.listeners == 1
            await stream.aclose()
        return hub.listeners

    assert asyncio.run(listen_once()) == 0
