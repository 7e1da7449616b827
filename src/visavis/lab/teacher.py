"""What a run that is done says of the training pictures, as labels for the next one: those of annotators are noisy.

A network that learns partly from another's opinions does better than from the labels alone (Furlanello et al., "Born
again neural networks", arXiv:1805.04770), the more so where annotators do not agree with themselves.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from visavis.errors import ConfigError, InputError
from visavis.files import replacing
from visavis.lab.finished import load_run
from visavis.lab.metrics import logit
from visavis.lab.recipe import Recipe
from visavis.lab.runs import expand, material
from visavis.lab.training_data import TrainingData
from visavis.types import Float32

if TYPE_CHECKING:
    from torch import Tensor

    from visavis.lab.models import Network

__all__ = ["TAUGHT", "RunTutor", "taught", "tutored"]

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
    columns = _columns(folder, theirs, data.attributes)
    stuff = material(theirs, cache=cache)
    if stuff.dataset.fingerprint() != data.fingerprint:
        raise ConfigError(f"the teacher {folder} learnt from another data set, where its rows are other pictures")
    if not stuff.exact.usable[data.train].all():
        raise InputError(f"the teacher {folder} cannot see all training pictures")
    half = half_precision(theirs.train.precision)
    said = predict(network, stuff.exact.pixels, data.train, flip=theirs.flip_average, half=half)
    return np.asarray(said[:, columns], np.float32)


def _columns(folder: Path, theirs: Recipe, attributes: Sequence[str]) -> list[int]:
    """Which of a run's outputs are the attributes, in their order."""
    missing = [name for name in attributes if name not in theirs.data.names]
    if missing:
        raise ConfigError(f"the teacher {folder} tells nothing of {', '.join(missing)}; name one that knows them")
    return [theirs.data.names.index(name) for name in attributes]


def tutored(recipe: Recipe, data: TrainingData) -> TrainingData:
    """The data with the recipe's `train.tutor` at hand.

    Raises:
        InputError, ModelError: the tutor is no run.
        ConfigError: it tells other attributes.
    """
    folder = expand(recipe.train.tutor)
    theirs, network = load_run(folder)
    columns = _columns(folder, theirs, data.attributes)
    tutor = RunTutor(network, columns, recipe.train.heed)
    return replace(data, tutor=tutor, fingerprint=f"{data.fingerprint} tutored by {recipe.train.tutor}")


@dataclass(frozen=True, slots=True, eq=False)
class RunTutor:
    """A network that is asked about the pictures of each step, changed and blended, as `Tutor` says.

    What it said of a picture once tells its opinion of that one; asked about ever new ones it is learnt as a function
    (Beyer et al., "Knowledge distillation: A good teacher is patient and consistent", arXiv:2106.05237).

    Attributes:
        network: what is asked; it sees the same square, shrunk or enlarged to its own size.
        columns: its outputs, in the order of the attributes learnt.
        heed: how far its opinion counts against the label.
    """

    network: Network
    columns: list[int]
    heed: float

    def draw(
        self, rows: NDArray[np.int64], labels: Tensor, mixed: Tensor, *, pictures: Tensor, alpha: float, seed: int
    ) -> Tensor:
        """See `Tutor.draw`."""
        import torch

        from visavis.lab.models import logits_of
        from visavis.lab.train import half_precision

        with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16, enabled=half_precision("bfloat16")):
            squares = pictures.permute(0, 3, 1, 2)
            size = (self.network.size, self.network.size)
            squares = torch.nn.functional.interpolate(squares, size, mode="bilinear", antialias=True)
            seen = self.network.normalise(squares.permute(0, 2, 3, 1))
            said = torch.sigmoid(logits_of(self.network.model(seen, training=False)))[:, self.columns]
        return mixed + self.heed * (said.clone() - mixed)
