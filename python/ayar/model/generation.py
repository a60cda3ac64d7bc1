"""Greedy generation for many prompts at once, choice among given answers, and a stream of tokens for a chat."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from ayar.errors import ModelError
from ayar.model.cache import KeyValueCache
from ayar.model.decoder import Decoder


def greedy(decoder: Decoder, prompts: Sequence[Sequence[int]], max_new_tokens: int, stop_ids: Sequence[int]) -> list[list[int]]:
    """The likeliest continuation of each prompt, token by token, up to a stop token (left out), ``max_new_tokens`` or the context's end.

    Prompts that begin alike share the work for their common beginning. Raises ModelError where a prompt is empty or too long.
    """
    if not prompts:
        return []
    answers: list[list[int]] = [[] for _ in prompts]
    cache, hidden = _read(decoder, prompts, max_new_tokens)
    running = list(range(len(prompts)))
    for _ in range(max_new_tokens):
        next_ids = _next_ids(decoder, hidden)
        running = [(row, token) for row, token in zip(running, next_ids, strict=True) if token not in stop_ids]
        for row, token in running:
            answers[row].append(token)
        running = [row for row, _ in running if cache.lengths[row] < cache.capacity and len(answers[row]) < max_new_tokens]
        if not running:
            break
        hidden = cache.extend([answers[row][-1] for row in running], running)
    return answers


def stream(decoder: Decoder, prompt: Sequence[int], max_new_tokens: int, stop_ids: Sequence[int]) -> Iterator[int]:
    """``greedy`` for one prompt; hands out each token as it is known."""
    cache, hidden = _read(decoder, [prompt], max_new_tokens)
    for _ in range(max_new_tokens):
        token = _next_ids(decoder, hidden)[0]
        if token in stop_ids:
            return
        yield token
        if cache.lengths[0] == cache.capacity:
            return
        hidden = cache.extend([token], [0])


def choose(decoder: Decoder, prompts: Sequence[Sequence[int]], choices: Sequence[Sequence[int]]) -> list[int]:
    """For each prompt the index of the choice that greedy generation writes when it may write nothing but the choices.

    choices: token ids, each with its end-of-turn token so that none is the beginning of another. Raises ModelError where one is.
    A choice that is settled by its first tokens costs no more than those.
    """
    if not prompts:
        return []
    root = _trie(choices)
    cache, hidden = _read(decoder, prompts, max(len(choice) for choice in choices))
    nodes = [root] * len(prompts)
    running = [row for row in range(len(prompts)) if nodes[row].only is None]
    while running:
        logits = _logits(decoder, hidden)
        tokens = []
        for row, scores in zip(running, logits, strict=True):
            allowed = list(nodes[row].children)
            tokens.append(allowed[int(scores[allowed].argmax())])
            nodes[row] = nodes[row].children[tokens[-1]]
        going_on = [index for index, row in enumerate(running) if nodes[row].only is None]
        running, tokens = [running[index] for index in going_on], [tokens[index] for index in going_on]
        if running:
            hidden = cache.extend(tokens, running)
    return [node.only for node in nodes if node.only is not None]


@dataclass
class _Node:
    children: dict[int, "_Node"] = field(default_factory=dict)
    only: int | None = None  # the choice, once no other is left below


def _trie(choices: Sequence[Sequence[int]]) -> _Node:
    root = _Node()
    for index, choice in enumerate(choices):
        node = root
        for token in choice:
            node = node.children.setdefault(token, _Node())
        node.only = index
    if not choices or not all(choices) or sum(1 for _ in _leaves(root)) != len(choices):
        raise ModelError(
            "Choices must be told apart: none may be empty, given twice or the beginning of another (an end-of-turn token helps)."
        )
    _mark_settled(root)
    return root


def _mark_settled(root: _Node) -> None:
    order = [root]
    for node in order:
        order.extend(node.children.values())
    for node in reversed(order):
        if len(node.children) == 1:
            node.only = next(iter(node.children.values())).only


def _leaves(root: _Node) -> Iterator[_Node]:
    waiting = [root]
    while waiting:
        node = waiting.pop()
        if not node.children:
            yield node
        waiting.extend(node.children.values())


def _read(decoder: Decoder, prompts: Sequence[Sequence[int]], more: int) -> tuple[KeyValueCache, Tensor]:
    """Reads the prompts, their common beginning once; the cache has room for ``more`` tokens of each, where the context has."""
    shortest, longest = min(len(prompt) for prompt in prompts), max(len(prompt) for prompt in prompts)
    context = decoder.config.max_position_embeddings
    if shortest == 0:
        raise ModelError("A prompt is empty: there is no token to go on from.")
    if longest > context:
        raise ModelError(f"A prompt of {longest} tokens is longer than the model's context of {context}.")
    begin = common_length(prompts) if len(prompts) > 1 else 0
    cache = KeyValueCache(decoder, len(prompts), min(longest + more, context) - begin, begin)
    return cache, cache.read(prompts)


def common_length(prompts: Sequence[Sequence[int]]) -> int:
    """How many tokens all prompts begin with, and have at least one more."""
    if not prompts:
        return 0
    first, last = min(map(list, prompts)), max(map(list, prompts))  # what the extremes share, all share
    limit = min(len(prompt) for prompt in prompts) - 1
    return next((index for index in range(limit) if first[index] != last[index]), max(limit, 0))


@torch.no_grad()
def _logits(decoder: Decoder, hidden: Tensor) -> Tensor:
    return decoder.project(hidden)


def _next_ids(decoder: Decoder, hidden: Tensor) -> list[int]:
    return _logits(decoder, hidden).argmax(-1).tolist()
