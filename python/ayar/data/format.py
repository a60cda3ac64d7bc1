"""Turns canonical rows into what the model reads: messages by task, the model's chat template, and the byte ranges trained on."""

import re
from collections.abc import Callable, Sequence
from typing import Any, Literal

import pyarrow as pa
from pydantic import Field

from ayar.data.chat_template import ChatTemplate, Message, RowRefusedError
from ayar.data.model_folder import ModelText
from ayar.data.stage import Stage, dropped_rows, stage_report
from ayar.data.tasks import MESSAGES
from ayar.errors import DataError
from ayar.settings import Settings

RANGES = pa.list_(pa.struct([("start", pa.int32()), ("end", pa.int32())]))
PREPARED = pa.schema(
    [
        ("id", pa.string()), ("source", pa.string()), ("row", pa.int64()), ("split", pa.string()), ("label", pa.string()),
        ("prompt", MESSAGES), ("answer", pa.string()), ("rendered", pa.string()), ("trained", RANGES),
    ]
)  # fmt: skip

DEFAULT_SYSTEM = {"classify": "Classify the message. Answer with exactly one of these classes: {classes}"}

Formatter = Callable[[dict[str, Any]], dict[str, Any]]


class FormatSettings(Settings):
    """How a row becomes the text that the model reads, and which part of it is trained on."""

    template: str = Field(
        default="model",
        min_length=1,
        description="model: the model's own chat template; plain: a simple one for base models; or the path of a Jinja file",
    )
    system: str | None = Field(
        default=None,
        description="system message, {classes} being the list of classes; by default classify lists the classes, other tasks have none",
    )
    prompt: str = Field(
        default="{text}", description="what the user says: {text} is the text or prompt of the row, {classes} the list of classes"
    )
    max_tokens: int = Field(default=1024, ge=8, description="longest row in tokens, template included; at most what the model can read")
    too_long: Literal["drop", "split", "refuse"] = Field(
        default="drop",
        description="rows longer than max_tokens: drop and count them, split them into pieces, or stop with an error",
    )


def format_rows(table: pa.Table, settings: FormatSettings, task: str, model: ModelText) -> Stage:
    """Canonical rows with the column `split` → PREPARED.

    A row whose text holds a special token of the model is dropped: it could end its own message and speak as the model.
    Raises DataError if no row is left, ModelError if the template cannot be used.
    """
    formatter = _complete(model) if task == "complete" else _conversation(settings, task, class_list(table, task), model)
    rows: list[dict[str, Any]] = []
    refused: dict[int, str] = {}
    for place, canonical in enumerate(table.to_pylist()):
        try:
            rows.append(formatter(canonical))
        except RowRefusedError as error:
            refused[place] = error.reason
    if not rows:
        raise DataError(
            f"data: not one row can be put into the model's format ({', '.join(sorted(set(refused.values())))}). Set format.template."
        )
    dropped = dropped_rows(table.take(pa.array(list(refused), pa.int64())), "format", list(refused.values()))
    kept = pa.Table.from_pylist(rows, schema=PREPARED)
    return Stage(kept, dropped, stage_report("format", table.num_rows, kept.num_rows, dropped))


def class_list(table: pa.Table, task: str) -> list[str]:
    return sorted(set(table["label"].to_pylist())) if task == "classify" else []


def to_messages(canonical: dict[str, Any], settings: FormatSettings, task: str, classes: Sequence[str]) -> list[Message]:
    """The conversation of one row; its last message is the answer that is wanted. Empty if there is none."""
    system = settings.system if settings.system is not None else DEFAULT_SYSTEM.get(task, "")
    if task == "chat":
        messages = [{"role": turn["role"], "content": turn["content"]} for turn in canonical["messages"]]
        while messages and messages[-1]["role"] != "assistant":
            messages.pop()  # a question that nobody answered teaches nothing
        own_system = bool(messages) and messages[0]["role"] == "system"
    else:
        text, answer = (canonical["text"], canonical["label"]) if task == "classify" else (canonical["prompt"], canonical["response"])
        messages = [{"role": "user", "content": _fill(settings.prompt, classes, text)}, {"role": "assistant", "content": answer}]
        own_system = False
    if system and messages and not own_system:
        messages.insert(0, {"role": "system", "content": _fill(system, classes)})
    return messages


def _fill(pattern: str, classes: Sequence[str], text: str = "{text}") -> str:
    return pattern.replace("{classes}", ", ".join(classes)).replace("{text}", text)  # the text last: braces in it stay as they are


def _conversation(settings: FormatSettings, task: str, classes: Sequence[str], model: ModelText) -> Formatter:
    template = ChatTemplate.of_model(model, settings.template)
    special = _any_of(model.special)

    def formatted(canonical: dict[str, Any]) -> dict[str, Any]:
        messages = to_messages(canonical, settings, task, classes)
        if any(special.search(message["content"]) for message in messages):
            raise RowRefusedError("special_token_in_text")
        if not messages or any(turn["role"] == "assistant" and not turn["content"].strip() for turn in messages):
            raise RowRefusedError("no_answer")
        rendered = template.render_trained(messages)
        return _row(canonical, canonical.get("label"), messages[:-1], messages[-1]["content"], rendered.text, rendered.trained)

    return formatted


def _complete(model: ModelText) -> Formatter:
    special = _any_of(model.special)
    before = model.named["bos_token"] if model.adds_bos else ""

    def formatted(canonical: dict[str, Any]) -> dict[str, Any]:
        if special.search(canonical["text"]):
            raise RowRefusedError("special_token_in_text")
        rendered = before + canonical["text"] + model.eos_token
        return _row(canonical, None, [], None, rendered, [(len(before.encode()), len(rendered.encode()))])

    return formatted


def _any_of(tokens: Sequence[str]) -> re.Pattern[str]:
    return re.compile("|".join(map(re.escape, tokens)) or r"(?!)")


def _row(
    canonical: dict[str, Any], label: str | None, prompt: list[Message], answer: str | None, rendered: str, trained: list[tuple[int, int]]
) -> dict[str, Any]:
    ranges = [{"start": start, "end": end} for start, end in trained]
    came_from = {name: canonical[name] for name in ("id", "source", "row", "split")}
    return came_from | {"label": label, "prompt": prompt, "answer": answer, "rendered": rendered, "trained": ranges}
