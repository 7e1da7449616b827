"""Several runs as one classifier: the mean of their logits, or the mean of their weights.

A folder with `members.toml` in place of `best.pt` is a run like any other to whatever evaluates, exports or looks into
runs; its network is the mean of its members' logits. Two networks that learnt otherwise err apart, and one pass through
each costs what a picture and its mirror image cost in one.

    name = "pair"
    members = ["../default", "../companion"]     # run folders, relative to this file
    flip_average = false
"""

# torch and Keras are not typed here, so their classes and decorators are Any.
# mypy: disable-error-code="misc,untyped-decorator"

from __future__ import annotations

import os
import tomllib
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from visavis.errors import ConfigError, InputError
from visavis.files import replacing
from visavis.lab.recipe import Recipe, dump_recipe, load_recipe

if TYPE_CHECKING:
    from visavis.lab.models import Network

__all__ = ["MEMBERS", "average_weights", "join_runs", "load_members", "mean_of", "member_folders"]

#: The file that makes a folder a run of several members.
MEMBERS: Final = "members.toml"


def mean_of(networks: Sequence[Network]) -> Network:
    """One network whose logits are the mean of the members'; weights are shared with them, not copied.

    Args:
        networks: members that take the same pictures and give the same attributes.

    Raises:
        ConfigError: none is given, or they take other pictures or give other outputs.
    """
    from visavis.lab.models import Logits, Network, keras

    if not networks:
        raise ConfigError("there is no member to take the mean of")
    first = networks[0]
    for other in networks[1:]:
        forms = [(one.size, one.normalise, one.model.output_shape) for one in (first, other)]
        if forms[0] != forms[1]:
            raise ConfigError(f"members must take and give the same, not {forms[0]} and {forms[1]}")
    pictures = keras.Input((first.size, first.size, 3), name="pictures")
    logits = []
    for number, network in enumerate(networks):
        layer = network.model.get_layer("attributes")
        features = keras.Model(network.model.input, layer.input, name=f"member_{number}")
        logits.append(Logits(layer, name=f"logits_{number}")(features(pictures)))
    mean = keras.layers.Average(name="mean")(logits) if len(logits) > 1 else logits[0]
    model = keras.Model(pictures, keras.layers.Activation("sigmoid", name="attributes")(mean), name="mean_of_members")
    return Network(model, first.size, first.normalise, (), members=tuple(networks))


def load_members(folder: Path) -> tuple[Recipe, Network]:
    """The recipe (that of the first member, with the folder's own name) and network of a run of several members.

    Raises:
        ConfigError: `members.toml` is wrong, or the members do not fit together.
        InputError, ModelError: a member is no run.
    """
    from visavis.lab.runs import load_run

    name, flip, places = _read_members(folder)
    loaded = [load_run(place) for place in places]
    recipes = [recipe for recipe, _ in loaded]
    for recipe in recipes[1:]:
        if (recipe.data, recipe.shape) != (recipes[0].data, recipes[0].shape):
            raise ConfigError(f"members must share their data and shape: {recipe.name} and {recipes[0].name} do not")
    return replace(recipes[0], name=name, flip_average=flip), mean_of([network for _, network in loaded])


def member_folders(folder: Path) -> tuple[Path, ...]:
    """The run folders whose mean a run is; none where it is a run of its own.

    Raises:
        ConfigError: `members.toml` is wrong.
    """
    return _read_members(folder)[2] if (folder / MEMBERS).is_file() else ()


def _read_members(folder: Path) -> tuple[str, bool, tuple[Path, ...]]:
    """Name, whether mirror images count, and the members' folders."""
    path = folder / MEMBERS
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
        places = tuple(folder / str(member) for member in table["members"])
        return str(table["name"]), bool(table["flip_average"]), places
    except (OSError, KeyError, TypeError, ValueError) as error:
        raise ConfigError(f"{path} does not name members ({error}); make it with: visavis lab join") from error


def join_runs(folder: Path, runs: Sequence[Path], *, flip_average: bool = False) -> None:
    """Make a folder a run of several members.

    Args:
        folder: the new run folder; its name is the run's.
        runs: at least two run folders.
        flip_average: also judge by the mirror image, for twice the time.

    Raises:
        ConfigError: fewer than two runs, or they do not fit together.
        InputError, ModelError: a member is no run.
    """
    if len(runs) < 2:
        raise ConfigError("a mean needs at least two runs")
    listed = ", ".join(f'"{Path(os.path.relpath(run, folder)).as_posix()}"' for run in runs)
    text = f'name = "{folder.name}"\nmembers = [{listed}]\nflip_average = {"true" if flip_average else "false"}\n'
    with replacing(folder / MEMBERS) as temporary:
        temporary.write_text(text, encoding="utf-8")
    try:
        recipe, _ = load_members(folder)
    except Exception:
        (folder / MEMBERS).unlink()
        raise
    with replacing(folder / "recipe.toml") as temporary:
        temporary.write_text(dump_recipe(recipe), encoding="utf-8")


def average_weights(folder: Path, runs: Sequence[Path]) -> None:
    """Make a run folder whose weights are the mean of runs' that began alike (Wortsman et al., arXiv:2203.05482).

    The result costs what one costs. Whether it is worth more than one must be measured: it is where the runs lie in one
    valley of the loss.

    Raises:
        ConfigError: fewer than two runs, or other networks.
        InputError, ModelError: one is no run.
    """
    import torch

    from visavis.lab.checkpoint import read_weights, save_weights

    if len(runs) < 2:
        raise ConfigError("a mean needs at least two runs")
    for run in runs:
        if not (run / "best.pt").is_file():
            raise InputError(f"{run} is no run of one network: expected best.pt in it")
    recipes = [load_recipe(run / "recipe.toml") for run in runs]
    states: list[dict[str, Any]] = [read_weights(run / "best.pt") for run in runs]
    shapes = [{name: tensor.shape for name, tensor in state.items()} for state in states]
    if any(shape != shapes[0] for shape in shapes[1:]):
        raise ConfigError("weights can be averaged only of networks of the same form")
    mean = {
        name: torch.stack([state[name] for state in states]).mean(0) if tensor.is_floating_point() else tensor
        for name, tensor in states[0].items()
    }
    save_weights(folder / "best.pt", mean)
    with replacing(folder / "recipe.toml") as temporary:
        temporary.write_text(dump_recipe(replace(recipes[0], name=folder.name)), encoding="utf-8")
