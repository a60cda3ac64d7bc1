"""A small tokenizer.json of every family, trained by `tokenizers` on a page of text: the same components as the real ones."""

import json
import random
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import tokenizers
from tokenizers import Regex, decoders, models, normalizers, pre_tokenizers, processors, trainers

from ayar.text import tokenizer_components as components

BYTE_TOKENS = [f"<0x{byte:02X}>" for byte in range(256)]
_PAGE = """
The quick brown fox doesn't jump over the lazy dog's back; it's HTMLParser and helloWorld that we've seen, they'll say I'd rather not.
Siparişim hâlâ gelmedi, İstanbul'daki şubeye 3 kez telefon ettim: ağaçların güzelliği, çocuklarımızın öğretmenlerinden, şığöçü ĞÜŞİÖÇ.
def encode(self, text):\n    if not text:\n        return []\n\n    return [self.vocab[token] for token in text.split(" ")]  # comment\n
Жизнь прекрасна и удивительна. 中文文本没有空格,但是有标点。 日本語のテキスト・カタカナー。 Zażółć gęślą jaźń. Größe, naïve café.
1234567890 3.14159 1,000,000 2024-11-24 x² + y² = z² ½ “quoted” — dash… \t tabs\t\there  and   spaces    of     many lengths\r\n
<b>bold</b> &amp; http://example.com/path?query=1 user@example.com ___init___ ------ ====== ........ !!!! ??? ('a', "b", [c], {d})
Merhaba dünya! Müşteri hizmetleri yanıt vermiyor; lütfen yardım edin. Please help: my order has not arrived yet, thank you very much.
"""


def _lines(seed: int = 0) -> Iterator[str]:
    words = _PAGE.split(" ")
    rng = random.Random(seed)
    yield from _PAGE.splitlines(keepends=True)
    for _ in range(300):
        yield " ".join(rng.choice(words) for _ in range(12))


def _pattern(cut: str) -> Regex:
    return Regex(next(regex for regex, name in components._PATTERNS.items() if name == cut))


def _byte_level(*steps: pre_tokenizers.PreTokenizer, normalizer: normalizers.Normalizer | None = None, **changes: Any) -> dict[str, Any]:
    tokenizer = tokenizers.Tokenizer(models.BPE())
    if normalizer is not None:
        tokenizer.normalizer = normalizer
    last = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=not steps or changes.pop("use_regex", False))
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([*steps, last]) if steps else last
    tokenizer.decoder = decoders.ByteLevel()
    if changes.pop("trims", True):
        tokenizer.post_processor = processors.ByteLevel(trim_offsets=True, add_prefix_space=changes.pop("keeps", False))
    trainer = trainers.BpeTrainer(
        vocab_size=900,
        show_progress=False,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        special_tokens=["<|end|>", "<|im_start|>"],
    )
    tokenizer.train_from_iterator(_lines(), trainer)
    content = json.loads(tokenizer.to_str())
    content["model"] |= changes
    return content


def _split(cut: str, behavior: str = "isolated", invert: bool = False) -> pre_tokenizers.PreTokenizer:
    return pre_tokenizers.Split(_pattern(cut), behavior, invert)


def _sentencepiece(
    normalizer: normalizers.Normalizer | None,
    pre_tokenizer: pre_tokenizers.PreTokenizer | None,
    strips: bool = True,
    bytes_missing: int = 0,
) -> dict[str, Any]:
    tokenizer = tokenizers.Tokenizer(models.BPE(unk_token="<unk>", fuse_unk=True, byte_fallback=True))
    if normalizer is not None:
        tokenizer.normalizer = normalizer
    tokenizer.pre_tokenizer = pre_tokenizer if pre_tokenizer is not None else pre_tokenizers.Metaspace(prepend_scheme="never")
    steps: list[Any] = [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse()]
    tokenizer.decoder = decoders.Sequence([*steps, *([decoders.Strip(" ", 1, 0)] if strips else [])])
    kept = BYTE_TOKENS[bytes_missing:]
    trainer = trainers.BpeTrainer(vocab_size=900, show_progress=False, special_tokens=["<unk>", "<s>", "</s>", *kept])
    tokenizer.train_from_iterator(_lines(), trainer)
    content = json.loads(tokenizer.to_str())
    if pre_tokenizer is None:
        content["pre_tokenizer"] = None
    content["added_tokens"] = [token for token in content["added_tokens"] if token["content"] not in BYTE_TOKENS]
    return content


def _llama2() -> dict[str, Any]:
    return _sentencepiece(normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")]), None)


def _phi3() -> dict[str, Any]:
    content = _llama2()
    flags = {"single_word": False, "lstrip": False, "rstrip": True, "normalized": False, "special": True}
    next_id = len(content["model"]["vocab"])
    for index, token in enumerate(("<|user|>", "<|assistant|>", "<|end|>")):
        content["added_tokens"].append({"id": next_id + index, "content": token, **flags})
    content["added_tokens"].append({"id": next_id + 3, "content": "<plain>", **flags, "normalized": True})
    return content


def _gemma() -> dict[str, Any]:
    content = _sentencepiece(normalizers.Replace(" ", "▁"), None, strips=False)
    content["pre_tokenizer"] = {"type": "Split", "pattern": {"String": " "}, "behavior": "MergedWithPrevious", "invert": False}
    flags = {"single_word": False, "lstrip": False, "rstrip": False, "normalized": False, "special": False}
    next_id = len(content["model"]["vocab"])
    for index, token in enumerate(("\n\n", "\n\n\n", "▁▁", "▁▁▁", "<b>", "</b>")):
        content["added_tokens"].append({"id": content["model"]["vocab"].get(token, next_id + index), "content": token, **flags})
        next_id -= token in content["model"]["vocab"]
    return content


def _bert(**changes: Any) -> dict[str, Any]:
    tokenizer = tokenizers.Tokenizer(models.WordPiece(unk_token="[UNK]", max_input_chars_per_word=20))
    tokenizer.normalizer = normalizers.BertNormalizer(**changes)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.decoder = decoders.WordPiece()
    specials = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    tokenizer.train_from_iterator(_lines(), trainers.WordPieceTrainer(vocab_size=700, show_progress=False, special_tokens=specials))
    content = json.loads(tokenizer.to_str())
    content["truncation"] = {"direction": "Right", "max_length": 4, "strategy": "LongestFirst", "stride": 0}
    return content


def _unigram(normalizer: normalizers.Normalizer, pre_tokenizer: pre_tokenizers.PreTokenizer, byte_fallback: bool = False) -> dict[str, Any]:
    tokenizer = tokenizers.Tokenizer(models.Unigram())
    tokenizer.normalizer, tokenizer.pre_tokenizer = normalizer, pre_tokenizer
    tokenizer.decoder = decoders.Metaspace()
    specials = ["<unk>", "<s>", *(BYTE_TOKENS if byte_fallback else [])]
    trainer = trainers.UnigramTrainer(vocab_size=800, show_progress=False, special_tokens=specials, unk_token="<unk>")
    tokenizer.train_from_iterator(_lines(), trainer)
    content = json.loads(tokenizer.to_str())
    content["model"]["byte_fallback"] = byte_fallback
    content["added_tokens"] = [token for token in content["added_tokens"] if token["content"] not in BYTE_TOKENS]
    return content


def _with_prefix_space() -> dict[str, Any]:
    content = _byte_level(keeps=True)
    content["pre_tokenizer"]["add_prefix_space"] = True
    return content


FAMILIES: dict[str, Callable[[], dict[str, Any]]] = {
    "gpt2": lambda: _byte_level(keeps=True, unk_token=""),
    "gpt2 with prefix space": _with_prefix_space,
    "smollm": lambda: _byte_level(pre_tokenizers.Digits(individual_digits=True), use_regex=True),
    "llama3": lambda: _byte_level(_split("llama3"), ignore_merges=True),
    "qwen3": lambda: _byte_level(_split("qwen2"), normalizer=normalizers.NFC(), trims=False),
    "gpt4o": lambda: _byte_level(_split("o200k", "removed", invert=True)),
    "tekken": lambda: _byte_level(_split("tekken"), trims=False),
    "deepseek": lambda: _byte_level(_split("number_triples"), _split("cjk_runs"), _split("deepseek"), normalizer=normalizers.Sequence([])),
    "numbers alone, then words": lambda: _byte_level(_split("number_single"), _split("llama3")),
    "llama2": _llama2,
    "phi3": _phi3,
    "gemma": _gemma,
    "mistral": lambda: _sentencepiece(None, pre_tokenizers.Metaspace(prepend_scheme="first", split=False)),
    "metaspace always": lambda: _sentencepiece(None, pre_tokenizers.Metaspace(prepend_scheme="always", split=True)),
    "byte tokens missing": lambda: _sentencepiece(normalizers.Replace(" ", "▁"), None, bytes_missing=200),
    "bert uncased": lambda: _bert(),
    "bert cased": lambda: _bert(lowercase=False),
    "bert with its white space": lambda: _bert(clean_text=False, strip_accents=True, handle_chinese_chars=False),
    "unigram": lambda: _unigram(normalizers.NFKC(), pre_tokenizers.Metaspace()),
    "unigram by words": lambda: _unigram(
        normalizers.Sequence([normalizers.NFKD(), normalizers.StripAccents(), normalizers.Lowercase(), normalizers.Strip()]),
        pre_tokenizers.Sequence([pre_tokenizers.WhitespaceSplit(), pre_tokenizers.Metaspace()]),
        byte_fallback=True,
    ),
    "unigram with punctuation": lambda: _unigram(
        normalizers.Sequence([normalizers.NFD(), normalizers.Replace(Regex(" {2,}"), " ")]),
        pre_tokenizers.Sequence(
            [pre_tokenizers.Punctuation("merged_with_previous"), pre_tokenizers.Whitespace(), pre_tokenizers.Digits(False)]
        ),
    ),
}


@cache
def family(name: str) -> str:
    """The tokenizer.json of a family, as text."""
    return json.dumps(FAMILIES[name](), ensure_ascii=False)


def write_family(name: str, folder: Path) -> Path:
    path = folder / "tokenizer.json"
    path.write_text(family(name), encoding="utf-8")
    return path
