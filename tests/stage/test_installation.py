"""What the settings make of the pipeline: a portrait that lives, or lies still; that turns, or does not."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.stage.stand_ins import ToldFinder, blank, smiling_face
from visavis.config import config_from_mapping
from visavis.errors import ConfigError
from visavis.stage.installation import build_pipeline
from visavis.types import Expression, Snapshot


def played(
    seconds: float, finder: ToldFinder | None = None, *, sway: bool = False, **portrait: object
) -> list[Snapshot]:
    """Half a second without anybody in sight, then `seconds` of what the finder sees, at 20 frames a second."""
    config = config_from_mapping({"portrait": portrait, "emotion": {"reader": "blendshapes"}})
    pipeline = build_pipeline(finder or ToldFinder(()), config, sway=sway)
    return [pipeline.step(blank(time_s=turn / 20, index=turn), turn / 20) for turn in range(round(seconds * 20))]


def test_by_default_a_portrait_lives_and_after_five_seconds_alone_looks_about() -> None:
    told = played(40.0)
    assert [item.attract for item in told].index(True) == 100
    assert max(item.answer["eyeBlinkLeft"] for item in told[:100]) > 0.5
    assert max(item.answer.breath for item in told) > 0.6
    assert max(abs(float(item.answer.gaze[0])) for item in told[100:]) > 0.25


def test_without_life_it_lies_as_still_as_painted() -> None:
    told = played(10.0, life=False)
    assert all(item.answer.is_neutral and not item.attract for item in told)


def test_it_need_not_attract() -> None:
    assert not any(item.attract for item in played(10.0, attract_after_s=0.0))


def test_the_seed_decides() -> None:
    first, second = played(8.0, seed=4), played(8.0, seed=5)
    assert any(a.answer.breath != b.answer.breath for a, b in zip(first, second, strict=True))


@pytest.mark.parametrize(("sway", "least", "most"), [(False, 0.6, 2.5), (True, 3.0, 8.0)])
def test_the_head_goes_to_whoever_stands_aside(sway: bool, least: float, most: float) -> None:
    # At the left edge of the picture stands who is on the sitter's left.
    told = played(4.0, ToldFinder((smiling_face(x=0.0),)), sway=sway)
    answer: Expression = told[-1].answer
    assert answer.gaze[0] > 0.2
    assert least < float(answer.sway[0]) < most


def test_a_table_of_answers_of_ones_own_is_read(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"mine\.toml"):
        played(1.0, answers=str(tmp_path / "mine.toml"))


def test_life_does_not_hold_up_a_mirror() -> None:
    """What the spectator does arrives in the same frame, with life or without."""
    finder = ToldFinder((smiling_face(0.9),))
    for life in (True, False):
        weights = np.array([item.answer["mouthSmileLeft"] for item in played(1.0, finder, life=life, mode="mirror")])
        if life:
            lively = weights
    np.testing.assert_allclose(lively, weights, atol=1e-6)
