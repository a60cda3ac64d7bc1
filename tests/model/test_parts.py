"""A batch that goes forward and back in parts learns what it learns as a whole."""

from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from ayar.model import decoder as decoder_module
from ayar.model.adapters import LoraSettings
from ayar.model.decoder import Decoder
from ayar.model.parts import parts
from tests.model.packing import packed
from tests.model.test_tree import loss_and_gradients, tree_and_rows
from tests.model.tiny import random_sequences, write_model


@given(lengths=st.lists(st.integers(1, 40), min_size=1, max_size=12), tokens=st.integers(1, 100))
def test_parts_are_the_batch_cut_between_sequences(lengths: list[int], tokens: int) -> None:
    batch = packed(random_sequences(tuple(lengths)))
    cut = list(parts(batch, tokens))
    for name in ("input_ids", "position_ids", "targets", "weights", "parents"):
        assert torch.equal(torch.cat([getattr(part, name) for part in cut]), getattr(batch, name)), name
    begins = torch.tensor([0, *(len(part.input_ids) for part in cut)]).cumsum(0)
    moved = [part.positions + begin for part, begin in zip(cut, begins, strict=False)]
    assert torch.equal(torch.cat(moved), batch.positions)
    bounds = [part.cu_seqlens[:-1] + begin for part, begin in zip(cut, begins, strict=False)]
    assert torch.equal(torch.cat([*bounds, begins[-1:]]).int(), batch.cu_seqlens)
    for part in cut:
        assert len(part.input_ids) <= tokens or len(part.parents) == 1
    assert len(cut) <= 2 * -(-sum(lengths) // tokens)  # hardly more than there must be


def test_a_tree_stays_whole() -> None:
    batch, _ = tree_and_rows()
    cut = list(parts(batch, 10))
    assert [part.parents.tolist() for part in cut] == [[-1, 0, 1, 1, 0], [-1, 0, 1, 2]]
    assert [len(part.input_ids) for part in cut] == [133, 33]
    assert list(parts(batch, 1000)) == [batch]


@pytest.mark.parametrize("tokens", [10, 60])
def test_gradients_of_the_parts_are_those_of_the_batch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tokens: int) -> None:
    write_model(tmp_path)
    decoder = Decoder.load(tmp_path, LoraSettings(rank=4), torch.float32)
    adapters = decoder.trainable_parameters()
    torch.manual_seed(1)
    adapters.values.normal_(std=0.1)
    for batch in (tree_and_rows()[0], packed(random_sequences((13, 1, 40, 2, 30)), labelled_from=5)):
        loss, want = loss_and_gradients(decoder, batch)
        adapters.gradients.zero_()
        monkeypatch.setattr(decoder_module, "PART_TOKENS", tokens)
        got = decoder.accumulate_gradients(batch, 0.5, draw=0)
        monkeypatch.undo()
        assert got == pytest.approx(0.5 * loss.item(), rel=1e-6)
        gradients = _gradients(decoder)
        for name, gradient in want.items():
            assert (2 * gradients[name] - gradient).norm() <= 1e-5 * gradient.norm(), name


def test_parts_drop_out_independently(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_model(tmp_path)
    decoder = Decoder.load(tmp_path, LoraSettings(rank=4, dropout=0.5), torch.float32)
    torch.manual_seed(1)
    decoder.trainable_parameters().values.normal_(std=0.3)
    (sequence,) = random_sequences((30,))
    one, two = packed([sequence]), packed([sequence, sequence])
    monkeypatch.setattr(decoder_module, "PART_TOKENS", 30)
    first, again = (decoder.accumulate_gradients(one, 1.0, draw) for draw in (7, 7))
    both = decoder.accumulate_gradients(two, 1.0, 7)
    assert first == again
    assert both - first != first  # the second part has masks of its own
    assert both != decoder.accumulate_gradients(two, 1.0, 8)


def _gradients(decoder: Decoder) -> dict[str, torch.Tensor]:
    adapters = decoder.trainable_parameters()
    views = adapters.tensors()
    return {name: adapters.gradients[view.storage_offset() : view.storage_offset() + view.numel()] for name, view in views.items()}
