from __future__ import annotations

from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from types import SimpleNamespace

import pytest

from visavis.errors import ConfigError
from visavis.lab.study import Question, load_study, run_study, with_settings


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
    "text",
    [
        '[search]\n"train.rate" = 3',
        '[search]\n"train.rate" = { low = 0.1 }',
        '[search]\n"train.rat" = [0.1]',
        "",
        "x = 1",
        '[grid]\n"train.rat" = [1.0]',
        '[grid]\n"trian.rate" = [1.0]',
        'metric = "luck"',
        "run = [",
    ],
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


class _FakeTrial:
    """Suggests the middle of whatever it is asked for."""

    def __init__(self, number: int) -> None:
        self.number, self.params, self.value = number, dict[str, object](), None

    def suggest_categorical(self, key: str, choices: list[object]) -> object:
        return self.params.setdefault(key, choices[self.number % len(choices)])

    def suggest_int(self, key: str, low: int, high: int, *, log: bool) -> object:
        return self.params.setdefault(key, (low + high) // 2)

    def suggest_float(self, key: str, low: float, high: float, *, log: bool) -> object:
        return self.params.setdefault(key, (low * high) ** 0.5 if log else (low + high) / 2)


def test_a_search_goes_on_where_it_stopped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The seam is Optuna's: it suggests, counts and keeps; what is trained and told is ours."""
    from visavis.lab import study as module

    kept: list[_FakeTrial] = []

    class FakeSearch:
        trials = kept

        def optimize(self, objective: Callable[[object], float], *, n_trials: int) -> None:
            for _ in range(n_trials):
                kept.append(_FakeTrial(len(kept)))
                kept[-1].value = objective(kept[-1])  # type: ignore[assignment]

    fake = SimpleNamespace(
        create_study=lambda **_: FakeSearch(), samplers=SimpleNamespace(TPESampler=lambda seed: None)
    )
    monkeypatch.setattr(module, "require", lambda package, extra: fake)
    (tmp_path / "s.toml").write_text(
        'name = "s"\n[search]\ntrials = 3\n"train.rate" = { low = 1e-4, high = 1e-2, log = true }\n'
        '"train.batch" = { low = 8, high = 32 }\n"model.head" = ["gap", "flatten"]\n'
    )
    study = load_study(tmp_path / "s.toml")
    asked: list[Question] = []

    def ask(question: Question) -> float:
        asked.append(question)
        return with_settings(study.base, question.settings).train.rate

    kept.append(_FakeTrial(0))  # broken off: no value
    module._search(study, tmp_path / "out", ask)
    assert [question.name for question in asked] == ["trial-001", "trial-002", "trial-003"]
    assert asked[0].settings == {"train.rate": pytest.approx(1e-3), "train.batch": 20, "model.head": "flatten"}
    module._search(study, tmp_path / "out", ask)  # nothing is left to train; all are told again for the table
    assert [question.name for question in asked[3:]] == ["trial-001", "trial-002", "trial-003"]
