from pathlib import Path

import pytest
import torch

from ayar.errors import ModelError
from ayar.model.decoder import Decoder
from ayar.model.generation import choose, greedy, stream
from tests.model.tiny import random_sequences, write_model

SHARED = random_sequences((20,), seed=5)[0]


FAMILIES = ["llama", "mistral", "qwen2", "qwen3-biased-windows", "gemma2", "gemma3_text", "phi3"]


@pytest.fixture(scope="module", params=FAMILIES)
def pair(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory):
    folder = tmp_path_factory.mktemp(request.param)
    return write_model(folder, request.param), Decoder.load(folder, dtype=torch.float32)


PROMPTS = {
    "one": random_sequences((7,)),
    "nothing shared": random_sequences((9, 1, 30)),
    "shared beginning": [SHARED + tail for tail in random_sequences((3, 11, 1))],
    "one is the beginning of another": [SHARED, SHARED[:12], SHARED],
}


@pytest.mark.parametrize("prompts", PROMPTS.values(), ids=PROMPTS)
def test_greedy_equals_transformers_without_a_cache(pair, prompts: list[list[int]]) -> None:
    model, decoder = pair
    want = [_by_hand(model, prompt, 8) for prompt in prompts]
    assert greedy(decoder, prompts, 8, []) == want
    stop = want[0][5]
    assert greedy(decoder, prompts, 8, [stop]) == [tokens[: tokens.index(stop)] if stop in tokens else tokens for tokens in want]


def test_stream_equals_greedy(pair) -> None:
    _, decoder = pair
    prompt = PROMPTS["one"][0]
    want = greedy(decoder, [prompt], 9, [])[0]
    assert list(stream(decoder, prompt, 9, [])) == want
    assert list(stream(decoder, prompt, 9, [want[4]])) == want[: want.index(want[4])]


@pytest.mark.parametrize("prompts", PROMPTS.values(), ids=PROMPTS)
def test_choice_is_the_greedy_path_through_the_choices(pair, prompts: list[list[int]]) -> None:
    model, decoder = pair
    choices = [[5, 6, 2], [5, 6, 7, 2], [5, 9, 2], [11, 2], [12, 13, 14, 2], [12, 13, 15, 2]]
    assert choose(decoder, prompts, choices) == [_choice_by_hand(model, prompt, choices) for prompt in prompts]


def test_choice_follows_the_prompt(pair) -> None:
    _, decoder = pair
    prompts = random_sequences((6,) * 12, seed=3)
    choices = [[token, 2] for token in range(3, 60)]
    assert len(set(choose(decoder, prompts, choices))) > 1


@pytest.mark.parametrize("choices", [[], [[5], [5, 6]], [[5, 6], [5]], [[5, 2], [5, 2]], [[]]], ids=str)
def test_choices_that_cannot_be_told_apart_are_refused(pair, choices: list[list[int]]) -> None:
    with pytest.raises(ModelError, match="Choices must be told apart"):
        choose(pair[1], [[4]], choices)


def test_generation_ends_with_the_context(tmp_path: Path) -> None:
    write_model(tmp_path, max_position_embeddings=16)
    decoder = Decoder.load(tmp_path, dtype=torch.float32)
    prompts = random_sequences((10, 14))
    answers = greedy(decoder, prompts, 50, [])
    assert [len(answer) for answer in answers] == [7, 3]  # the token after the last position is known, but cannot be read
    with pytest.raises(ModelError, match="17 tokens"):
        greedy(decoder, random_sequences((17,)), 1, [])
    with pytest.raises(ModelError, match="empty"):
        greedy(decoder, [[]], 1, [])


def _by_hand(model, prompt: list[int], count: int) -> list[int]:
    tokens = list(prompt)
    with torch.no_grad():
        for _ in range(count):
            tokens.append(int(model(torch.tensor([tokens])).logits[0, -1].argmax()))
    return tokens[len(prompt) :]


def _choice_by_hand(model, prompt: list[int], choices: list[list[int]]) -> int:
    written: list[int] = []
    with torch.no_grad():
        while written not in choices:
            allowed = sorted({choice[len(written)] for choice in choices if choice[: len(written)] == written})
            scores = model(torch.tensor([prompt + written])).logits[0, -1]
            written.append(max(allowed, key=lambda token: float(scores[token])))
    return choices.index(written)
