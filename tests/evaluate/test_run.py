"""The whole evaluation on a tiny model, checked against answers worked out one by one."""

import json
import math
from pathlib import Path

import pyarrow as pa
import pytest
import torch

from ayar.errors import DataError
from ayar.evaluate import EvaluateSettings, Scored, run
from ayar.evaluate.questions import questions_of
from ayar.model.decoder import Decoder
from ayar.report.schema import Evaluation
from ayar.text.tokenizer import Tokenizer
from tests.evaluate.tiny_run import ANSWERS, CLASSES, TEXTS, row, table, tiny_model
from tests.model.packing import packed

SMALL = {"general_tokens": 40, "window_tokens": 16, "max_new_tokens": 5, "samples": 2, "batch_tokens": 64}


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> tuple[Decoder, Tokenizer]:
    return tiny_model(tmp_path_factory.mktemp("model"))


def logits_after(decoder: Decoder, ids: list[int]) -> torch.Tensor:
    with torch.no_grad():
        return decoder.logits(packed([ids]))[-1]


def chosen_one_by_one(decoder: Decoder, tokenizer: Tokenizer, prompt: str, answers: list[str]) -> str:
    """Greedy, one token at a time, among the answers that are still possible."""
    prompt_ids, written = tokenizer.encode(prompt).tolist(), []
    possible = {answer: tokenizer.encode(answer).tolist() for answer in answers}
    while len(possible) > 1:
        logits = logits_after(decoder, prompt_ids + written)
        written.append(max({ids[len(written)] for ids in possible.values()}, key=lambda token: float(logits[token])))
        possible = {answer: ids for answer, ids in possible.items() if ids[: len(written)] == written}
    return next(iter(possible))


def test_classes_are_chosen_as_one_by_one(model: tuple[Decoder, Tokenizer]) -> None:
    decoder, tokenizer = model
    train = table(row("x", "refund", "refund"))
    got = run(decoder, tokenizer, CLASSES, "classify", EvaluateSettings.model_validate(SMALL), train_rows=train)
    answers = ["card<|im_end|>", "money<|im_end|>", "money back<|im_end|>", "refund<|im_end|>"]
    questions = questions_of(CLASSES)
    right = {}
    for name in ("base", "tuned"):
        with decoder.without_adapters() if name == "base" else torch.no_grad():
            right[name] = [chosen_one_by_one(decoder, tokenizer, q.prompt, answers) == q.target for q in questions]
        assert got["task"][name] == sum(right[name]) / 4
    assert got["task"]["labels"] == ["card", "money", "money back", "refund"]
    assert got["task"]["majority"] == 0.5
    assert got["task"]["rows"] == 4


def test_answers_are_greedy_and_end_at_the_end_of_turn(model: tuple[Decoder, Tokenizer]) -> None:
    decoder, tokenizer = model
    got = run(decoder, tokenizer, ANSWERS, "answer", EvaluateSettings.model_validate(SMALL | {"samples": 3}))
    end = tokenizer.token_to_id("<|im_end|>")
    by_prompt = {question.asked: question for question in questions_of(ANSWERS)}
    assert len(got["samples"]) == 3
    for sample in got["samples"]:
        ids = tokenizer.encode(by_prompt[sample["prompt"]].prompt).tolist()
        written: list[int] = []
        while len(written) < 5 and (token := int(logits_after(decoder, ids + written).argmax())) != end:
            written.append(token)
        assert sample["tuned"] == tokenizer.decode(written).strip()
        assert sample["expected"] == by_prompt[sample["prompt"]].answer
    assert got["task"]["metric"] == "token_f1"
    assert set(got["task"]["other_metrics"]) == {"exact_match", "perplexity"}


@pytest.mark.parametrize(("rows", "task"), [(TEXTS, "complete"), (ANSWERS, "chat")])
def test_perplexity_is_that_of_the_trained_tokens(model: tuple[Decoder, Tokenizer], rows: pa.Table, task: str) -> None:
    decoder, tokenizer = model
    got = run(decoder, tokenizer, rows, task, EvaluateSettings.model_validate(SMALL))
    for name in ("base", "tuned"):
        loss, count = 0.0, 0
        for question in questions_of(rows):
            prompt, target = tokenizer.encode(question.prompt).tolist(), tokenizer.encode(question.target).tolist()
            with torch.no_grad(), decoder.without_adapters() if name == "base" else torch.no_grad():
                log = torch.log_softmax(decoder.logits(packed([prompt + target])).double(), -1)
            for place in range(max(len(prompt), 1), len(prompt) + len(target)):
                loss -= float(log[place - 1, (prompt + target)[place]])
                count += 1
        assert got["task"][name] == pytest.approx(math.exp(loss / count), rel=1e-5)


@pytest.mark.parametrize(("rows", "task"), [(CLASSES, "classify"), (ANSWERS, "answer"), (TEXTS, "complete"), (ANSWERS, "chat")])
def test_the_result_is_what_the_report_reads(model: tuple[Decoder, Tokenizer], rows: pa.Table, task: str) -> None:
    events: list[Scored] = []
    got = run(*model, rows, task, EvaluateSettings.model_validate(SMALL), events.append)
    read = Evaluation.model_validate_json(json.dumps(got))
    assert read.task.name == task
    assert read.forgetting.text == "built-in general text"
    assert len(read.samples) == 2
    assert read.environment["dtype"] == "float32"
    finished = {event.what: event for event in events}
    assert all(event.done == event.total for event in finished.values())
    assert {"samples, base model", "samples, tuned model", "general text, both models"} <= set(finished)


def test_settings_change_what_is_scored(model: tuple[Decoder, Tokenizer], tmp_path: Path) -> None:
    own = tmp_path / "own.txt"
    own.write_text("my card was charged twice", encoding="utf-8")
    settings = SMALL | {"rows": 3, "samples": 0, "general_text": own}
    got = run(*model, CLASSES, "classify", EvaluateSettings.model_validate(settings))
    assert got["task"]["rows"] == 3
    assert got["samples"] == []
    assert got["forgetting"]["text"] == str(own)
    assert set(got["forgetting"]["parts"]) == {"own.txt"}


def test_batches_of_any_size_give_the_same_scores(model: tuple[Decoder, Tokenizer]) -> None:
    one, many = (run(*model, ANSWERS, "answer", EvaluateSettings.model_validate(SMALL | {"batch_tokens": size})) for size in (1, 4096))
    assert one["samples"] == many["samples"]
    for key in ("base", "tuned"):
        assert one["task"][key] == many["task"][key]
    assert one["forgetting"]["kl_base_tuned"] == pytest.approx(many["forgetting"]["kl_base_tuned"], rel=1e-4)


def test_no_rows_is_an_error_with_a_remedy(model: tuple[Decoder, Tokenizer]) -> None:
    with pytest.raises(DataError, match=r"split\.test_fraction"):
        run(*model, CLASSES.slice(0, 0), "classify", EvaluateSettings())
