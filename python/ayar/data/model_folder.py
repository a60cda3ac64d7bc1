"""What the data stages need to know of a model's folder: its special tokens and its chat template. Weights are not looked at."""

import json
from pathlib import Path
from typing import Any, NamedTuple

from ayar.errors import ModelError


class ModelText(NamedTuple):
    """special: every special token's text. named: bos_token, eos_token ... as chat templates call them.

    adds_bos: a plain text starts with the bos_token.
    """

    folder: Path
    special: list[str]
    named: dict[str, str]
    adds_bos: bool
    chat_template: str | None

    @property
    def eos_token(self) -> str:
        if "eos_token" not in self.named:
            raise ModelError(
                f"{self.folder / 'tokenizer_config.json'}: no eos_token, so an answer could never end. Choose another model folder."
            )
        return self.named["eos_token"]


def read_model_text(folder: Path) -> ModelText:
    """Raises ModelError for a folder without a tokenizer, or with a broken one."""
    if not (folder / "tokenizer.json").is_file():
        raise ModelError(f"{folder}: no tokenizer.json. Fetch the model's tokenizer files, or choose another model folder.")
    added = _read_json(folder / "tokenizer.json").get("added_tokens", [])
    config = _read_json(folder / "tokenizer_config.json") if (folder / "tokenizer_config.json").is_file() else {}
    named = {name: _content(value) for name, value in config.items() if name.endswith("_token") and isinstance(value, str | dict)}
    special = [token["content"] for token in added if token.get("special")]
    return ModelText(folder, special, named, bool(config.get("add_bos_token")) and "bos_token" in named, _chat_template(folder, config))


def _chat_template(folder: Path, config: dict[str, Any]) -> str | None:
    own = folder / "chat_template.jinja"
    if own.is_file():
        return own.read_text(encoding="utf-8")
    found = config.get("chat_template")
    if isinstance(found, list):  # [{"name": "default", "template": ...}, {"name": "tool_use", ...}]
        return next((entry["template"] for entry in found if entry.get("name") == "default"), None)
    return found


def _content(token: str | dict[str, Any]) -> str:
    return token["content"] if isinstance(token, dict) else token


def _read_json(path: Path) -> dict[str, Any]:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (json.JSONDecodeError, UnicodeDecodeError):
        raise ModelError(f"{path}: broken JSON. Fetch the model's files again.") from None
