from __future__ import annotations

from pathlib import Path

import pytest

from visavis.errors import ConfigError
from visavis.lab.datasets import ATTRIBUTES, SIX
from visavis.lab.recipe import Recipe, dump_recipe, load_recipe, recipe_from, shipped_recipes


def test_shipped_recipes_load_and_survive_a_round_trip(tmp_path: Path) -> None:
    assert set(shipped_recipes()) >= {"default", "report-2019"}
    for name in shipped_recipes():
        recipe = load_recipe(name)
        assert recipe.name == name
        (tmp_path / "r.toml").write_text(dump_recipe(recipe))
        assert load_recipe(tmp_path / "r.toml") == recipe


def test_the_report_is_kept_to_the_letter() -> None:
    recipe = load_recipe("report-2019")
    assert recipe.data.names == SIX
    assert (recipe.model.backbone, recipe.model.resolution, recipe.model.head) == ("report_vgg19", 256, "gap")
    assert (recipe.train.optimizer, recipe.train.rate, recipe.train.epochs) == ("adam", 0.001, 10)
    assert 128 <= recipe.train.batch <= 180


def test_words_stand_for_attributes() -> None:
    assert Recipe().data.names == ATTRIBUTES
    assert recipe_from({"data": {"attributes": ["Male", "Young"]}}).data.names == ("Male", "Young")


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ({"trian": {}}, "unknown key trian"),
        ({"train": {"rates": 1.0}}, "unknown key rates"),
        ({"train": {"rate": "fast"}}, "must be float"),
        ({"train": {"epochs": 1.5}}, "must be int"),
        ({"train": {"epochs": True}}, "must be int"),
        ({"train": 3}, "must be a table"),
        ({"train": {"optimizer": "lion"}}, "one of adam, adamw"),
        ({"model": {"resolution": 8}}, r"\[32, 1024\]"),
        ({"augment": {"flip": 2}}, r"\[0, 1\]"),
        ({"data": {"attributes": [1]}}, "must be str"),
    ],
)
def test_a_wrong_recipe_is_told(table: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        recipe_from(table)


def test_a_missing_or_broken_file_is_told(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="there is no recipe"):
        load_recipe("nonsense")
    with pytest.raises(ConfigError, match="cannot be read"):
        load_recipe(tmp_path / "a.toml")
    (tmp_path / "b.toml").write_text("train = [")
    with pytest.raises(ConfigError, match="not TOML"):
        load_recipe(tmp_path / "b.toml")
