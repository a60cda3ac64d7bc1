"""A tree of shared beginnings computes what its rows compute one by one."""

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from ayar.model.adapters import LoraSettings
from ayar.model.decoder import Decoder
from tests.model.packing import Packed, packed
from tests.model.tiny import random_sequences, write_model

# Segments in preorder: (parent, tokens). The rows are the paths to "rows"; all tokens from the third on are labelled.
PARENTS = (-1, 0, 1, 1, 0, -1, 5, 6, 7)
LENGTHS = (70, 9, 20, 1, 33, 5, 17, 3, 8)
LEAVES = (2, 3, 4, 4, 1, 8)  # one row twice, one ends where others go on


def tree_and_rows(seed: int = 0) -> tuple[Packed, list[list[int]]]:
    parts = random_sequences(LENGTHS, seed)
    borders = [0]
    for part in parts:
        borders.append(borders[-1] + len(part))
    paths: list[list[int]] = []  # places of tokens in the pack
    for segment, parent in enumerate(PARENTS):
        paths.append((paths[parent] if parent >= 0 else []) + list(range(borders[segment], borders[segment + 1])))
    ids = [token for part in parts for token in part]
    counts: dict[tuple[int, int], int] = {}
    for leaf in LEAVES:
        for before, at in zip(paths[leaf][2:], paths[leaf][3:], strict=False):
            counts[before, at] = counts.get((before, at), 0) + 1
    position_ids = [0] * len(ids)
    for path in paths:
        for position, at in enumerate(path):
            position_ids[at] = position
    batch = Packed(
        input_ids=torch.tensor(ids, dtype=torch.int32),
        position_ids=torch.tensor(position_ids, dtype=torch.int32),
        cu_seqlens=torch.tensor(borders, dtype=torch.int32),
        parents=torch.tensor(PARENTS, dtype=torch.int32),
        positions=torch.tensor([before for before, _ in counts]),
        targets=torch.tensor([ids[at] for _, at in counts]),
        weights=torch.tensor(list(counts.values()), dtype=torch.float32),
    )
    return batch, [[ids[at] for at in paths[leaf]] for leaf in LEAVES]


def loss_and_gradients(decoder: Decoder, batch: Any) -> tuple[Tensor, dict[str, Tensor]]:
    adapters = decoder.trainable_parameters()
    adapters.gradients.zero_()
    loss = decoder.loss(batch)
    loss.backward()
    views = adapters.tensors()
    slices = {name: slice(view.storage_offset(), view.storage_offset() + view.numel()) for name, view in views.items()}
    return loss.detach(), {name: adapters.gradients[where].clone() for name, where in slices.items()}


@pytest.mark.parametrize("layers", ["all", (1, 2)], ids=str)
def test_loss_and_gradients_equal_those_of_the_rows(tmp_path: Path, layers: object) -> None:
    write_model(tmp_path)
    decoder = Decoder.load(tmp_path, LoraSettings.model_validate({"rank": 4, "layers": layers}), torch.float32)
    torch.manual_seed(1)
    decoder.trainable_parameters().values.normal_(std=0.1)
    batch, rows = tree_and_rows()
    loss, gradients = loss_and_gradients(decoder, batch)
    alone, want = loss_and_gradients(decoder, packed(rows, labelled_from=3))
    assert float(batch.weights.sum()) == sum(len(row) - 3 for row in rows)
    torch.testing.assert_close(loss, alone, rtol=1e-6, atol=0)
    for name, gradient in gradients.items():
        assert want[name].norm() > 0, name
        assert (gradient - want[name]).norm() <= 1e-5 * want[name].norm(), name


def test_a_branch_leaves_the_others_alone(tmp_path: Path) -> None:
    write_model(tmp_path)
    decoder = Decoder.load(tmp_path, dtype=torch.float32)
    batch, _ = tree_and_rows()
    with torch.no_grad():
        before = decoder.logits(batch)
        bounds = batch.cu_seqlens.tolist()
        for changed in range(len(PARENTS)):
            below = {changed}
            for segment, parent in enumerate(PARENTS):
                if parent in below:
                    below.add(segment)
            other = tree_and_rows()[0]
            other.input_ids[bounds[changed]] = (other.input_ids[bounds[changed]] + 1) % 90 + 3
            after = decoder.logits(other)
            for segment in range(len(PARENTS)):
                where = slice(bounds[segment], bounds[segment + 1])
                assert torch.equal(before[where], after[where]) == (segment not in below), (changed, segment)
