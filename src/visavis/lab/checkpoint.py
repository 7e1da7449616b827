"""What a run keeps while it learns: the log, and checkpoints from which a killed run goes on."""

# torch is not typed here, so its decorators are Any.
# mypy: disable-error-code="misc,untyped-decorator"

from __future__ import annotations

import csv
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from visavis.errors import ConfigError, ModelError
from visavis.files import replacing
from visavis.lab.recipe import Recipe, dump_recipe, recipe_from

__all__ = ["Checkpoint", "Epoch", "read_weights", "save_weights", "write_log"]


@dataclass(frozen=True, slots=True)
class Epoch:
    """One line of the log; the metrics are of validation.

    `six_average_precision` is the mean over those of the report's six that are learnt; over all where none is.
    """

    phase: str
    epoch: int
    seconds: float
    rate: float
    train_loss: float
    loss: float
    mean_average_precision: float
    six_average_precision: float
    accuracy: float
    micro_precision: float
    micro_recall: float


@dataclass(frozen=True, slots=True, eq=False)
class Checkpoint:
    """All that a killed run needs to go on as if nothing had happened."""

    phase: int
    step: int
    state: dict[str, Tensor]
    average: dict[str, Tensor]
    optimizer: dict[str, Any]
    log: list[Epoch]
    best: float
    slow: float
    waited: int
    loss_sum: float

    @staticmethod
    def save(path: Path, *, recipe: Recipe, data: str, log: list[Epoch], **rest: Any) -> None:
        """Write one; `data` is the data set's fingerprint, `rest` the other attributes."""
        lines = [[getattr(entry, name) for name in Epoch.__slots__] for entry in log]
        save_weights(path, {"recipe": dump_recipe(recipe), "data": data, "log": lines, **rest})

    @classmethod
    def load(cls, path: Path, *, recipe: Recipe, data: str) -> Checkpoint | None:
        """Read one, or None where there is none.

        Raises:
            ConfigError: it is of another recipe or data set.
            ModelError: it is damaged, or of another version.
        """
        if not path.is_file():
            return None
        content = read_weights(path)
        # Read, not compared as text: a key that is younger than the run has its default there.
        if recipe_from(tomllib.loads(content.pop("recipe", ""))) != recipe or content.pop("data", None) != data:
            raise ConfigError(
                f"{path.parent} holds a run of another recipe or data set; give another folder, or remove it"
            )
        try:
            return cls(log=[Epoch(*line) for line in content.pop("log")], **content)
        except (KeyError, TypeError) as error:
            raise ModelError(f"{path} is a checkpoint of another version ({error}); remove it to start anew") from error


def save_weights(path: Path, content: Any) -> None:
    """Write tensors, or a table that holds some, whole or not at all."""
    with replacing(path) as temporary:
        torch.save(content, temporary)


def read_weights(path: Path) -> Any:
    """Tensors of a run's file, by name.

    Raises:
        ModelError: the file is damaged or something else.
    """
    try:
        return torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # what torch's reader raises on damaged files is not told, and varies
        raise ModelError(f"{path} is no checkpoint of the lab ({error}); remove it to start anew") from error


def write_log(folder: Path, log: list[Epoch]) -> None:
    """Write `log.csv` anew, and add the last epoch to TensorBoard's events where that is installed.

    Raises:
        OutputError: the folder cannot be written.
    """
    with replacing(folder / "log.csv") as temporary, temporary.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(Epoch.__slots__)
        writer.writerows([getattr(entry, name) for name in Epoch.__slots__] for entry in log)
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError:
        return  # CSV is always written; TensorBoard is an extra
    with SummaryWriter(str(folder / "tensorboard")) as board:
        for name in ("train_loss", "loss", "mean_average_precision", "six_average_precision", "accuracy"):
            board.add_scalar(name, getattr(log[-1], name), len(log) - 1)
