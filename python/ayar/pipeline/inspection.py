"""Prepared rows as the model will see them, cut where the trained tokens begin and end: by the packer's own labels, not by the text."""

from dataclasses import dataclass
from itertools import groupby

import numpy as np

from ayar.data.pack import IGNORE_INDEX, tokenize
from ayar.pipeline.events import Progress, silent
from ayar.pipeline.preparation import prepared_in_memory
from ayar.recipe import Recipe


@dataclass(frozen=True)
class Example:
    """pieces: the rendered row in order, each with whether its tokens are trained on."""

    id: str
    pieces: tuple[tuple[str, bool], ...]
    tokens: int
    trained_tokens: int


def inspect(recipe: Recipe, rows: int = 3, progress: Progress = silent) -> list[Example]:
    """The first ``rows`` training rows. Nothing is written to disk."""
    model, made = prepared_in_memory(recipe, progress)
    shown = made.train.slice(0, rows)
    examples = tokenize(shown, model.tokenizer)
    found = []
    for row, (name, rendered) in enumerate(zip(shown["id"].to_pylist(), shown["rendered"].to_pylist(), strict=True)):
        spans = model.tokenizer.encode_with_offsets(rendered)[1]
        labels = examples.labels[examples.offsets[row] : examples.offsets[row + 1]]
        found.append(Example(name, pieces(rendered, labels, spans), len(labels), int((labels != IGNORE_INDEX).sum())))
    return found


def pieces(rendered: str, labels: np.ndarray, spans: np.ndarray) -> tuple[tuple[str, bool], ...]:
    """labels: (n,) of the tokens of ``rendered``. spans: (n, 2) their byte ranges in it. The pieces joined are ``rendered``."""
    text = rendered.encode()
    cut: list[tuple[str, bool]] = []
    place = 0
    for is_trained, tokens in groupby(range(len(labels)), key=lambda token: bool(labels[token] != IGNORE_INDEX)):
        end = int(spans[list(tokens)[-1], 1])
        cut.append((text[place:end].decode("utf-8", "replace"), is_trained))
        place = end
    if place < len(text):
        cut.append((text[place:].decode("utf-8", "replace"), False))
    return tuple(cut)
