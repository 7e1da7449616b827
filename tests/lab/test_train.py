from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

from visavis.errors import ConfigError, InputError, ModelError
from visavis.lab.recipe import Recipe, recipe_from

if any(find_spec(name) is None for name in ("torch", "keras")):
    pytest.skip("needs torch and Keras: pip install 'visavis[lab]'", allow_module_level=True)

import torch
from tests.lab.conftest import make_plain

from visavis.lab import features, models, runs
from visavis.lab.augment import Augmenter
from visavis.lab.evaluate import evaluate_run
from visavis.lab.finished import load_run
from visavis.lab.metrics import logit
from visavis.lab.recipe import AugmentRecipe
from visavis.lab.teacher import taught, tutored
from visavis.lab.train import half_precision, predict, train
from visavis.lab.wild import without_people
from visavis.types import Float32


def small(folder: Path, *, weights: str = "none", **train_settings: object) -> Recipe:
    table = {"epochs": 3, "batch": 12, "rate": 0.003, "warmup": 4, "average": 0.9} | train_settings
    return recipe_from(
        {
            "name": "small",
            "data": {"path": str(folder), "attributes": ["Smiling", "Male", "Young"]},
            "model": {"resolution": 32, "weights": weights},
            "augment": {
                "flip": 0.5,
                "light": 0.1,
                "rotate": 4.0,
                "jpeg": 0.2,
                "painting": 0.2,
                "blur": 0.2,
                "erase": 0.2,
            },
            "train": table,
        }
    )


def test_a_killed_run_goes_on_to_the_very_same_weights(plain_folder: Path, tmp_path: Path) -> None:
    recipe = small(plain_folder, checkpoint_steps=3, mixup=0.3)
    data = runs.training_data(recipe, runs.material(recipe, cache=tmp_path))
    whole = train(recipe, runs.network_of(recipe), data, folder=tmp_path / "whole")
    for kill in (4, 3):  # in the middle of an epoch, past its checkpoint, and again
        train(recipe, runs.network_of(recipe), data, folder=tmp_path / "killed", stop_after=kill)
    log = train(recipe, runs.network_of(recipe), data, folder=tmp_path / "killed")
    assert [entry.loss for entry in log] == [entry.loss for entry in whole]
    first, second = (torch.load(tmp_path / name / "best.pt", weights_only=True) for name in ("whole", "killed"))
    assert all(torch.equal(first[name], second[name]) for name in first)


def test_it_learns_what_can_be_seen_and_writes_where_it_came_from(plain_folder: Path, tmp_path: Path) -> None:
    recipe = small(plain_folder, weights="default", epochs=8)
    log = runs.run(recipe, folder=tmp_path / "run", cache=tmp_path / "cache")
    assert log[-1].train_loss < 0.55
    assert max(entry.mean_average_precision for entry in log) > 0.8
    told = json.loads((tmp_path / "run/provenance.json").read_text())
    assert {"commit", "packages", "data", "pixels", "precision"} <= set(told)
    assert len((tmp_path / "run/log.csv").read_text().splitlines()) == 9
    result = evaluate_run(tmp_path / "run", cache=tmp_path / "cache", draws=20)
    assert result["test"]["rows"] == 24
    assert set(result["slices"]) == {"Male", "not Male", "Young", "not Young"}
    low, high = result["test"]["attributes"]["Smiling"]["intervals"]["average_precision"]
    assert low <= result["test"]["attributes"]["Smiling"]["average_precision"] <= high


def test_a_run_folder_is_never_mixed(plain_folder: Path, tmp_path: Path) -> None:
    recipe = small(plain_folder, epochs=1)
    runs.run(recipe, folder=tmp_path / "run", cache=tmp_path)
    with pytest.raises(ConfigError, match="another recipe"):
        runs.run(small(plain_folder, epochs=2), folder=tmp_path / "run", cache=tmp_path)
    (tmp_path / "run/checkpoint.pt").write_bytes(b"torn")
    with pytest.raises(ModelError, match="no checkpoint"):
        runs.run(recipe, folder=tmp_path / "run", cache=tmp_path)
    with pytest.raises(InputError, match="is no run"):
        load_run(tmp_path / "elsewhere")


def test_two_phases_freeze_the_trunk_first(plain_folder: Path, tmp_path: Path) -> None:
    recipe = small(plain_folder, epochs=1, head_epochs=1, average=0.0)
    data, network = runs.training_data(recipe, runs.material(recipe, cache=tmp_path)), runs.network_of(recipe)
    before = {name: tensor.clone() for name, tensor in models.named_state(network.model).items()}
    log = train(recipe, network, data, folder=tmp_path / "run", stop_after=4)  # the head's phase: 48 rows in twelves
    assert [entry.phase for entry in log] == ["head"]
    changed = {
        name for name, tensor in models.named_state(network.model).items() if not torch.equal(tensor, before[name])
    }
    assert changed
    assert all(name.startswith("attributes/") for name in changed)


@pytest.mark.parametrize("loss", ["weighted", "asymmetric"])
@pytest.mark.parametrize("schedule", ["plateau", "constant"])
def test_other_losses_and_schedules_run(plain_folder: Path, tmp_path: Path, loss: str, schedule: str) -> None:
    recipe = small(plain_folder, epochs=2, loss=loss, schedule=schedule, optimizer="adam", patience=1, smoothing=0.1)
    log = runs.run(recipe, folder=tmp_path / "run", cache=tmp_path)
    assert np.isfinite([entry.train_loss for entry in log]).all()


def test_augmentation_is_the_same_for_the_same_seed_and_keeps_its_promises() -> None:
    pictures = torch.randint(0, 256, (6, 40, 40, 3), dtype=torch.uint8)
    every = Augmenter(AugmentRecipe(0.5, 10, 0.1, 0.1, 0.2, 0.1, 0.2, 0.5, 0.5, 0.5, 0.5), size=32)  # all that there is
    first, again, other = every(pictures, seed=1), every(pictures, seed=1), every(pictures, seed=2)
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
    assert first.shape == (6, 32, 32, 3)
    assert float(first.min()) >= 0
    assert float(first.max()) <= 255
    still = Augmenter(AugmentRecipe(), size=40)(pictures, seed=3)
    assert float((still - pictures.float()).abs().max()) < 0.01
    mirrored = Augmenter(AugmentRecipe(flip=1.0), size=40)(pictures, seed=3)
    assert float((mirrored - pictures.flip(2).float()).abs().max()) < 0.01
    centre = Augmenter(AugmentRecipe(), size=32)(pictures, seed=3)
    assert float((centre - pictures[:, 4:36, 4:36].float()).abs().max()) < 0.01


def test_kept_features_train_as_pictures_do(plain_folder: Path, tmp_path: Path) -> None:
    recipe = recipe_from(
        {
            "name": "report",
            "flip_average": False,
            "data": {"path": str(plain_folder), "attributes": ["Smiling", "Male", "Young"]},
            "model": {"backbone": "report_vgg19", "resolution": 32, "weights": "none"},
            "train": {"epochs": 2, "batch": 12, "optimizer": "adam", "rate": 0.001, "schedule": "constant", "warmup": 0,
                      "weight_decay": 0.0, "average": 0.0, "clip": 0.0, "precision": "float32",
                      "start_at_rates": False},
        }
    )  # fmt: skip
    plain = runs.run(recipe, folder=tmp_path / "plain", cache=tmp_path, keep_features=False)
    kept = runs.run(recipe, folder=tmp_path / "kept", cache=tmp_path)
    assert list(tmp_path.glob("features-*.npy"))
    assert [entry.loss for entry in kept] == pytest.approx([entry.loss for entry in plain], abs=2e-3)
    stuff = runs.material(recipe, cache=tmp_path)
    scores = [
        predict(load_run(tmp_path / name)[1], stuff.exact.pixels, stuff.rows("test"), flip=False, half=False)
        for name in ("plain", "kept")
    ]
    assert float(np.abs(scores[0] - scores[1]).max()) < 5e-3
    assert runs.run(recipe, folder=tmp_path / "kept", cache=tmp_path) == kept  # a run that is done is found done


def test_a_teacher_softens_the_labels_of_the_training_side_alone(plain_folder: Path, tmp_path: Path) -> None:
    first = small(plain_folder, epochs=1)
    runs.run(first, folder=tmp_path / "teacher", cache=tmp_path)
    recipe = small(plain_folder, epochs=1, teacher=(str(tmp_path / "teacher"),), trust=0.25)
    stuff = runs.material(recipe, cache=tmp_path)
    plain = runs.training_data(recipe, stuff)
    soft = taught(recipe, plain, folder=tmp_path / "student", cache=tmp_path)
    said = predict(load_run(tmp_path / "teacher")[1], stuff.exact.pixels, plain.train, half=half_precision("bfloat16"))
    assert soft.labels[plain.train] == pytest.approx(0.25 * plain.labels[plain.train] + 0.75 * said, abs=1e-6)
    assert (soft.labels[plain.val] == plain.labels[plain.val]).all()
    log = runs.run(recipe, folder=tmp_path / "student", cache=tmp_path)
    assert np.isfinite(log[-1].train_loss)
    # A run that goes on learns from the labels it began with, whatever has become of the teacher.
    shutil.rmtree(tmp_path / "teacher")
    assert runs.run(recipe, folder=tmp_path / "student", cache=tmp_path) == log
    with pytest.raises(InputError, match="is no run"):
        runs.run(recipe, folder=tmp_path / "other", cache=tmp_path)


def test_several_teachers_say_the_mean_of_their_log_odds(plain_folder: Path, tmp_path: Path) -> None:
    places = (str(tmp_path / "0"), str(tmp_path / "1"))
    for number, place in enumerate(places):
        runs.run(replace(small(plain_folder, epochs=1), seed=number), folder=Path(place), cache=tmp_path)
    stuff = runs.material(small(plain_folder), cache=tmp_path)
    plain = runs.training_data(small(plain_folder), stuff)

    def said(*teachers: str) -> Float32:
        recipe = small(plain_folder, teacher=teachers, trust=0.0)
        soft = taught(recipe, plain, folder=tmp_path / "-".join(Path(one).name for one in teachers), cache=tmp_path)
        return np.asarray(logit(soft.labels[plain.train]), np.float32)

    assert said(*places) == pytest.approx((said(places[0]) + said(places[1])) / 2, abs=1e-4)
    assert float(np.abs(said(places[0]) - said(places[1])).max()) > 0.001, "they say the same"


def test_a_tutor_is_asked_about_what_is_shown(plain_folder: Path, tmp_path: Path) -> None:
    runs.run(small(plain_folder, epochs=1), folder=tmp_path / "tutor", cache=tmp_path)
    recipe = small(plain_folder, epochs=1, tutor=str(tmp_path / "tutor"), heed=0.25, mixup=0.5)
    data = tutored(recipe, runs.training_data(recipe, runs.material(recipe, cache=tmp_path)))
    assert data.tutor is not None
    network = load_run(tmp_path / "tutor")[1]
    shown = torch.rand(3, 2 * network.size, 2 * network.size, 3) * 255
    labels = torch.rand(3, len(data.attributes))
    drawn = data.tutor.draw(np.arange(3), labels, labels, pictures=shown, alpha=0.5, seed=1)
    halved = torch.nn.functional.avg_pool2d(shown.permute(0, 3, 1, 2), 2).permute(0, 2, 3, 1)
    with torch.inference_mode():
        said = network.model(network.normalise(halved), training=False)
    assert (
        float((drawn - (0.75 * labels + 0.25 * said)).abs().max()) < 0.05
    )  # other weights of the four pixels, bfloat16
    assert np.isfinite(runs.run(recipe, folder=tmp_path / "run", cache=tmp_path)[-1].train_loss)


def test_a_teacher_must_know_the_same_pictures_and_attributes(plain_folder: Path, tmp_path: Path) -> None:
    runs.run(small(plain_folder, epochs=1), folder=tmp_path / "teacher", cache=tmp_path)
    elsewhere = small(make_plain(tmp_path / "plain", seed=1), epochs=1, teacher=(str(tmp_path / "teacher"),))
    with pytest.raises(ConfigError, match="another data set"):
        runs.run(elsewhere, folder=tmp_path / "run", cache=tmp_path)
    six = replace(elsewhere, data=replace(elsewhere.data, attributes=("Smiling", "Male")))
    runs.run(replace(six, train=replace(six.train, teacher=())), folder=tmp_path / "two", cache=tmp_path)
    with pytest.raises(ConfigError, match="tells nothing of Young"):
        runs.run(
            replace(elsewhere, train=replace(elsewhere.train, teacher=(str(tmp_path / "two"),))),
            folder=tmp_path / "run", cache=tmp_path,
        )  # fmt: skip


def test_a_network_is_cut_where_it_starts_to_learn() -> None:
    network = models.report_vgg19(32, weights=None)
    cut = features.cut_network(network)
    assert cut.native
    assert models.count_parameters(cut.rest.model)[1] == models.count_parameters(network.model)[1]
    pictures = torch.rand(3, 32, 32, 3) * 255
    with torch.inference_mode():
        whole = network.model(network.normalise(pictures), training=False)
        parts = cut.rest.model(cut.stem(network.normalise(pictures)), training=False)
    assert float((whole - parts).abs().max()) < 1e-5
    frozen = features.cut_network(models.report_vgg19(32, weights=None, frozen=22))
    with torch.inference_mode():
        assert frozen.stem(pictures).shape == (3, 512)
    lite = models.efficientnet_lite0(32, attributes=3, head="flatten", hidden=(4,), frozen=True)
    lite_cut = features.cut_network(lite)
    with torch.inference_mode():
        whole = lite.model(lite.normalise(pictures), training=False)
        parts = lite_cut.rest.model(lite_cut.stem(lite.normalise(pictures)), training=False)
    assert float((whole - parts).abs().max()) < 1e-5
    with torch.no_grad():  # running averages are part of what features depend on
        next(t for name, t in models.named_state(lite.model).items() if "running_var" in name).mul_(1.5)
    assert features.cut_network(lite).weights != lite_cut.weights
    with pytest.raises(ConfigError, match="no features to keep"):
        features.cut_network(models.report_vgg19(32, weights=None, frozen=0))


def test_people_of_the_training_side_are_kept_out_of_the_wild(plain_folder: Path) -> None:
    from visavis.lab.datasets import read_plain

    dataset = read_plain(plain_folder)
    rest = without_people(dataset, dataset)
    assert "train" not in rest.split
    assert len(rest) == 48


def test_two_processes_train_as_one(plain_folder: Path, tmp_path: Path) -> None:
    """Shares of every batch, averaged gradients: the same metrics within what batch norms on half batches change."""
    from visavis.lab.recipe import dump_recipe

    recipe = recipe_from(
        {
            "name": "report",
            "flip_average": False,
            "data": {"path": str(plain_folder), "attributes": ["Smiling", "Male", "Young"]},
            "model": {"backbone": "report_vgg19", "resolution": 32, "weights": "none"},
            "train": {"epochs": 2, "batch": 12, "optimizer": "adam", "schedule": "constant", "warmup": 0,
                      "weight_decay": 0.0, "average": 0.0, "clip": 0.0, "precision": "float32", "rate": 0.0005},
        }
    )  # fmt: skip
    alone = runs.run(recipe, folder=tmp_path / "alone", cache=tmp_path)
    (tmp_path / "recipe.toml").write_text(dump_recipe(recipe))
    script = (
        "from pathlib import Path; from visavis.lab import runs; from visavis.lab.recipe import load_recipe;"
        f"runs.run(load_recipe({str(tmp_path / 'recipe.toml')!r}), folder=Path({str(tmp_path / 'both')!r}), "
        f"cache=Path({str(tmp_path)!r}))"
    )
    (tmp_path / "go.py").write_text(script)
    command = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", "2", "--master-port", "29731"]
    result = subprocess.run(
        [*command, str(tmp_path / "go.py")], capture_output=True, text=True, timeout=110,
        env={**os.environ, "OMP_NUM_THREADS": "1"}, check=False,
    )  # fmt: skip
    assert result.returncode == 0, result.stderr[-2000:]
    lines = (tmp_path / "both/log.csv").read_text().splitlines()
    together = dict(zip(lines[0].split(","), lines[-1].split(","), strict=True))
    assert float(together["loss"]) == pytest.approx(alone[-1].loss, abs=5e-3)
    assert json.loads((tmp_path / "both/provenance.json").read_text())["processes"] == 2
