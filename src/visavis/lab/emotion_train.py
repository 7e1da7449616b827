"""From a recipe to a network that reads emotions: folds first, then one network on all that they taught.

    RUN/fold-K/       a run of the common loop each (in `head/` where the trunk is frozen), blind to its own part of the
                      training faces
    RUN/student/      the run whose network is kept
    RUN/recipe.toml   the resolved recipe
    RUN/blind.npz     what the folds say of the faces that they were blind to; what is fitted later is fitted on it

Emotions are learnt beside the attributes of faces that carry no emotion label, in the same network: grey pictures of 48
pixels are few, and sharp faces in colour keep the trunk general. Labels of emotions are noisy; how far they count
against the opinion of a network that never saw the face is the recipe's `trust` (after Northcutt et al., "Confident
Learning", arXiv:1911.00068, and Furlanello et al., "Born-Again Neural Networks", arXiv:1805.04770).
"""

# torch and Keras are not typed here, so their classes and decorators are Any.
# mypy: disable-error-code="misc,untyped-decorator"

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from visavis.assets import AssetStore
from visavis.errors import ConfigError, InputError
from visavis.files import replacing
from visavis.lab.emotion_data import folds
from visavis.lab.emotion_lessons import EmotionMaterial, changed_copies, emotion_material, lessons, settled
from visavis.lab.framing import find_faces_of
from visavis.lab.pixels import Progress
from visavis.lab.recipe import AugmentRecipe, Recipe, dump_recipe, load_recipe
from visavis.lab.runs import load_run, network_of
from visavis.types import EMOTIONS, Float32

if TYPE_CHECKING:
    from visavis.lab.models import Network
    from visavis.lab.published import PublishedTutor
    from visavis.lab.train import TrainingData, Watcher

__all__ = ["Blind", "emotion_network", "read_blind", "train_emotion"]


#: The network that is kept.
_LAST: Final = "student"


@dataclass(frozen=True, slots=True, eq=False)
class Blind:
    """What networks say of the training faces that they were blind to.

    Attributes:
        rows: (T,) rows of the data set.
        part: (T,) which network was blind to each.
        logs: (T, 7) float32 logarithms of probabilities.
    """

    rows: NDArray[np.int64]
    part: NDArray[np.int64]
    logs: Float32


def train_emotion(
    recipe: Recipe,
    *,
    folder: Path,
    cache: Path,
    assets: AssetStore | None = None,
    progress: Progress | None = None,
    watcher: Watcher | None = None,
    only: str | None = None,
) -> EmotionMaterial:
    """Train a recipe into a run folder, or finish the run that is there; gives back its material.

    Args:
        recipe: how.
        folder: the run folder.
        cache: folder of decoded pictures and features.
        assets: where models come from.
        progress: told how far measuring and decoding are.
        watcher: told after each step.
        only: train this network (`fold-0`, ..., `student`) and leave; those of one run may be trained side by side,
            the last among them where it learns from labels alone.

    Raises:
        ConfigError: there is no such network, or the last one waits for what the others say.
        VisavisError: whatever opening the data, building the networks or training raises.
    """
    count = len(recipe.emotion.heed)
    names = [_named(what, member) for what in (*_fold_names(recipe), _LAST) for member in range(count)]
    if only is not None and only not in names:
        raise ConfigError(f"the recipe has the networks {', '.join(names)}, and none called {only}")
    waits = recipe.emotion.trust < 1 or (recipe.emotion.hearsay > 0 and not all(recipe.emotion.heed))
    if only is not None and only.startswith(_LAST) and waits:
        raise ConfigError(f"{only} learns from what the folds say; train it with them, or with emotion.trust = 1")
    stuff = emotion_material(recipe, cache=cache, assets=assets, progress=progress)
    school = _School(recipe, stuff, folder, cache, assets, progress, watcher)
    rows, truth = stuff.rows("train"), stuff.dataset.labels.astype(np.float32)
    part = folds(stuff.dataset.take(rows), recipe.emotion.folds, seed=recipe.seed)
    said = np.zeros((len(rows), len(EMOTIONS)), np.float32)
    beside = stuff.beside
    others = np.zeros(0, np.int64) if beside is None else beside.rows("train")
    heard = np.zeros((len(others), len(EMOTIONS)), np.float32)
    with replacing(folder / "recipe.toml") as temporary:
        temporary.write_text(dump_recipe(recipe), encoding="utf-8")

    hears = np.random.default_rng(recipe.seed).random(len(others)) < recipe.emotion.hearsay
    tutors = school.tutors(others[hears])
    # What is done with the folds' opinions later does not change how they are trained.
    unheard = replace(recipe, emotion=replace(recipe.emotion, trust=1.0, hearsay=0.0))
    for number, what in enumerate(_fold_names(recipe)):
        held = part == number
        logs = np.zeros((int(held.sum()), len(EMOTIONS)), np.float32)
        for member, tutor in enumerate(tutors):
            if only not in (None, _named(what, member)):
                continue
            data = lessons(recipe, stuff, rows[~held], rows[held], truth, tutor=tutor)
            network = school.learn(unheard, data, _named(what, member), member)
            logs += np.log(school.ask(network, stuff.exact.pixels, rows[held]).clip(1e-7)) / count
            if beside is not None and recipe.emotion.hearsay and tutor is None:
                heard += school.ask(network, beside.exact.pixels, others) / (
                    recipe.emotion.folds * sum(one is None for one in tutors)
                )
        said[held] = np.exp(logs) / np.exp(logs).sum(axis=1, keepdims=True)
    if only is None:
        with replacing(folder / "blind.npz") as temporary:
            np.savez(temporary, rows=rows, part=part, logs=np.log(said.clip(1e-7)))
    elif not only.startswith(_LAST):
        return stuff

    targets = truth.copy()
    targets[rows] = recipe.emotion.trust * truth[rows] + (1 - recipe.emotion.trust) * said
    lent = None
    if beside is not None and recipe.emotion.hearsay:
        lent = np.full((len(beside.dataset), len(EMOTIONS)), np.nan, np.float32)
        lent[others[hears]] = heard[hears]
    val = stuff.rows("val") if len(stuff.rows("val")) else rows
    for member, tutor in enumerate(tutors):
        if only in (None, _named(_LAST, member)):
            data = lessons(recipe, stuff, rows, val, targets, lent if tutor is None else None, tutor)
            school.learn(recipe, data, _named(_LAST, member), member)
    return stuff


def _fold_names(recipe: Recipe) -> list[str]:
    return [f"fold-{number}" for number in range(recipe.emotion.folds)]


def _named(what: str, member: int) -> str:
    """The folder of a member: the first has the plain name, the second `fold-0-2`, `student-2`."""
    return what if member == 0 else f"{what}-{member + 1}"


@dataclass(frozen=True, slots=True, eq=False)
class _School:
    """What all networks of a run share."""

    recipe: Recipe
    stuff: EmotionMaterial
    folder: Path
    cache: Path
    assets: AssetStore | None
    progress: Progress | None
    watcher: Watcher | None

    def learn(self, recipe: Recipe, data: TrainingData, name: str, member: int) -> Network:
        """Train a network into a folder of the run, or take the one that is there."""
        from visavis.lab.checkpoint import save_weights
        from visavis.lab.models import named_state
        from visavis.lab.train import train

        recipe = replace(recipe, seed=recipe.seed + member)
        network, where = network_of(recipe, assets=self.assets), self.folder / name
        if not recipe.model.frozen:
            train(recipe, network, data, folder=where, watcher=self.watcher)
            return network
        from visavis.lab.features import on_features

        # The trunk stays as it is: what it gives of each changed copy is computed once, for all networks.
        still = replace(recipe, augment=AugmentRecipe(), flip_average=False)
        copies = changed_copies(self.recipe, settled(data), cache=self.cache)
        small, kept = on_features(still, network, copies, folder=self.cache, progress=self.progress)
        train(still, small, kept, folder=where / "head", watcher=self.watcher)
        # The head's layers are the whole network's own, so this is the whole one, trained.
        save_weights(where / "best.pt", named_state(network.model))
        for file in ("recipe.toml", "provenance.json"):
            with replacing(where / file) as temporary:
                temporary.write_bytes((where / "head" / file).read_bytes())
        return network

    def ask(self, network: Network, pixels: NDArray[np.uint8], which: NDArray[np.int64]) -> Float32:
        """(len(which), 7) probabilities."""
        from visavis.lab.train import half_precision, predict

        half = half_precision(self.recipe.train.precision)
        told: Float32 = predict(network, pixels, which, flip=self.recipe.flip_average, half=half, choices=len(EMOTIONS))
        return told

    def tutors(self, others: NDArray[np.int64]) -> tuple[PublishedTutor | None, ...]:
        """Who draws the labels of each member; None where it heeds nobody.

        Args:
            others: rows of the faces of attributes that learn an emotion by hearsay.
        """
        heed = self.recipe.emotion.heed
        if not any(heed):
            return (None,) * len(heed)
        from visavis.lab.published import Published, PublishedTutor, fer_pictures

        store, beside = self.assets or AssetStore(), self.stuff.beside
        told = Published.load(store)
        pictures, asked = fer_pictures(
            self.stuff.dataset, self.stuff.faces.keypoints, folder=self.cache, progress=self.progress
        )
        if beside is not None:
            faces = find_faces_of(beside.dataset, folder=self.cache, assets=store, progress=self.progress)
            more, shown = fer_pictures(beside.dataset, faces.keypoints, folder=self.cache, progress=self.progress)
            hearing = np.zeros(len(shown), np.bool_)
            hearing[others] = True
            pictures, asked = np.concatenate([pictures, more]), np.concatenate([asked, shown & hearing])
        return tuple(PublishedTutor(told, pictures, asked, share) if share else None for share in heed)


def read_blind(folder: Path) -> Blind:
    """What the folds of a run say of the faces that they were blind to.

    Raises:
        InputError: the folder holds no finished run.
    """
    try:
        with np.load(folder / "blind.npz") as file:
            return Blind(file["rows"], file["part"], file["logs"])
    except (OSError, KeyError, ValueError) as error:
        raise InputError(
            f"{folder} is no run of emotions ({error}); train one with: visavis lab train-emotion"
        ) from error


def emotion_network(folder: Path) -> tuple[Recipe, Network]:
    """The recipe of a run, and its network cut down to the emotions: (N, size, size, 3) normalised -> (N, 7) logits.

    Raises:
        InputError: the folder holds no finished run.
        ModelError: its weights do not fit its recipe.
    """
    from visavis.lab.models import keras

    if not (folder / "recipe.toml").is_file():
        raise InputError(f"{folder} is no run of emotions; train one with: visavis lab train-emotion")
    recipe = load_recipe(folder / "recipe.toml")
    count = len(recipe.emotion.heed)
    networks = [load_run(folder / _named(_LAST, member))[1] for member in range(count)]
    logits = [_logits_of(networks, member) for member in range(count)]
    mean = keras.layers.Average(name="mean")(logits) if count > 1 else logits[0]
    return recipe, replace(networks[0], model=keras.Model(networks[0].model.input, mean, name="emotions"))


def _logits_of(networks: Sequence[Network], member: int) -> Any:
    """The seven logits of a member, over the frozen trunk of the first where they share it, else over its own."""
    from visavis.lab.models import keras

    first, network = networks[0], networks[member]
    head = network.model.get_layer("attributes")
    kernel, bias = (variable.value.detach() for variable in head.weights)
    small = keras.layers.Dense(len(EMOTIONS), name=f"emotions_{member}")
    ground = network.trunk[0]
    if member == 0:
        features = head.input
    elif network.model.get_layer(ground).trainable:
        features = keras.Model(network.model.input, head.input)(first.model.input)
    else:
        above = keras.Model(network.model.get_layer(ground).output, head.input)
        features = above(first.model.get_layer(ground).output)
    logits = small(features)
    for variable, tensor in zip(small.weights, (kernel, bias), strict=True):
        variable.value.data.copy_(tensor[..., : len(EMOTIONS)])
    return logits
