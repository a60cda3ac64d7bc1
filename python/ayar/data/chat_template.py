"""A model's chat template, rendered as `transformers` renders it, and where in the rendering the answers lie.

A template is code that came with a model, so Jinja's sandbox runs it.
"""

import json
from collections.abc import Callable, Sequence
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import jinja2
import jinja2.ext
import jinja2.sandbox

from ayar.data.model_folder import ModelText
from ayar.errors import DataError, ModelError

Message = dict[str, str]

PLAIN = (
    "{% for message in messages %}{{ message.content }}"
    "{% if message.role == 'assistant' %}{{ eos_token }}{% else %}{{ '\n\n' }}{% endif %}{% endfor %}"
)


class Rendered(NamedTuple):
    """text, and the half-open BYTE ranges of its UTF-8 that are trained on: every answer with the token that ends it."""

    text: str
    trained: list[tuple[int, int]]


class RowRefusedError(ValueError):
    """The template, or what it makes of this row, cannot be trained on. ``reason`` goes to rejected.parquet."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class ChatTemplate:
    """``render(messages, add_generation_prompt)`` → text; ``render_trained(messages)`` → text with the ranges of its answers."""

    def __init__(self, source: str, special_tokens: dict[str, str], end_tokens: Sequence[str], where: str = "the chat template") -> None:
        """special_tokens: bos_token, eos_token ... for the template. end_tokens: whatever may close an answer."""
        self.special_tokens = special_tokens
        self._where = where
        self._end_tokens = sorted(set(end_tokens), key=len, reverse=True)
        try:
            self._template = _environment().from_string(source)
        except jinja2.TemplateError as error:
            raise ModelError(
                f"{where}: not a template that Jinja can read ({error}). Set format.template: plain, or name a file."
            ) from None

    @classmethod
    def of_model(cls, model: ModelText, template: str = "model") -> "ChatTemplate":
        """template: "model" takes the model's own, "plain" a simple one for models without, else the path of a Jinja file."""
        ends = [*model.special, model.eos_token]
        if template == "plain":
            return cls(PLAIN, model.named, ends, "the plain template")
        if template != "model":
            path = Path(template)
            if not path.is_file():
                raise DataError(f"format.template: {path}: no such file. Give model, plain, or the path of a Jinja template.")
            return cls(path.read_text(encoding="utf-8"), model.named, ends, str(path))
        if model.chat_template is None:
            raise ModelError(
                f"{model.folder}: the model brings no chat template. Set format.template: plain, or to the path of a Jinja template."
            )
        return cls(model.chat_template, model.named, ends, f"{model.folder}: the chat template")

    def render(self, messages: Sequence[Message], add_generation_prompt: bool = False) -> str:
        """Raises RowRefusedError where the template refuses the conversation."""
        try:
            return self._template.render(
                messages=list(messages), add_generation_prompt=add_generation_prompt, tools=None, documents=None, **self.special_tokens
            )
        except jinja2.TemplateError:
            raise RowRefusedError("template_refuses") from None

    def render_trained(self, messages: Sequence[Message]) -> Rendered:
        """Raises RowRefusedError: no_answer, template_refuses, or template_rewrites_history (then no range can be trusted).

        Raises ModelError if the template does not end an answer with a token, for then the model would never learn to stop.
        """
        text = self.render(messages)
        trained: list[tuple[int, int]] = []
        for place, message in enumerate(messages):
            if message["role"] == "assistant":
                prompt = self.render(messages[:place], add_generation_prompt=True)
                answered = self.render(messages[: place + 1])
                if not answered.startswith(prompt) or not text.startswith(answered):
                    raise RowRefusedError("template_rewrites_history")
                end = len(prompt) + self._answer_length(answered[len(prompt) :], message["content"])
                start = len(prompt.encode())
                trained.append((start, start + len(text[len(prompt) : end].encode())))
        if not trained:
            raise RowRefusedError("no_answer")
        return Rendered(text, trained)

    def _answer_length(self, tail: str, content: str) -> int:
        """Characters of ``tail`` up to the end of the token that closes the answer."""
        said = next((form for form in (content, content.strip()) if tail.startswith(form)), None)
        if said is None:
            raise RowRefusedError("template_rewrites_history")
        ends = [(tail.find(token, len(said)), token) for token in self._end_tokens]
        found = [(place, token) for place, token in ends if place >= 0]
        if not found:
            raise ModelError(
                f"{self._where} does not close an answer with an end token of the tokenizer, so the model would never learn to stop. "
                "Set format.template to one that does, or to plain."
            )
        place, token = min(found, key=lambda pair: pair[0])
        return place + len(token)


class _Generation(jinja2.ext.Extension):
    """{% generation %} ... {% endgeneration %}, which some templates put around answers. Here the block is its content."""

    tags = {"generation"}  # noqa: RUF012 (Jinja wants a plain class attribute)

    def parse(self, parser: Any) -> Any:
        next(parser.stream)
        return parser.parse_statements(("name:endgeneration",), drop_needle=True)


def _environment() -> jinja2.Environment:
    environment = jinja2.sandbox.ImmutableSandboxedEnvironment(
        trim_blocks=True, lstrip_blocks=True, extensions=[_Generation, jinja2.ext.loopcontrols]
    )
    environment.filters["tojson"] = partial(json.dumps, ensure_ascii=False)  # Jinja's own escapes HTML
    environment.globals["raise_exception"] = _raise
    environment.globals["strftime_now"] = _now()
    return environment


def _raise(message: str) -> None:
    raise jinja2.TemplateError(message)


def _now() -> Callable[[str], str]:
    return lambda form: datetime.now().strftime(form)
