"""Finished runs of emotions: the networks that they keep, what their folds said, and several joined.

    RUN/fold-K/, RUN/student/   the networks (`emotion_train`)
    RUN/blind.npz               what the folds say of the faces that they were blind to
    JOINED/members.toml         in their place: the runs whose mean this is (`members`)

Members that stand on the same frozen trunk share it, in what is exported too.
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

from visavis.errors import ConfigError, InputError
from visavis.files import replacing
from visavis.lab.finished import load_run, read_members
from visavis.lab.members import write_members
from visavis.lab.recipe import Recipe, dump_recipe, load_recipe
from visavis.lab.runs import expand
from visavis.types import EMOTIONS, Float32

if TYPE_CHECKING:
    from visavis.lab.models import Network

__all__ = [
    "LAST",
    "Blind",
    "emotion_network",
    "inherited_blind",
    "join_emotions",
    "read_blind",
    "reads_emotions",
    "save_blind",
    "start_of",
]

#: The network that is kept.
LAST: Final = "student"


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


def reads_emotions(folder: Path) -> bool:
    """Whether a folder is a run of emotions, its own or joined."""
    return (folder / "recipe.toml").is_file() and bool(load_recipe(folder / "recipe.toml").emotion.faces)


def start_of(recipe: Recipe, name: str) -> str:
    """Where a network of a run starts from: the recipe's `model.weights`, or its namesake in that run of emotions.

    A namesake has seen and not seen the same faces, so that what the folds say stays blind.

    Raises:
        ConfigError: that run parted its faces otherwise.
    """
    weights = recipe.model.weights
    if weights in ("default", "none") or not reads_emotions(expand(weights)):
        return weights
    before = load_recipe(expand(weights) / "recipe.toml")
    if _parting(before, recipe) != _parting(recipe, recipe):
        raise ConfigError(
            f"{weights} parted its faces otherwise, so its networks know faces that those of this run must be blind "
            "to; give both recipes the same seed, emotion.faces, emotion.folds and data.limit"
        )
    return str(expand(weights) / name)


def _parting(recipe: Recipe, like: Recipe) -> tuple[Any, ...]:
    """What decides which faces each network of a run is blind to, as far as another cares."""
    return recipe.seed, recipe.emotion.faces, recipe.data.limit, recipe.emotion.folds if like.emotion.folds else 0


def inherited_blind(recipe: Recipe, rows: NDArray[np.int64]) -> Blind:
    """What the folds of the run that a recipe starts from said, for a run that trains none.

    Args:
        recipe: whose `emotion.folds` is 0.
        rows: the training faces.

    Raises:
        ConfigError: it starts from no run of emotions, or from one of other faces.
    """
    weights = recipe.model.weights
    if weights in ("default", "none") or not reads_emotions(expand(weights)):
        raise ConfigError(f"emotion.folds = 0 takes what the folds of a run of emotions said, and {weights} is none")
    blind = read_blind(expand(weights))
    if not np.array_equal(blind.rows, rows):
        raise ConfigError(f"{weights} learnt from other faces; with emotion.folds = 0 both must learn from the same")
    return blind


def save_blind(folder: Path, rows: NDArray[np.int64], part: NDArray[np.int64], said: Float32) -> None:
    """Keep what the folds say in a run folder; `said` are (T, 7) probabilities."""
    with replacing(folder / "blind.npz") as temporary:
        np.savez(temporary, rows=rows, part=part, logs=np.log(said.clip(1e-7)))


def read_blind(folder: Path) -> Blind:
    """What the folds of a run say of the faces that they were blind to; of joined runs, the mean of the logarithms.

    Raises:
        InputError: the folder holds no finished run.
    """
    members = read_members(folder)
    if members:
        said = [read_blind(member) for member in members.folders]
        logs = np.mean([one.logs for one in said], axis=0)
        return replace(said[0], logs=logs - np.logaddexp.reduce(logs, axis=1, keepdims=True))
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
    members = read_members(folder)
    networks = [load_run(one / LAST)[1] for one in (members.folders if members else (folder,))]
    logits = [_logits_of(networks, member) for member in range(len(networks))]
    mean = keras.layers.Average(name="mean")(logits) if len(networks) > 1 else logits[0]
    return recipe, replace(networks[0], model=keras.Model(networks[0].model.input, mean, name="emotions"))


def _logits_of(networks: Sequence[Network], member: int) -> Any:
    """The seven logits of a member, over the frozen trunk of the first where it is the same, else over its own."""
    from visavis.lab.models import keras

    first, network = networks[0], networks[member]
    head = network.model.get_layer("attributes")
    kernel, bias = (variable.value.detach() for variable in head.weights)
    small = keras.layers.Dense(len(EMOTIONS), name=f"emotions_{member}")
    ground = network.trunk[0]
    if member == 0:
        features = head.input
    elif _same_ground(first, network):
        above = keras.Model(network.model.get_layer(ground).output, head.input)
        features = above(first.model.get_layer(ground).output)
    else:
        features = keras.Model(network.model.input, head.input)(first.model.input)
    logits = small(features)
    for variable, tensor in zip(small.weights, (kernel, bias), strict=True):
        variable.value.data.copy_(tensor[..., : len(EMOTIONS)])
    return logits


def _same_ground(first: Network, second: Network) -> bool:
    """Whether two networks see pictures through the same weights up to where they learn."""
    from visavis.lab.models import named_state

    states = [
        {name: tensor for name, tensor in named_state(one.model).items() if name.partition("/")[0] == one.trunk[0]}
        for one in (first, second)
    ]
    return states[0].keys() == states[1].keys() and all(states[0][name].equal(states[1][name]) for name in states[0])


def join_emotions(folder: Path, runs: Sequence[Path]) -> None:
    """Make a folder the mean of several finished runs of emotions, to be exported like one.

    Args:
        folder: the new run folder; its name is the run's.
        runs: at least two run folders of the same faces, parted alike.

    Raises:
        ConfigError: fewer than two runs, or they do not fit together.
        InputError: one is no finished run.
    """
    if len(runs) < 2:
        raise ConfigError("a mean needs at least two runs")
    said = [read_blind(run) for run in runs]
    recipes = [load_recipe(run / "recipe.toml") for run in runs]
    for run, blind, recipe in zip(runs[1:], said[1:], recipes[1:], strict=True):
        if not (np.array_equal(blind.rows, said[0].rows) and np.array_equal(blind.part, said[0].part)):
            raise ConfigError(f"{run} and {runs[0]} learnt from other faces, or parted them otherwise")
        if recipe.model.resolution != recipes[0].model.resolution:
            raise ConfigError(f"{run} and {runs[0]} take pictures of another size")
    # The first that learnt beside attributes tells of all the data that was learnt from.
    whole = next((recipe for recipe in recipes if recipe.emotion.share < 1), recipes[0])
    heed = max(recipe.emotion.heed for recipe in recipes)
    joined = replace(whole, name=folder.name, emotion=replace(whole.emotion, heed=heed))
    write_members(folder, runs, flip_average=joined.flip_average)
    with replacing(folder / "recipe.toml") as temporary:
        temporary.write_text(dump_recipe(joined), encoding="utf-8")
