"""`visavis portrait render`: a portrait with an expression, as a picture, a film or a model."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from visavis.cli.console import errors_console, progress, results_console
from visavis.cli.outputs import keep_apart
from visavis.errors import ConfigError, NoFaceError, RigError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from visavis.assets import AssetStore
    from visavis.portrait.passage import Timeline
    from visavis.portrait.presence import Play
    from visavis.portrait.render import PortraitRenderer
    from visavis.portrait.rig import Rig
    from visavis.types import Expression, Float32, Image

__all__ = ["FaceNumber", "Name", "parse_blend", "parse_emotion", "parse_seconds", "parse_turn", "render"]

Name = Annotated[str, typer.Argument(metavar="IMAGE|NAME", help="A picture, or a name of `visavis portrait list`.")]
FaceNumber = Annotated[
    int | None, typer.Option("--face", min=1, metavar="N", help="Which face, 1 for the biggest.", show_default=False)
]


def render(
    name: Name,
    out: Annotated[
        Path, typer.Option("--out", "-o", metavar="FILE", help=".png .jpg .webp, .mp4 .webm .gif, or .glb.")
    ],
    emotion: Annotated[
        str | None, typer.Option(metavar="LABEL[=S]", help="An emotion, at a strength of 0 to 1.", show_default=False)
    ] = None,
    blend: Annotated[
        str | None,
        typer.Option(metavar="NAME=W,...", help="Blendshapes: mouthSmileLeft=0.5,jawOpen=0.3.", show_default=False),
    ] = None,
    driver: Annotated[
        Path | None, typer.Option(metavar="VIDEO", help="A video of a face to play along with.", show_default=False)
    ] = None,
    duration: Annotated[
        float | None, typer.Option(min=0.1, max=600, metavar="S", help="Seconds.", show_default="4, or the driver's")
    ] = None,
    fps: Annotated[
        float | None, typer.Option(min=1, max=120, help="Frames a second.", show_default="25, or the driver's")
    ] = None,
    size: Annotated[
        int | None,
        typer.Option(min=64, max=8192, metavar="H", help="Height of the result.", show_default="the painting's"),
    ] = None,
    face: FaceNumber = None,
    from_rest: Annotated[
        bool,
        typer.Option("--from-rest/--absolute", help="Play the driver's changes from rest, or all that is measured."),
    ] = True,
    sway: Annotated[bool, typer.Option("--sway", help="Let the head turn a little with the driver's.")] = False,
    turn: Annotated[
        str | None,
        typer.Option(
            metavar="YAW,PITCH,ROLL",
            help="Turn the head: degrees to the sitter's left, up, to the left shoulder.",
            show_default=False,
        ),
    ] = None,
    life: Annotated[
        str | None,
        typer.Option(
            metavar="S",
            help="A film of so many seconds of its life: it blinks, breathes, looks about.",
            show_default=False,
        ),
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Seed of blinks, glances and breath.")] = 0,
    renderer: Annotated[str, typer.Option(metavar="NAME", help="What draws: mesh, or a plug-in's.")] = "mesh",
) -> None:
    """Render a portrait with an expression: a picture, or a film.

    An emotion or a blend becomes a film of its coming and going; with --life the portrait lives meanwhile, without them
    it lives alone. A driver's face is played as it moves. A .glb holds the whole rig for other programs, and shows the
    expression, if any is given, until they move it. A painting's transparency is kept where the format has it (.png
    .webp .tif, .webm .gif) and laid over white elsewhere.
    """
    from visavis.assets import AssetStore
    from visavis.images import write_image
    from visavis.portrait.gallery import open_portrait
    from visavis.portrait.renderers import renderer_factory
    from visavis.types import Expression

    # All that can be wrong is told before anything is rigged or read.
    moving = _check_wishes(
        out,
        emotion=emotion,
        blend=blend,
        driver=driver,
        turn=turn,
        life=life,
        timed=duration is not None or fps is not None,
    )
    if sway and driver is None:
        raise ConfigError("--sway follows a driver's head: give --driver, or turn the head with --turn")
    if life is not None and duration is not None:
        raise ConfigError("--life already says how long the film lasts: leave --duration out")
    expression = Expression()
    if emotion is not None:
        expression = parse_emotion(emotion)
    elif blend is not None:
        expression = parse_blend(blend)
    if turn is not None:
        expression = replace(expression, sway=parse_turn(turn))
    lived_s = None if life is None else parse_seconds(life)
    factory = renderer_factory(renderer)
    _check_files(name, out, driver)
    assets = AssetStore()
    if out.suffix.lower() == ".glb":
        given = any(wish is not None for wish in (emotion, blend, turn))
        _model(name, out, expression if given else None, size=size, face=face)
        return
    portrait = open_portrait(name, assets=assets, face=face)
    _tell_turn(expression.sway, portrait.rig.largest_sway)
    draw = _Drawing(factory(portrait.rig), portrait.rig, _alpha(name, assets, out), size)
    if not moving:
        image = draw(expression)
        write_image(out, image)
        _tell(out, image)
        return
    if driver is None:
        play = _play(expression, emotion, duration_s=lived_s or duration or 4.0, seed=None if life is None else seed)
        _film(draw, play, out, fps or 25.0, title=name)
        return
    timeline = _driven(driver, from_rest=from_rest, sway=sway)
    rate = fps or len(timeline.times_s) / timeline.duration_s
    _film(draw, timeline, out, min(rate, 120.0), title=name, duration_s=duration)


def parse_emotion(text: str) -> Expression:
    """`joy` or `joy=0.8` as an expression.

    Raises:
        ConfigError: an unknown label, or a strength out of [0, 1].
    """
    from visavis.portrait.presets import emotion_preset

    label, equals, strength = text.partition("=")
    return emotion_preset(label.strip(), _number(strength, text) if equals else 1.0)


def parse_blend(text: str) -> Expression:
    """`mouthSmileLeft=0.5,jawOpen=0.3` as an expression; a name without its side stands for both.

    Raises:
        ConfigError: nothing, not of that form, an unknown name, one given twice, or a weight out of [0, 1].
    """
    from visavis.portrait.passage import blended

    weights: dict[str, float] = {}
    for part in text.split(","):
        if not part.strip():
            continue
        name, equals, weight = part.partition("=")
        if not equals:
            raise ConfigError(f"{part.strip()!r} has no weight; expected NAME=W,NAME=W with weights from 0 to 1")
        if name.strip() in weights:
            raise ConfigError(f"{name.strip()} is given twice in {text!r}; give each blendshape one weight")
        weights[name.strip()] = _number(weight, part.strip())
    if not weights:
        raise ConfigError(f"{text!r} names no blendshape; expected NAME=W,NAME=W such as jawOpen=0.3")
    try:
        return blended(weights)
    except ValueError as error:
        raise ConfigError(str(error)) from error


def parse_turn(text: str) -> Float32:
    """`5,-2,0` as degrees of yaw, pitch and roll, (3,) float32; what is left out at the end is 0.

    Raises:
        ConfigError: not of that form, or more than 45 degrees, which no painting can show.
    """
    import numpy as np

    try:
        angles = [float(part) for part in text.split(",")]
    except ValueError:
        angles = []
    if not 1 <= len(angles) <= 3 or not all(abs(angle) <= 45 for angle in angles):
        raise ConfigError(f"{text!r} is no turn of the head: expected YAW,PITCH,ROLL in degrees, each from -45 to 45")
    return np.array([*angles, 0.0, 0.0][:3], np.float32)


def parse_seconds(text: str) -> float:
    """`10` or `10s` as seconds.

    Raises:
        ConfigError: not of that form, or not above 0 and up to 600.
    """
    try:
        seconds = float(text.removesuffix("s"))
    except ValueError:
        seconds = 0.0
    if not 0 < seconds <= 600:
        raise ConfigError(f"{text!r} is no length of a film: expected seconds above 0 and up to 600, such as 10s")
    return seconds


def _play(expression: Expression, emotion: str | None, *, duration_s: float, seed: int | None) -> Play:
    """What a film without a driver plays; `seed` is that of a life, None for none."""
    from visavis.portrait.answer import load_answers
    from visavis.portrait.life import Life
    from visavis.portrait.passage import emotion_passage
    from visavis.portrait.presence import Lived
    from visavis.portrait.presets import emotion_presets

    if seed is not None and emotion is None and expression.is_neutral:
        return Lived(Life(seed), duration_s, moods=emotion_presets())
    if emotion is None:
        passage = emotion_passage(expression, duration_s=duration_s)
    else:
        pace = load_answers().pace[emotion.partition("=")[0].strip()]
        passage = emotion_passage(expression, duration_s=duration_s, pace=pace)
    return passage if seed is None else Lived(Life(seed), duration_s, passage)


def _number(text: str, whole: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise ConfigError(f"{whole!r}: {text.strip()!r} is no number; expected one from 0 to 1") from None


def _tell_turn(asked: Float32, largest: Float32) -> None:
    """Say so where the paint does not bear all of the turn that was asked for."""
    from visavis.portrait.sway import bounded_sway

    turned = bounded_sway(asked, largest)
    if turned.tolist() != asked.tolist():
        degrees = ",".join(f"{angle:.1f}" for angle in turned)
        text = f"turned by {degrees} degrees of yaw, pitch and roll: more would tear the paint"
        errors_console().print(text, style="yellow", soft_wrap=True, markup=False, highlight=False)


def _check_wishes(
    out: Path,
    *,
    emotion: str | None,
    blend: str | None,
    driver: Path | None,
    turn: str | None,
    life: str | None,
    timed: bool,
) -> bool:
    """Whether a film is wanted; what does not go together is refused."""
    from visavis.files import check_suffix
    from visavis.images import WRITABLE_SUFFIXES
    from visavis.video import MOVING_SUFFIXES

    suffix, films = out.suffix.lower(), ", ".join(MOVING_SUFFIXES)
    if suffix == ".glb":
        if driver is not None or life is not None or timed or (emotion is not None and blend is not None):
            raise ConfigError("a .glb holds a rig, not a film: give it one of --emotion and --blend, or none")
        return False
    moving = suffix in MOVING_SUFFIXES
    check_suffix(out, [*WRITABLE_SUFFIXES, *MOVING_SUFFIXES, ".glb"], "portraits")
    plays = sum(choice is not None for choice in (emotion, blend, driver))
    if plays > 1:
        raise ConfigError("--emotion, --blend and --driver do not go together: give one of them")
    if not plays and turn is None and life is None:
        raise ConfigError("say what the portrait shall play: one of --emotion, --blend, --driver, --turn or --life")
    if driver is not None and (turn is not None or life is not None):
        raise ConfigError("a driver lives and turns by itself: leave --turn and --life out")
    if life is not None and not moving:
        raise ConfigError(f"a life goes by, {out.suffix} does not: give --out as {films}")
    if driver is not None and not moving:
        raise ConfigError(f"a driver's face moves, {out.suffix} does not: give --out as {films}")
    if not moving and timed:
        raise ConfigError(f"--duration and --fps are for films: give --out as {films}")
    return moving


def _check_files(name: str, out: Path, driver: Path | None) -> None:
    """Refuse to write over what is read, or where nothing can be written, and a driver that is no film."""
    from visavis.files import check_writable
    from visavis.portrait.driver import check_driver

    keep_apart({"--out": out}, portraits=[name], files=[driver])
    if driver is not None:
        check_driver(driver)
    check_writable(out)


def _model(name: str, out: Path, expression: Expression | None, *, size: int | None, face: int | None) -> None:
    from visavis.assets import AssetStore
    from visavis.images import read_image
    from visavis.portrait.gallery import Gallery, open_portrait
    from visavis.portrait.glb import write_glb

    assets = AssetStore()
    try:
        # The size of a model is that of the textures in it.
        portrait = open_portrait(name, assets=assets, face=face, height=size)
    except (NoFaceError, RigError) as error:
        path = Gallery(assets).find(name).path
        height = 0 if path is None else read_image(path).shape[0]
        if size is None or size >= height:
            raise
        shrunk = (
            f"the painting was made smaller first, from {height} to {size} pixels high: give a larger --size, or none"
        )
        raise type(error)(f"{error}; {shrunk}") from error
    write_glb(out, portrait.rig, expression=expression, title=name)
    results_console().print(f"{out}: {out.stat().st_size / 1e6:.1f} MB", soft_wrap=True, markup=False, highlight=False)


def _alpha(name: str, assets: AssetStore, out: Path) -> NDArray[np.uint8] | None:
    """The painting's transparency, if it has any and the format of `out` can show it."""
    from visavis.images import TRANSPARENT_SUFFIXES, read_alpha
    from visavis.portrait.gallery import Gallery
    from visavis.video import TRANSPARENT_MOVING_SUFFIXES

    if out.suffix.lower() not in (*TRANSPARENT_SUFFIXES, *TRANSPARENT_MOVING_SUFFIXES):
        return None
    path = Gallery(assets).find(name).path
    return None if path is None else read_alpha(path)


class _Drawing:
    """Draws expressions at the size and with the transparency that are wanted."""

    def __init__(self, renderer: PortraitRenderer, rig: Rig, alpha: NDArray[np.uint8] | None, size: int | None) -> None:
        from visavis.portrait.cutout import Cutout

        self._renderer = renderer
        self._cutout = None if alpha is None else Cutout(rig, alpha)
        self._size = size

    def __call__(self, expression: Expression) -> Image:
        from visavis.images import resize
        from visavis.portrait.cutout import lift

        image = self._renderer.render(expression)
        image = image if self._size is None else resize(image, height=self._size)
        if self._cutout is None:
            return image
        alpha = self._cutout.render(expression)
        return lift(image, alpha if self._size is None else resize(alpha, height=self._size))


def _driven(driver: Path, *, from_rest: bool, sway: bool) -> Timeline:
    from visavis.assets import AssetStore
    from visavis.portrait.driver import read_driver

    with progress() as display:
        task = display.add_task(f"reading {driver.name}", total=None)
        return read_driver(
            driver,
            assets=AssetStore(),
            from_rest=from_rest,
            sway=sway,
            on_start=lambda count: display.update(task, total=count),
            on_frame=lambda: display.advance(task),
        )


def _film(
    draw: _Drawing,
    play: Play,
    out: Path,
    rate: float,
    *,
    title: str,
    duration_s: float | None = None,
) -> None:
    from visavis.video import VideoWriter

    if out.suffix.lower() == ".gif":
        rate = min(rate, 50.0)
    length = min(duration_s or play.duration_s, play.duration_s)
    count = max(round(length * rate), 1)
    with progress() as display, VideoWriter(out, frames_per_second=rate, title=Path(title).stem) as video:
        for index in display.track(range(count), description=f"rendering {out.name}"):
            image = draw(play.at(index / rate))
            video.write(image)
    _tell(out, image, f"{count} frames, {count / rate:.1f} s")


def _tell(out: Path, image: Image, more: str = "") -> None:
    parts = [f"{image.shape[1]} x {image.shape[0]} pixels", more, "transparent" if image.shape[2] == 4 else ""]
    results_console().print(f"{out}: {', '.join(filter(None, parts))}", soft_wrap=True, markup=False, highlight=False)
