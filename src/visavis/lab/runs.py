"""From a recipe to a trained run folder, and from a run folder back to its network and data."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np

from visavis.assets import AssetStore
from visavis.errors import ConfigError, InputError, ModelError
from visavis.lab.datasets import SPLITS, Dataset, open_dataset
from visavis.lab.pixels import PixelStore, Progress, open_store, whole
from visavis.lab.recipe import Recipe
from visavis.lab.splits import official_split, split_by_identity
from visavis.lab.training_data import TrainingData
from visavis.types import EMOTIONS, Float32

if TYPE_CHECKING:
    from visavis.lab.checkpoint import Epoch
    from visavis.lab.models import Network
    from visavis.lab.train import Watcher

__all__ = ["Material", "default_cache", "expand", "material", "network_of", "outputs_of", "run"]

#: Where the weights of a backbone come from that are not Keras's own.
_ASSETS: Final = {
    "efficientnet_lite0": "efficientnet-lite0",
    "expression_lite0": "efficientnet-lite0",
    "mobilefacenet": "face-recognition",
}


@dataclass(frozen=True, slots=True, eq=False)
class Material:
    """A recipe's data set, split, with its pictures decoded.

    Attributes:
        dataset: the rows in use.
        store: squares to train on.
        exact: squares as the live product would cut them.
        shapes: (N, SHAPE_FEATURES) float32, nan where no landmarks were found; None where faces were not looked for.
    """

    dataset: Dataset
    store: PixelStore
    exact: PixelStore
    shapes: Float32 | None = None

    def rows(self, split: str) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
        """Rows of one side whose picture is usable."""
        rows = self.dataset.indices(split)
        return rows[self.exact.usable[rows] & self.store.usable[rows]]


def default_cache() -> Path:
    """Folder of decoded pictures and features: `$VISAVIS_LAB_CACHE`, or `lab` in the user's cache folder."""
    given = os.environ.get("VISAVIS_LAB_CACHE")
    if given:
        return Path(given)
    from platformdirs import user_cache_path

    return user_cache_path("visavis") / "lab"


def expand(text: str) -> Path:
    """A path with `$VARIABLES` and `~` expanded; VISAVIS_SHARED is `../shared` unless set.

    Raises:
        ConfigError: a variable is not set.
    """
    os.environ.setdefault("VISAVIS_SHARED", str(Path("../shared").resolve()))
    expanded = os.path.expandvars(text)
    if "$" in expanded:
        raise ConfigError(f"the path {text!r} names a variable that is not set")
    return Path(expanded).expanduser()


def material(
    recipe: Recipe, *, cache: Path, assets: AssetStore | None = None, progress: Progress | None = None
) -> Material:
    """Open, split and decode a recipe's data.

    Args:
        recipe: what to open.
        cache: folder for decoded pictures.
        assets: where the face landmarker comes from when the recipe frames faces.
        progress: told how far decoding is.

    Raises:
        InputError, ConfigError: no such data set, or it cannot be split so.
    """
    dataset = open_dataset(expand(recipe.data.path), form=recipe.data.form)
    dataset = (
        split_by_identity(dataset, seed=recipe.seed) if recipe.data.split == "identity" else official_split(dataset)
    )
    dataset.columns(recipe.data.names)  # fails early where an attribute is missing
    if recipe.data.limit:
        kept = np.concatenate([dataset.indices(side)[: recipe.data.limit] for side in SPLITS])
        dataset = dataset.take(np.sort(kept))
    if recipe.data.frame == "whole":
        exact = open_store(dataset, whole(recipe.model.resolution), folder=cache, progress=progress)
        return Material(dataset, exact, exact)
    from visavis.lab.framing import face_cut, find_faces_of

    found = find_faces_of(
        dataset, folder=cache, assets=assets or AssetStore(), aligned=recipe.data.aligned, progress=progress
    )
    size = recipe.model.resolution
    exact = open_store(dataset, face_cut(found.keypoints, size=size), folder=cache, progress=progress)
    if not recipe.augment.active:
        return Material(dataset, exact, exact, found.shapes)  # nothing looks beyond the live crop
    wide = face_cut(found.keypoints, size=size, grown=recipe.data.grown)
    return Material(dataset, open_store(dataset, wide, folder=cache, progress=progress), exact, found.shapes)


def network_of(recipe: Recipe, *, assets: AssetStore | None = None, pretrained: bool = True) -> Network:
    """The recipe's network; without `pretrained` with random weights, to be filled from a run.

    A recipe whose `model.weights` is a run folder starts from that run's trunk; its head starts anew.

    Raises:
        ConfigError, AssetError: as `models.build`.
        InputError, ModelError: the run to start from is not there, or is of another network.
    """
    from visavis.lab.models import build, keras

    keras.utils.set_random_seed(recipe.seed)
    weights: str | Path | None = None
    if pretrained and recipe.model.weights == "default":
        asset = _ASSETS.get(recipe.model.backbone)
        weights = (assets or AssetStore()).path(asset) if asset else "imagenet"
    elif pretrained and recipe.model.weights != "none":
        weights = Path(recipe.model.weights).expanduser()
    settings = recipe.model
    run_folder = weights if isinstance(weights, Path) and weights.suffix == "" else None
    network = build(
        settings.backbone,
        resolution=settings.resolution,
        attributes=len(outputs_of(recipe)),
        head=settings.head,
        hidden=settings.hidden,
        drop_out=settings.drop_out,
        drop_path=settings.drop_path,
        weights=None if run_folder else weights,
        sha256=settings.sha256,
        frozen=settings.frozen,
        border=settings.border,
        seen=settings.seen,
    )
    if run_folder is not None:
        _start_from(network, run_folder)
    return network


def outputs_of(recipe: Recipe) -> tuple[str, ...]:
    """The network's outputs by name: the emotions first, where there are faces labelled so, then the attributes."""
    if not recipe.emotion.faces:
        return recipe.data.names
    return (*EMOTIONS, *(recipe.data.names if recipe.emotion.share < 1 else ()))


def _start_from(network: Network, folder: Path) -> None:
    from visavis.lab.checkpoint import read_weights
    from visavis.lab.models import load_state, named_state

    if not (folder / "best.pt").is_file():
        raise InputError(
            f"{folder} is no run to start from: expected best.pt in it; train one with: visavis lab train {folder.name}"
        )
    own, given = named_state(network.model), read_weights(folder / "best.pt")
    trunk = {name for name in own if name.partition("/")[0] in network.trunk}
    taken = {name: name if name in given else f"efficientnet_lite0/{name.partition('/')[2]}" for name in trunk}
    missing = [name for name, theirs in taken.items() if theirs not in given]
    if missing:
        raise ModelError(f"{folder} is a run of another network: it lacks {len(missing)} tensors, such as {missing[0]}")
    load_state(network.model, own | {name: given[theirs] for name, theirs in taken.items()})


def training_data(recipe: Recipe, stuff: Material) -> TrainingData:
    """What `train` reads, from decoded material.

    Raises:
        InputError: not one usable picture on a side.
    """
    sides = {side: stuff.rows(side) for side in ("train", "val")}
    for side, rows in sides.items():
        if not len(rows):
            raise InputError(f"{stuff.dataset.root} has no usable picture on the side {side!r}")
    return TrainingData(
        attributes=recipe.data.names,
        labels=stuff.dataset.columns(recipe.data.names),
        train=sides["train"],
        val=sides["val"],
        store=stuff.store,
        exact=stuff.exact,
        fingerprint=stuff.dataset.fingerprint(),
    )


def run(
    recipe: Recipe,
    *,
    folder: Path,
    cache: Path,
    assets: AssetStore | None = None,
    progress: Progress | None = None,
    watcher: Watcher | None = None,
    keep_features: bool = True,
) -> tuple[Epoch, ...]:
    """Train a recipe into a run folder, or finish the run that is there; gives back the log.

    Where part of the network is frozen and nothing is augmented, the frozen part is computed once, unless
    `keep_features` is false.

    Raises:
        VisavisError: whatever opening the data, building the network or training raises.
    """
    stuff = material(recipe, cache=cache, assets=assets, progress=progress)
    from visavis.lab.checkpoint import save_weights
    from visavis.lab.features import can_cache, on_features
    from visavis.lab.models import named_state
    from visavis.lab.teacher import taught, tutored
    from visavis.lab.train import train

    network, data = network_of(recipe, assets=assets), training_data(recipe, stuff)
    if recipe.train.teacher:
        data = taught(recipe, data, folder=folder, cache=cache)
    if recipe.train.tutor:
        data = tutored(recipe, data)
    if not keep_features or not can_cache(recipe, network):
        return train(recipe, network, data, folder=folder, watcher=watcher)
    small, features = on_features(recipe, network, data, folder=cache, progress=progress)
    log = train(recipe, small, features, folder=folder, watcher=watcher, best_file="learnt.pt")
    # The small network's layers are the whole one's, so this is the whole one, trained.
    save_weights(folder / "best.pt", named_state(network.model))
    return log
