from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ayar.data.pack import IGNORE_INDEX, Examples, pack, packer
from ayar.data.prefix_tree import LEAST_SHARED, segments_of, shared_prefixes


def examples_of(rows: list[list[int]], trained_from: int = 1) -> Examples:
    ids = np.array([token for row in rows for token in row], dtype=np.int32)
    offsets = np.cumsum([0, *map(len, rows)]).astype(np.int64)
    labels = ids.copy()
    for first, last in pairwise(offsets):
        labels[first : min(first + trained_from, last)] = IGNORE_INDEX
    return Examples(ids, labels, offsets)


@st.composite
def related_rows(draw: st.DrawFn) -> list[list[int]]:
    """Rows that go on from beginnings of one another, at any depth; some are the whole beginning of another, or its double."""
    rows: list[list[int]] = [draw(st.lists(st.integers(0, 3), min_size=1, max_size=60))]
    for _ in range(draw(st.integers(0, 14))):
        other = draw(st.sampled_from(rows))
        kept = other[: draw(st.integers(0, len(other)))]
        rows.append((kept + draw(st.lists(st.integers(0, 3), max_size=40))) or [0])
    return rows


def rows_in(batch) -> tuple[list[list[int]], set[tuple[int, ...]]]:
    """Every path from a root to a segment as token ids, and the paths that end in a segment with nothing below."""
    bounds, parents = batch.cu_seqlens.tolist(), batch.parents.tolist()
    paths: list[list[int]] = []
    for (first, last), parent in zip(pairwise(bounds), parents, strict=True):
        assert last > first
        paths.append((paths[parent] if parent >= 0 else []) + batch.input_ids[first:last].tolist())
    leaves = set(range(len(parents))) - set(parents)
    return paths, {tuple(paths[leaf]) for leaf in leaves}


@given(rows=related_rows(), trained_from=st.integers(1, 30), seed=st.integers(0, 5), limit=st.integers(100, 400))
def test_the_tree_holds_every_row_and_every_pair(rows: list[list[int]], trained_from: int, seed: int, limit: int) -> None:
    examples = examples_of(rows, trained_from)
    useful = [row for row in rows if len(row) > trained_from]
    if not useful:
        return
    tree = shared_prefixes(examples.input_ids, examples.offsets)
    batches = pack(examples, limit, seed, 0, tree)
    want: dict[tuple[int, ...], int] = {}  # what precedes a trained token, and the token → in how many rows
    for row in useful:
        for index in range(max(trained_from, 1), len(row)):
            want[tuple(row[: index + 1])] = want.get(tuple(row[: index + 1]), 0) + 1
    got: dict[tuple[int, ...], float] = {}
    for batch in batches:
        paths, leaves = rows_in(batch)
        assert len(batch.input_ids) <= limit
        assert leaves <= {tuple(row) for row in useful}
        upto: list[list[int]] = []  # of each token: the ids on its path
        for (first, last), path in zip(pairwise(batch.cu_seqlens.tolist()), paths, strict=True):
            before = len(path) - (last - first)
            assert batch.position_ids[first:last].tolist() == list(range(before, len(path)))
            upto += [path[: before + index + 1] for index in range(last - first)]
        for position, target, weight in zip(batch.positions.tolist(), batch.targets.tolist(), batch.weights.tolist(), strict=True):
            key = (*upto[position], target)
            got[key] = got.get(key, 0) + weight
    assert got == want
    assert sum(batch.row_tokens for batch in batches) == sum(map(len, useful))


@given(rows=related_rows())
def test_nodes_are_shared_by_two_rows_and_long_enough(rows: list[list[int]]) -> None:
    examples = examples_of(rows)
    tree = shared_prefixes(examples.input_ids, examples.offsets)
    segments = segments_of(range(len(rows)), examples.lengths, tree)
    for segment in segments:
        if len(segment.rows) > 1:
            assert segment.end - segment.begin >= LEAST_SHARED
            assert len({tuple(rows[row][: segment.end]) for row in segment.rows}) == 1
    for one, other in pairwise(sorted(range(len(rows)), key=rows.__getitem__)):
        common = next(
            (i for i, (a, b) in enumerate(zip(rows[one], rows[other], strict=False)) if a != b), min(map(len, (rows[one], rows[other])))
        )
        shared = sum(s.end - s.begin for s in segments if one in s.rows and other in s.rows)
        assert common - LEAST_SHARED < shared <= common  # less only by what is too short to share


def test_an_instruction_before_every_row_is_computed_once() -> None:
    rng = np.random.default_rng(0)
    instruction = rng.integers(0, 1000, 358).tolist()
    rows = [instruction + rng.integers(0, 1000, 22).tolist() for _ in range(300)]
    examples = examples_of(rows, 370)
    tree = shared_prefixes(examples.input_ids, examples.offsets)
    batches = pack(examples, 2048, 0, 0, tree)
    assert [len(batch.parents) for batch in batches[:-1]].count(1 + (2048 - 358) // 22) >= len(batches) - 2
    assert sum(len(batch.input_ids) for batch in batches) == len(batches) * 358 + 300 * 22
    plain = pack(examples, 2048, 0, 0)
    assert sum(len(batch.input_ids) for batch in plain) == 300 * 380


def test_rows_of_one_tree_are_spread_over_the_epoch() -> None:
    """Two instructions: every batch holds rows of both, in about their share, and another epoch has others."""
    rng = np.random.default_rng(0)
    instructions = [rng.integers(0, 1000, 100).tolist() for _ in range(2)]
    kinds = rng.integers(0, 2, 600)
    rows = [instructions[kind] + [1000 + number, *rng.integers(0, 1000, 20).tolist()] for number, kind in enumerate(kinds)]
    examples = examples_of(rows, 110)
    tree = shared_prefixes(examples.input_ids, examples.offsets)
    epochs = []
    for epoch in (0, 1):
        numbers = [[int(token) - 1000 for token in batch.input_ids if token >= 1000] for batch in pack(examples, 1024, 3, epoch, tree)]
        epochs.append(numbers)
        full = [batch for batch in numbers if len(batch) > 20]
        assert len(full) >= 15
        assert all(0.25 < np.mean(kinds[batch]) < 0.75 for batch in full)
        assert sorted(number for batch in numbers for number in batch) == list(range(600))
    assert epochs[0] != epochs[1]


@pytest.mark.parametrize(("count", "max_tokens"), [(100, 1400), (300, 1400), (2000, 600)])
def test_sharing_leaves_enough_batches_to_learn_from(count: int, max_tokens: int) -> None:
    rng = np.random.default_rng(0)
    instruction = rng.integers(0, 1000, 250).tolist()
    examples = examples_of([instruction + rng.integers(0, 1000, 30).tolist() for _ in range(count)], 270)
    shared, plain = (packer(examples, max_tokens, 0, share) for share in (True, False))
    batches = len(shared(0))
    assert min(64, 0.8 * len(plain(0))) <= batches <= len(plain(0))
    assert all(len(batch.input_ids) <= shared.max_tokens <= max_tokens for batch in shared(1))
    if count == 2000:
        assert shared.max_tokens == max_tokens  # enough as they are
    assert sum(len(batch.input_ids) for batch in shared(0)) < 0.65 * sum(len(batch.input_ids) for batch in plain(0))


@pytest.mark.parametrize("count", [2, 400])
def test_deep_chains_are_linear_work(count: int) -> None:
    """Each row is a longer beginning of the last one: the turns of one dialogue."""
    whole = np.random.default_rng(0).integers(0, 1000, 20 * count).tolist()
    rows = [whole[: 20 * (turn + 1)] for turn in range(count)]
    examples = examples_of(rows, 5)
    tree = shared_prefixes(examples.input_ids, examples.offsets)
    (batch,) = pack(examples, len(whole), 0, 0, tree)
    assert batch.input_ids.tolist() == whole
    assert batch.weights.sum() == sum(len(row) - 5 for row in rows)
