import yaml

from ayar.recipe.explain import explain_markdown, explain_text
from ayar.recipe.schema_walk import settings_of
from tests.recipe.sample import Sample


def test_every_setting_with_default_and_meaning() -> None:
    text, page = explain_text(Sample), explain_markdown(Sample)
    for setting in settings_of(Sample):
        assert setting.meaning
        assert setting.meaning in text
        assert f"`{setting.name}`" in page
    assert "learning_rate: 0.0005" in text
    assert "number > 0" in page


def test_the_text_is_a_recipe_of_defaults() -> None:
    values = yaml.safe_load(explain_text(Sample))
    assert values["train"] == {"learning_rate": 5e-4, "epochs": 3, "layers": "all"}
    assert values["mask"] == {"mode": "replace", "key": None, "words": None}


def test_no_cell_breaks_the_table() -> None:
    rows = [line for line in explain_markdown(Sample).splitlines() if line.startswith("| `")]
    assert {line.replace("\\|", "").count("|") for line in rows} == {5}
