"""docs/text.md: every operator has its row, the row's example is what the operator makes, and the words on and off are the defaults."""

import json
import re
from pathlib import Path

import pytest

from ayar.text.cleaning import CleanOptions
from tests.text.cleaned import cleaned

PAGE = (Path(__file__).parents[2] / "docs/text.md").read_text(encoding="utf-8")
ROWS = re.findall(r"^\| `(\w+)` \| (on|off) \|.*\| `(.*?)` \| `(.*?)` \|$", PAGE, flags=re.MULTILINE)


@pytest.mark.parametrize(("operator", "default", "before", "after"), ROWS)
def test_example_and_default(operator: str, default: str, before: str, after: str) -> None:
    assert cleaned(json.loads(f'"{before}"'), operator) == json.loads(f'"{after}"')
    assert CleanOptions.model_fields[operator].default is (default == "on")


def test_rows_are_the_operators_in_their_order() -> None:
    assert [row[0] for row in ROWS] == [name for name in CleanOptions.model_fields if name != "links"]
