"""`visavis run`: the live installation, from the camera to the page in the browser."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from visavis.cli.console import errors_console, results_console
from visavis.cli.emotions import EmotionsBy, load_settings, with_emotions_by

__all__ = ["register", "serve_portrait"]


class Mode(StrEnum):
    """How the portrait answers."""

    MIRROR = "mirror"
    ANSWER = "answer"
    CONTRARY = "contrary"


class Lead(StrEnum):
    """Whom the portrait answers when several are there."""

    LARGEST = "largest"
    NEAREST_CENTRE = "nearest-centre"
    LONGEST = "longest"
    AVERAGE = "average"
    TURN_TAKING = "turn-taking"


class Language(StrEnum):
    """Languages of the page."""

    EN = "en"
    FR = "fr"


def register(app: typer.Typer) -> None:
    """Add the command `run`."""
    app.command("run")(run)


def run(
    camera: Annotated[
        int | None,
        typer.Option(min=0, metavar="N", help="Camera /dev/videoN; without it, --source.", show_default=False),
    ] = None,
    source: Annotated[
        str | None,
        typer.Option(
            metavar="PATH|URL|browser|script",
            help="A video, a picture or a folder of pictures; a stream's URL; the visitor's own webcam (browser); a "
            "scripted face (script).",
            show_default="the first camera",
        ),
    ] = None,
    portrait: Annotated[
        str | None,
        typer.Option(metavar="NAME|IMAGE", help="Who answers.", show_default="bridgewater-madonna"),
    ] = None,
    mode: Annotated[
        Mode | None, typer.Option(help="Pass the expression on, reply, or do the opposite.", show_default="answer")
    ] = None,
    lead: Annotated[Lead, typer.Option(help="Who is answered when several are there.")] = Lead.LARGEST,
    sway: Annotated[
        bool,
        typer.Option("--sway", help="Let the painted head turn: with the spectator's in mirror mode, else to them."),
    ] = False,
    life: Annotated[
        bool | None,
        typer.Option("--life/--no-life", help="Blink, breathe, and look about when left alone.", show_default="on"),
    ] = None,
    attract_after: Annotated[
        float | None,
        typer.Option(
            min=0,
            max=3600,
            metavar="S",
            help="Seconds alone after which it looks about; 0 for never.",
            show_default="5",
        ),
    ] = None,
    host: Annotated[
        str | None,
        typer.Option(help="Address to listen on; 0.0.0.0 for the whole network.", show_default="127.0.0.1"),
    ] = None,
    port: Annotated[
        int | None,
        typer.Option(min=0, max=65535, help="A busy one moves to the next; 0 takes any.", show_default="8000"),
    ] = None,
    allow_host: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME", help="A name by which the page may be opened, beside this machine's own."),
    ] = None,
    preview: Annotated[
        bool | None,
        typer.Option("--preview/--no-preview", help="Show the camera's picture at /preview.jpg.", show_default="off"),
    ] = None,
    emotions_by: Annotated[
        EmotionsBy | None,
        typer.Option(help="What reads the emotions.", show_default="learned where its file is, else blendshapes"),
    ] = None,
    lang: Annotated[Language | None, typer.Option(help="Language of the page.", show_default="the browser's")] = None,
    config: Annotated[Path | None, typer.Option(metavar="FILE", help="Settings in TOML.", show_default=False)] = None,
) -> None:
    """Run the live installation: open its page in a browser, full screen, beside the camera.

    Without --camera and --source the first camera is used, or where there is none a scripted face. Ctrl-C ends it.
    """
    changes: dict[str, dict[str, Any]] = {
        "portrait": {
            "name": portrait,
            "mode": mode.value if mode else None,
            "life": life,
            "attract_after_s": attract_after,
        },
        "server": {"host": host, "port": port, "preview": preview},
    }
    serve_portrait(
        camera=camera,
        source=source,
        lead=lead.value,
        sway=sway,
        hosts=tuple(allow_host or ()),
        language=lang.value if lang else "",
        emotions_by=emotions_by,
        config=config,
        changes=changes,
    )


def serve_portrait(
    *,
    camera: int | None = None,
    source: str | None = None,
    lead: Any = "largest",
    sway: bool = False,
    hosts: tuple[str, ...] = (),
    language: str = "",
    emotions_by: EmotionsBy | None = None,
    config: Path | None = None,
    changes: dict[str, dict[str, Any]] | None = None,
) -> None:
    """Set up, say where the page is and what plays, and serve until Ctrl-C; what `run` and `demo` share.

    `changes` replace settings of the configuration, by section and name, where they are not None.
    """
    from rich.markup import escape

    from visavis.assets import AssetStore
    from visavis.config import changed
    from visavis.stage.installation import set_up
    from visavis.stage.protocol import StageState
    from visavis.stage.server import bind, serve
    from visavis.stage.settings import check_settings

    settings = with_emotions_by(load_settings(config), emotions_by)
    for section, values in (changes or {}).items():
        given = {name: value for name, value in values.items() if value is not None}
        settings = changed(settings, section, **given)

    notes = errors_console()

    def tell(state: StageState, reason: str) -> None:
        if state.state == "playing":
            notes.print("the source plays", style="dim")
        elif reason:
            notes.print(f"[yellow]{state.state}:[/] {escape(reason)}", highlight=False, soft_wrap=True)

    check_settings(settings)
    notes.print("rigging the portrait …", style="dim")
    installation = set_up(
        settings,
        assets=AssetStore(),
        camera=camera,
        source=source,
        lead=lead,
        sway=sway,
        hosts=hosts,
        language=language,
        tell=tell,
    )
    listener = bind(settings.server.host, settings.server.port)
    try:
        port = listener.getsockname()[1]
        console = results_console()
        if settings.server.port not in (0, port):
            console.print(f"port {settings.server.port} is busy; using {port}", highlight=False)
        choice = installation.choice
        if choice.fallback:
            console.print(f"no camera: {escape(choice.reason)}", highlight=False, soft_wrap=True)
        console.print(
            f"[bold]{escape(installation.title)}[/] looks at {_named(choice.kind, choice.label)}",
            highlight=False,
            soft_wrap=True,
        )
        if settings.server.preview:
            console.print("preview is on: pictures of visitors can be seen at /preview.jpg", style="yellow")
        shown = settings.server.host if ":" not in settings.server.host else f"[{settings.server.host}]"
        shown = {"0.0.0.0": "127.0.0.1", "[::]": "[::1]"}.get(shown, shown)
        console.print(f"open http://{shown}:{port}  (Ctrl-C ends it)", highlight=False, markup=False, soft_wrap=True)
        serve(installation.app, listener, loop=installation.loop)
    except KeyboardInterrupt:
        notes.print("stopped", style="dim")
    finally:
        listener.close()


def _named(kind: str, label: str) -> str:
    from rich.markup import escape

    names = {
        "camera": f"the camera ({label})",
        "stream": "a network camera",
        "file": f"the file {label}",
        "browser": "the visitor's own webcam, through the page",
        "script": "a scripted face",
    }
    return escape(names[kind])
