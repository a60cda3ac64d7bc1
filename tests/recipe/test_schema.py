"""The recipe itself: what it takes, what it fills in, and where its paths start."""

from pathlib import Path

import pytest
import yaml

from ayar.errors import RecipeError
from ayar.recipe import Recipe
from ayar.recipe.mistakes import OTHER_NAMES, sections_of
from ayar.recipe.schema_walk import settings_of

TWO_LINES = "data: messages.csv\ntask: classify\n"


def written(folder: Path, text: str, name: str = "recipe.yaml") -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def test_only_data_and_task_are_required() -> None:
    required = [setting.name for setting in settings_of(Recipe) if setting.field.is_required()]
    assert required == ["data", "task"]


def test_every_setting_and_section_says_what_it_means() -> None:
    assert [setting.name for setting in settings_of(Recipe) if len(setting.meaning) < 10] == []
    assert [name for name in sections_of(Recipe) if len(Recipe.model_fields[name].description or "") < 10] == []


def test_other_names_lead_to_settings_that_exist() -> None:
    assert set(OTHER_NAMES.values()) <= {setting.name for setting in settings_of(Recipe)}


def test_inputs_start_at_the_recipe_and_output_at_the_current_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "support").mkdir()
    written(tmp_path / "support", "data: [a.csv, /b.csv, ../c.csv]\ntask: classify\nmodel: m\noutput: o\n")
    monkeypatch.chdir(tmp_path)
    recipe = Recipe.load("support/recipe.yaml")
    assert recipe.data == (tmp_path / "support/a.csv", Path("/b.csv"), tmp_path / "support/../c.csv")
    assert recipe.model == tmp_path / "support/m"
    assert recipe.output == Path("o")


@pytest.mark.parametrize(("file", "output"), [("recipe.yaml", "runs/support"), ("small.yaml", "runs/small")])
def test_the_run_is_named_after_the_recipe(tmp_path: Path, file: str, output: str) -> None:
    (tmp_path / "support").mkdir()
    assert Recipe.load(written(tmp_path / "support", TWO_LINES, file)).output == Path(output)


def test_from_a_mapping_and_from_a_recipe(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    recipe = Recipe.of({"data": "messages.csv", "task": "classify"})
    assert recipe.data == (tmp_path / "messages.csv",)
    assert recipe.output == Path("runs/messages")
    assert Recipe.of(recipe) is recipe
    with pytest.raises(RecipeError, match="clasify"):
        Recipe.of({"data": "messages.csv", "task": "clasify"})


def test_the_printed_recipe_loads_to_the_same(tmp_path: Path) -> None:
    recipe = Recipe.load(written(tmp_path, TWO_LINES + "split: {test_fraction: 0.25}\nseed: 7\n"))
    again = Recipe.load(written(tmp_path, recipe.as_yaml(), "again.yaml"))
    assert again == recipe
    assert set(yaml.safe_load(recipe.as_yaml())) == set(Recipe.model_fields)


def test_a_setting_deep_down_is_found_from_the_top(tmp_path: Path) -> None:
    with pytest.raises(RecipeError) as caught:
        Recipe.load(written(tmp_path, TWO_LINES + "test_fracton: 0.2\n"))
    assert "split.test_fraction" in str(caught.value)


def test_the_fingerprint_tells_recipes_that_prepare_other_rows(tmp_path: Path) -> None:
    def fingerprint(line: str) -> str:
        return Recipe.load(written(tmp_path, TWO_LINES + line)).data_fingerprint()

    plain = fingerprint("")
    assert fingerprint("") == plain
    assert fingerprint("output: elsewhere\n") == plain
    changed = ["seed: 1\n", "split: {test_fraction: 0.2}\n", "quality: {min_characters: 9}\n", "source: {text: t}\n"]
    assert len({plain, *map(fingerprint, changed)}) == 1 + len(changed)
