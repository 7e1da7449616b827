"""From a living face's scores to weights that move a painted face as far as the living one moved.

    retargeted(to_expression(face))

A landmarker's score says how sure it is, not how far something moved: raised brows are read at .9 when they have gone
less than half of the way of a full weight, and eyes that are shut at .6. An expression that was read off a face is
carried over by the gains of `retarget.toml`, which `tools/fit_retarget.py` measures; one that is made for portraits
needs none.
"""

from __future__ import annotations

import tomllib
from dataclasses import replace
from functools import cache
from importlib import resources

import numpy as np

from visavis.errors import ConfigError
from visavis.types import BLENDSHAPES, Expression, Float32

__all__ = ["parse_gains", "retarget_gains", "retargeted"]


def retargeted(expression: Expression) -> Expression:
    """The expression with each weight times its gain, at most 1; gaze, sway and breath stay as they are.

    >>> read = Expression.from_mapping({"eyeBlinkLeft": 0.9, "jawOpen": 0.5})
    >>> played = retargeted(read)
    >>> played["eyeBlinkLeft"], played["jawOpen"]
    (1.0, 0.5)
    """
    return replace(expression, weights=np.minimum(expression.weights * retarget_gains(), np.float32(1)))


@cache
def retarget_gains() -> Float32:
    """(52,) float32, what a score of each blendshape is worth in weights of a rig."""
    text = resources.files("visavis.reading").joinpath("retarget.toml").read_text(encoding="utf-8")
    gains = parse_gains(text)
    gains.flags.writeable = False
    return gains


def parse_gains(text: str) -> Float32:
    """Read gains in the form of `retarget.toml`, (52,) float32; a name without its side stands for both, others are 1.

    Raises:
        ConfigError: not TOML, an unknown blendshape, or a gain that is no number from 0.1 to 10.
    """
    try:
        table = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"the gains are not valid TOML: {error}") from error
    if set(table) != {"gains"} or not isinstance(table["gains"], dict):
        raise ConfigError(f"the gains must be one table [gains], not {', '.join(table) or 'nothing'}")
    gains: Float32 = np.ones(len(BLENDSHAPES), np.float32)
    for name, gain in table["gains"].items():
        members = [index for index, member in enumerate(BLENDSHAPES) if member in (name, f"{name}Left", f"{name}Right")]
        if not members:
            raise ConfigError(f"the gains name {name!r}, which is no blendshape")
        if isinstance(gain, bool) or not isinstance(gain, int | float) or not 0.1 <= gain <= 10:
            raise ConfigError(f"the gain of {name} is {gain!r}; expected a number from 0.1 to 10")
        gains[members] = gain
    return gains
