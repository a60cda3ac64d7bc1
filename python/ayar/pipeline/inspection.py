"""Prepared rows as the model will see them, cut where the trained tokens begin and end: by the packer's own labels, not by the text."""

from dataclasses import dataclass
from itertools import groupby

import numpy as np


@dataclass(frozen=True)
class Example:
    """pieces: the rendered row in order, each with whether its tokens are trained on."""

    id: str
    pieces: tuple[tuple[str, bool], ...]
    tokens: int
    trained_tokens: int


def example(id: str, rendered: str, labels: np.ndarray, spans: np.ndarray, ignore_index: int = -100) -> Example:
    """labels: (n,) the packer's, ignore_index where nothing is learnt. spans: (n, 2) byte ranges of the same tokens in ``rendered``."""
    text = rendered.encode()
    trained = labels != ignore_index
    pieces: list[tuple[str, bool]] = []
    place = 0
    for is_trained, tokens in groupby(range(len(labels)), key=lambda token: bool(trained[token])):
        end = int(spans[list(tokens)[-1], 1])
        pieces.append((text[place:end].decode("utf-8", "replace"), is_trained))
        place = end
    if place < len(text):
        pieces.append((text[place:].decode("utf-8", "replace"), False))
    return Example(id, tuple(pieces), len(labels), int(trained.sum()))
