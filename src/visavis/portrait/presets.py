"""The seven emotions as a portrait plays them: `expressions.toml`, read and checked."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from functools import cache
from importlib import resources
from types import MappingProxyType

from visavis.errors import ConfigError
from visavis.types import EMOTIONS, Expression

__all__ = ["emotion_preset", "emotion_presets", "parse_presets"]


def parse_presets(text: str) -> dict[str, Expression]:
    """Read presets in the form of `expressions.toml`: one table an emotion, `units` and `weights`.

    Raises:
        ConfigError: not TOML, an unknown emotion, key or blendshape, a missing emotion, or a weight out of [0, 1].
    """
    try:
        tables = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"the expressions are not valid TOML: {error}") from error
    if set(tables) != set(EMOTIONS):
        raise ConfigError(f"the expressions must be exactly {', '.join(EMOTIONS)}, not {', '.join(tables)}")
    presets = {}
    for label in EMOTIONS:
        table = tables[label]
        if not isinstance(table, dict) or set(table) != {"units", "weights"}:
            raise ConfigError(f"the expression [{label}] must hold `units` and `weights` and nothing else")
        try:
            presets[label] = Expression.from_mapping(table["weights"])
        except (ValueError, TypeError, AttributeError) as error:
            raise ConfigError(f"the expression [{label}]: {error}") from error
    return presets


@cache
def emotion_presets() -> Mapping[str, Expression]:
    """The presets that ship with Visavis, by label, in the order of `EMOTIONS`."""
    text = resources.files("visavis.portrait").joinpath("expressions.toml").read_text(encoding="utf-8")
    return MappingProxyType(parse_presets(text))


def emotion_preset(label: str, amount: float = 1.0) -> Expression:
    """One emotion at a strength from 0 to 1.

    >>> emotion_preset("joy", 0.5)["mouthSmileLeft"] > 0.3
    True

    Raises:
        ConfigError: an unknown label, or an amount out of [0, 1].
    """
    presets = emotion_presets()
    if label not in presets:
        raise ConfigError(f"unknown emotion {label!r}; the labels are {', '.join(EMOTIONS)}")
    if not 0 <= amount <= 1:
        raise ConfigError(f"the strength of an emotion must lie between 0 and 1, not {amount}")
    return presets[label].scaled(amount)
