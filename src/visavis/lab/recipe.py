"""A training run as data: one TOML file <-> one frozen `Recipe`; an unknown or ill-typed key is an error.

Building a recipe reads no data and loads no weights. The resolved recipe is written into every run folder.
"""

from __future__ import annotations

import tomllib
import types
import typing
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, is_dataclass
from importlib import resources
from pathlib import Path
from typing import Any

from visavis.errors import ConfigError
from visavis.lab.datasets import ATTRIBUTES, SIX

__all__ = [
    "AugmentRecipe",
    "DataRecipe",
    "EmotionRecipe",
    "ModelRecipe",
    "Recipe",
    "TrainRecipe",
    "dump_recipe",
    "load_recipe",
    "recipe_from",
    "shipped_recipes",
]


@dataclass(frozen=True, slots=True)
class DataRecipe:
    """Which pictures, and how they are split and framed.

    Attributes:
        path: the data set; `$VISAVIS_SHARED/...` is expanded.
        form: one of the forms of `datasets`; empty: told by the files.
        split: `official`, or `identity` (people dealt 70/15/15).
        attributes: names, or one of the words `six` and `all`.
        frame: `whole` (the picture as it is, for sets that are aligned already) or `face` (found, aligned and cut as
            the live product does it).
        grown: with `face`: how much larger a square than the live crop is stored for training, so that turning and
            shifting find real pixels.
        aligned: with `face`: the pictures are framed as CelebA-HQ's, which says where a face is that nothing finds.
        limit: use at most so many rows a side, for trials; 0 for all.
    """

    path: str = "$VISAVIS_SHARED/data/celeba-hq-256"
    form: str = ""
    split: str = "official"
    attributes: tuple[str, ...] = ("all",)
    frame: str = "whole"
    grown: float = 1.2
    aligned: bool = True
    limit: int = 0

    def __post_init__(self) -> None:
        _one_of("data.split", self.split, ("official", "identity"))
        _one_of("data.frame", self.frame, ("whole", "face"))
        _between("data.grown", self.grown, 1.0, 2.0)
        _between("data.limit", self.limit, 0, 10**9)
        if not self.attributes:
            raise ConfigError("data.attributes must name at least one attribute")

    @property
    def names(self) -> tuple[str, ...]:
        """The attributes by name, in the order of the outputs."""
        words: Mapping[str, tuple[str, ...]] = {"six": SIX, "all": ATTRIBUTES}
        return words.get(self.attributes[0], self.attributes) if len(self.attributes) == 1 else self.attributes


@dataclass(frozen=True, slots=True)
class ModelRecipe:
    """Which network.

    Attributes:
        backbone: `report_vgg19`, `efficientnet_lite0`, `expression_lite0`, or a name of `keras.applications`.
        weights: `default` (ImageNet's, from Keras or our assets), `none` (random), or the path of a file.
        sha256: what a file given by path must hash to; empty leaves it unchecked.
        resolution: side of the pictures in pixels.
        head: `gap` or `flatten`.
        hidden: widths of ReLU layers in the head (the report's network has its own).
        drop_out: share of features dropped before the last layer.
        drop_path: stochastic depth at the last block (EfficientNet-Lite0).
        frozen: only the head learns; what the trunk gives is then computed once, where nothing is augmented.
        border: so many pixels at each side EfficientNet-Lite0 does not look at, which makes it quicker and closer.
        seen: side in pixels at which MobileFaceNet sees what is between the borders; 0 as it is.
    """

    backbone: str = "efficientnet_lite0"
    weights: str = "default"
    sha256: str = ""
    resolution: int = 144
    head: str = "gap"
    hidden: tuple[int, ...] = ()
    drop_out: float = 0.2
    drop_path: float = 0.1
    frozen: bool = False
    border: int = 0
    seen: int = 0

    def __post_init__(self) -> None:
        _one_of("model.head", self.head, ("gap", "flatten"))
        _between("model.resolution", self.resolution, 32, 1024)
        _between("model.drop_out", self.drop_out, 0, 0.95)
        _between("model.drop_path", self.drop_path, 0, 0.95)
        _between("model.border", self.border, 0, 512)
        _between("model.seen", self.seen, 0, 1024)


@dataclass(frozen=True, slots=True)
class TrainRecipe:
    """How it learns.

    Attributes:
        epochs: epochs of the main phase.
        head_epochs: epochs before it in which only the head learns, on cached features; 0 for one phase.
        batch: pictures a step.
        optimizer: `adam` or `adamw`.
        rate: learning rate of the main phase.
        head_rate: learning rate of the head's phase.
        schedule: `constant`, `cosine` (to 0, after `warmup` steps) or `plateau` (halved after 2 epochs without gain).
        warmup: steps of linear rise.
        weight_decay: of weight matrices, not of biases and norms.
        loss: `bce`, `weighted` (positives weigh as their rarity, at most 10) or `asymmetric` (arXiv:2009.14119).
        start_at_rates: begin with the last layer's biases at the attributes' rates and its weights at zero, so that
            the first steps need not unlearn a random guess.
        smoothing: labels pulled towards 0.5 by this much.
        mixup: pictures and labels are blended in pairs by Beta(mixup, mixup) (arXiv:1710.09412); 0 for never.
        emphasis: weight of the report's six in the loss, against 1 of the others.
        teacher: run folders whose mean opinion of the training pictures softens their labels; none for labels alone.
        trust: with a teacher, how far a label counts against what is said of it: 1 the label alone.
        tutor: a run folder that is asked at every step about the very pictures of that step; empty for none.
        heed: how far what the tutor says counts against label and teachers.
        average: decay of the running average of the weights (which is what is evaluated); 0 for none.
        clip: largest norm of the gradient; 0 for none.
        precision: `float32`, or `bfloat16` where the processor has it (a run says which it got).
        patience: stop after so many epochs without gain on validation; 0 for never.
        monitor: which figure of validation tells the best weights: `loss`, `mean_average_precision`, `last` (none: the
            last epoch's are kept), or
            `six_average_precision` of the report's six alone.
        checkpoint_steps: also save every so many steps; 0 saves at the end of epochs.
    """

    epochs: int = 10
    head_epochs: int = 0
    batch: int = 64
    optimizer: str = "adamw"
    rate: float = 2e-3
    head_rate: float = 2e-3
    schedule: str = "cosine"
    warmup: int = 200
    weight_decay: float = 0.02
    loss: str = "bce"
    start_at_rates: bool = True
    smoothing: float = 0.0
    mixup: float = 0.0
    emphasis: float = 1.0
    teacher: tuple[str, ...] = ()
    trust: float = 0.5
    tutor: str = ""
    heed: float = 0.5
    average: float = 0.998
    clip: float = 5.0
    precision: str = "bfloat16"
    patience: int = 0
    monitor: str = "mean_average_precision"
    checkpoint_steps: int = 0

    def __post_init__(self) -> None:
        _one_of("train.optimizer", self.optimizer, ("adam", "adamw"))
        _one_of("train.schedule", self.schedule, ("constant", "cosine", "plateau"))
        _one_of("train.loss", self.loss, ("bce", "weighted", "asymmetric"))
        _one_of("train.precision", self.precision, ("float32", "bfloat16"))
        _one_of("train.monitor", self.monitor, ("loss", "mean_average_precision", "six_average_precision", "last"))
        for name, low, high in (
            ("epochs", 1, 10_000), ("head_epochs", 0, 10_000), ("batch", 1, 65_536), ("rate", 1e-9, 10),
            ("head_rate", 1e-9, 10), ("warmup", 0, 10**9), ("weight_decay", 0, 10), ("smoothing", 0, 0.9),
            ("mixup", 0, 10), ("emphasis", 0.01, 100), ("trust", 0, 1), ("heed", 0, 1), ("average", 0, 0.99999),
            ("clip", 0, 1e9), ("patience", 0, 10_000), ("checkpoint_steps", 0, 10**9),
        ):  # fmt: skip
            _between(f"train.{name}", getattr(self, name), low, high)


@dataclass(frozen=True, slots=True)
class AugmentRecipe:
    """How strongly training pictures are changed; all zero leaves them alone.

    Attributes:
        flip: chance of a mirror image, 0 to 1.
        rotate: largest turn in degrees.
        scale: largest relative change of size.
        shift: largest shift, as a share of the side.
        light: largest relative change of brightness and of contrast.
        colour: largest relative change of one channel against the others (a colour cast).
        grey: chance that colours go.
        blur: chance of a loss of sharpness, as of a distant or moving face.
        jpeg: chance of being compressed as JPEG at quality 30 to 90.
        erase: chance that a rectangle of up to a quarter of the side is greyed out.
        painting: chance of canvas, cracks and varnish.
        coarse: chance of being seen at a third of the side or more, and enlarged again.
    """

    flip: float = 0.0
    rotate: float = 0.0
    scale: float = 0.0
    shift: float = 0.0
    light: float = 0.0
    colour: float = 0.0
    grey: float = 0.0
    blur: float = 0.0
    jpeg: float = 0.0
    erase: float = 0.0
    painting: float = 0.0
    coarse: float = 0.0

    def __post_init__(self) -> None:
        for entry in fields(self):
            _between(f"augment.{entry.name}", getattr(self, entry.name), 0, 45 if entry.name == "rotate" else 1)

    @property
    def active(self) -> bool:
        """Whether anything is changed at all."""
        return any(getattr(self, entry.name) for entry in fields(self))


@dataclass(frozen=True, slots=True)
class EmotionRecipe:
    """Faces labelled by emotion, learnt beside the attributes of `[data]`; without a folder there are none.

    Attributes:
        faces: folders, as `emotion_data.open_emotions` takes them; `$VISAVIS_SHARED/...` is expanded.
        share: which part of the pictures shown are of these faces.
        balance: how far rare emotions are shown more often: 0 as they come, 1 all alike.
        beside: weight of the attributes' loss beside the emotions'.
        folds: networks trained before the one that is kept, each blind to its own part of the training faces; with 0
            what those said of the run that this one starts from is taken over.
        trust: how far a label counts against what the network that was blind to the face says of it.
        heed: how far the opinion of published networks counts against both.
        hearsay: share of the faces of `[data]` that also learn what is said of their emotion, by whoever is heeded.
        views: with a frozen trunk, so many changed copies of each face are kept as features; 0 changes it at each step.
    """

    faces: tuple[str, ...] = ()
    share: float = 0.5
    balance: float = 0.5
    beside: float = 1.0
    folds: int = 3
    trust: float = 1.0
    heed: float = 0.0
    hearsay: float = 0.0
    views: int = 4

    def __post_init__(self) -> None:
        for name, low, high in (
            ("share", 0.05, 1), ("balance", 0, 1), ("beside", 0, 100), ("folds", 0, 20), ("trust", 0, 1),
            ("heed", 0, 1), ("hearsay", 0, 1), ("views", 0, 1000),
        ):  # fmt: skip
            _between(f"emotion.{name}", getattr(self, name), low, high)
        if self.folds == 1:
            raise ConfigError("emotion.folds must be 0, or at least 2: one network would be blind to all faces")


@dataclass(frozen=True, slots=True)
class Recipe:
    """One run.

    Attributes:
        name: what the run folder is called.
        seed: of everything random.
        flip_average: judge by the mean of a picture's and its mirror image's logits; so does what is exported.
        shape: with faces found, weigh in a linear reading of landmarks and blendshapes.
    """

    name: str = "run"
    seed: int = 0
    flip_average: bool = True
    shape: bool = False
    data: DataRecipe = field(default_factory=DataRecipe)
    model: ModelRecipe = field(default_factory=ModelRecipe)
    train: TrainRecipe = field(default_factory=TrainRecipe)
    augment: AugmentRecipe = field(default_factory=AugmentRecipe)
    emotion: EmotionRecipe = field(default_factory=EmotionRecipe)


def _one_of(name: str, value: str, known: Sequence[str]) -> None:
    if value not in known:
        raise ConfigError(f"{name} must be one of {', '.join(known)}, not {value!r}")


def _between(name: str, value: float, low: float, high: float) -> None:
    if not low <= value <= high:
        raise ConfigError(f"{name} must lie in [{low:g}, {high:g}], not {value}")


def recipe_from(table: Mapping[str, Any], *, where: str = "recipe") -> Recipe:
    """Build a recipe from nested tables, as TOML gives them; what is left out keeps its default.

    >>> recipe_from({"train": {"epochs": 2}}).train.epochs
    2

    Raises:
        ConfigError: an unknown key, a value of the wrong type or out of range.
    """
    result: Recipe = _build(Recipe, table, where)
    return result


def _build(kind: Any, table: Mapping[str, Any], where: str) -> Any:
    hints = typing.get_type_hints(kind)
    known = {entry.name: entry for entry in fields(kind)}
    unknown = sorted(set(table) - set(known))
    if unknown:
        raise ConfigError(f"{where}: unknown key {', '.join(unknown)}; known are {', '.join(known)}")
    values: dict[str, Any] = {}
    for name, value in table.items():
        hint, place = hints[name], f"{where}: {name}"
        if is_dataclass(hint):
            if not isinstance(value, Mapping):
                raise ConfigError(f"{place} must be a table, not {value!r}")
            values[name] = _build(hint, value, f"{where} [{name}]")
        else:
            values[name] = _typed(hint, value, place)
    return kind(**values)


def _typed(hint: Any, value: Any, place: str) -> Any:
    if isinstance(hint, types.GenericAlias):
        inner = hint.__args__[0]
        listed = [value] * bool(value) if isinstance(value, str) else value
        if not isinstance(listed, list | tuple):
            raise ConfigError(f"{place} must be a list, not {value!r}")
        return tuple(_typed(inner, entry, place) for entry in listed)
    if hint is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if not isinstance(value, hint) or (hint is not bool and isinstance(value, bool)):
        raise ConfigError(f"{place} must be {hint.__name__}, not {value!r}")
    return value


def shipped_recipes() -> tuple[str, ...]:
    """Names of the recipes that come with the package."""
    folder = resources.files("visavis.lab") / "recipes"
    return tuple(sorted(entry.name.removesuffix(".toml") for entry in folder.iterdir() if entry.name.endswith(".toml")))


def load_recipe(name: str | Path) -> Recipe:
    """Read a TOML file, or a shipped recipe by name.

    Raises:
        ConfigError: no such file or recipe, not TOML, or its content is wrong.
    """
    path = Path(name)
    if path.suffix == ".toml" or path.exists():
        where = str(path)
        try:
            text = path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigError(f"the recipe {path} cannot be read ({error}); check its path") from error
    elif str(name) in shipped_recipes():
        where = f"recipe {name}"
        text = (resources.files("visavis.lab") / "recipes" / f"{name}.toml").read_text(encoding="utf-8")
    else:
        raise ConfigError(
            f"there is no recipe {str(name)!r}; give a .toml file, or one of {', '.join(shipped_recipes())}"
        )
    try:
        return recipe_from(tomllib.loads(text), where=where)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{where} is not TOML ({error})") from error


def dump_recipe(recipe: Recipe) -> str:
    """The recipe as TOML that `load_recipe` gives back equal, every key written out."""
    lines = [f"{name} = {_toml(value)}" for name, value in _items(recipe) if not is_dataclass(value)]
    for name, value in _items(recipe):
        if is_dataclass(value):
            lines += ["", f"[{name}]", *(f"{key} = {_toml(entry)}" for key, entry in _items(value))]
    return "\n".join(lines) + "\n"


def _items(record: Any) -> list[tuple[str, Any]]:
    return [(entry.name, getattr(record, entry.name)) for entry in fields(record)]


def _toml(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, tuple):
        return "[" + ", ".join(map(_toml, value)) + "]"
    if isinstance(value, str):
        return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
    return repr(value)
