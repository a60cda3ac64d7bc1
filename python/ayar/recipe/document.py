"""A recipe's text: YAML to values, with the line on which each key stands. Mistakes of form are RecipeErrors that name the line."""

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from ayar.errors import RecipeError

Key = tuple[str | int, ...]
SHORTEST = "The shortest one has two lines: `data: messages.csv` and `task: classify`."


@dataclass(frozen=True)
class Document:
    """values: what the recipe says. lines: the 1-based line of each key, by its path of names and list positions."""

    name: str
    values: dict[str, Any]
    lines: dict[Key, int] = field(default_factory=dict)

    def where(self, key: Key) -> str:
        """The file and, for a key or one of its parents that the file holds, the line."""
        for length in range(len(key), 0, -1):
            if key[:length] in self.lines:
                return f"{self.name}, line {self.lines[key[:length]]}"
        return self.name


class _Loader(yaml.SafeLoader):
    """YAML's safe subset, in which 1e-4 is a number, as in YAML 1.2 and everywhere else."""


_Loader.add_implicit_resolver("tag:yaml.org,2002:float", re.compile(r"[-+]?\d+(\.\d*)?[eE][-+]?\d+$"), list("-+0123456789"))


def read_document(path: Path) -> Document:
    """Raises RecipeError for a missing file, bytes that are not UTF-8, broken YAML, a key given twice, or a root that is no mapping."""
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except FileNotFoundError:
        raise RecipeError(
            f"{path}: there is no such recipe. The shortest one has two lines: `data: messages.csv` and `task: classify`."
        ) from None
    except UnicodeDecodeError as error:
        raise RecipeError(f"{path}: not UTF-8 at byte {error.start}. Save the recipe as UTF-8.") from None
    except OSError as error:
        raise RecipeError(f"{path}: cannot be read ({error.strerror}). Name a recipe file, such as recipe.yaml.") from None
    return parse_document(text, str(path))


def parse_document(text: str, name: str) -> Document:
    try:
        loader = _Loader(text)
        root = loader.get_single_node()
        document = Document(name, {} if root is None else loader.construct_document(root))
    except yaml.MarkedYAMLError as error:
        raise RecipeError(_broken(error, name)) from None
    except yaml.YAMLError as error:
        raise RecipeError(f"{name}: not valid YAML: {' '.join(str(error).split())}.") from None
    if root is None:
        raise RecipeError(f"{name}: the recipe is empty. {SHORTEST}")
    if not isinstance(root, yaml.MappingNode):
        raise RecipeError(f"{name}: a recipe is a list of `key: value` lines; this file holds a {root.tag.rpartition(':')[2]}.")
    _number_lines(root, (), document, set())
    return document


def _broken(error: yaml.MarkedYAMLError, name: str) -> str:
    mark = error.problem_mark or error.context_mark
    line = f", line {mark.line + 1}" if mark else ""
    opened = error.context_mark.line + 1 if error.context_mark else None
    remedy = f" Look at what opens on line {opened}: a bracket or quote without its end, or wrong indentation." if opened else ""
    return f"{name}{line}: not valid YAML: {error.problem or error.context}.{remedy}"


def _number_lines(node: yaml.Node, path: Key, document: Document, seen: set[int]) -> None:
    if id(node) in seen:  # an alias may point at its own parent
        return
    seen.add(id(node))
    if isinstance(node, yaml.MappingNode):
        for key_node, value_node in node.value:
            key, line = (*path, str(key_node.value)), key_node.start_mark.line + 1
            if key in document.lines:
                raise RecipeError(f"{document.name}, line {line}: {key[-1]} is given twice, first on line {document.lines[key]}. Keep one.")
            document.lines[key] = line
            _number_lines(value_node, key, document, seen)
    elif isinstance(node, yaml.SequenceNode):
        for index, item in enumerate(node.value):
            document.lines[*path, index] = item.start_mark.line + 1
            _number_lines(item, (*path, index), document, seen)
