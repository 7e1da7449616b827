from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import pytest

from visavis.errors import ConfigError
from visavis.lab.study import load_study, run_study, with_settings


def test_the_reports_three_questions() -> None:
    study = load_study("report-2019")
    changed = [set(question.settings) for question in study.questions]
    assert changed == [set(), {"model.resolution"}, {"train.rate"}, {"model.head"}]
    assert with_settings(study.base, study.questions[2].settings).train.rate == 0.01


def test_a_grid_is_every_combination(tmp_path: Path) -> None:
    (tmp_path / "s.toml").write_text('[grid]\n"train.rate" = [0.1, 0.2]\n"model.resolution" = [64, 96, 128]\n')
    study = load_study(tmp_path / "s.toml")
    assert len({question.name for question in study.questions}) == 6


@pytest.mark.parametrize(
    "text", ["", "x = 1", '[grid]\n"train.rat" = [1.0]', '[grid]\n"trian.rate" = [1.0]', 'metric = "luck"', "run = ["]
)
def test_a_wrong_study_is_told(tmp_path: Path, text: str) -> None:
    (tmp_path / "s.toml").write_text(text)
    with pytest.raises(ConfigError):
        load_study(tmp_path / "s.toml")


@pytest.mark.skipif(
    any(find_spec(name) is None for name in ("torch", "keras", "matplotlib")), reason="needs visavis[lab]"
)
def test_a_study_goes_on_where_it_stopped(plain_folder: Path, tmp_path: Path) -> None:
    (tmp_path / "base.toml").write_text(
        f'[data]\npath = "{plain_folder}"\nattributes = ["Smiling"]\n'
        '[model]\nresolution = 32\nweights = "none"\n[train]\nepochs = 1\nbatch = 24\n'
    )
    (tmp_path / "s.toml").write_text(
        f'name = "s"\nbase = "{tmp_path / "base.toml"}"\n[grid]\n"train.rate" = [0.001, 0.01]\n'
    )
    said: list[str] = []
    study = load_study(tmp_path / "s.toml")
    table = run_study(study, folder=tmp_path / "out", cache=tmp_path, say=said.append)
    weights = (tmp_path / "out/rate=0.01/best.pt").stat().st_mtime_ns
    assert table.read_text().count("rate=") == 2
    assert (tmp_path / "out/study.png").stat().st_size > 1000
    run_study(study, folder=tmp_path / "out", cache=tmp_path, say=said.append)
    assert (tmp_path / "out/rate=0.01/best.pt").stat().st_mtime_ns == weights
