"""From labelled faces to a reader, on a made-up data set: an emotion is a bright bar at a height of its own."""

from __future__ import annotations

import csv
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest
from tests.lab.conftest import needs_lab

from visavis.assets import AssetStore
from visavis.cli import main
from visavis.errors import ConfigError, InputError, ModelError
from visavis.images import write_image
from visavis.lab import emotion_data
from visavis.lab.choices import balanced_recall, choice_error, choice_figures, confusion
from visavis.lab.dataset import Dataset
from visavis.lab.emotion_data import FaceData, folds, hold_out, join_folders, open_emotions
from visavis.lab.framing import FoundFaces
from visavis.types import BLENDSHAPES, EMOTIONS, Face, Float32

SIZE = 48


def make_faces(folder: Path, *, each: int = 12, seed: int = 0) -> Path:
    """Grey squares; a bright bar at a height of its own for each emotion; two pictures a subject."""
    dice, rows = np.random.default_rng(seed), []
    for number, emotion in enumerate(EMOTIONS):
        for index in range(each):
            picture = np.repeat(dice.integers(40, 90, (SIZE, SIZE, 1)), 3, axis=2)
            picture[4 + 6 * number : 9 + 6 * number, 8:40] += 150
            name = f"images/{emotion}-{index}.png"
            write_image(folder / name, picture.astype(np.uint8))
            word = {"joy": "happy", "anger": "Angry"}.get(emotion, emotion)
            rows.append([name, word, f"{emotion}{index // 2}", "val" if index % 4 == 3 else "train"])
    with (folder / "labels.csv").open("w", newline="") as file:
        csv.writer(file).writerows([["file", "emotion", "subject", "split"], *rows])
    return folder


@pytest.fixture(scope="module")
def labelled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_faces(tmp_path_factory.mktemp("faces"))


def test_a_table_and_folders_say_the_same(labelled: Path, tmp_path: Path) -> None:
    table = open_emotions(labelled)
    assert table.attributes == EMOTIONS
    assert table.labels.sum(axis=1).tolist() == [1] * len(table)
    assert table.labels.sum(axis=0).tolist() == [12] * 7
    for row in range(len(table)):
        word = EMOTIONS[int(table.labels[row].argmax())]
        target = tmp_path / table.split[row] / {"joy": "happy"}.get(word, word) / Path(table.files[row]).name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(table.path(row).read_bytes())
    (tmp_path / "train/contempt").mkdir()
    (tmp_path / "train/contempt/a.png").write_bytes(b"left out")
    found = open_emotions(tmp_path)
    assert sorted(found.split) == sorted(table.split)
    assert found.labels.sum(axis=0).tolist() == [12] * 7


@pytest.mark.parametrize(
    ("text", "message"),
    [("file,emotion\na.png,smug\n", "no emotion that is known"), ("name,label\na,b\n", "must have the columns"),
     ("file,emotion\n", "holds no labelled face")],
)  # fmt: skip
def test_a_wrong_table_is_told(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "labels.csv").write_text(text)
    with pytest.raises(InputError, match=message):
        open_emotions(tmp_path)


def test_people_stay_together(labelled: Path) -> None:
    dataset = open_emotions(labelled)
    part = folds(dataset, 3)
    assert set(part.tolist()) == {0, 1, 2}
    for person in set(dataset.identity.tolist()):
        assert len(set(part[dataset.identity == person].tolist())) == 1
    bare = Dataset(dataset.root, dataset.files, EMOTIONS, dataset.labels, dataset.identity, ("",) * len(dataset))
    held = hold_out(bare)
    sides = {person: {held.split[row] for row in np.flatnonzero(held.identity == person)} for person in held.identity}
    assert all(len(side) == 1 for side in sides.values())
    assert 0.1 < held.split.count("val") / len(held) < 0.3
    twice = join_folders([dataset, dataset])
    assert len(set(twice.identity.tolist())) == 2 * len(set(dataset.identity.tolist()))
    assert twice.path(len(dataset)).is_file()


def test_figures_of_choices_by_hand() -> None:
    truth = np.array([0, 0, 1, 2])
    scores = np.array([[0.8, 0.1, 0.1], [0.3, 0.6, 0.1], [0.1, 0.8, 0.1], [0.7, 0.2, 0.1]])
    assert confusion(truth, scores).tolist() == [[1, 1, 0], [0, 1, 0], [1, 0, 0]]
    assert balanced_recall(truth, scores) == pytest.approx((0.5 + 1 + 0) / 3)
    assert choice_error(truth, scores, bins=1) == pytest.approx(0.725 - 0.5)
    figures = choice_figures(truth, scores, unsure_below=0.65, draws=20)
    assert figures["unsure"] == 0.25
    assert figures["accuracy_unsure"] == 0
    low, high = figures["balanced_accuracy_interval"]
    assert low <= figures["balanced_accuracy"] <= high


def test_bits_are_those_of_a_coin() -> None:
    from visavis.lab.emotion_study import mutual_information

    dice = np.random.default_rng(1)
    labels = np.arange(4000) % 2 == 0
    assert mutual_information(labels, labels + dice.random(4000) * 0.01, bins=4) == pytest.approx(1, abs=0.02)
    assert mutual_information(labels, dice.random(4000)) < 0.003


@pytest.fixture
def found_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """The face is where it always is: no landmarker is asked."""

    def measure(dataset: Dataset, **_: object) -> FaceData:
        count = len(dataset)
        dice = np.random.default_rng(3)
        points = np.array([(16, 18), (32, 18), (24, 28), (17, 36), (31, 36)], np.float32)
        told = dice.random((count, 40)).astype(np.float32)
        weights = (dice.random((count, len(BLENDSHAPES))) * 0.2).astype(np.float32)
        weights[::9] = np.nan
        from visavis.lab.dataset import ATTRIBUTES

        return FaceData(np.isfinite(weights[:, 0]), np.tile(points, (count, 1, 1)), weights, told, ATTRIBUTES)

    monkeypatch.setattr("visavis.lab.emotion_lessons.measure_faces", measure)
    monkeypatch.setattr("visavis.lab.emotion_study.measure_faces", measure)


@pytest.fixture
def heeded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Published networks that find joy in bright faces, and else nothing."""

    class Bright:
        def predict_on_batch(self, pictures: Float32) -> Float32:
            said = np.full((len(pictures), len(EMOTIONS)), 0.1, np.float32)
            said[:, 3] += pictures.mean(axis=(1, 2, 3))
            return np.asarray(said / said.sum(axis=1, keepdims=True), np.float32)

    from visavis.lab.published import Published

    monkeypatch.setattr(Published, "load", lambda _: Published(((Bright(), 1.0, 0.0),)))


def recipe_text(labelled: Path, *, frozen: bool) -> str:
    return f"""
name = "small"
[emotion]
faces = ["{labelled}"]
share = 1.0
folds = 2
views = 2
[model]
backbone = "expression_lite0"
weights = "{"default" if frozen else "none"}"
frozen = {str(frozen).lower()}
resolution = 64
hidden = [16]
drop_out = 0.1
[train]
epochs = {7 if frozen else 1}
batch = 12
rate = 0.01
warmup = 4
average = 0.9
monitor = "last"
[augment]
flip = 0.5
coarse = 0.3
"""


@needs_lab
def test_from_faces_to_a_reader_and_a_page(labelled: Path, tmp_path: Path, found_at_once: None, heeded: None) -> None:
    from visavis.lab.checkpoint import read_weights
    from visavis.lab.emotion_export import export_emotion
    from visavis.lab.emotion_page import write_study_page
    from visavis.lab.emotion_runs import read_blind
    from visavis.lab.emotion_study import study_emotions
    from visavis.lab.emotion_train import train_emotion
    from visavis.lab.recipe import load_recipe
    from visavis.reading.learned import LearnedReader

    (tmp_path / "r.toml").write_text(recipe_text(labelled, frozen=True))
    recipe, run = load_recipe(tmp_path / "r.toml"), tmp_path / "run"
    train_emotion(recipe, folder=run, cache=tmp_path / "cache", only="fold-1")
    assert {path.name for path in run.iterdir()} == {"recipe.toml", "fold-1"}
    first = (run / "fold-1/head/best.pt").stat().st_mtime_ns
    stuff = train_emotion(recipe, folder=run, cache=tmp_path / "cache")
    assert (run / "fold-1/head/best.pt").stat().st_mtime_ns == first, "what was trained on its own is taken"
    blind = read_blind(run)
    truth = stuff.dataset.labels.argmax(axis=1)
    assert balanced_recall(truth[blind.rows], np.exp(blind.logs)) > 0.25  # chance is 0.14
    exported = export_emotion(run, stuff)
    assert exported.difference < 1e-3
    assert exported.half_difference < 0.02
    low, high = exported.figures["val"]["all"]["balanced_accuracy_interval"]
    assert 0 <= low <= exported.figures["val"]["all"]["balanced_accuracy"] <= high <= 1
    assert json.loads((run / "metrics.json").read_text())["val"]["all"]["rows"] == 21

    # A run that was finished is not trained again, and gives the same.
    before, stamp = read_weights(run / "student/best.pt"), (run / "student/head/best.pt").stat().st_mtime_ns
    train_emotion(recipe, folder=run, cache=tmp_path / "cache")
    after = read_weights(run / "student/best.pt")
    assert all(before[name].equal(after[name]) for name in before)
    assert (run / "student/head/best.pt").stat().st_mtime_ns == stamp

    # The reader that ships sees the very squares that were measured.
    reader = LearnedReader.load(exported.card)
    from visavis.images import read_image

    row = int(stuff.rows("val")[0])
    points = stuff.faces.keypoints[row]
    face = Face(np.concatenate([points.min(0), points.max(0)]), keypoints=points)
    alone = reader.card.ways["picture"]
    logits = reader.logits(read_image(stuff.dataset.path(row)), face)
    expected = alone.calibration.probabilities(alone.evidence(logits - np.logaddexp.reduce(logits)))
    told = reader.read(face, image=read_image(stuff.dataset.path(row)))
    assert told.probabilities == pytest.approx(expected, abs=1e-6)
    assert told.unsure == (told.probabilities.max() < alone.calibration.unsure_below)

    study = study_emotions(run, others=(labelled,), cache=tmp_path / "cache", draws=3)
    page = write_study_page(study, tmp_path / "page.md").read_text()
    assert page.startswith("# Can attributes tell an emotion?")
    assert page.count("| neutral |") >= 5
    assert f"## {labelled.name}" in page

    (run / "export/emotion.onnx").write_bytes(b"other")
    with pytest.raises(ModelError, match="sha256"):
        LearnedReader.load(exported.card)


@needs_lab
def test_a_run_goes_on_from_another_and_joins_it(
    labelled: Path, tmp_path: Path, found_at_once: None, heeded: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    import torch

    from visavis.lab.checkpoint import read_weights
    from visavis.lab.emotion_runs import emotion_network, inherited_blind, join_emotions, read_blind, start_of
    from visavis.lab.emotion_train import train_emotion
    from visavis.lab.finished import load_run
    from visavis.lab.recipe import Recipe, load_recipe

    def learn(name: str, text: str) -> Recipe:
        (tmp_path / f"{name}.toml").write_text(text)
        recipe = load_recipe(tmp_path / f"{name}.toml")
        train_emotion(recipe, folder=tmp_path / name, cache=tmp_path / "cache")
        return recipe

    text = recipe_text(labelled, frozen=True).replace("epochs = 7", "epochs = 1")
    learn("labels", text)
    onward = text.replace('weights = "default"', f'weights = "{tmp_path / "labels"}"').replace("[16]", "[]")
    # Nothing is learnt, so each network is its namesake up to its head.
    onward = onward.replace("views = 2", "views = 0\nheed = 0.6").replace("rate = 0.01", "rate = 1e-9")
    recipe = learn("taught", onward)
    for what in ("fold-0", "fold-1", "student"):
        before, after = (read_weights(tmp_path / run / what / "best.pt") for run in ("labels", "taught"))
        upper = [name for name in after if name.startswith("upper/") and name.endswith("weight")]
        assert upper
        assert all(torch.allclose(before[name], after[name], atol=1e-4) for name in upper)
    with pytest.raises(ConfigError, match="parted its faces otherwise"):
        start_of(replace(recipe, seed=4), "student")

    # One that trains no folds takes over what those said whose student it goes on from.
    last = learn(
        "last", onward.replace(str(tmp_path / "labels"), str(tmp_path / "taught")).replace("folds = 2", "folds = 0")
    )
    assert not (tmp_path / "last/fold-0").exists()
    assert read_blind(tmp_path / "last").logs == pytest.approx(read_blind(tmp_path / "taught").logs, abs=1e-5)
    with pytest.raises(ConfigError, match="default is none"):
        inherited_blind(replace(last, model=replace(last.model, weights="default")), np.arange(4))
    with pytest.raises(ConfigError, match="learnt from other faces"):
        inherited_blind(last, np.arange(4))

    members = [tmp_path / "labels", tmp_path / "taught"]
    assert main(["lab", "join", str(tmp_path / "pair"), *map(str, members)]) == 0
    logs = [read_blind(run).logs for run in members]
    odds = np.exp((logs[0] + logs[1]) / 2)
    assert np.exp(read_blind(tmp_path / "pair").logs) == pytest.approx(odds / odds.sum(axis=1, keepdims=True), abs=1e-5)
    pictures = torch.rand(2, 64, 64, 3)
    with torch.inference_mode():
        told = [emotion_network(run)[1].model(pictures, training=False) for run in (*members, tmp_path / "pair")]
    assert float(((told[0] + told[1]) / 2 - told[2]).abs().max()) < 1e-5
    monkeypatch.chdir(tmp_path)
    assert main(["lab", "export", "pair", "--out", "shipped", "--cache", str(tmp_path / "cache")]) == 0
    graph = onnx.load(tmp_path / "shipped/emotion.onnx").graph
    stems = [part for part in graph.initializer if list(part.dims) == [32, 3, 3, 3]]
    assert len(stems) == 1, "both members stand on one trunk"
    card = json.loads((tmp_path / "shipped/emotion.json").read_text())
    assert set(card["origin"]["members"]) == {"labels", "taught"}
    assert "taught by published networks" in card["data"]

    (tmp_path / "other.toml").write_text(
        text.replace("seed = 0", "").replace('name = "small"', 'name = "small"\nseed = 9')
    )
    other = load_recipe(tmp_path / "other.toml")
    train_emotion(other, folder=tmp_path / "other", cache=tmp_path / "cache")
    with pytest.raises(ConfigError, match="parted them otherwise"):
        join_emotions(tmp_path / "wrong", [members[0], tmp_path / "other"])
    with pytest.raises(ConfigError, match="at least two"):
        join_emotions(tmp_path / "wrong", members[:1])
    assert not (tmp_path / "wrong").exists()
    assert load_run(tmp_path / "taught/student")[0].emotion.views == 0


@needs_lab
@pytest.mark.parametrize("heed", ["", "heed = 0.5\n"], ids=["folds", "published"])
def test_a_whole_network_learns_too_beside_attributes(
    labelled: Path,
    plain_folder: Path,
    tmp_path: Path,
    found_at_once: None,
    heeded: None,
    monkeypatch: pytest.MonkeyPatch,
    heed: str,
) -> None:
    from visavis.lab.emotion_train import train_emotion
    from visavis.lab.recipe import load_recipe

    points = np.array([(16, 18), (32, 18), (24, 28), (17, 36), (31, 36)], np.float32)
    found = FoundFaces(np.tile(points, (200, 1, 1)), np.zeros((200, 4), np.float32), np.zeros((200, 1), np.float32))
    monkeypatch.setattr("visavis.lab.emotion_train.find_faces_of", lambda *_, **__: found)
    text = recipe_text(labelled, frozen=False).replace("share = 1.0", f"share = 0.5\nhearsay = 0.5\n{heed}trust = 0.6")
    text += f'[data]\npath = "{plain_folder}"\nattributes = ["Smiling", "Male"]\n'
    (tmp_path / "r.toml").write_text(text.replace("epochs = 1", "epochs = 1\nmixup = 0.3"))
    recipe = load_recipe(tmp_path / "r.toml")
    # Attributes are learnt from whole pictures, emotions from faces found.
    train_emotion(recipe, folder=tmp_path / "run", cache=tmp_path / "cache")
    lines = (tmp_path / "run/student/log.csv").read_text().splitlines()
    assert np.isfinite(float(lines[-1].split(",")[4]))


@needs_lab
@pytest.mark.parametrize(
    ("trust", "only", "message"), [(1.0, "fold-2", "none called fold-2"), (0.7, "student", "what the folds say")]
)
def test_a_network_that_cannot_be_trained_alone_is_told(
    labelled: Path, tmp_path: Path, trust: float, only: str, message: str
) -> None:
    from visavis.lab.emotion_train import train_emotion
    from visavis.lab.recipe import recipe_from

    recipe = recipe_from({"emotion": {"faces": [str(labelled)], "folds": 2, "trust": trust}})
    with pytest.raises(ConfigError, match=message):
        train_emotion(recipe, folder=tmp_path / "run", cache=tmp_path, only=only)


@needs_lab
def test_a_run_that_is_none_is_told(tmp_path: Path) -> None:
    from visavis.lab.emotion_runs import emotion_network, read_blind
    from visavis.lab.emotion_study import study_emotions

    for ask in (read_blind, emotion_network):
        with pytest.raises(InputError, match="no run of emotions"):
            ask(tmp_path)
    with pytest.raises(InputError, match="no export"):
        study_emotions(tmp_path, cache=tmp_path)


@pytest.mark.shared
def test_a_face_of_48_pixels_is_found_and_measured(shared: Path, assets: AssetStore, tmp_path: Path) -> None:
    dataset = open_emotions(shared / "data/fer2013")
    assert set(dataset.split) == {"train", "val"}
    some = dataset.take(np.arange(0, len(dataset), 400))
    faces = emotion_data.measure_faces(some, folder=tmp_path, assets=assets, attributes=None)
    assert faces.found.mean() > 0.7
    assert np.isfinite(faces.keypoints).all()
    eyes = faces.keypoints[:, :2].mean(axis=(0, 1))
    assert 15 < eyes[0] < 33
    assert 10 < eyes[1] < 25
    again = emotion_data.measure_faces(some, folder=tmp_path, assets=assets, attributes=None)
    assert (again.keypoints == faces.keypoints).all()
