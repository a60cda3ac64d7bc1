"""Reads a Hugging Face ``tokenizer.json``. A component that the native core does not know exactly is refused by name, never guessed."""

import json
from pathlib import Path
from typing import Any, NamedTuple, NoReturn

from ayar.errors import ModelError

_LETTERS_OR_OTHER = r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
_CONTRACTIONS = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|"
_PATTERNS = {
    _CONTRACTIONS + r"\p{N}{1,3}" + _LETTERS_OR_OTHER: "llama3",
    _CONTRACTIONS + r"\p{N}" + _LETTERS_OR_OTHER: "qwen2",
    r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+": "gpt2",
    r"'(?:[sdmt]|ll|ve|re)| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+": "gpt2",
}
_STEP_FIELDS = {
    "Digits": {"type", "individual_digits"},
    "Split": {"type", "pattern", "behavior", "invert"},
    "ByteLevel": {"type", "add_prefix_space", "trim_offsets", "use_regex"},
}
_MODEL_FIELDS = {"type", "vocab", "merges", "ignore_merges", "dropout", "unk_token", "fuse_unk", "byte_fallback"}
_MODEL_FIELDS |= {"continuing_subword_prefix", "end_of_word_suffix"}


class AddedToken(NamedTuple):
    """An entry of ``added_tokens``: what it matches, and how."""

    content: str
    id: int
    single_word: bool
    lstrip: bool
    rstrip: bool
    normalized: bool
    special: bool


class TokenizerFile(NamedTuple):
    """What the native tokenizer is made of."""

    vocab: dict[str, int]
    merges: list[list[str]]
    added: list[AddedToken]
    digits: str
    pattern: str
    ignore_merges: bool
    trims_offsets: bool
    keeps_first_space: bool


def read_tokenizer_json(path: Path) -> TokenizerFile:
    """Raises ModelError: file missing or not JSON, or a component, field or value that is not supported, with its name."""
    try:
        content = json.loads(path.read_bytes())
    except FileNotFoundError:
        raise ModelError(f"{path}: there is no such file. A model folder needs the tokenizer.json it was published with.") from None
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise ModelError(f"{path}: not valid JSON ({error}). Download the file again.") from None
    try:
        return _read(content, path)
    except (KeyError, TypeError, AttributeError) as error:
        raise ModelError(f"{path}: not a tokenizer.json as tokenizers writes it (at {error}). Download the file again.") from None


def _read(content: dict[str, Any], path: Path) -> TokenizerFile:
    def refuse(component: str) -> NoReturn:
        raise ModelError(
            f"{path}: {component} is not supported. Ayar reads byte-level BPE tokenizers of the GPT-2, SmolLM, Llama 3 and Qwen 2 kind; "
            "choose a model of such a family."
        )

    known = {"version", "truncation", "padding", "added_tokens", "normalizer", "pre_tokenizer", "post_processor", "decoder", "model"}
    for name in content.keys() - known:
        refuse(f"field {name!r}")
    for name in ("truncation", "padding", "normalizer"):
        if content.get(name) is not None:
            refuse(f"{name} {_name(content[name])}")
    digits, pattern = _pretokenizer(content["pre_tokenizer"], refuse)
    if _name(content.get("decoder")) != "ByteLevel":
        refuse(f"decoder {_name(content.get('decoder'))}")
    model = content["model"]
    if model.get("type", "BPE") != "BPE":
        refuse(f"model {_name(model)}")
    for name in model.keys() - _MODEL_FIELDS:
        refuse(f"model field {name!r}")
    for name in ("dropout", "unk_token", "fuse_unk", "byte_fallback", "continuing_subword_prefix", "end_of_word_suffix"):
        if model.get(name) not in (None, False, "", 0.0):
            refuse(f"model with {name}={model[name]!r}")
    vocab = model["vocab"]
    merges = [merge.split(" ", 1) if isinstance(merge, str) else merge for merge in model["merges"]]
    return TokenizerFile(
        vocab,
        merges,
        _added_tokens(content.get("added_tokens") or [], vocab, path),
        digits,
        pattern,
        bool(model.get("ignore_merges")),
        *_offset_trim(content.get("post_processor"), refuse),
    )


def _name(component: Any) -> str:
    return str(component.get("type", "without a type")) if isinstance(component, dict) else str(component)


def _pretokenizer(component: Any, refuse: Any) -> tuple[str, str]:
    """How `Digits` cuts, and the name of the pattern."""
    steps = component["pretokenizers"] if _name(component) == "Sequence" else [component]
    for step in steps:
        for field in (step or {}).keys() - _STEP_FIELDS.get(_name(step), (step or {}).keys()):
            refuse(f"pre_tokenizer {_name(step)} with field {field!r}")
    digits, pattern = "join", None
    names = [_name(step) for step in steps]
    described = f"pre_tokenizer {', '.join(names)}"
    if names[:1] == ["Digits"]:
        digits = "single" if steps[0]["individual_digits"] else "runs"
        steps, names = steps[1:], names[1:]
    if names[:1] == ["Split"]:
        split = steps[0]
        pattern = _PATTERNS.get(split["pattern"].get("Regex"))
        if pattern is None or split["behavior"] != "Isolated" or split["invert"]:
            refuse(f"pre_tokenizer Split with {split['pattern']} ({split['behavior']}, invert={split['invert']})")
        steps, names = steps[1:], names[1:]
    if names != ["ByteLevel"]:
        refuse(described)
    if steps[0]["add_prefix_space"]:
        refuse("pre_tokenizer ByteLevel with add_prefix_space")
    if steps[0].get("use_regex", True):
        if pattern is not None:
            refuse("pre_tokenizer Split before ByteLevel with use_regex")
        pattern = "gpt2"
    return digits, pattern or "whole"


def _added_tokens(entries: list[dict[str, Any]], vocab: dict[str, int], path: Path) -> list[AddedToken]:
    added: dict[str, AddedToken] = {}
    next_id = len(vocab)
    for entry in entries:
        token = AddedToken(**{name: entry[name] for name in AddedToken._fields})
        if not token.content or added.get(token.content) == token:
            continue
        # tokenizers goes by the vocabulary, not by the id written here; where the two differ the file is damaged
        expected = vocab.get(token.content, next_id)
        if token.id != expected or token.content in added:
            raise ModelError(
                f"{path}: added token with id {token.id} should have id {expected} or is listed twice. Download the file again."
            )
        next_id = max(next_id, token.id + 1)
        added[token.content] = token
    return list(added.values())


def _offset_trim(component: Any, refuse: Any) -> tuple[bool, bool]:
    """Whether the post-processor trims white space from offsets, and keeps a first space. Templates add tokens only where asked for."""
    steps = component["processors"] if _name(component) == "Sequence" else [component] if component is not None else []
    trims = keeps_first_space = False
    for step in steps:
        if _name(step) == "ByteLevel" and not trims:
            trims, keeps_first_space = step["trim_offsets"], step["add_prefix_space"]
        elif _name(step) != "TemplateProcessing":
            refuse(f"post_processor {_name(step)}")
    return bool(trims), bool(keeps_first_space)
