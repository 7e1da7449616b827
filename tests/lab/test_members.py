"""Several runs as one: the mean of logits is what it says, in Keras, in ONNX and with weights in float16."""

from __future__ import annotations

import json
import shutil
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

from visavis.errors import ConfigError, InputError
from visavis.lab.recipe import Recipe, dump_recipe, recipe_from
from visavis.types import Float32

if any(find_spec(name) is None for name in ("torch", "keras", "onnxscript")):
    pytest.skip("needs torch, Keras and onnxscript: pip install 'visavis[lab]'", allow_module_level=True)

import torch

from visavis.lab import models, runs
from visavis.lab.checkpoint import read_weights, save_weights
from visavis.lab.export import largest_difference, origin_of, store_half, to_onnx
from visavis.lab.finished import load_run, mean_of
from visavis.lab.members import average_weights, join_runs
from visavis.lab.metrics import logit
from visavis.lab.train import predict

PIXELS = np.random.default_rng(0).integers(0, 256, (5, 32, 32, 3), np.uint8)


def _recipe(name: str, *, seed: int = 0, **data: object) -> Recipe:
    settings = {"resolution": 32, "weights": "none"}
    return recipe_from({"name": name, "seed": seed, "model": settings, "data": {"attributes": ["six"]} | data})


def _run(folder: Path, recipe: Recipe) -> Path:
    """A run as if trained: random weights, the head's too."""
    network = runs.network_of(recipe)
    with torch.no_grad():
        for variable in network.model.get_layer("attributes").weights:
            variable.value.normal_(generator=torch.Generator().manual_seed(recipe.seed))
    folder.mkdir()
    (folder / "recipe.toml").write_text(dump_recipe(recipe))
    save_weights(folder / "best.pt", models.named_state(network.model))
    return folder


def _scores(folder: Path) -> Float32:
    return np.asarray(predict(load_run(folder)[1], PIXELS, np.arange(5), flip=False, half=False))


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    root = tmp_path_factory.mktemp("members")
    return _run(root / "one", _recipe("one", seed=1)), _run(root / "two", _recipe("two", seed=2))


def test_the_mean_is_of_logits(two: tuple[Path, Path], tmp_path: Path) -> None:
    join_runs(tmp_path / "pair", two)
    recipe, network = load_run(tmp_path / "pair")
    assert (recipe.name, recipe.flip_average) == ("pair", False)
    expected = (logit(_scores(two[0])) + logit(_scores(two[1]))) / 2
    assert np.abs(logit(_scores(tmp_path / "pair")) - expected).max() < 1e-4
    assert np.abs(logit(_scores(two[0])) - expected).max() > 0.1
    assert len(network.members) == 2


def test_members_count_as_much_as_their_shares(two: tuple[Path, Path], tmp_path: Path) -> None:
    join_runs(tmp_path / "pair", two, shares=(3, 1))
    expected = 0.75 * logit(_scores(two[0])) + 0.25 * logit(_scores(two[1]))
    assert np.abs(logit(_scores(tmp_path / "pair")) - expected).max() < 1e-4
    assert origin_of(tmp_path / "pair")["shares"] == [3, 1]
    for shares in ((1.0,), (1.0, 0.0), (1.0, float("nan"))):
        with pytest.raises(ConfigError, match="2 members need as many shares, all positive"):
            join_runs(tmp_path / "pair", two, shares=shares)


def _small(seed: int) -> models.Network:
    """A network that is quick to export."""
    models.keras.utils.set_random_seed(seed)
    layers = models.keras.layers
    inputs = models.keras.Input((32, 32, 3))
    features = layers.Dense(64, activation="relu")(layers.Flatten()(layers.Conv2D(8, 3, strides=4)(inputs)))
    outputs = layers.Dense(3, activation="sigmoid", name="attributes")(features)
    normalise = models.Normalisation((127.0,) * 3, (128.0,) * 3)
    return models.Network(models.keras.Model(inputs, outputs), 32, normalise, ())


def test_a_mean_ships_as_one_file_of_half_the_size(tmp_path: Path) -> None:
    network = mean_of([_small(1), _small(2)])
    to_onnx(network, tmp_path / "pair.onnx")
    assert largest_difference(tmp_path / "pair.onnx", network, PIXELS) < 1e-5
    whole = (tmp_path / "pair.onnx").stat().st_size
    shutil.copy(tmp_path / "pair.onnx", tmp_path / "compact.onnx")
    store_half(tmp_path / "pair.onnx")
    assert (tmp_path / "pair.onnx").stat().st_size < 0.6 * whole
    assert largest_difference(tmp_path / "pair.onnx", network, PIXELS) < 0.01
    store_half(tmp_path / "compact.onnx", bytes_from=20_000)
    assert (tmp_path / "compact.onnx").stat().st_size < 0.4 * whole
    assert largest_difference(tmp_path / "compact.onnx", network, PIXELS) < 0.02


def test_a_card_tells_where_each_member_comes_from(two: tuple[Path, Path], tmp_path: Path) -> None:
    for number, folder in enumerate(two):
        (folder / "provenance.json").write_text(json.dumps({"seed": number, "commit": "abc", "processor": "x"}))
    join_runs(tmp_path / "pair", two)
    told = origin_of(tmp_path / "pair")
    assert told == {"members": {"one": {"commit": "abc", "seed": 0}, "two": {"commit": "abc", "seed": 1}}}


def test_a_mean_of_weights_is_one_network(two: tuple[Path, Path], tmp_path: Path) -> None:
    average_weights(tmp_path / "mean", two)
    first, second, mean = (read_weights(folder / "best.pt") for folder in (*two, tmp_path / "mean"))
    name = next(name for name, tensor in first.items() if tensor.is_floating_point() and tensor.ndim > 1)
    assert torch.allclose(mean[name], (first[name] + second[name]) / 2)
    assert load_run(tmp_path / "mean")[0].name == "mean"


def test_what_does_not_belong_together_is_refused(two: tuple[Path, Path], tmp_path: Path) -> None:
    other = _run(tmp_path / "other", _recipe("other", frame="face"))
    with pytest.raises(ConfigError, match="share their data"):
        join_runs(tmp_path / "pair", (two[0], other))
    assert not (tmp_path / "pair/members.toml").exists()
    with pytest.raises(ConfigError, match="at least two"):
        join_runs(tmp_path / "pair", two[:1])
    with pytest.raises(InputError, match="is no run"):
        join_runs(tmp_path / "pair", (two[0], tmp_path / "nowhere"))
    (tmp_path / "pair").mkdir(exist_ok=True)
    (tmp_path / "pair/members.toml").write_text("members = 3\n")
    with pytest.raises(ConfigError, match="does not name members"):
        load_run(tmp_path / "pair")
    with pytest.raises(InputError, match=r"expected best\.pt"):
        average_weights(tmp_path / "mean", (two[0], tmp_path / "pair"))
