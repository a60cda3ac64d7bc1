"""A seeded corpus of documents for tokenizers: English, Turkish, code, HTML, other scripts, emoji. Made here, from what the machine has.

Prose is drawn from wordfreq's lists by frequency (the tail as long as the language's own: tokenizers live on what they have seen
before), code is the standard library of the Python that runs this, cut at line ends to about 3 kB. Without wordfreq the words are those of
corpus.py, which repeat more.
"""

import random
import sysconfig
from importlib import import_module
from importlib.util import find_spec
from itertools import accumulate
from pathlib import Path

from corpus import make_corpus

SHARES = {"english": 0.3, "turkish": 0.25, "code": 0.25, "html": 0.08, "scripts": 0.09, "emoji": 0.03}
_SCRIPTS = ("de", "ru", "ar", "zh", "ja", "ko")
_EMOJI = "😀 😂 👍 ❤️ 🔥 👩‍💻 🇹🇷 🎉 🙏🏽 ✅ 📦 ☎️".split(" ")
_LIST_LENGTH = 60_000


def mixed_corpus(size_mb: float, seed: int = 0) -> dict[str, list[str]]:
    """Documents of each kind, ``size_mb`` of UTF-8 in all."""
    rng = random.Random(seed)
    parts = {kind: int(size_mb * share * 1e6) for kind, share in SHARES.items()}
    english, turkish = _prose("en", parts["english"], rng), _prose("tr", parts["turkish"], rng)
    scripts = [document for language in _SCRIPTS for document in _prose(language, parts["scripts"] // len(_SCRIPTS), rng)]
    markup = [_marked_up(text, rng) for text in _prose("en", int(parts["html"] * 0.8), rng)]
    emoji = [_decorated(text, rng) for text in _prose("tr", int(parts["emoji"] * 0.8), rng)]
    return {
        "english": english,
        "turkish": turkish,
        "code": _code(parts["code"], rng),
        "html": markup,
        "scripts": scripts,
        "emoji": emoji,
    }


def shuffled(parts: dict[str, list[str]], seed: int = 1) -> list[str]:
    documents = [document for part in parts.values() for document in part]
    random.Random(seed).shuffle(documents)
    return documents


def has_word_lists() -> bool:
    return find_spec("wordfreq") is not None


def _prose(language: str, size: int, rng: random.Random) -> list[str]:
    if not has_word_lists():
        documents = make_corpus(size / 1e6 * 2, seed=rng.randrange(2**30))
        return documents[1::2] if language == "tr" else documents[::2]
    wordfreq = import_module("wordfreq")
    frequencies = wordfreq.get_frequency_dict(language, wordlist="best")
    words = sorted(frequencies, key=frequencies.__getitem__, reverse=True)[:_LIST_LENGTH]
    weights = list(accumulate(frequencies[word] for word in words))
    joiner = "" if language in ("zh", "ja") else " "
    documents = []
    while size > 0:
        sentences = []
        for _ in range(rng.randint(1, 14)):
            chosen = rng.choices(words, cum_weights=weights, k=rng.randint(4, 22))
            chosen[0] = chosen[0].capitalize()
            if rng.random() < 0.3:
                chosen.insert(rng.randrange(len(chosen)), str(rng.randint(0, 10 ** rng.randint(1, 6))))
            if rng.random() < 0.3:
                chosen[rng.randrange(len(chosen))] += ","
            sentences.append(joiner.join(chosen) + rng.choice([".", ".", ".", "!", "?", ":", "…"]))
        documents.append(rng.choice([" ", " ", "\n"]).join(sentences))
        size -= len(documents[-1].encode())
    return documents


def _code(size: int, rng: random.Random) -> list[str]:
    files = sorted(Path(sysconfig.get_paths()["stdlib"]).rglob("*.py"))
    rng.shuffle(files)
    documents: list[str] = []
    for file in files:
        if size <= 0:
            break
        lines: list[str] = []
        for line in file.read_text(encoding="utf-8", errors="replace").splitlines(keepends=True):
            lines.append(line)
            if sum(map(len, lines)) > 3000:
                documents.append("".join(lines))
                size -= len(documents[-1].encode())
                lines = []
    return documents


def _marked_up(text: str, rng: random.Random) -> str:
    paragraphs = "".join(f'<p class="c{rng.randint(0, 9)}">{line}</p>\n' for line in text.split("\n"))
    return f"<div id='d{rng.randint(0, 999)}'><a href=\"https://example.com/{rng.randint(0, 99999)}\">{paragraphs}</a>&nbsp;<br/></div>"


def _decorated(text: str, rng: random.Random) -> str:
    return " ".join(word + (" " + rng.choice(_EMOJI) if rng.random() < 0.15 else "") for word in text.split(" "))
