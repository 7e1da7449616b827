"""Pictures of faces with binary attributes: one frozen `Dataset`, whatever form it was published in."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from visavis.errors import ConfigError

__all__ = ["ATTRIBUTES", "SIX", "SPLITS", "Dataset"]

#: CelebA's 40 attributes, in its own order.
ATTRIBUTES: Final[tuple[str, ...]] = (
    "5_o_Clock_Shadow",
    "Arched_Eyebrows",
    "Attractive",
    "Bags_Under_Eyes",
    "Bald",
    "Bangs",
    "Big_Lips",
    "Big_Nose",
    "Black_Hair",
    "Blond_Hair",
    "Blurry",
    "Brown_Hair",
    "Bushy_Eyebrows",
    "Chubby",
    "Double_Chin",
    "Eyeglasses",
    "Goatee",
    "Gray_Hair",
    "Heavy_Makeup",
    "High_Cheekbones",
    "Male",
    "Mouth_Slightly_Open",
    "Mustache",
    "Narrow_Eyes",
    "No_Beard",
    "Oval_Face",
    "Pale_Skin",
    "Pointy_Nose",
    "Receding_Hairline",
    "Rosy_Cheeks",
    "Sideburns",
    "Smiling",
    "Straight_Hair",
    "Wavy_Hair",
    "Wearing_Earrings",
    "Wearing_Hat",
    "Wearing_Lipstick",
    "Wearing_Necklace",
    "Wearing_Necktie",
    "Young",
)
#: The six of the founding report, in its order.
SIX: Final = ("Bags_Under_Eyes", "Big_Lips", "High_Cheekbones", "Mouth_Slightly_Open", "Narrow_Eyes", "Smiling")
#: The sides of a split, in the order of CelebA's own partition numbers.
SPLITS: Final = ("train", "val", "test")


@dataclass(frozen=True, slots=True, eq=False)
class Dataset:
    """Pictures, by name, with their labels.

    Attributes:
        root: folder that `files` are relative to.
        files: N names of picture files; for Parquet, `shard.parquet#row`.
        attributes: A attribute names, the columns of `labels`.
        labels: (N, A) uint8, 0 or 1.
        identity: (N,) int64 number of the person, -1 where unknown.
        split: N of `train`, `val`, `test`, or an empty string where none is given.

    Raises:
        ValueError: lengths disagree, or a label is neither 0 nor 1.
    """

    root: Path
    files: tuple[str, ...]
    attributes: tuple[str, ...]
    labels: NDArray[np.uint8]
    identity: NDArray[np.int64]
    split: tuple[str, ...]

    def __post_init__(self) -> None:
        count = len(self.files)
        if self.labels.shape != (count, len(self.attributes)) or self.labels.dtype != np.uint8:
            raise ValueError(
                f"labels must be uint8 of shape {(count, len(self.attributes))}, "
                f"not {self.labels.dtype} {self.labels.shape}"
            )
        if self.identity.shape != (count,) or len(self.split) != count:
            raise ValueError(f"identity and split must have one entry for each of the {count} files")
        if count and self.labels.max() > 1:
            raise ValueError("labels must be 0 or 1")

    def __len__(self) -> int:
        return len(self.files)

    def path(self, index: int) -> Path:
        """Path of one picture."""
        return self.root / self.files[index]

    def indices(self, split: str) -> NDArray[np.int64]:
        """Row numbers of one side of the split, in order."""
        return np.array([i for i, side in enumerate(self.split) if side == split], np.int64)

    def take(self, rows: Sequence[int] | NDArray[np.int64]) -> Dataset:
        """The data set of the given rows, in the order given."""
        chosen = np.asarray(rows, np.int64)
        return replace(
            self,
            files=tuple(self.files[i] for i in chosen),
            labels=self.labels[chosen],
            identity=self.identity[chosen],
            split=tuple(self.split[i] for i in chosen),
        )

    def column(self, attribute: str) -> NDArray[np.uint8]:
        """(N,) labels of one attribute.

        Raises:
            ConfigError: the data set has no such attribute.
        """
        return self.columns((attribute,))[:, 0]

    def columns(self, attributes: Sequence[str]) -> NDArray[np.uint8]:
        """(N, len(attributes)) labels in the order asked for.

        Raises:
            ConfigError: the data set lacks one of them.
        """
        missing = [name for name in attributes if name not in self.attributes]
        if missing:
            raise ConfigError(f"{self.root} has no attribute {', '.join(missing)}; it has {', '.join(self.attributes)}")
        return self.labels[:, [self.attributes.index(name) for name in attributes]]

    def fingerprint(self) -> str:
        """sha256 of names, labels, people and split: what a run was trained on, apart from the pixels."""
        digest = hashlib.sha256("\n".join((*self.attributes, "", *self.files, "", *self.split)).encode())
        digest.update(np.ascontiguousarray(self.labels).tobytes())
        digest.update(np.ascontiguousarray(self.identity).tobytes())
        return digest.hexdigest()
