"""Finished runs read back: the network of a run folder, or the mean of several.

A folder with `members.toml` in place of `best.pt` is a run like any other to whatever evaluates, exports or looks into
runs; its network is the mean of its members' logits, each with its share. Two networks that learnt otherwise err apart,
and one pass through each costs what a picture and its mirror image cost in one.

    name = "pair"
    members = ["../default", "../student"]       # run folders, relative to this file
    shares = [0.5, 0.5]                          # alike, where there are none
    flip_average = false
"""

# torch and Keras are not typed here, so their classes and decorators are Any.
# mypy: disable-error-code="misc,untyped-decorator"

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

from visavis.errors import ConfigError, InputError
from visavis.lab.recipe import Recipe, load_recipe
from visavis.lab.runs import network_of

if TYPE_CHECKING:
    from visavis.lab.models import Network

__all__ = ["MEMBERS", "Members", "load_run", "mean_of", "read_members"]

#: The file that makes a folder a run of several members.
MEMBERS: Final = "members.toml"


def load_run(folder: Path) -> tuple[Recipe, Network]:
    """The recipe and the best network of a finished or running run.

    Raises:
        InputError: the folder holds no run.
        ModelError: its weights do not fit its recipe.
    """
    members = read_members(folder)
    if members:
        return _load_members(members)
    if not (folder / "recipe.toml").is_file() or not (folder / "best.pt").is_file():
        raise InputError(
            f"{folder} is no run: expected recipe.toml and best.pt in it; train one with: visavis lab train"
        )
    from visavis.lab.checkpoint import read_weights
    from visavis.lab.models import load_state

    recipe = load_recipe(folder / "recipe.toml")
    network = network_of(recipe, pretrained=False)
    load_state(network.model, read_weights(folder / "best.pt"))
    return recipe, network


def mean_of(networks: Sequence[Network], shares: Sequence[float] = ()) -> Network:
    """One network whose logits are the mean of the members'; weights are shared with them, not copied.

    Args:
        networks: members that take the same pictures and give the same attributes.
        shares: how much each counts, in any unit; alike where there are none.

    Raises:
        ConfigError: none is given, or they take other pictures or give other outputs, or shares are not theirs.
    """
    from visavis.lab.models import Logits, Network, keras

    if not networks:
        raise ConfigError("there is no member to take the mean of")
    first = networks[0]
    for other in networks[1:]:
        forms = [(one.size, one.normalise, one.model.output_shape) for one in (first, other)]
        if forms[0] != forms[1]:
            raise ConfigError(f"members must take and give the same, not {forms[0]} and {forms[1]}")
    parts = _parts(shares, len(networks))
    pictures = keras.Input((first.size, first.size, 3), name="pictures")
    logits = []
    for number, (network, share) in enumerate(zip(networks, parts, strict=True)):
        layer = network.model.get_layer("attributes")
        features = keras.Model(network.model.input, layer.input, name=f"member_{number}")
        logits.append(Logits(layer, name=f"logits_{number}", share=share)(features(pictures)))
    mean = keras.layers.Add(name="mean")(logits) if len(logits) > 1 else logits[0]
    model = keras.Model(pictures, keras.layers.Activation("sigmoid", name="attributes")(mean), name="mean_of_members")
    return Network(model, first.size, first.normalise, (), members=tuple(networks), shares=parts)


def _parts(shares: Sequence[float], count: int) -> tuple[float, ...]:
    """Shares of a whole.

    Raises:
        ConfigError: there are not so many, or one is not positive.
    """
    given = tuple(shares) or (1.0,) * count
    if len(given) != count or not all(0 < share < float("inf") for share in given):
        raise ConfigError(f"{count} members need as many shares, all positive, not {', '.join(map(str, given))}")
    return tuple(share / sum(given) for share in given)


@dataclass(frozen=True, slots=True)
class Members:
    """What makes a folder a run of several members.

    Attributes:
        name: of the run.
        folders: the members' run folders.
        shares: how much each counts; none where all count alike.
        flip_average: whether mirror images are judged as well.
    """

    name: str
    folders: tuple[Path, ...]
    shares: tuple[float, ...] = ()
    flip_average: bool = False


def read_members(folder: Path) -> Members | None:
    """The members whose mean a run is; None where it is a run of its own.

    Raises:
        ConfigError: `members.toml` is wrong.
    """
    path = folder / MEMBERS
    if not path.is_file():
        return None
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
        places = tuple(folder / str(member) for member in table["members"])
        shares = tuple(float(share) for share in table.get("shares", ()))
        return Members(str(table["name"]), places, shares, bool(table["flip_average"]))
    except (OSError, KeyError, TypeError, ValueError) as error:
        raise ConfigError(f"{path} does not name members ({error}); make it with: visavis lab join") from error


def _load_members(members: Members) -> tuple[Recipe, Network]:
    """The recipe (that of the first member, with the run's own name) and network of a run of several members.

    Raises:
        ConfigError: the members do not fit together.
        InputError, ModelError: a member is no run.
    """
    loaded = [load_run(place) for place in members.folders]
    recipes = [recipe for recipe, _ in loaded]
    for recipe in recipes[1:]:
        if (recipe.data, recipe.shape) != (recipes[0].data, recipes[0].shape):
            raise ConfigError(f"members must share their data and shape: {recipe.name} and {recipes[0].name} do not")
    joined = replace(recipes[0], name=members.name, flip_average=members.flip_average)
    return joined, mean_of([network for _, network in loaded], members.shares)
