"""Accuracy of a classifier: each model answers by choosing among the classes, token by token, and can say nothing else."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

from ayar.evaluate.metrics import confusion, standard_error_of_difference
from ayar.evaluate.progress import Progress, Scored
from ayar.evaluate.questions import Question, batches_of, token_ids
from ayar.model.decoder import Decoder
from ayar.model.generation import choose, common_length
from ayar.text.tokenizer import Tokenizer


def score_classes(
    decoder: Decoder, tokenizer: Tokenizer, questions: Sequence[Question], classes: dict[str, str], batch_tokens: int, progress: Progress
) -> dict[str, Any]:
    """classes: label → its answer as rendered. Every question's label is one of them."""
    labels = list(classes)
    prompts = token_ids(tokenizer, [question.prompt for question in questions])
    choices = token_ids(tokenizer, list(classes.values()))

    def answers(model: str) -> list[int]:
        chosen = [0] * len(prompts)
        done = 0
        for batch in batches_of([len(prompt) for prompt in prompts], batch_tokens, common_length(prompts)):
            for index, choice in zip(batch, choose(decoder, [prompts[index] for index in batch], choices), strict=True):
                chosen[index] = choice
            done += len(batch)
            progress(Scored(f"classes, {model}", done, len(prompts)))
        return chosen

    with decoder.without_adapters():
        base = answers("base model")
    return class_scores([labels.index(question.label or "") for question in questions], base, answers("tuned model"), labels)


def class_scores(expected: Sequence[int], base: Sequence[int], tuned: Sequence[int], labels: Sequence[str]) -> dict[str, Any]:
    """expected, base, tuned: an index into ``labels`` for each row. At least one row."""
    base_right = [float(answer == want) for answer, want in zip(base, expected, strict=True)]
    tuned_right = [float(answer == want) for answer, want in zip(tuned, expected, strict=True)]
    counts = Counter(expected)

    def accuracy(right: Sequence[float], wanted: int) -> float:
        return sum(hit for hit, want in zip(right, expected, strict=True) if want == wanted) / counts[wanted]

    return {
        "metric": "accuracy",
        "base": sum(base_right) / len(expected),
        "tuned": sum(tuned_right) / len(expected),
        "standard_error": standard_error_of_difference(base_right, tuned_right),
        "majority": max(counts.values()) / len(expected),
        "per_class": {
            labels[index]: {"base": accuracy(base_right, index), "tuned": accuracy(tuned_right, index), "rows": counts[index]}
            for index in sorted(counts)
        },
        "labels": list(labels),
        "confusion": confusion(expected, tuned, len(labels)),
    }


def classes_of(questions: Sequence[Question]) -> dict[str, str]:
    """label → its answer as rendered, in the order of the labels."""
    return dict(sorted({question.label: question.target for question in questions if question.label is not None}.items()))
