"""Every family's components, in small: ids, offsets, decoding and streaming are those of `tokenizers`."""

import itertools
import os
import sys
from pathlib import Path

import pytest

from tests.text.oracle import Pair, added_tokens, nasty_texts, read_pair
from tests.text.tokenizer_families import FAMILIES, write_family

# What trips tokenizers up, by family (each was wrong in some engine).
SEEDS = [
    *("", " ", "  ", "\n", "\t(n", "\t_b", "\xa0E", "(é", "\u0301a", "..\u0301s", ".\u0301abc", "\u0301ABC", "1234567", "١٢٣٤", "½²Ⅸ"),
    *(
        "x'ſt",
        "'ſ",
        "DON'T",
        "don't's",
        "'s's",
        "it's.",
        "''s",
        " 's",
        "'re've",
        "helloWorld",
        "HTMLParser",
        "ǅx",
        "ʰa",
        "ªb",
        "AʰB",
        "中A",
    ),
    *(
        "中Ab",
        "A中b",
        "ABʰ",
        "a  1",
        "a 中",
        "\n  1",
        " \n x",
        "\n \n",
        "x\r\n\r\n y",
        ";\n//a",
        "/\n/ a",
        "a/b\n/",
        "\x01\x01a",
        "a\u200d\u200d",
    ),
    *(
        "\u0378",
        "・カ",
        "一龥龦",
        "゠ー",
        "(naïve",
        "“n",
        '"(n',
        "(n (n",
        "e\u0301",
        "\u0958",
        "\u212b",
        "\u0344",
        "\u1e9b\u0323",
        "\U00011935\U00011930",
    ),
    *(
        "a\u0300\u1abf",
        "가각\u11a8",
        "ᄀ\u1161\u11a8",
        "▁x",
        "x▁",
        " ▁ ",
        "▁",
        "▁▁ a",
        ">▁</",
        "<0x41>",
        "<unk>",
        "<s>",
        "a<s>b",
        "<s>b",
        "zéa",
        "é\U000e0001",
    ),
    *(
        "İSTANBUL'DA",
        "ẞ Σ ΑΣ",
        "naïve café",
        "a\0b\ufffdc",
        "中文x",
        "\x0ba\x0cb",
        "[CLS]x[MASK]",
        "supercalifragilistic" * 6,
        "a-b_c",
        "ﬁ ﷺ Ⅷ ㍿",
    ),
    *("  lead", "trail  ", "a\u3000b\u2028c", "<|end|>  x", " <plain> <plain>", "\n\n\n\n", "    a"),
]


@pytest.fixture(params=list(FAMILIES))
def pair(request: pytest.FixtureRequest, tmp_path: Path) -> Pair:
    return read_pair(write_family(request.param, tmp_path))


def test_families(pair: Pair) -> None:
    added = added_tokens(pair)
    pair.check_all(SEEDS)
    pair.check_all(nasty_texts(1, 500, 6, added))
    pair.check_all(nasty_texts(2, 25, 80, added))
    pair.check_decode(nasty_texts(3, 25, 10, added) + SEEDS)
    assert pair.native.vocab_size == pair.oracle.get_vocab_size()


@pytest.mark.slow
def test_all_short_texts_over_class_representatives(pair: Pair) -> None:
    alphabet = ["a", "A", "1", "²", "'", "s", " ", "\t", "\n", "\xa0", ".", "\u0301", "中", "\u200d"]
    for length in range(1, 5):
        pair.check_all(["".join(letters) for letters in itertools.product(alphabet, repeat=length)])


@pytest.mark.slow
def test_every_code_point_in_context(pair: Pair) -> None:
    inhabited = [c for c in range(sys.maxunicode + 1) if (c >> 16 in (0, 1, 2, 3, 14) or c % 16 == 0) and not 0xD800 <= c <= 0xDFFF]
    for begin in range(0, len(inhabited), 65536):
        pair.check_all([f"{chr(c)} a{chr(c)}a  {chr(c)}1'{chr(c)}\u0301" for c in inhabited[begin : begin + 65536]])


@pytest.mark.slow
def test_edges_of_blocks(pair: Pair) -> None:
    tails = ["'s x", "  b", " \n x", "é", "中文", "1 2", "'ll", "don't", " 😀", "\xa0a", "\u0301", ";\n\n//", "123456", "\n    x", " "]
    for prefix in ("a", " ", "é", "ab ", "1", "a'", "'s", "\n", "中", " a1", ".", "/"):
        pair.check_all(
            [(prefix * length)[:length] + tail for length in (*range(58, 70), *range(122, 132), *range(4090, 4100)) for tail in tails]
        )


def real_tokenizers() -> list[Path]:
    """The tokenizer.json files under the folder AYAR_TOKENIZERS, where somebody has fetched real ones (bench/fetch_tokenizers.py)."""
    folder = os.environ.get("AYAR_TOKENIZERS")
    return sorted(Path(folder).rglob("tokenizer.json")) if folder else []


@pytest.mark.slow
@pytest.mark.parametrize("path", real_tokenizers(), ids=str)
def test_real_tokenizers(path: Path) -> None:
    pair = read_pair(path)
    added = added_tokens(pair)[:200]
    pair.check_all(SEEDS + added + [f"a {token}  b" for token in added])
    for seed in range(10):
        pair.check_all(nasty_texts(seed, 3000, 6, added[:20]))
        pair.check_all(nasty_texts(seed, 100, 100, added[:20]))
    pair.check_decode(nasty_texts(99, 300, 20, added[:20]))
    tokens = [
        pair.native.decode([index], skip_special_tokens=False)
        for index in range(0, pair.native.id_bound, 7)
        if pair.native.id_to_token(index)
    ]
    pair.check_all([text for token in tokens for text in (token, " " + token + token)])
