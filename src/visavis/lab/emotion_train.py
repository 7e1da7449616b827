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

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from visavis.assets import AssetStore
from visavis.errors import ConfigError
from visavis.files import replacing
from visavis.lab.emotion_data import folds
from visavis.lab.emotion_lessons import EmotionMaterial, changed_copies, emotion_material, lessons, settled
from visavis.lab.emotion_runs import LAST, inherited_blind, save_blind, start_of
from visavis.lab.framing import find_faces_of
from visavis.lab.pixels import Progress
from visavis.lab.recipe import AugmentRecipe, Recipe, dump_recipe
from visavis.lab.runs import network_of
from visavis.lab.training_data import TrainingData
from visavis.types import EMOTIONS, Float32

if TYPE_CHECKING:
    from visavis.lab.models import Network
    from visavis.lab.published import PublishedTutor
    from visavis.lab.train import Watcher

__all__ = ["train_emotion"]


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
    names = [*_fold_names(recipe), LAST]
    if only is not None and only not in names:
        raise ConfigError(f"the recipe has the networks {', '.join(names)}, and none called {only}")
    listens = recipe.emotion.hearsay > 0 and not recipe.emotion.heed
    inherits = not recipe.emotion.folds
    if only == LAST and not inherits and (recipe.emotion.trust < 1 or listens):
        raise ConfigError(f"{only} learns from what the folds say; train it with them, or with emotion.trust = 1")
    if inherits and listens:
        raise ConfigError("emotion.hearsay without emotion.heed is what the folds say; with emotion.folds = 0 are none")
    stuff = emotion_material(recipe, cache=cache, assets=assets, progress=progress)
    school = _School(recipe, stuff, folder, cache, assets, progress, watcher)
    rows, truth = stuff.rows("train"), stuff.dataset.labels.astype(np.float32)
    if inherits:
        blind = inherited_blind(recipe, rows)
        part, said = blind.part, np.exp(blind.logs)
    else:
        part = folds(stuff.dataset.take(rows), recipe.emotion.folds, seed=recipe.seed)
        said = np.zeros((len(rows), len(EMOTIONS)), np.float32)
    beside = stuff.beside
    others = np.zeros(0, np.int64) if beside is None else beside.rows("train")
    heard = np.zeros((len(others), len(EMOTIONS)), np.float32)
    with replacing(folder / "recipe.toml") as temporary:
        temporary.write_text(dump_recipe(recipe), encoding="utf-8")

    hears = np.random.default_rng(recipe.seed).random(len(others)) < recipe.emotion.hearsay
    tutor = school.tutor(others[hears])
    # What is done with the folds' opinions later does not change how they are trained.
    unheard = replace(recipe, emotion=replace(recipe.emotion, trust=1.0, hearsay=0.0))
    for number, what in enumerate(_fold_names(recipe)):
        if only not in (None, what):
            continue
        held = part == number
        network = school.learn(unheard, lessons(recipe, stuff, rows[~held], rows[held], truth, tutor=tutor), what)
        said[held] = school.ask(network, stuff.exact.pixels, rows[held])
        if beside is not None and listens:
            heard += school.ask(network, beside.exact.pixels, others) / recipe.emotion.folds
    if only is None:
        save_blind(folder, rows, part, said)
    elif only != LAST:
        return stuff

    targets = truth.copy()
    targets[rows] = recipe.emotion.trust * truth[rows] + (1 - recipe.emotion.trust) * said
    lent = None
    if beside is not None and listens:
        lent = np.full((len(beside.dataset), len(EMOTIONS)), np.nan, np.float32)
        lent[others[hears]] = heard[hears]
    val = stuff.rows("val") if len(stuff.rows("val")) else rows
    school.learn(recipe, lessons(recipe, stuff, rows, val, targets, lent, tutor), LAST)
    return stuff


def _fold_names(recipe: Recipe) -> list[str]:
    return [f"fold-{number}" for number in range(recipe.emotion.folds)]


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

    def learn(self, recipe: Recipe, data: TrainingData, name: str) -> Network:
        """Train a network into a folder of the run, or take the one that is there."""
        from visavis.lab.checkpoint import save_weights
        from visavis.lab.models import named_state
        from visavis.lab.train import train

        start = replace(recipe, model=replace(recipe.model, weights=start_of(recipe, name)))
        network, where = network_of(start, assets=self.assets), self.folder / name
        if not (recipe.model.frozen and recipe.emotion.views):
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

    def tutor(self, others: NDArray[np.int64]) -> PublishedTutor | None:
        """Who draws the labels; None where nobody is heeded.

        Args:
            others: rows of the faces of attributes that learn an emotion by hearsay.
        """
        if not self.recipe.emotion.heed:
            return None
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
        return PublishedTutor(told, pictures, asked, self.recipe.emotion.heed)
