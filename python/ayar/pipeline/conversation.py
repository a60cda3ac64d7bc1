"""Talking to the model of a finished run, with the same template, system message and prompt as it was trained with."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import torch

from ayar.data.chat_template import ChatTemplate, Message, RowRefusedError
from ayar.data.format import to_messages
from ayar.data.model_folder import read_model_text
from ayar.errors import DataError, ModelError
from ayar.model.decoder import Decoder
from ayar.model.generation import stream
from ayar.pipeline.run_folder import RunFolder
from ayar.recipe import Recipe
from ayar.text.tokenizer import Tokenizer


class Conversation:
    """Remembers what was said where the task is chat; for every other task each message stands alone, as in training."""

    def __init__(self, run_folder: Path, use_adapter: bool = True, max_new_tokens: int = 256) -> None:
        """Raises DataError where ``run_folder`` holds no finished run, ModelError where its model is gone."""
        folder = RunFolder(run_folder)
        if not folder.recipe.is_file() or not folder.adapter.is_dir():
            raise DataError(f"{run_folder}: no finished run there. Give the folder that `ayar run` named, such as runs/support.")
        self._recipe = Recipe.load(folder.recipe)
        self._decoder = Decoder.load_tuned(folder.adapter, getattr(torch, self._recipe.train.dtype), self._recipe.lora.base_weights)
        self._use_adapter, self._max_new_tokens = use_adapter, max_new_tokens
        base = self._decoder.config.folder
        self._model = read_model_text(base)
        self._tokenizer = Tokenizer.from_file(base / "tokenizer.json")
        report = json.loads(folder.prepare_report.read_text(encoding="utf-8"))
        self._classes = sorted(report["classes"]["after"])
        self._history: list[Message] = []

    @property
    def task(self) -> str:
        return self._recipe.task

    def reply(self, text: str) -> Iterator[str]:
        """The answer in pieces, each whole characters, as soon as the model has written them."""
        prompt = self._tokenizer.encode(self._rendered(text)).tolist()
        written: list[int] = []
        said = ""
        for token in self._tokens(prompt):
            written.append(token)
            whole = self._tokenizer.decode(written).rstrip("\ufffd")  # a character may need several tokens
            if len(whole) > len(said):
                yield whole[len(said) :]
                said = whole
        if self.task == "chat":
            self._history.append({"role": "assistant", "content": said})

    def _tokens(self, prompt: list[int]) -> Iterator[int]:
        stop = {*self._decoder.config.eos_token_ids, self._tokenizer.token_to_id(self._model.eos_token)}
        stop_ids = [token for token in stop if token is not None]
        if self._use_adapter:
            yield from stream(self._decoder, prompt, self._max_new_tokens, stop_ids)
        else:
            with self._decoder.without_adapters():
                yield from stream(self._decoder, prompt, self._max_new_tokens, stop_ids)

    def _rendered(self, text: str) -> str:
        if self.task == "complete":
            return (self._model.named["bos_token"] if self._model.adds_bos else "") + text
        try:
            return ChatTemplate.of_model(self._model, self._recipe.format.template).render(self._messages(text), add_generation_prompt=True)
        except RowRefusedError as error:
            raise ModelError(f"The chat template does not take this conversation ({error.reason}).") from None

    def _messages(self, text: str) -> list[Message]:
        if self.task == "chat":
            self._history.append({"role": "user", "content": text})
            row: dict[str, Any] = {"messages": [*self._history, {"role": "assistant", "content": ""}]}
        else:
            row = {"text": text, "label": ""} if self.task == "classify" else {"prompt": text, "response": ""}
        return cast(list[Message], to_messages(row, self._recipe.format, self.task, self._classes)[:-1])
