"""Every setting of an installation, as frozen dataclasses and as a TOML file.

    config = load_config("visavis.toml")
    config.camera.width

Building a configuration opens nothing. An unknown key or a value out of range is an error that says where and what was
expected. `docs/configuration.md` describes each setting.
"""

from __future__ import annotations

import dataclasses
import difflib
import json
import os
import tomllib
from collections.abc import Mapping
from dataclasses import field
from pathlib import Path
from typing import Annotated, Any, Final, Literal, get_args, get_origin, get_type_hints

from pydantic import ConfigDict, Field, TypeAdapter, ValidationError
from pydantic.dataclasses import dataclass

from visavis.errors import ConfigError

__all__ = [
    "CameraConfig",
    "Config",
    "EmotionConfig",
    "PortraitConfig",
    "ReadingConfig",
    "ServerConfig",
    "SmoothingConfig",
    "changed",
    "config_from_mapping",
    "dump_config",
    "load_config",
    "settings",
]

#: Units by the endings of settings' names.
_UNITS: Final = {"_s": "seconds", "_hz": "hertz"}
_RULES = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False)


@dataclass(frozen=True, kw_only=True, config=_RULES)
class CameraConfig:
    """What is asked of a camera, and when it counts as gone."""

    width: Annotated[int, Field(ge=160, le=7680, description="Pixels asked of the camera, which may give others.")] = (
        640
    )
    height: Annotated[int, Field(ge=120, le=4320, description="Pixels asked of the camera.")] = 480
    frames_per_second: Annotated[float, Field(ge=1, le=240, description="Frames a second asked of the camera.")] = 30.0
    max_age_s: Annotated[
        float, Field(gt=0, le=60, description="Seconds without a new frame after which the camera counts as gone.")
    ] = 2.0


@dataclass(frozen=True, kw_only=True, config=_RULES)
class ReadingConfig:
    """How faces are found and read."""

    detector: Annotated[
        Literal["auto", "mediapipe", "yunet", "centerface", "yolov3"],
        Field(description="What proposes faces in still pictures; `auto` takes the best whose model is at hand."),
    ] = "auto"
    max_faces: Annotated[int, Field(ge=1, le=50, description="At most so many faces of one picture are read.")] = 5


@dataclass(frozen=True, kw_only=True, config=_RULES)
class EmotionConfig:
    """Whether and how an emotion is read from a face."""

    enabled: Annotated[
        bool,
        Field(description="Read emotions. With false none is computed, named, logged or sent: attributes only."),
    ] = True
    reader: Annotated[
        Literal["auto", "rules", "blendshapes", "learned"],
        Field(description="What reads them; `auto` takes `learned` where its file is present, else `blendshapes`."),
    ] = "auto"
    table: Annotated[
        str, Field(description="Path of a table (or, for `learned`, a card) of one's own; empty for the package's.")
    ] = ""


@dataclass(frozen=True, kw_only=True, config=_RULES)
class SmoothingConfig:
    """How a face that is followed over time is steadied."""

    min_cutoff_hz: Annotated[
        float, Field(gt=0, le=60, description="1 Euro filter: cutoff at rest; lower is calmer and later.")
    ] = 2.0
    beta: Annotated[
        float, Field(ge=0, le=100, description="1 Euro filter: how much the cutoff rises when the face moves.")
    ] = 1.5
    emotion_time_s: Annotated[
        float, Field(ge=0, le=10, description="Seconds over which an emotion's probabilities are averaged.")
    ] = 0.15
    hold_odds: Annotated[
        float, Field(ge=1, le=100, description="So many times likelier must an emotion be to take another's place.")
    ] = 1.5
    still_odds: Annotated[
        float, Field(ge=1, le=100, description="The same while the face holds still, where only noise speaks.")
    ] = 2.0
    switch_evidence: Annotated[
        float, Field(ge=0, le=10, description="Log-odds beyond that, times seconds, until it takes the place.")
    ] = 0.125
    min_dwell_s: Annotated[float, Field(ge=0, le=30, description="Shortest time that an emotion is held.")] = 0.2
    neutral_odds: Annotated[
        float, Field(gt=0, le=100, description="So many times likelier is `neutral` than the reader takes it to be.")
    ] = 1.0
    learn_rest: Annotated[
        bool,
        Field(
            description="Learn each person's resting face, so that low brows are neither mirrored nor taken for anger."
        ),
    ] = True


@dataclass(frozen=True, kw_only=True, config=_RULES)
class PortraitConfig:
    """Which portrait answers, and how."""

    name: Annotated[
        str, Field(min_length=1, description="The portrait: a name in the gallery, or the path of a picture.")
    ] = "bridgewater-madonna"
    mode: Annotated[
        Literal["mirror", "answer", "contrary"],
        Field(description="`mirror` passes the expression on, `answer` replies, `contrary` replies with the opposite."),
    ] = "answer"
    answers: Annotated[
        str, Field(description="Path of a table of answers and their timing of one's own; empty for the package's.")
    ] = ""
    life: Annotated[
        bool, Field(description="Blink, breathe and let the eyes wander while there is nothing to answer.")
    ] = True
    attract_after_s: Annotated[
        float,
        Field(ge=0, le=3600, description="Seconds alone after which a living portrait looks about; 0 for never."),
    ] = 5.0
    seed: Annotated[int, Field(ge=0, le=2**31, description="Seed of blinks, glances and breath.")] = 0


@dataclass(frozen=True, kw_only=True, config=_RULES)
class ServerConfig:
    """Where the live page is served."""

    host: Annotated[
        str, Field(min_length=1, description="Address to listen on; 127.0.0.1 keeps it to this machine.")
    ] = "127.0.0.1"
    port: Annotated[int, Field(ge=0, le=65535, description="Port to listen on; 0 lets the system choose.")] = 8000
    preview: Annotated[
        bool, Field(description="Show the camera picture on the operator's page. Otherwise no picture leaves the loop.")
    ] = False


@dataclass(frozen=True, kw_only=True, config=_RULES)
class Config:
    """All settings, by section."""

    camera: CameraConfig = field(default_factory=CameraConfig)
    reading: ReadingConfig = field(default_factory=ReadingConfig)
    emotion: EmotionConfig = field(default_factory=EmotionConfig)
    smoothing: SmoothingConfig = field(default_factory=SmoothingConfig)
    portrait: PortraitConfig = field(default_factory=PortraitConfig)
    server: ServerConfig = field(default_factory=ServerConfig)


_SECTIONS: Final[Mapping[str, Any]] = {section.name: section.default_factory for section in dataclasses.fields(Config)}


def load_config(path: str | os.PathLike[str] | None) -> Config:
    """Read a TOML file; the defaults when `path` is None.

    Raises:
        ConfigError: the file cannot be read or is no TOML, a key is unknown, or a value is of the wrong kind or out of
            range.
    """
    if path is None:
        return Config()
    try:
        with Path(path).open("rb") as file:
            table = tomllib.load(file)
    except FileNotFoundError:
        raise ConfigError(f"the configuration {path} does not exist; check the path") from None
    except OSError as error:
        raise ConfigError(f"the configuration {path} cannot be read: {error.strerror}; check the path") from None
    except UnicodeDecodeError as error:
        raise ConfigError(f"the configuration {path} cannot be read ({error})") from None
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"the configuration {path} is not valid TOML: {error}") from None
    return config_from_mapping(table, source=str(path))


def config_from_mapping(table: Mapping[str, Any], *, source: str = "configuration") -> Config:
    """Build from nested mappings, as TOML gives them; what is left out keeps its default.

    >>> config_from_mapping({"server": {"port": 9000}}).server.port
    9000

    Raises:
        ConfigError: as for `load_config`; `source` is named in the message.
    """
    try:
        # By way of JSON: pydantic's strict mode takes sections from it, and keeps strings from passing as numbers.
        return TypeAdapter(Config).validate_json(json.dumps(dict(table), default=str))
    except ValidationError as error:
        problems = "; ".join(_explain(detail["loc"], detail) for detail in error.errors())
        raise ConfigError(f"{source}: {problems}") from None


def changed(config: Config, section: str, **values: Any) -> Config:
    """The configuration with some settings of a section changed.

    >>> changed(Config(), "server", port=9000).server.port
    9000

    Raises:
        ConfigError: a value that is out of range, or of another kind.
    """
    try:
        part = dataclasses.replace(getattr(config, section), **values)
    except ValidationError as error:
        raise ConfigError("; ".join(_explain((section, *detail["loc"]), detail) for detail in error.errors())) from None
    return dataclasses.replace(config, **{section: part})


def settings() -> dict[str, dict[str, str]]:
    """The description of every setting, by section and name."""
    return {
        name: {
            setting.name: next(part.description or "" for part in _annotations(section, setting.name))
            for setting in dataclasses.fields(section)
        }
        for name, section in _SECTIONS.items()
    }


def dump_config(config: Config) -> str:
    """The configuration as TOML, complete and with each setting's description: a file to start from, or a record.

    >>> config_from_mapping(tomllib.loads(dump_config(Config()))) == Config()
    True
    """
    lines = []
    for section, descriptions in settings().items():
        values = getattr(config, section)
        lines.append(f"[{section}]")
        for name, description in descriptions.items():
            lines += [f"# {description}", f"{name} = {_toml(getattr(values, name))}"]
        lines.append("")
    return "\n".join(lines)


def _annotations(section: Any, name: str) -> list[Any]:
    hint = get_type_hints(section, include_extras=True)[name]
    return [part for part in hint.__metadata__ if hasattr(part, "description")]


def _toml(value: bool | int | float | str) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        escaped = value.replace("\\", "\\\\").replace('"', '\\"')
        return f'"{escaped}"'
    return repr(value)


def _explain(where: tuple[int | str, ...], detail: Any) -> str:
    place = ".".join(str(part) for part in where)
    if detail["type"] == "unexpected_keyword_argument":
        known = list(settings())
        if len(where) > 1:
            known = list(settings()[str(where[0])])
        near = difflib.get_close_matches(str(where[-1]), known, n=1)
        hint = f"did you mean {near[0]!r}?" if near else f"known are {', '.join(known)}"
        return f"unknown setting {place!r}; {hint}"
    if detail["type"] == "dataclass_type":
        return f"{place} must be a section, [{place}]"
    if len(where) == 2 and str(where[1]) in settings().get(str(where[0]), {}):
        return f"{place} = {detail['input']!r}: expected {_expected(str(where[0]), str(where[1]))}"
    return f"{place} = {detail['input']!r}: {detail['msg'][0].lower()}{detail['msg'][1:]}"


def _expected(section: str, name: str) -> str:
    """What a setting may be, in words: its kind, its whole range, and its unit.

    >>> _expected("camera", "max_age_s"), _expected("server", "port")
    ('a number above 0, up to 60 (seconds)', 'a whole number from 0 to 65535')
    """
    hint = get_type_hints(_SECTIONS[section], include_extras=True)[name]
    kind = hint.__origin__
    if get_origin(kind) is Literal:
        *others, last = map(repr, get_args(kind))
        return f"{', '.join(others)} or {last}"
    if kind is bool:
        return "true or false"
    bounds = {
        bound: getattr(rule, bound)
        for part in _annotations(_SECTIONS[section], name)
        for rule in part.metadata
        for bound in ("ge", "gt", "le", "min_length")
        if hasattr(rule, bound)
    }
    if kind is str:
        return "a text that is not empty" if bounds.get("min_length") else "a text"
    words = "a whole number" if kind is int else "a number"
    if "gt" in bounds:
        words += f" above {bounds['gt']}, up to {bounds['le']}"
    else:
        words += f" from {bounds['ge']} to {bounds['le']}"
    unit = next((unit for suffix, unit in _UNITS.items() if name.endswith(suffix)), "")
    return f"{words} ({unit})" if unit else words
