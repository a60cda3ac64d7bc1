"""Reads a Hugging Face ``tokenizer.json``. A component that the native core does not know exactly is named, never guessed."""

import json
from pathlib import Path
from typing import Any, NamedTuple, NoReturn

from ayar.errors import ModelError
from ayar.text.tokenizer_components import Refuse, check_decoder, normal_steps, offset_trim, split_steps

_BPE_FIELDS = {"type", "vocab", "merges", "ignore_merges", "dropout", "unk_token", "fuse_unk", "byte_fallback"}
_MODEL_FIELDS = {
    "BPE": _BPE_FIELDS | {"continuing_subword_prefix", "end_of_word_suffix"},
    "WordPiece": {"type", "vocab", "unk_token", "continuing_subword_prefix", "max_input_chars_per_word"},
    "Unigram": {"type", "vocab", "unk_id", "byte_fallback"},
}
_U64_MAX = 2**64 - 1


class ForeignComponentError(ModelError):
    """The native core lacks a component that `tokenizers` has. component: its name and settings."""

    def __init__(self, path: Path, component: str) -> None:
        super().__init__(f"{path}: {component} has no native form")
        self.component = component


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

    settings: dict[str, Any]  # all but the tables; goes into the compiled file as JSON
    vocab: dict[str, int]
    merges: list[Any]  # "left right" or [left, right]
    scores: list[float]  # of each id of a Unigram model


def parse_tokenizer_json(raw: bytes, path: Path) -> TokenizerFile:
    """Raises ForeignComponentError for one that only `tokenizers` has; ModelError: not JSON, or a field or value that is not supported, by name."""
    try:
        content = json.loads(raw, parse_float=_rust_float)
    except (json.JSONDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ModelError(f"{path}: not valid JSON ({error}). Download the file again.") from None
    try:
        return _read(content, path)
    except (KeyError, TypeError, AttributeError) as error:
        raise ModelError(f"{path}: not a tokenizer.json as tokenizers writes it (at {error}). Download the file again.") from None


def _rust_float(text: str) -> float:
    """The double that `tokenizers` reads, which is not always the nearest: the digits as an integer, then one division or multiplication.

    Scores of a Unigram model that differ in the last bit decide otherwise between segmentations that are equally good.
    """
    mantissa, _, exponent_text = text.lower().partition("e")
    whole, _, fraction = mantissa.lstrip("-").partition(".")
    significand, exponent = int(whole), int(exponent_text or 0)
    if significand > _U64_MAX:
        return float(text)
    for digit in fraction:
        if significand * 10 + int(digit) > _U64_MAX:  # the digits behind are not looked at
            break
        significand, exponent = significand * 10 + int(digit), exponent - 1
    value = float(significand)
    while value and exponent < -308:
        value, exponent = value / 1e308, exponent + 308
    if exponent > 308:
        return float(text)
    value = value * float(f"1e{exponent}") if exponent >= 0 else value / float(f"1e{-exponent}")
    return -value if text.startswith("-") else value


def _read(content: dict[str, Any], path: Path) -> TokenizerFile:
    def refuse(component: str, is_foreign: bool = True) -> NoReturn:
        if is_foreign:
            raise ForeignComponentError(path, component)
        raise ModelError(
            f"{path}: {component} is not supported. Ayar reads the tokenizers of GPT-2, SmolLM, Llama, Qwen, Gemma, Mistral, DeepSeek, "
            "Phi, GPT-4o, BERT and their kin exactly, other components through `tokenizers`, and this not at all; choose another model."
        )

    known = {"version", "truncation", "padding", "added_tokens", "normalizer", "pre_tokenizer", "post_processor", "decoder", "model"}
    for name in sorted(content.keys() - known):
        refuse(f"field {name!r}", False)
    splits, is_byte_level = split_steps(content.get("pre_tokenizer"), refuse)
    check_decoder(content.get("decoder"), refuse)
    model = content["model"]
    kind = model.get("type") or ("BPE" if "merges" in model else "without a type")
    if kind not in _MODEL_FIELDS:
        refuse(f"model {kind}")
    for name in sorted(model.keys() - _MODEL_FIELDS[kind]):
        refuse(f"model field {name!r}", False)
    read_model = {"BPE": _bpe, "WordPiece": _wordpiece, "Unigram": _unigram}[kind]
    settings, vocab, scores = read_model(model, is_byte_level, refuse)
    added = _added_tokens(content.get("added_tokens") or [], vocab, path)
    trims_offsets, keeps_first_space = offset_trim(content.get("post_processor"), refuse)
    return TokenizerFile(
        {
            "model": settings,
            "normalizer": normal_steps(content.get("normalizer"), refuse),
            "splits": splits,
            "added": added,
            "decoder": content.get("decoder"),
            "trims_offsets": trims_offsets,
            "keeps_first_space": keeps_first_space,
        },
        vocab,
        model.get("merges", []),
        scores,
    )


def _bpe(model: dict[str, Any], is_byte_level: bool, refuse: Refuse) -> tuple[dict[str, Any], dict[str, int], list[float]]:
    for name in ("dropout", "continuing_subword_prefix", "end_of_word_suffix"):
        if model.get(name) not in (None, "", 0.0):
            refuse(f"model with {name}={model[name]!r}", name != "dropout")  # with dropout no text has the same ids twice
    vocab = model["vocab"]
    byte_fallback = bool(model.get("byte_fallback"))
    if byte_fallback and is_byte_level:
        refuse("model with byte_fallback behind the pre_tokenizer ByteLevel")
    unk_token = model.get("unk_token")
    if unk_token is not None and unk_token not in vocab:
        every_byte = is_byte_level and len({token for token in vocab if len(token) == 1}) >= 256
        if not every_byte:  # tokenizers fails where it needs such a token; with one for each byte it never does
            refuse(f"model with unk_token={unk_token!r}, which is not in the vocabulary,", False)
    settings = {
        "kind": "bpe",
        "is_byte_level": is_byte_level,
        "ignore_merges": bool(model.get("ignore_merges")),
        "byte_fallback": byte_fallback,
        "fuse_unk": bool(model.get("fuse_unk")),
        "unk_id": vocab.get(unk_token),
    }
    return settings, vocab, []


def _wordpiece(model: dict[str, Any], is_byte_level: bool, refuse: Refuse) -> tuple[dict[str, Any], dict[str, int], list[float]]:
    if is_byte_level:
        refuse("model WordPiece behind the pre_tokenizer ByteLevel")
    vocab, unk_token = model["vocab"], model["unk_token"]
    if unk_token not in vocab:
        refuse(f"model with unk_token={unk_token!r}, which is not in the vocabulary,", False)
    settings = {
        "kind": "wordpiece",
        "prefix": model["continuing_subword_prefix"],
        "max_chars": model["max_input_chars_per_word"],
        "unk_id": vocab[unk_token],
    }
    return settings, vocab, []


def _unigram(model: dict[str, Any], is_byte_level: bool, refuse: Refuse) -> tuple[dict[str, Any], dict[str, int], list[float]]:
    if is_byte_level:
        refuse("model Unigram behind the pre_tokenizer ByteLevel")
    if model.get("unk_id") is None:
        refuse("model Unigram without unk_id", False)
    vocab = {token: index for index, (token, _) in enumerate(model["vocab"])}
    if len(vocab) != len(model["vocab"]):
        refuse("model Unigram with a token listed twice")
    settings = {"kind": "unigram", "unk_id": model["unk_id"], "byte_fallback": bool(model.get("byte_fallback"))}
    return settings, vocab, [float(score) for _, score in model["vocab"]]


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
