"""Settings come from TOML, checked; each is documented."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from visavis.config import Config, config_from_mapping, dump_config, load_config, settings
from visavis.errors import ConfigError

DOCS = Path(__file__).resolve().parents[1] / "docs" / "configuration.md"


def test_without_a_file_the_defaults_hold() -> None:
    assert load_config(None) == Config()


def test_a_file_changes_what_it_names(tmp_path: Path) -> None:
    path = tmp_path / "visavis.toml"
    path.write_text('[camera]\nwidth = 1280\nmax_age_s = 1\n[portrait]\nmode = "mirror"\n')
    config = load_config(path)
    assert (config.camera.width, config.camera.max_age_s, config.portrait.mode) == (1280, 1.0, "mirror")
    assert config.camera.height == Config().camera.height


def test_a_dump_is_a_file_that_loads_to_the_same(tmp_path: Path) -> None:
    config = config_from_mapping({"emotion": {"table": 'a "b" \\ c', "enabled": False}})
    path = tmp_path / "visavis.toml"
    path.write_text(dump_config(config))
    assert load_config(path) == config


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[camera]\nwidht = 1", "unknown setting 'camera.widht'; did you mean 'width'"),
        ("[webcam]", "unknown setting 'webcam'; known are camera"),
        ("camera = 3", r"camera must be a section, \[camera\]"),
        ("[server]\nport = 70000", "server.port = 70000: expected a whole number from 0 to 65535"),
        ('[server]\nport = "8000"', "expected a whole number from 0"),
        ('[portrait]\nmode = "sing"', "'mirror', 'answer' or 'contrary'"),
        ("[camera]\nmax_age_s = nan", r"expected a number above 0, up to 60 \(seconds\)"),
        ("[camera]\nmax_age_s = 0", "max_age_s = 0: expected a number above 0"),
        ("[camera", "not valid TOML"),
        ("[camera]\nwidth = 1979-05-27", "expected a whole number from 160 to 7680"),
        ("[smoothing]\nmin_cutoff_hz = 61", "hertz"),
        ('[portrait]\nlife = "yes"', "expected true or false"),
        ('[portrait]\nname = ""', "expected a text that is not empty"),
    ],
)
def test_a_wrong_file_says_where_and_what(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "visavis.toml"
    path.write_text(text)
    with pytest.raises(ConfigError, match=message) as caught:
        load_config(path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="does not exist"):
        load_config(tmp_path / "absent.toml")
    with pytest.raises(ConfigError, match="cannot be read"):
        load_config(tmp_path)


def test_a_configuration_cannot_be_changed() -> None:
    with pytest.raises(AttributeError):
        Config().camera.width = 5  # type: ignore[misc]


def test_every_setting_is_documented_with_its_default() -> None:
    text = DOCS.read_text("utf-8")
    defaults = tomllib.loads(dump_config(Config()))
    for section, names in settings().items():
        assert f"## `[{section}]`" in text
        for name, description in names.items():
            assert description.endswith("."), f"{section}.{name} needs a sentence"
            value = defaults[section][name]
            shown = str(value).lower() if isinstance(value, bool) else f'"{value}"' if isinstance(value, str) else value
            assert f"| `{name}` | `{shown}` |" in text, f"docs/configuration.md lacks {section}.{name} = {shown}"
