"""Every setting with its type, default and meaning, as text for the terminal or as the page docs/recipe.md."""

from itertools import groupby

from ayar.recipe.schema_walk import Setting, settings_of
from ayar.settings import Settings

_PAGE_HEAD = """# The recipe

Made by `ayar recipe --explain --markdown`; a test holds this page equal to the settings models.

A recipe is a YAML file. Only `data` and `task` are required; every other setting has a default.
Relative paths of `data`, `model` and other inputs start at the recipe's folder, `output` at the current folder.
"""


def explain_text(schema: type[Settings]) -> str:
    """One block a section: `name: default`, its type, its meaning. The text is itself a YAML recipe with comments."""
    lines: list[str] = []
    for section, settings in _sections(schema):
        indent = "  " if section else ""
        if section:
            lines += ["", f"{section}:  # {_section_meaning(schema, section)}"]
        for setting in settings:
            name = ".".join(setting.path[bool(section) :])
            lines += [f"{indent}# {setting.meaning} [{setting.kind}]", f"{indent}{name}: {_default(setting)}"]
    return "\n".join(lines) + "\n"


def explain_markdown(schema: type[Settings]) -> str:
    lines = [_PAGE_HEAD]
    for section, settings in _sections(schema):
        lines.append(f"## `{section}`\n\n{_section_meaning(schema, section)}\n" if section else "## Top level\n")
        lines += ["| setting | values | default | meaning |", "|---|---|---|---|"]
        for setting in settings:
            cells = (f"`{setting.name}`", _cell(setting.kind), f"`{_cell(_default(setting))}`", _cell(setting.meaning))
            lines.append(f"| {' | '.join(cells)} |")
        lines.append("")
    return "\n".join(lines).rstrip() + "\n"


def _sections(schema: type[Settings]) -> list[tuple[str, list[Setting]]]:
    grouped = groupby(settings_of(schema), key=lambda setting: setting.path[0] if len(setting.path) > 1 else "")
    return [(section, list(settings)) for section, settings in grouped]


def _section_meaning(schema: type[Settings], section: str) -> str:
    return schema.model_fields[section].description or ""


def _default(setting: Setting) -> str:
    return "..." if setting.default == "required" else setting.default


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")
