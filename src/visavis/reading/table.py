"""A table of emotion rules that a person can read: signs in a face, and what each says about each emotion.

`blendshapes.toml` and `rules.toml` are such tables; their own words say where their rules come from. An emotion read
from a face is what the face shows, not what the person feels: L. F. Barrett et al., "Emotional Expressions
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
from visavis.reading.calibration import EmotionCalibration
from visavis.types import BLENDSHAPE_INDEX, EMOTIONS, Float32

__all__ = ["EmotionTable", "Rule", "Sign", "load_table", "package_table"]


@dataclass(frozen=True, slots=True)
class Sign:
    """Something that a face shows, measured by the mean of its blendshapes or by an attribute.

    Attributes:
        code: how rules name it: an action unit of FACS such as `AU12`, or an attribute of CelebA.
        title: what the face does, in words.
        rest: the measure up to which it counts as absent.
        full: the measure from which it counts as fully there.
        blendshapes: names among `BLENDSHAPES`, or none.
        attribute: the name of an attribute, or "".
    """

    code: str
    title: str
    rest: float
    full: float
    blendshapes: tuple[str, ...] = ()
    attribute: str = ""

    def __post_init__(self) -> None:
        unknown = [name for name in self.blendshapes if name not in BLENDSHAPE_INDEX]
        if unknown or bool(self.blendshapes) == bool(self.attribute):
            raise ConfigError(f"{self.code}: expected names of blendshapes, or an attribute, not {unknown or 'both'}")
        if not 0 <= self.rest < self.full <= 1:
            raise ConfigError(f"{self.code}: expected 0 <= rest < full <= 1, not rest {self.rest} and full {self.full}")

    def measure(self, blendshapes: Float32 | None, attributes: Mapping[str, float] | None) -> float:
        """How much of it is there, in [0, 1], before `rest` and `full` are applied.

        Raises:
            ValueError: the face was not measured for what the sign needs.
        """
        if self.attribute:
            if attributes is None or self.attribute not in attributes:
                raise ValueError(f"{self.code} is read from the attribute {self.attribute}, which was not read")
            return float(attributes[self.attribute])
        if blendshapes is None:
            raise ValueError(f"{self.code} is read from blendshapes, which this face lacks; find it with a Landmarker")
        return float(np.mean([blendshapes[BLENDSHAPE_INDEX[name]] for name in self.blendshapes]))


@dataclass(frozen=True, slots=True)
class Rule:
    """How much one sign speaks for (above 0) or against (below 0) one emotion.

    Attributes:
        emotion: a label of `EMOTIONS`, except `neutral`, which is what remains when nothing speaks.
        sign: the code of a sign.
        weight: natural logarithm of how many times likelier the fully shown sign makes the emotion.
        reason: why.
    """

    emotion: str
    sign: str
    weight: float
    reason: str

    def __post_init__(self) -> None:
        if self.emotion not in EMOTIONS[1:]:
            raise ConfigError(f"a rule speaks of {self.emotion!r}; expected one of {', '.join(EMOTIONS[1:])}")
        if not np.isfinite(self.weight) or not self.reason.strip():
            raise ConfigError(f"the rule {self.sign} -> {self.emotion} needs a finite weight and a reason")


@dataclass(frozen=True, slots=True)
class EmotionTable:
    """The whole table, ready to read faces.

    Attributes:
        signs: by code.
        rules: all rules.
        doubt: by emotion, what its evidence must outweigh before it is likelier than `neutral`.
        curve: exponent that turns a sign's position between rest and full into its strength; below 1, faint signs
            already count.
        calibration: how evidence becomes probabilities that can be believed.
        reach: by emotion, the evidence for it in faces that show it strongly, strengths taken without the curve.
    """

    signs: Mapping[str, Sign]
    rules: tuple[Rule, ...]
    doubt: Mapping[str, float]
    curve: float
    calibration: EmotionCalibration = field(default_factory=EmotionCalibration)
    reach: Mapping[str, float] = field(default_factory=dict)
    _attributes: bool = field(init=False, repr=False)
    _mean: Float32 = field(init=False, repr=False)
    _weights: Float32 = field(init=False, repr=False)
    _speaking: Float32 = field(init=False, repr=False)
    _bias: Float32 = field(init=False, repr=False)
    _reach: Float32 = field(init=False, repr=False)
    _rest: Float32 = field(init=False, repr=False)
    _span: Float32 = field(init=False, repr=False)

    def __post_init__(self) -> None:
        codes = list(self.signs)
        weights = np.zeros((len(EMOTIONS), len(codes)), np.float32)
        for rule in self.rules:
            if rule.sign not in self.signs:
                raise ConfigError(f"a rule names {rule.sign!r}, which is no sign of the table")
            if weights[EMOTIONS.index(rule.emotion), codes.index(rule.sign)]:
                raise ConfigError(f"there are two rules {rule.sign} -> {rule.emotion}; expected one")
            weights[EMOTIONS.index(rule.emotion), codes.index(rule.sign)] = rule.weight
        if set(self.doubt) != set(EMOTIONS[1:]):
            raise ConfigError(f"[doubt] must name each of {', '.join(EMOTIONS[1:])}, not {', '.join(self.doubt)}")
        if not set(self.reach) <= set(EMOTIONS[1:]) or not all(value > 0 for value in self.reach.values()):
            raise ConfigError(f"[reach] takes numbers above 0 for {', '.join(EMOTIONS[1:])}, not {dict(self.reach)}")
        strongest = np.maximum(np.maximum(weights, 0).sum(axis=1), 1e-6)
        reach = [self.reach.get(label, float(strongest[row])) for row, label in enumerate(EMOTIONS)]
        mean = np.zeros((len(codes), len(BLENDSHAPE_INDEX)), np.float32)
        for row, sign in enumerate(self.signs.values()):
            for name in sign.blendshapes:
                mean[row, BLENDSHAPE_INDEX[name]] = 1 / len(sign.blendshapes)
        rest = np.array([sign.rest for sign in self.signs.values()], np.float32)
        tables: dict[str, Any] = {
            "_attributes": any(sign.attribute for sign in self.signs.values()),
            "_mean": mean,
            "_weights": weights,
            "_speaking": np.maximum(weights, 0),
            "_bias": np.array([0.0, *(-self.doubt[label] for label in EMOTIONS[1:])], np.float32),
            "_reach": np.array(reach, np.float32),
            "_rest": rest,
            "_span": np.array([sign.full for sign in self.signs.values()], np.float32) - rest,
        }
        for name, value in tables.items():
            object.__setattr__(self, name, value)

    def shown(self, blendshapes: Float32 | None = None, attributes: Mapping[str, float] | None = None) -> Float32:
        """(signs,) float32: the strength in [0, 1] of every sign in the order of `signs`, without the curve.

        Raises:
            ValueError: the face was not measured for what a sign needs.
        """
        if self._attributes:
            measured = np.array([sign.measure(blendshapes, attributes) for sign in self.signs.values()], np.float32)
        elif blendshapes is None:
            raise ValueError("this table reads blendshapes, which the face lacks; find it with a Landmarker")
        else:
            measured = self._mean @ blendshapes
        return np.asarray(np.clip((measured - self._rest) / self._span, 0, 1), np.float32)

    def strengths(
        self, blendshapes: Float32 | None = None, attributes: Mapping[str, float] | None = None
    ) -> dict[str, float]:
        """`shown`, by code."""
        return {code: float(value) for code, value in zip(self.signs, self.shown(blendshapes, attributes), strict=True)}

    def evidence(self, shown: Float32 | Mapping[str, float]) -> Float32:
        """(7,) float32, in the order of `EMOTIONS`: each emotion's evidence less its doubt; 0 for `neutral`."""
        return np.asarray(self._weights @ self._in_order(shown) ** np.float32(self.curve) + self._bias, np.float32)

    def contributions(self, shown: Float32 | Mapping[str, float], label: str) -> dict[str, float]:
        """What each sign adds to the evidence for one emotion, by code; empty for `neutral`."""
        row = self._weights[EMOTIONS.index(label)]
        parts = row * self._in_order(shown) ** np.float32(self.curve)
        return {code: float(part) for code, weight, part in zip(self.signs, row, parts, strict=True) if weight}

    def extents(self, shown: Float32 | Mapping[str, float]) -> Float32:
        """(7,) float32 in [0, 1]: how far the face goes in showing each emotion; 0 for `neutral`."""
        return np.asarray(np.clip(self._speaking @ self._in_order(shown) / self._reach, 0, 1), np.float32)

    def _in_order(self, shown: Float32 | Mapping[str, float]) -> Float32:
        if isinstance(shown, Mapping):
            return np.array([shown[code] for code in self.signs], np.float32)
        return shown


_KEYS: Final = {"curve", "doubt", "signs", "rules", "calibration", "reach"}


@cache
def package_table(name: str) -> EmotionTable:
    """A table that comes with the package: `blendshapes.toml` or `rules.toml`."""
    return _parse((resources.files("visavis.reading") / name).read_text("utf-8"), name)


def load_table(path: str | os.PathLike[str]) -> EmotionTable:
    """A table of one's own, in the form of the package's; its signs may mix blendshapes and attributes.

    Raises:
        ConfigError: the file cannot be read, or is not such a table.
    """
    try:
        text = Path(path).read_text("utf-8")
    except OSError as error:
        raise ConfigError(f"the emotion table {path} cannot be read: {error.strerror}; check the path") from None
    except UnicodeDecodeError as error:
        raise ConfigError(f"the emotion table {path} cannot be read ({error})") from None
    return _parse(text, str(path))


def _parse(text: str, name: str) -> EmotionTable:
    try:
        table: dict[str, Any] = tomllib.loads(text)
        unknown = set(table) - _KEYS
        if unknown:
            raise ConfigError(f"unknown key {sorted(unknown)}; expected {', '.join(sorted(_KEYS))}")
        signs = {
            code: Sign(code, **{**values, "blendshapes": tuple(values.get("blendshapes", ()))})
            for code, values in table["signs"].items()
        }
        return EmotionTable(
            signs,
            tuple(Rule(**values) for values in table["rules"]),
            dict(table["doubt"]),
            float(table["curve"]),
            EmotionCalibration.from_mapping(table.get("calibration", {})),
            dict(table.get("reach", {})),
        )
    except ConfigError as error:
        raise ConfigError(f"{name}: {error}") from None
    except (tomllib.TOMLDecodeError, KeyError, TypeError, ValueError, AttributeError) as error:
        raise ConfigError(f"{name} is no table of emotion rules: {error}") from None
