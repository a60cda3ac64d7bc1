from itertools import pairwise
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ayar.data.format import PREPARED, FormatSettings, format_rows
from ayar.data.length import measure_length
from ayar.data.model_folder import read_model_text
from ayar.data.pack import IGNORE_INDEX, Examples, pack, split_long, tokenize
from ayar.errors import DataError
from tests.data.tables import reasons, table
from tests.data.tiny_model import OracleTokenizer, write_model_folder


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_model_folder(tmp_path_factory.mktemp("model"))


@pytest.fixture(scope="module")
def tokenizer(folder: Path) -> OracleTokenizer:
    return OracleTokenizer(folder)


def formatted(folder: Path, *rows: tuple[str, str]) -> pa.Table:
    answers = table("answer", [{"prompt": prompt, "response": response} for prompt, response in rows], split=["train"] * len(rows))
    return format_rows(answers, FormatSettings(), "answer", read_model_text(folder)).kept


def examples_of(lengths: list[int], trained_from: int = 1) -> Examples:
    ids = np.arange(sum(lengths), dtype=np.int32)
    labels = ids.copy()
    offsets = np.cumsum([0, *lengths]).astype(np.int64)
    for first, last in pairwise(offsets):
        labels[first : min(first + trained_from, last)] = IGNORE_INDEX
    return Examples(ids, labels, offsets)


def test_labels_are_the_answer_and_the_token_that_ends_it(folder: Path, tokenizer: OracleTokenizer) -> None:
    rows = formatted(folder, ("kartım gelmedi mi?", "  hayır, gelmedi ✓"), ("card", "twice"))
    examples = tokenize(rows, tokenizer)
    for row, answer in enumerate(rows["answer"].to_pylist()):
        labels = examples.labels[examples.offsets[row] : examples.offsets[row + 1]]
        learned = labels[labels != IGNORE_INDEX]
        assert tokenizer.inner.decode(learned.tolist(), skip_special_tokens=False) == answer + "<|im_end|>"
        assert learned[-1] == tokenizer.inner.token_to_id("<|im_end|>")  # the model learns to stop
        assert (examples.input_ids[examples.offsets[row] : examples.offsets[row + 1]][labels != IGNORE_INDEX] == learned).all()


def test_ids_are_those_of_the_whole_text_with_one_bos(folder: Path, tokenizer: OracleTokenizer) -> None:
    rows = formatted(folder, ("card", "twice"))
    ids = tokenize(rows, tokenizer).input_ids.tolist()
    assert ids == tokenizer.inner.encode(rows["rendered"][0].as_py(), add_special_tokens=False).ids
    assert ids[0] == tokenizer.inner.token_to_id("<|im_start|>") != ids[1]


def test_a_token_across_the_border_is_learned(tokenizer: OracleTokenizer) -> None:
    text = "my card card"
    ids = tokenizer.inner.encode(text).ids
    row = {
        "id": "a",
        "source": "a",
        "row": 1,
        "rendered": text,
        "trained": [{"start": 9, "end": 12}],
        "split": "train",
    }  # inside the last " card"
    examples = tokenize(pa.Table.from_pylist([row], schema=PREPARED), tokenizer)
    assert examples.labels.tolist() == [IGNORE_INDEX] * (len(ids) - 1) + ids[-1:]


@given(
    lengths=st.lists(st.integers(1, 30), min_size=1, max_size=40),
    seed=st.integers(0, 9),
    epoch=st.integers(0, 3),
    limit=st.integers(30, 70),
)
def test_every_token_is_in_one_batch_and_no_pair_crosses_a_border(lengths: list[int], seed: int, epoch: int, limit: int) -> None:
    examples = examples_of(lengths)
    if not any(length > 1 for length in lengths):
        with pytest.raises(DataError, match="all labels are masked"):
            pack(examples, limit, seed, epoch)
        return
    batches = pack(examples, limit, seed, epoch)
    ids = np.concatenate([batch.input_ids.numpy() for batch in batches])
    useful = [length for length in lengths if length > 1]
    assert len(ids) == len(set(ids.tolist())) == sum(useful)
    for batch in batches:
        borders = batch.cu_seqlens.tolist()
        assert borders[0] == 0
        assert borders[-1] == len(batch.input_ids) <= limit
        starts = {border: number for number, border in enumerate(borders[:-1])}
        assert [position for position, at in enumerate(batch.position_ids.tolist()) if at == 0] == sorted(starts)
        assert (batch.targets == batch.input_ids[batch.positions + 1]).all()
        assert not set((batch.positions + 1).tolist()) & set(starts)
        assert len(batch.positions) == len(batch.input_ids) - len(starts)
        for first, last in pairwise(borders):  # an example is whole and in its order
            assert batch.input_ids[first:last].tolist() == list(
                range(int(batch.input_ids[first]), int(batch.input_ids[first]) + last - first)
            )
    assert sum(len(batch.targets) for batch in batches) == sum(length - 1 for length in useful)


def test_packing_is_tight_and_depends_on_seed_and_epoch_alone() -> None:
    rng = np.random.default_rng(0)
    examples = examples_of(rng.integers(5, 300, 500).tolist())
    one, same, other = pack(examples, 512, 1, 0), pack(examples, 512, 1, 0), pack(examples, 512, 1, 1)
    assert all((a.input_ids == b.input_ids).all() for a, b in zip(one, same, strict=True))
    assert any(len(a.input_ids) != len(b.input_ids) or (a.input_ids != b.input_ids).any() for a, b in zip(one, other, strict=False))
    assert sum(len(batch.input_ids) for batch in one) / (512 * len(one)) > 0.97


def test_the_types_that_the_ops_want() -> None:
    batch = pack(examples_of([3, 4]), 10, 0, 0)[0]
    assert [str(field.dtype) for field in batch[:-1]] == [*["torch.int32"] * 4, *["torch.int64"] * 2, "torch.float32"]


def test_a_row_longer_than_a_batch_is_an_error() -> None:
    with pytest.raises(DataError, match="a row of 31 tokens does not fit into a batch of 30"):
        pack(examples_of([4, 31]), 30, 0, 0)


@given(lengths=st.lists(st.integers(0, 50), min_size=1, max_size=10), limit=st.integers(1, 20))
def test_splitting_loses_no_token(lengths: list[int], limit: int) -> None:
    pieces = split_long(examples_of(lengths), limit)
    assert pieces.lengths.max(initial=0) <= limit
    assert pieces.offsets[0] == 0
    assert pieces.offsets[-1] == sum(lengths)
    assert set(np.cumsum([0, *lengths]).tolist()) <= set(pieces.offsets.tolist())


def test_rows_that_are_too_long_are_dropped_split_or_refused(folder: Path, tokenizer: OracleTokenizer) -> None:
    rows = formatted(folder, ("short", "yes"), ("long " * 200, "no"))
    lengths = tokenize(rows, tokenizer).lengths
    stage = measure_length(rows, FormatSettings(max_tokens=100), tokenizer)
    assert reasons(stage) == {3: "too_long"}
    counts = {name: stage.report[name] for name in ("tokens", "trained_tokens", "longest", "too_long")}
    assert counts == {
        "tokens": lengths[0],
        "trained_tokens": tokenize(rows, tokenizer).trained_tokens[0],
        "longest": lengths[1],
        "too_long": 1,
    }
    split = measure_length(rows, FormatSettings(max_tokens=100, too_long="split"), tokenizer)
    assert (reasons(split), split.report["too_long"], split.report["tokens"]) == ({}, 1, lengths.sum())
    with pytest.raises(DataError, match=rf"t\.csv, row 3: {lengths[1]} tokens, format\.max_tokens is 100 \(1 rows.*format\.too_long"):
        measure_length(rows, FormatSettings(max_tokens=100, too_long="refuse"), tokenizer)
    with pytest.raises(DataError, match="no row is left to train on: 2 are longer"):
        measure_length(rows, FormatSettings(max_tokens=8), tokenizer)


def test_a_table_with_all_labels_masked_is_an_error(folder: Path, tokenizer: OracleTokenizer) -> None:
    rows = formatted(folder, ("a", "b"))
    masked = rows.set_column(rows.column_names.index("trained"), "trained", pa.array([[]], PREPARED.field("trained").type))
    with pytest.raises(DataError, match="in 1 all labels are masked"):
        measure_length(masked, FormatSettings(), tokenizer)
