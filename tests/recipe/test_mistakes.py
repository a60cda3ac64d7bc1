import pytest
from pydantic import ValidationError

from ayar.recipe.document import parse_document
from ayar.recipe.mistakes import OTHER_NAMES, recipe_error
from tests.recipe.sample import Sample

GOOD = "data: [a.csv]\ntask: classify\n"


def said(text: str) -> str:
    document = parse_document(text, "r.yaml")
    with pytest.raises(ValidationError) as caught:
        Sample.model_validate(document.values)
    return str(recipe_error(caught.value, document, Sample))


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("learning_rte: 1e-4", ["line 3", "learning_rte", "train.learning_rate"]),
        ("learning_rate: 1e-4", ["line 3", "belongs", "train.learning_rate"]),
        ("lr: 1e-4", ["calls it train.learning_rate"]),
        ("maks: {}", ["maks", "mask"]),
        ("train: {epoch: 3}", ["train.epoch.", "train.epochs"]),
        ("train: {mode: replace}", ["train.mode", "mask.mode"]),
        ("qqqq: 1", ["qqqq", "ayar recipe --explain"]),
        ("seed: lots", ["seed is lots", "whole number"]),
        ("train: {epochs: 0}", ["train.epochs is 0", "whole number ≥ 1 and ≤ 100"]),
        ("train: {layers: some}", ["train.layers is some", "all, or whole number, or list of whole number"]),
        ("train: 3", ["train"]),
        ("mask: {mode: replce}", ["mask.mode is replce", "Did you mean replace?"]),
        ("mask: {mode: remove, key: hunter2}", ["mask", "a key without surrogates does nothing"]),
        ("mask: {key: [hunter2]}", ["mask.key", "must be"]),
    ],
)
def test_one_mistake_is_one_sentence_with_the_remedy(line: str, words: list[str]) -> None:
    sentence = said(GOOD + line + "\n")
    assert "\n" not in sentence
    assert "hunter2" not in sentence
    assert all(word in sentence for word in ["r.yaml", *words]), sentence


def test_missing_keys_say_how_to_add_them() -> None:
    assert "data is missing (files to read)" in said("task: classify\n")


def test_an_unknown_task_names_the_nearest() -> None:
    assert "task is clasify, but must be classify | complete. Did you mean classify?" in said("data: [a]\ntask: clasify\n")


def test_all_mistakes_at_once_in_the_order_of_the_file() -> None:
    lines = said("data: [a]\nseed: x\ntask: clasify\nlearning_rte: 1\n").splitlines()
    assert lines[0] == "r.yaml has 3 mistakes:"
    assert ["seed" in lines[1], "task" in lines[2], "learning_rte" in lines[3]] == [True, True, True]


def test_other_names_are_not_ours() -> None:
    assert not set(OTHER_NAMES) & set(OTHER_NAMES.values())
