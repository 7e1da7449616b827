"""Several runs made one: the mean of their logits, or the mean of their weights."""

# torch and Keras are not typed here, so their classes and decorators are Any.
# mypy: disable-error-code="misc,untyped-decorator"

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from visavis.errors import ConfigError, InputError
from visavis.files import replacing
from visavis.lab.finished import MEMBERS, load_run
from visavis.lab.recipe import dump_recipe, load_recipe

__all__ = ["average_weights", "join_runs", "write_members"]


def join_runs(folder: Path, runs: Sequence[Path], *, shares: Sequence[float] = (), flip_average: bool = False) -> None:
    """Make a folder a run of several members.

    Args:
        folder: the new run folder; its name is the run's.
        runs: at least two run folders.
        shares: how much each run counts, in any unit; alike where there are none.
        flip_average: also judge by the mirror image, for twice the time.

    Raises:
        ConfigError: fewer than two runs, or they do not fit together, or shares are not theirs.
        InputError, ModelError: a member is no run.
    """
    if len(runs) < 2:
        raise ConfigError("a mean needs at least two runs")
    write_members(folder, runs, shares=shares, flip_average=flip_average)
    try:
        recipe, _ = load_run(folder)
    except Exception:
        (folder / MEMBERS).unlink()
        raise
    with replacing(folder / "recipe.toml") as temporary:
        temporary.write_text(dump_recipe(recipe), encoding="utf-8")


def write_members(folder: Path, runs: Sequence[Path], *, shares: Sequence[float] = (), flip_average: bool) -> None:
    """Write the file that makes a folder a run of several members, and check nothing."""
    listed = ", ".join(f'"{Path(os.path.relpath(run, folder)).as_posix()}"' for run in runs)
    text = f'name = "{folder.name}"\nmembers = [{listed}]\nflip_average = {"true" if flip_average else "false"}\n'
    if shares:
        text += f"shares = [{', '.join(map(str, shares))}]\n"
    with replacing(folder / MEMBERS) as temporary:
        temporary.write_text(text, encoding="utf-8")


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
