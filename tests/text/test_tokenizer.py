"""Ids and offsets equal those of `tokenizers`, on texts made to break them."""

import ctypes
import mmap
import multiprocessing
import random
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from ayar.errors import DataError, ModelError
from ayar.ops import backend
from ayar.text.tokenizer import Tokenizer, char_offsets
from tests.text.oracle import NASTY, Pair, Synthetic, nasty_texts, rows_of
from tests.text.tokenizer_families import write_family

SEEDS = [
    *("", " ", "  ", "\n", "Hello  world", "!\x04!", "a\U00040000b", "\U00100000", "x'ſt", "'ſ", "DON'T", "don't", " 's", "\t's"),
    *("\"'s", "''s", "'re've", "a  1", "a 1", " 1", "1 ", "a  <|im_end|>", "a<|im_end|>  b", " \n x", "\n \n", "x\r\n\r\n y"),
    *("a\xa0\xa0b", "\x85x", "a\u2028b", "\x1cx", "\t(n", "\t_b", "\xa0E", "(é", "\u0301a", "..\u0301s", "1234567", "١٢٣٤", "½²Ⅸ"),
    *("\U00011de0a", "\U00016ff4", "helloWorld", "HTMLParser", "ǅx", "ʰa", "ªb", "AʰB", "中A", "\u200d\u200d", "\0", "\U000e0001"),
    *("\u0378", "一龥龦", "・", "e\u0301", "\u0958", "\u212b", "👩‍👩‍👧‍👦", "🇹🇷", "İstanbul'da ışıl ışıl ağaçlar"),
    *("<|im_start|><|im_start|>user\n", "<|im_start", "|im_end|>", "Ġ", "ĠĠ a"),
]


@pytest.mark.smollm2
def test_known_hard_texts(smollm2: Pair) -> None:
    for text in SEEDS:
        smollm2.check(text)


@pytest.mark.smollm2
def test_random_nasty_texts(smollm2: Pair) -> None:
    smollm2.check_all(nasty_texts(1, 20_000, 8, ["<|im_end|>", "<|endoftext|>"]))


@pytest.mark.smollm2
def test_vocabulary_as_text(smollm2: Pair) -> None:
    tokens = [smollm2.native.decode([index], skip_special_tokens=False) for index in range(0, smollm2.native.vocab_size, 5)]
    smollm2.check_all(tokens)
    smollm2.check_all([" " + token + token for token in tokens])


@pytest.mark.smollm2
@pytest.mark.slow
def test_every_code_point_in_context(smollm2: Pair) -> None:
    inhabited = [c for c in range(sys.maxunicode + 1) if (c >> 16 in (0, 1, 2, 3, 14) or c % 16 == 0) and not 0xD800 <= c <= 0xDFFF]
    for begin in range(0, len(inhabited), 65536):
        texts = [f"{chr(c)} a{chr(c)}a  {chr(c)}1'{chr(c)}" for c in inhabited[begin : begin + 65536]]
        got = smollm2.native.encode_batch(texts)
        for text, want, ids in zip(texts, smollm2.oracle.encode_batch_fast(texts), rows_of(got.ids, got.offsets), strict=True):
            assert ids == want.ids, repr(text)


def edges(prefix: str, lengths: range) -> list[str]:
    """Texts whose interesting part falls on every place around the end of a block or chunk."""
    tails = ["'s x", "  b", " \n x", "é", "中文", "1 2", "'ll", " 😀", "\u00a0a", " "]
    return [(prefix * length)[:length] + tail for length in lengths for tail in tails]


@pytest.mark.smollm2
@pytest.mark.parametrize("prefix", ["a", " ", "é", "ab ", "1", "a'", "'s", "\n", "中", " a1"])
def test_edges_of_blocks(smollm2: Pair, prefix: str) -> None:
    smollm2.check_all(edges(prefix, range(200)))
    smollm2.check_all(edges(prefix, range(4090, 4100)))


@pytest.mark.parametrize("seed", range(60))
def test_synthetic_tokenizers(seed: int, tmp_path: Path) -> None:
    synthetic = Synthetic(seed)
    pair = synthetic.pair(tmp_path)
    added = [token.content for token in pair.oracle.get_added_tokens_decoder().values()]
    pair.check_all(nasty_texts(seed, 300, 6, [*added, *(a[:-1] for a in added), "abcdeorst", "st", "or"]))
    pair.check_all(nasty_texts(seed + 1000, 20, 120, added))


def test_characters_without_token_are_dropped_and_neighbours_merge(tmp_path: Path) -> None:
    synthetic = Synthetic(0)
    synthetic.name, synthetic.letters = "whole", ["a", "b"]
    content = synthetic.content()
    content["added_tokens"], content["post_processor"] = [], None
    content["model"] |= {"vocab": {"a": 0, "b": 1, "ab": 2}, "merges": ["a b"], "ignore_merges": False}
    synthetic.content = lambda: content
    pair = synthetic.pair(tmp_path)
    pair.check("axb")
    assert pair.native.encode("axb").tolist() == [2]


def test_text_after_rstrip_may_come_twice(tmp_path: Path) -> None:
    synthetic = Synthetic(0)
    synthetic.name, synthetic.letters = "gpt2", ["a", "b"]
    content = synthetic.content()
    flags = {"single_word": False, "lstrip": False, "rstrip": False, "normalized": False, "special": False}
    content["added_tokens"] = [{"id": 3, "content": "<r>", **flags, "rstrip": True}, {"id": 4, "content": "  ", **flags}]
    content["model"] |= {"vocab": {"a": 0, "b": 1, "ab": 2}, "merges": ["a b"], "ignore_merges": False}
    synthetic.content = lambda: content
    pair = synthetic.pair(tmp_path)
    pair.check("a<r>  b")
    assert pair.native.encode("a<r>  b").tolist() == [0, 3, 4, 1]


@pytest.mark.smollm2
def test_batch_is_each_text_alone_for_any_threads(smollm2: Pair) -> None:
    texts = [*nasty_texts(3, 3000, 40), *("x" * n for n in range(40)), "ağaç " * 60_000]
    want = [smollm2.native.encode(text).tolist() for text in texts]
    native = backend.native()
    before = native.thread_count()
    try:
        for threads in (1, 2, 3):
            native.set_thread_count(threads)
            batch = smollm2.native.encode_batch(texts)
            assert batch.ids.dtype == np.int32
            assert rows_of(batch.ids, batch.offsets) == want
    finally:
        native.set_thread_count(before)


@pytest.mark.smollm2
def test_arrow_arrays_and_slices(smollm2: Pair) -> None:
    texts = nasty_texts(4, 50, 10)
    want = rows_of(*smollm2.native.encode_batch(texts)[:2])
    for kind in (pa.string(), pa.large_string()):
        array = pa.array(texts, kind)
        assert rows_of(*smollm2.native.encode_batch(array)[:2]) == want
        assert rows_of(*smollm2.native.encode_batch(array.slice(7, 20))[:2]) == want[7:27]
        assert len(smollm2.native.encode_batch(array.slice(0, 0)).ids) == 0
    assert smollm2.native.encode_batch([]).offsets.tolist() == [0]
    with pytest.raises(DataError, match="1 of 2 texts are null"):
        smollm2.native.encode_batch(pa.array(["a", None]))


@pytest.mark.smollm2
def test_cold_cache_is_warm_cache(smollm2: Pair, smollm2_json: Path) -> None:
    texts = nasty_texts(5, 4000, 30)
    cold = Tokenizer.from_file(smollm2_json).encode_batch(texts)
    for _ in range(2):
        assert np.array_equal(smollm2.native.encode_batch(texts).ids, cold.ids)


@pytest.mark.smollm2
def test_more_pieces_than_the_cache_holds(smollm2: Pair) -> None:
    rng = random.Random(6)
    text = " ".join("".join(rng.choices("abcdefgğışöü", k=rng.randint(3, 12))) for _ in range(60_000))
    assert smollm2.native.encode(text).tolist() == smollm2.oracle.encode(text).ids


@pytest.mark.smollm2
def test_ill_formed_bytes_count_as_repaired(smollm2: Pair) -> None:
    rng = random.Random(7)
    for raw in [
        b"a\xffb",
        b"\xc0\x80",
        b"\xed\xa0\x80x",
        b"\xf5",
        b"a\xe2\x82",
        b"\xf0\x9f",
        *(rng.randbytes(rng.randint(1, 40)) for _ in range(2000)),
    ]:
        assert smollm2.native.encode(raw).tolist() == smollm2.oracle.encode(raw.decode("utf-8", "replace")).ids, raw
    assert smollm2.native.encode("a\ud800b").tolist() == smollm2.oracle.encode("a\ufffd\ufffd\ufffdb").ids
    assert rows_of(*smollm2.native.encode_batch(["a\ud800b"])[:2]) == [smollm2.native.encode("a\ud800b").tolist()]
    with pytest.raises(DataError, match="surrogates"):
        smollm2.native.encode_with_offsets("a\ud800b")


@pytest.mark.smollm2
def test_decode_is_the_oracles(smollm2: Pair) -> None:
    rng = random.Random(8)
    for text in nasty_texts(8, 300, 20, ["<|im_end|>"]):
        ids = smollm2.native.encode(text)
        for skip in (True, False):
            assert smollm2.native.decode(ids, skip) == smollm2.oracle.decode(ids.tolist(), skip_special_tokens=skip)
    for _ in range(500):
        ids = rng.choices(range(smollm2.native.vocab_size), k=rng.randint(0, 12))
        assert smollm2.native.decode(ids) == smollm2.oracle.decode(ids)
    assert smollm2.native.decode_batch([[17, 18], []]) == ['!"', ""]
    with pytest.raises(ModelError, match="id 49152 has no token"):
        smollm2.native.decode([49152])


@pytest.mark.parametrize("seed", range(20))
def test_decode_of_synthetic_tokenizers(seed: int, tmp_path: Path) -> None:
    pair = Synthetic(seed).pair(tmp_path)
    size = pair.oracle.get_vocab_size()
    assert pair.native.vocab_size == size
    rng = random.Random(seed)
    for _ in range(100):
        ids = rng.choices(range(size), k=8)
        for skip in (True, False):
            assert pair.native.decode(ids, skip) == pair.oracle.decode(ids, skip_special_tokens=skip)


@pytest.mark.smollm2
def test_vocabulary_is_the_oracles(smollm2: Pair) -> None:
    for token, index in smollm2.oracle.get_vocab().items():
        assert smollm2.native.token_to_id(token) == index
        assert smollm2.native.id_to_token(index) == token
    assert smollm2.native.token_to_id("no such token") is None
    assert smollm2.native.id_to_token(49152) is None
    assert smollm2.native.count("Hello there") == 2


@pytest.mark.smollm2
@pytest.mark.parametrize("piece", ["a", "ab", " ", "\n", "^", "中", "\u0301", "👩\u200d", "é", "'s", "<", "random"])
def test_a_megabyte_without_a_break_takes_linear_time(smollm2: Pair, piece: str) -> None:
    rng = random.Random(9)
    letters = "".join(rng.choices("abcdefghijklmnopqrstuvwxyz", k=1_000_000))
    text = letters if piece == "random" else piece * (1_000_000 // len(piece.encode()))
    begin = time.perf_counter()
    ids = smollm2.native.encode(text)
    seconds = time.perf_counter() - begin
    assert ids.tolist() == smollm2.oracle.encode(text).ids
    assert seconds < 3  # quadratic code takes minutes


@pytest.mark.smollm2
@pytest.mark.parametrize("size", [*range(1, 20), 63, 64, 65, 127, 128, 4096])
def test_nothing_is_read_behind_the_text(smollm2: Pair, size: int) -> None:
    page = mmap.PAGESIZE
    memory = mmap.mmap(-1, 3 * page)
    libc = ctypes.CDLL(None, use_errno=True)
    address = ctypes.addressof(ctypes.c_char.from_buffer(memory)) + 2 * page
    assert libc.mprotect(ctypes.c_void_p(address), page, 0) == 0  # whoever reads there is killed
    try:
        for text in ("x" * size, ("ab' \n1." * size)[:size], ("ş" * size)[: size // 2], "中" * (size // 3), " " * size):
            raw = text.encode()
            memory[2 * page - len(raw) : 2 * page] = raw
            ids = smollm2.native.encode(memoryview(memory)[2 * page - len(raw) : 2 * page])
            assert ids.tolist() == smollm2.oracle.encode(text).ids
    finally:
        libc.mprotect(ctypes.c_void_p(address), page, mmap.PROT_READ | mmap.PROT_WRITE)


@pytest.mark.smollm2
def test_threads_share_a_tokenizer(smollm2: Pair) -> None:
    texts = nasty_texts(10, 500, 30)
    want = smollm2.native.encode_batch(texts).ids
    wrong: list[int] = []

    def work() -> None:
        for _ in range(5):
            if not np.array_equal(smollm2.native.encode_batch(texts).ids, want):
                wrong.append(1)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def _encode_in_child(tokenizer: Tokenizer, texts: list[str], queue: "multiprocessing.Queue[int]") -> None:
    queue.put(len(tokenizer.encode_batch(texts).ids))


@pytest.mark.smollm2
def test_survives_fork(smollm2: Pair) -> None:
    texts = ["Merhaba dünya " * 1000] * 40
    want = len(smollm2.native.encode_batch(texts).ids)
    context = multiprocessing.get_context("fork")
    queue = context.Queue()
    child = context.Process(target=_encode_in_child, args=(smollm2.native, texts, queue))
    child.start()
    assert queue.get(timeout=30) == want
    child.join()


@pytest.mark.smollm2
def test_verify_finds_a_difference(smollm2: Pair, tmp_path: Path) -> None:
    assert smollm2.native.verify(["Merhaba dünya", "<|im_end|> x"]) == 2
    assert smollm2.native.verify("a") == 1
    other = write_family("gpt2", tmp_path)
    wrong = Tokenizer(other, smollm2.native._native, {"decoder": None}, None)
    with pytest.raises(ModelError, match="text 1 differs from tokenizers at token 0") as caught:
        wrong.verify(["", "secret"])
    assert "secret" not in str(caught.value)


def test_char_offsets() -> None:
    text = "aé中😀b"
    assert char_offsets(text, np.array([[0, 1], [1, 3], [3, 6], [6, 10], [10, 11]])).tolist() == [[0, 1], [1, 2], [2, 3], [3, 4], [4, 5]]


def test_nasty_alphabet_has_no_empty_piece() -> None:
    assert all(NASTY)
