"""What the documents say to type can be typed, and what they say about settings is what the settings say."""

import re
import shlex
from pathlib import Path

import pytest
from typer.main import get_command

from ayar.cli.commands import app
from ayar.recipe import Recipe
from ayar.recipe.explain import explain_markdown

ROOT = Path(__file__).parent.parent
PAGES = (
    "README.md",
    "CONTRIBUTING.md",
    "docs/design.md",
    "docs/families.md",
    "docs/ops.md",
    "docs/recipe.md",
    "docs/text.md",
    "docs/tree.md",
)


def commands() -> list[tuple[str, str]]:
    found = []
    for page in PAGES:
        text = (ROOT / page).read_text(encoding="utf-8")
        found += [(page, match) for match in re.findall(r"`(ayar [a-z][^`\n]*)`", text)]
        for block in re.findall(r"^```\w*\n(.*?)^```", text, flags=re.DOTALL | re.MULTILINE):
            found += [(page, line.partition("#")[0].strip()) for line in block.splitlines() if line.startswith("ayar ")]
    return found


def test_there_are_commands_to_check() -> None:
    assert len(commands()) >= 8


@pytest.mark.parametrize(("page", "line"), commands())
def test_every_ayar_command_in_the_documents_parses(page: str, line: str) -> None:
    name, *arguments = shlex.split(line)[1:]
    command = get_command(app).commands[name]  # pyright: ignore[reportAttributeAccessIssue]
    options = {spelling for parameter in command.params for spelling in (*parameter.opts, *parameter.secondary_opts)}
    assert {argument for argument in arguments if argument.startswith("-")} <= options


@pytest.mark.parametrize("page", PAGES)
def test_every_make_target_in_the_documents_exists(page: str) -> None:
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), flags=re.MULTILINE))
    named = re.findall(r"^make ([a-z ]+?)(?:  |$)", (ROOT / page).read_text(encoding="utf-8"), flags=re.MULTILINE)
    assert {target for line in named for target in line.split()} <= targets


def test_the_page_of_settings_is_that_of_the_models() -> None:
    page = (ROOT / "docs/recipe.md").read_text(encoding="utf-8")
    assert page == explain_markdown(Recipe), "make it again: ayar recipe --explain --markdown > docs/recipe.md"


@pytest.mark.parametrize("page", PAGES)
def test_links_lead_to_files(page: str) -> None:
    text = (ROOT / page).read_text(encoding="utf-8")
    targets = re.findall(r"\]\((?!https?:)([^)#]+)\)", text)
    missing = [target for target in targets if not ((ROOT / page).parent / target).exists()]
    assert missing == []
