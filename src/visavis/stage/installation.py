"""Puts an installation together from its configuration: source, reading, answer, portrait, server."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from visavis.config import Config
from visavis.files import printable
from visavis.portrait.answer import MIRRORED_SWAY, Answerer, load_answers
from visavis.portrait.life import Life
from visavis.portrait.presence import Presence
from visavis.portrait.presets import emotion_presets
from visavis.stage.browser import BrowserCamera
from visavis.stage.choice import SourceChoice, choose_source
from visavis.stage.hub import Hub
from visavis.stage.loop import Loop
from visavis.stage.pipeline import FaceFinder, Pipeline
from visavis.stage.preview import Preview
from visavis.stage.protocol import StageState
from visavis.stage.rigfiles import RigFiles
from visavis.stage.script import ScriptedFace

if TYPE_CHECKING:
    from starlette.applications import Starlette

    from visavis.assets import AssetStore
    from visavis.faces.lead import LeadKind

__all__ = ["Installation", "build_pipeline", "prepare_portrait", "set_up"]

# Degrees by which a head turns to a spectator at the edge of the camera's picture: with `--sway`, and by life alone.
_TURN: Final = 8.0
_GLANCE: Final = 2.5


@dataclass(frozen=True, slots=True)
class Installation:
    """All parts of one installation, ready to be served.

    Attributes:
        app: the web server's app; serving it starts and stops the loop.
        loop: source to messages.
        hub: the messages.
        choice: what plays, and why.
        title: of the portrait.
    """

    app: Starlette
    loop: Loop
    hub: Hub
    choice: SourceChoice
    title: str


def build_pipeline(
    finder: FaceFinder,
    config: Config,
    *,
    mode: str | None = None,
    lead: LeadKind = "largest",
    sway: bool = False,
) -> Pipeline:
    """The stages after the landmarker, as the configuration says."""
    from visavis.faces import LeadPolicy, Tracker
    from visavis.reading import FaceReader, Smoothing, Sparing, open_instruments

    instruments = open_instruments(config.emotion)
    reader = FaceReader(
        attributes=instruments.attributes,
        emotions=instruments.emotions,
        smoothing=Smoothing.of(config),
        sparing=Sparing(),
        explain=True,
    )
    presets, portrait = emotion_presets(), config.portrait
    mode = mode or portrait.mode
    return Pipeline(
        finder,
        tracker=Tracker(),
        lead=LeadPolicy(lead),
        reader=reader,
        answerer=Answerer(
            presets,
            mode=mode,
            table=load_answers(Path(portrait.answers) if portrait.answers else None),
            sway=MIRRORED_SWAY if sway else 0.0,
            turn=_TURN if sway else _GLANCE if portrait.life else 0.0,
        ),
        presence=Presence(Life(portrait.seed), attract_after_s=portrait.attract_after_s, moods=presets, mode=mode)
        if portrait.life
        else None,
    )


def prepare_portrait(name: str, *, assets: AssetStore) -> tuple[RigFiles, str]:
    """Rig a portrait, given by name or path, for the page; its files and its title.

    Raises:
        InputError: no such portrait or picture, or it cannot be rigged; the message gives the reason.
        AssetError: a model or the portrait cannot be had.
    """
    from visavis.portrait.gallery import Gallery, open_portrait
    from visavis.portrait.webrig import export_web_rig

    portrait = Gallery(assets).find(name)
    title = portrait.title or printable(Path(portrait.name).stem)
    if portrait.artist:
        title = f"{title}, {portrait.artist}"
    return RigFiles(export_web_rig(open_portrait(name, assets=assets).rig, title=title)), title


def set_up(
    config: Config,
    *,
    assets: AssetStore,
    camera: int | None = None,
    source: str | None = None,
    lead: LeadKind = "largest",
    sway: bool = False,
    hosts: tuple[str, ...] = (),
    language: str = "",
    tell: Callable[[StageState, str], None] | None = None,
    clock: Callable[[], float] = time.monotonic,
) -> Installation:
    """Open the source, load the models, rig the portrait; nothing is served yet.

    Args:
        config: all settings.
        assets: where models and artworks come from.
        camera: N of /dev/videoN; see `choose_source`.
        source: path, URL, `browser` or `script`; see `choose_source`.
        lead: who leads the portrait when several are there.
        sway: let the painted head turn with the spectator's in mirror mode, else to where the spectator stands.
        hosts: names by which the server may be called, beside this machine's own.
        language: of the page, when the address does not say; empty for the browser's.
        tell: given each change of the source's state, with the reason.
        clock: monotonic seconds.

    Raises:
        VisavisError: anything that is missing or wrong; see the parts.
    """
    from visavis.stage.server import build_app

    rig, title = prepare_portrait(config.portrait.name, assets=assets)
    browser = BrowserCamera(clock=clock) if source == "browser" else None
    # After all that takes long or fails for reasons of its own: a camera is not to run meanwhile.
    choice = choose_source(camera=camera, source=source, camera_config=config.camera, browser=browser)
    try:
        finder = _open_finder(choice, config, assets)
        pipeline = build_pipeline(finder, config, lead=lead, sway=sway)
    except BaseException:
        choice.close()
        raise
    hub = Hub()
    preview = Preview() if config.server.preview else None
    loop = Loop(
        choice.open_feed,
        pipeline,
        publish=hub.publish,
        state=StageState(choice.kind, choice.label, config.portrait.mode, rig.digest, fallback=choice.fallback),
        watch=preview.watch if preview else None,
        tell=tell,
        clock=clock,
    )
    app = build_app(hub, rig, loop=loop, camera=browser, preview=preview, hosts=hosts, language=language, clock=clock)
    return Installation(app, loop, hub, choice, title)


def _open_finder(choice: SourceChoice, config: Config, assets: AssetStore) -> FaceFinder:
    """What finds faces in the source's pictures, ready for the first of them."""
    from visavis.faces import Landmarker

    if choice.kind == "script":
        return ScriptedFace(emotion_presets())
    landmarker = Landmarker(assets, mode="video", max_faces=config.reading.max_faces)
    # A missing model is told now, in one line, and not by the loop when visitors are there.
    landmarker.load()
    return landmarker
