from pathlib import Path

import pytest

from ayar.errors import RecipeError
from ayar.recipe.document import parse_document, read_document


def test_values_and_lines() -> None:
    document = parse_document("data:\n  - a.csv\n  - b.csv\ntrain:\n  learning_rate: 1e-4\n", "r.yaml")
    assert document.values == {"data": ["a.csv", "b.csv"], "train": {"learning_rate": 1e-4}}
    assert document.where(("train", "learning_rate")) == "r.yaml, line 5"
    assert document.where(("data", 1)) == "r.yaml, line 3"
    assert document.where(("train", "no such key")) == "r.yaml, line 4"
    assert document.where(("seed",)) == "r.yaml"


@pytest.mark.parametrize("text", ["1e-4", "1E5", "-2e3", "1.5e-3", "+1.e2"])
def test_an_exponent_makes_a_number(text: str) -> None:
    assert parse_document(f"x: {text}", "r").values["x"] == float(text)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", ["empty", "task: classify"]),
        ("# only a comment\n", ["empty"]),
        ("- a\n- b\n", ["holds a seq"]),
        ("just words", ["holds a str"]),
        ("data: [a.csv\ntask: classify\n", ["line 2", "line 1", "bracket"]),
        ("a: 'x\n", ["not valid YAML"]),
        ("seed: 1\ntask: x\nseed: 2\n", ["line 3", "seed", "twice", "line 1"]),
        ("train:\n  epochs: 1\n  epochs: 2\n", ["line 3", "epochs", "line 2"]),
        ("a: !!python/object:os.system {}\n", ["line 1", "not valid YAML"]),
        ("a: \x00", ["not valid YAML"]),
    ],
)
def test_mistakes_of_form_name_file_and_line(text: str, words: list[str]) -> None:
    with pytest.raises(RecipeError) as caught:
        parse_document(text, "r.yaml")
    assert all(word in str(caught.value) for word in ["r.yaml", *words]), caught.value


def test_an_alias_of_its_own_parent_ends() -> None:
    assert "a" in parse_document("a: &a\n  b: *a\n", "r").values


def test_missing_undecodable_and_folder(tmp_path: Path) -> None:
    (tmp_path / "latin.yaml").write_bytes("data: ağaç.csv".encode("iso-8859-9"))
    for name, words in {"none.yaml": "no such recipe", "latin.yaml": "UTF-8", ".": "cannot be read"}.items():
        with pytest.raises(RecipeError, match=words):
            read_document(tmp_path / name)


def test_a_byte_order_mark_is_no_part_of_the_first_key(tmp_path: Path) -> None:
    (tmp_path / "bom.yaml").write_bytes(b"\xef\xbb\xbftask: classify\n")
    assert read_document(tmp_path / "bom.yaml").values == {"task": "classify"}
