"""What a run that is done says of the training pictures, as labels for the next one: those of annotators are noisy.

A network that learns partly from another's opinions does better than from the labels alone (Furlanello et al., "Born
again neural networks", arXiv:1805.04770), the more so where annotators do not agree with themselves.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Final

import numpy as np

from visavis.errors import ConfigError, InputError
from visavis.files import replacing
from visavis.lab.finished import load_run
from visavis.lab.metrics import logit
from visavis.lab.recipe import Recipe
from visavis.lab.runs import expand, material
from visavis.lab.training_data import TrainingData
from visavis.types import Float32

__all__ = ["TAUGHT", "taught"]

#: The file in a run folder that keeps the labels learnt from, so that a run that goes on sees the very same.
TAUGHT: Final = "taught.npy"


def taught(recipe: Recipe, data: TrainingData, *, folder: Path, cache: Path) -> TrainingData:
    """The data with labels of the training side drawn towards a teacher's opinion; validation keeps its own.

    Args:
        recipe: whose `train.teacher` are run folders, and whose `train.trust` is the weight of the labels.
        data: what to change.
        folder: the run folder that keeps the labels.
        cache: folder of decoded pictures.

    Raises:
        InputError, ModelError: the teacher is no run.
        ConfigError: the teacher tells other attributes, or is of another data set.
    """
    path = folder / TAUGHT
    if path.is_file():
        return replace(data, labels=np.load(path))
    labels = data.labels.astype(np.float32)
    said = _opinions(recipe, data, cache=cache)
    trust = recipe.train.trust
    labels[data.train] = trust * labels[data.train] + (1 - trust) * said
    with replacing(path) as temporary, temporary.open("wb") as file:
        np.save(file, labels)
    return replace(data, labels=labels)


def _opinions(recipe: Recipe, data: TrainingData, *, cache: Path) -> Float32:
    """(training rows, A) probabilities, the mean of the teachers' log-odds."""
    said = [logit(_opinion(expand(folder), data, cache=cache)) for folder in recipe.train.teacher]
    return np.asarray(0.5 * (1 + np.tanh(np.mean(said, axis=0) / 2)), np.float32)


def _opinion(folder: Path, data: TrainingData, *, cache: Path) -> Float32:
    """(training rows, A) probabilities by one teacher, judged as it judges."""
    from visavis.lab.train import half_precision, predict, use_resident_memory

    use_resident_memory()
    theirs, network = load_run(folder)
    missing = [name for name in data.attributes if name not in theirs.data.names]
    if missing:
        raise ConfigError(f"the teacher {folder} tells nothing of {', '.join(missing)}; name one that knows them")
    stuff = material(theirs, cache=cache)
    if stuff.dataset.fingerprint() != data.fingerprint:
        raise ConfigError(f"the teacher {folder} learnt from another data set, where its rows are other pictures")
    if not stuff.exact.usable[data.train].all():
        raise InputError(f"the teacher {folder} cannot see all training pictures")
    half = half_precision(theirs.train.precision)
    said = predict(network, stuff.exact.pixels, data.train, flip=theirs.flip_average, half=half)
    columns = [theirs.data.names.index(name) for name in data.attributes]
    return np.asarray(said[:, columns], np.float32)
