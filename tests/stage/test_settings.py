"""What settings name is looked for before anything is opened."""

from __future__ import annotations

from pathlib import Path

import pytest

from visavis.cli import main
from visavis.config import Config, config_from_mapping
from visavis.stage import installation
from visavis.stage.settings import check_settings


def test_the_defaults_pass() -> None:
    check_settings(Config())


def test_a_table_that_is_not_used_may_be_anywhere() -> None:
    check_settings(config_from_mapping({"emotion": {"enabled": False, "table": "nosuch.toml"}}))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('[portrait]\nanswers = "nosuch.toml"', "portrait.answers = 'nosuch.toml' does not exist; check the path"),
        ('[portrait]\nanswers = "broken.toml"', "broken.toml"),
        ('[emotion]\ntable = "in"', "emotion.table = 'in' is a folder, where a file was expected"),
        ('[emotion]\nreader = "learned"\ntable = "nosuch.json"', "emotion.table = 'nosuch.json' does not exist"),
        ('[server]\nhost = "999.1.1.1"', "server.host = '999.1.1.1' is no address of this machine"),
        (f'[server]\nhost = "{"a" * 70}.example"', "is no address of this machine"),
    ],
)
def test_what_is_not_there_is_one_line_that_names_the_setting_before_the_portrait_is_rigged(
    text: str, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("the portrait was rigged")

    monkeypatch.setattr(installation, "prepare_portrait", refuse)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "in").mkdir()
    (tmp_path / "broken.toml").write_text("[threshold")
    (tmp_path / "c.toml").write_text(text)
    assert main(["run", "--source", "script", "--config", "c.toml"]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert said in line
    assert "Errno" not in line
