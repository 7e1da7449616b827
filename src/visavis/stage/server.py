"""The web server: the visitor's page, the painting's rig, and the stream of expressions.

/               the page                       /ws          state messages to the page
/static/...     its scripts and styles         /ws/camera   pictures from the visitor's webcam, where allowed
/rig/           the painting and its rig       /health      how the installation is doing
/preview.jpg    the last frame, only where the operator turned preview on
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import logging
import socket
import time
from collections.abc import AsyncIterator, Callable
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Final

import anyio
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, PlainTextResponse, RedirectResponse, Response
from starlette.routing import BaseRoute, Mount, Route, WebSocketRoute
from starlette.staticfiles import StaticFiles
from starlette.websockets import WebSocket, WebSocketDisconnect

from visavis import __version__
from visavis.errors import InputError, OutputError
from visavis.stage.browser import MAX_JPEG_BYTES, BrowserCamera
from visavis.stage.guard import Guard
from visavis.stage.hub import Hub
from visavis.stage.loop import Loop
from visavis.stage.preview import Preview
from visavis.stage.protocol import PROTOCOL_VERSION
from visavis.stage.rigfiles import RigFiles

if TYPE_CHECKING:
    import uvicorn

__all__ = ["bind", "build_app", "build_server", "serve"]

#: How many ports after a busy one are tried.
_PORTS_TRIED: Final = 20
#: A page that reads nothing for this long is let go; it will come back by itself.
_SEND_TIMEOUT_S: Final = 5.0
# What one connection may have waiting in the kernel: a page that falls behind sees the present again within a second.
_SEND_BUFFER_BYTES: Final = 32 * 1024
# A visitor's page is not believed to send more pictures a second than this; the rest is not even looked at.
_MAX_PICTURES_PER_SECOND: Final = 60
_BAD_PICTURES_ALLOWED: Final = 20
# Files that change with each release are asked for again each time, and answered with 304 when they are the same.
_REVALIDATE: Final = {"Cache-Control": "no-cache"}
_FOREVER: Final = {"Cache-Control": "public, max-age=31536000, immutable"}


class _Revalidated(StaticFiles):
    """Static files that the browser keeps, but asks about each time."""

    def file_response(self, *args: object, **kwargs: object) -> Response:
        """As in the base class, with a header."""
        response = super().file_response(*args, **kwargs)  # type: ignore[arg-type]
        response.headers.update(_REVALIDATE)
        return response


def build_app(
    hub: Hub,
    rig: RigFiles,
    *,
    loop: Loop | None = None,
    camera: BrowserCamera | None = None,
    preview: Preview | None = None,
    hosts: tuple[str, ...] = (),
    language: str = "",
    clock: Callable[[], float] = time.monotonic,
) -> Starlette:
    """Put the server's app together.

    Args:
        hub: where the messages come from.
        rig: what `/rig/` serves.
        loop: started and stopped with the server, and reported on by `/health`.
        camera: takes the pictures of the visitor's webcam; None refuses them.
        preview: what `/preview.jpg` shows; None, the default, answers 404.
        hosts: names, beside localhost and numeric addresses, by which the server may be called.
        language: of the page where its address does not say one; empty for the browser's own.
        clock: the loop's clock.
    """
    web = Path(str(resources.files("visavis.stage") / "web"))
    started = clock()

    @contextlib.asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        with hub.attached(asyncio.get_running_loop()):
            if loop is not None:
                loop.start()
            try:
                yield
            finally:
                if loop is not None:
                    await asyncio.to_thread(loop.stop, timeout_s=1.5)

    text = (web / "index.html").read_text(encoding="utf-8")
    if language:
        text = text.replace('<html lang="en">', f'<html lang="{language}" data-wished="{language}">')

    # The painting itself comes with the page: before it can move, and where it never can.
    text = text.replace('<img id="still"', f'<img id="still" src="/rig/{rig.digest}/{rig.painting}"')

    async def page(request: Request) -> Response:
        return HTMLResponse(text, headers=_REVALIDATE)

    async def operator_page(request: Request) -> Response:
        return HTMLResponse((web / "operator.html").read_text(encoding="utf-8"), headers=_REVALIDATE)

    async def rig_index(request: Request) -> Response:
        return RedirectResponse(
            f"/rig/{rig.digest}/manifest.json", status_code=307, headers={"Cache-Control": "no-store"}
        )

    async def rig_file(request: Request) -> Response:
        name = request.path_params["name"]
        if request.path_params["digest"] != rig.digest or name not in rig.files:
            return PlainTextResponse("no such file in this rig; ask /rig/ for the one that plays\n", status_code=404)
        return Response(rig.files[name], media_type=rig.media_type(name), headers=_FOREVER)

    async def health(request: Request) -> Response:
        report: dict[str, object] = {
            "status": "ok",
            "version": __version__,
            "uptime_s": round(clock() - started, 1),
            "pages": hub.listeners,
            "messages": hub.newest[0],
            "preview": preview is not None,
        }
        if loop is not None:
            state = loop.state
            alive = loop.is_running
            report["status"] = "failed" if not alive else ("ok" if state.state == "playing" else "degraded")
            report["source"] = {"kind": state.kind, "state": state.state, "fallback": state.fallback}
            report["mode"] = state.mode
            report["loop"] = loop.health.report(clock())
        if camera is not None:
            report["visitor_camera"] = camera.is_held
        return JSONResponse(
            report, status_code=503 if report["status"] == "failed" else 200, headers={"Cache-Control": "no-store"}
        )

    async def preview_picture(request: Request) -> Response:
        if preview is None:
            return PlainTextResponse("preview is off; the operator can start with --preview\n", status_code=404)
        jpeg = preview.newest(clock())
        if not jpeg:
            return PlainTextResponse("no frame of late\n", status_code=503)
        return Response(jpeg, media_type="image/jpeg", headers={"Cache-Control": "no-store"})

    async def state_stream(websocket: WebSocket) -> None:
        await websocket.accept()
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(_send_all, websocket, hub, tasks.cancel_scope)
            await _until_gone(websocket)
            tasks.cancel_scope.cancel()

    async def camera_stream(websocket: WebSocket) -> None:
        await websocket.accept()
        if camera is None:
            await websocket.close(1008, "this installation does not use visitors' cameras")
            return
        if not camera.take(websocket):
            await websocket.close(1013, "another visitor's camera is in use")
            return
        try:
            await _take_pictures(websocket, camera, clock)
        finally:
            camera.release(websocket)

    routes: list[BaseRoute] = [
        Route("/", page),
        Route("/operator", operator_page),
        Route("/rig/", rig_index),
        Route("/rig/{digest}/{name}", rig_file),
        Route("/health", health),
        Route("/preview.jpg", preview_picture),
        WebSocketRoute("/ws", state_stream),
        WebSocketRoute("/ws/camera", camera_stream),
        Mount("/static", _Revalidated(directory=web)),
    ]
    return Starlette(routes=routes, lifespan=lifespan, middleware=[Middleware(Guard, hosts=hosts)])


async def _send_all(websocket: WebSocket, hub: Hub, connection: anyio.CancelScope) -> None:
    """Send the newest message over and over; end the connection when the page has gone or reads no more."""
    messages = hub.messages()
    try:
        async for message in messages:
            with anyio.fail_after(_SEND_TIMEOUT_S):
                await websocket.send_text(message)
    except (WebSocketDisconnect, TimeoutError):
        connection.cancel()
    finally:
        await messages.aclose()


async def _until_gone(websocket: WebSocket) -> None:
    """Read until the page leaves. It has nothing to say; what it says is dropped."""
    while (await websocket.receive())["type"] != "websocket.disconnect":
        pass


async def _take_pictures(websocket: WebSocket, camera: BrowserCamera, clock: Callable[[], float]) -> None:
    bad = 0
    last = float("-inf")
    with contextlib.suppress(WebSocketDisconnect):  # who has gone is seen below
        await websocket.send_json({"v": PROTOCOL_VERSION, "camera": "yours"})
    while True:
        try:
            data = await websocket.receive_bytes()
        except WebSocketDisconnect:
            return
        except KeyError:  # text, where pictures were expected
            await websocket.close(1003, "pictures are expected, as binary messages")
            return
        now = clock()
        if now - last < 1 / _MAX_PICTURES_PER_SECOND:
            continue
        last = now
        try:
            camera.put(data)
        except InputError as error:
            bad += 1
            if bad > _BAD_PICTURES_ALLOWED:
                await websocket.close(1007, str(error)[:120])
                return


def bind(host: str, port: int, *, tries: int = _PORTS_TRIED) -> socket.socket:
    """A listening socket on `port`, or on the next free one; 0 lets the system choose.

    Raises:
        OutputError: the address is not this machine's, none of the ports is free, or they need more rights.
    """
    if not 0 <= port <= 65535:
        raise OutputError(f"cannot serve on port {port}; give one from 0 to 65535")
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
    except OSError as error:
        raise OutputError(f"cannot serve on {host}:{port} ({error}); give an address of this machine") from error
    for candidate in range(port, min(port + max(tries, 1), 65536)) if port else (0,):
        listener = socket.socket(family, socket.SOCK_STREAM)
        try:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            # Accepted connections inherit the small buffer.
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _SEND_BUFFER_BYTES)
            listener.bind((address[0], candidate, *address[2:]))
            listener.listen(64)
        except OSError as error:
            listener.close()
            if error.errno != errno.EADDRINUSE:
                raise OutputError(f"cannot serve on {host}:{candidate} ({error.strerror}); give another") from error
        else:
            listener.setblocking(False)
            return listener
    raise OutputError(f"none of the ports {port} to {port + tries - 1} on {host} is free; give another with --port")


def build_server(app: Starlette) -> uvicorn.Server:
    """A uvicorn server for the app: quiet, with small buffers, and quick to stop."""
    import uvicorn
    from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

    class SmallBuffer(WebSocketsSansIOProtocol):
        """Lets a sender wait as soon as a connection's buffer holds a few messages."""

        def connection_made(self, transport: asyncio.BaseTransport) -> None:
            super().connection_made(transport)
            self.transport.set_write_buffer_limits(high=4096)

    logging.getLogger("uvicorn.error").setLevel(logging.WARNING)
    config = uvicorn.Config(
        app,
        ws=SmallBuffer,
        ws_max_size=MAX_JPEG_BYTES + 1024,
        ws_per_message_deflate=False,
        ws_ping_interval=10.0,
        ws_ping_timeout=10.0,
        timeout_graceful_shutdown=1,
        lifespan="on",
        log_level="warning",
        # Logging is the application's to set up: uvicorn's own way would shut down every handler of the process.
        log_config=None,
        access_log=False,
        server_header=False,
        loop="asyncio",
        http="h11",
    )
    return uvicorn.Server(config)


def serve(app: Starlette, listener: socket.socket, *, loop: Loop | None = None) -> None:
    """Serve until Ctrl-C or SIGTERM; then the pages are told, the loop is stopped and the devices are freed.

    Raises:
        BaseException: what ended `loop`, if anything did.
    """
    asyncio.run(_serve(build_server(app), listener, loop))
    if loop is not None:
        loop.check()


async def _serve(server: uvicorn.Server, listener: socket.socket, loop: Loop | None) -> None:
    async def end_with_loop() -> None:
        while loop is not None:
            await asyncio.sleep(0.25)
            try:
                loop.check()
            except BaseException:  # `serve` raises it again, once the server has come down
                server.should_exit = True
                return

    watcher = asyncio.create_task(end_with_loop())
    try:
        await server.serve(sockets=[listener])
    finally:
        watcher.cancel()
