"""From expression coefficients to an emotion, by a table of rules that a person can read: `rules.toml`.

The table speaks in the action units (AU) of the Facial Action Coding System and in EMFACS, its dictionary of emotions:
P. Ekman, W. Friesen, J. Hager, "Facial Action Coding System", 2002; W. Friesen, P. Ekman, "EMFACS-7", 1983. An emotion
read from a face is what the face shows, not what the person feels: L. F. Barrett et al., "Emotional Expressions
Reconsidered", Psychological Science in the Public Interest 20(1), 2019.
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any, Final

import numpy as np

from visavis.errors import ConfigError
from visavis.types import BLENDSHAPE_INDEX, EMOTIONS, Emotion, Face, Float32

__all__ = ["ActionUnit", "EmotionRules", "Rule", "default_rules", "load_rules", "read_emotion"]


@dataclass(frozen=True, slots=True)
class ActionUnit:
    """One muscle action of the face, measured by the mean of its blendshapes.

    Attributes:
        code: its number in FACS, such as `AU12`.
        title: what the face does, in FACS's words.
        blendshapes: names among `BLENDSHAPES`.
        rest: the mean up to which the action counts as absent.
        full: the mean from which it counts as fully there.
    """

    code: str
    title: str
    blendshapes: tuple[str, ...]
    rest: float
    full: float

    def __post_init__(self) -> None:
        unknown = [name for name in self.blendshapes if name not in BLENDSHAPE_INDEX]
        if unknown or not self.blendshapes:
            raise ConfigError(f"{self.code}: expected names of blendshapes, not {list(self.blendshapes)}")
        if not 0 <= self.rest < self.full <= 1:
            raise ConfigError(f"{self.code}: expected 0 <= rest < full <= 1, not rest {self.rest} and full {self.full}")


@dataclass(frozen=True, slots=True)
class Rule:
    """How much one action unit speaks for (above 0) or against (below 0) one emotion.

    Attributes:
        emotion: a label of `EMOTIONS`, except `neutral`, which is what remains when nothing speaks.
        unit: the code of an action unit.
        weight: natural logarithm of how many times likelier the fully shown action makes the emotion.
        reason: why.
    """

    emotion: str
    unit: str
    weight: float
    reason: str

    def __post_init__(self) -> None:
        if self.emotion not in EMOTIONS[1:]:
            raise ConfigError(f"a rule speaks of {self.emotion!r}; expected one of {', '.join(EMOTIONS[1:])}")
        if not np.isfinite(self.weight) or not self.reason.strip():
            raise ConfigError(f"the rule {self.unit} -> {self.emotion} needs a finite weight and a reason")


@dataclass(frozen=True, slots=True)
class EmotionRules:
    """The whole table, ready to read faces.

    Attributes:
        units: by code.
        rules: all rules.
        doubt: by emotion, what its evidence must outweigh before it is likelier than `neutral`.
        curve: exponent that turns a unit's position between rest and full into its intensity; below 1, faint actions
            already count.
    """

    units: Mapping[str, ActionUnit]
    rules: tuple[Rule, ...]
    doubt: Mapping[str, float]
    curve: float
    _mean: Float32 = field(init=False, repr=False)
    _weights: Float32 = field(init=False, repr=False)
    _bias: Float32 = field(init=False, repr=False)
    _rest: Float32 = field(init=False, repr=False)
    _span: Float32 = field(init=False, repr=False)

    def __post_init__(self) -> None:
        codes = list(self.units)
        mean = np.zeros((len(codes), len(BLENDSHAPE_INDEX)), np.float32)
        for row, unit in enumerate(self.units.values()):
            for name in unit.blendshapes:
                mean[row, BLENDSHAPE_INDEX[name]] = 1 / len(unit.blendshapes)
        weights = np.zeros((len(EMOTIONS), len(codes)), np.float32)
        for rule in self.rules:
            if rule.unit not in self.units:
                raise ConfigError(f"a rule names {rule.unit!r}, which is no action unit of the table")
            if weights[EMOTIONS.index(rule.emotion), codes.index(rule.unit)]:
                raise ConfigError(f"there are two rules {rule.unit} -> {rule.emotion}; expected one")
            weights[EMOTIONS.index(rule.emotion), codes.index(rule.unit)] = rule.weight
        if set(self.doubt) != set(EMOTIONS[1:]):
            raise ConfigError(f"[doubt] must name each of {', '.join(EMOTIONS[1:])}, not {', '.join(self.doubt)}")
        bias = np.array([0.0, *(-self.doubt[label] for label in EMOTIONS[1:])], np.float32)
        rest = np.array([unit.rest for unit in self.units.values()], np.float32)
        span = np.array([unit.full for unit in self.units.values()], np.float32) - rest
        tables = {"_mean": mean, "_weights": weights, "_bias": bias, "_rest": rest, "_span": span}
        for name, value in tables.items():
            object.__setattr__(self, name, value)

    def intensities(self, blendshapes: Float32) -> dict[str, float]:
        """The intensity in [0, 1] of every action unit, by code, from (52,) blendshapes in [0, 1]."""
        return {code: float(value) for code, value in zip(self.units, self._intensities(blendshapes), strict=True)}

    def read(self, blendshapes: Float32) -> Emotion:
        """The probabilities of the seven emotions: a softmax over each one's evidence less its doubt.

        Args:
            blendshapes: (52,) float32 in [0, 1], in the order of `BLENDSHAPES`.
        """
        evidence = self._weights @ self._intensities(blendshapes) + self._bias
        odds = np.exp(evidence - evidence.max())
        return Emotion((odds / odds.sum()).astype(np.float32))

    def _intensities(self, blendshapes: Float32) -> Float32:
        shown = np.clip((self._mean @ blendshapes - self._rest) / self._span, 0, 1)
        return np.asarray(shown**self.curve, np.float32)


def read_emotion(face: Face, *, rules: EmotionRules | None = None) -> Emotion:
    """The emotion that one face shows in one picture.

    >>> face = Face(np.zeros(4, np.float32), blendshapes=np.zeros(52, np.float32))
    >>> read_emotion(face).dominant
    'neutral'

    Raises:
        ValueError: the face has no blendshapes.
    """
    if face.blendshapes is None:
        raise ValueError("an emotion can only be read from a face with blendshapes; find it with a Landmarker")
    return (default_rules() if rules is None else rules).read(face.blendshapes)


@cache
def default_rules() -> EmotionRules:
    """The table that comes with the package."""
    source = resources.files("visavis.reading") / "rules.toml"
    return _parse(source.read_text("utf-8"), "rules.toml")


def load_rules(path: str | os.PathLike[str]) -> EmotionRules:
    """A table of one's own, in the form of the package's `rules.toml`.

    Raises:
        ConfigError: the file cannot be read, or is not such a table.
    """
    try:
        text = Path(path).read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"the emotion rules {path} cannot be read ({error})") from None
    return _parse(text, str(path))


_KEYS: Final = {"curve", "doubt", "units", "rules"}


def _parse(text: str, name: str) -> EmotionRules:
    try:
        table: dict[str, Any] = tomllib.loads(text)
        unknown = set(table) - _KEYS
        if unknown:
            raise ConfigError(f"unknown key {sorted(unknown)}; expected {', '.join(sorted(_KEYS))}")
        units = {
            code: ActionUnit(code, **{**values, "blendshapes": tuple(values["blendshapes"])})
            for code, values in table["units"].items()
        }
        rules = tuple(Rule(**values) for values in table["rules"])
        return EmotionRules(units, rules, dict(table["doubt"]), float(table["curve"]))
    except ConfigError as error:
        raise ConfigError(f"{name}: {error}") from None
    except (tomllib.TOMLDecodeError, KeyError, TypeError, ValueError, AttributeError) as error:
        raise ConfigError(f"{name} is no table of emotion rules: {error}") from None
