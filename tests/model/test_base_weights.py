"""The decoder over frozen weights in 4 and 8 bits, and with LoRA dropout."""

from pathlib import Path

import pytest
import torch

from ayar.model import peft_format
from ayar.model.adapters import LoraSettings
from ayar.model.decoder import Decoder
from ayar.ops import FrozenWeight
from tests.model.packing import packed
from tests.model.tiny import random_sequences, write_model

BATCH = packed(random_sequences((9, 17, 30)))


def loaded(folder: Path, **settings: object) -> Decoder:
    decoder = Decoder.load(folder, LoraSettings.model_validate({"rank": 4, **settings}), torch.float32)
    torch.manual_seed(3)
    decoder.trainable_parameters().values.normal_(std=0.1)
    return decoder


def loss_and_gradient(decoder: Decoder) -> tuple[float, torch.Tensor]:
    adapters = decoder.trainable_parameters()
    adapters.gradients.zero_()
    loss = decoder.loss(BATCH)
    loss.backward()
    return loss.item(), adapters.gradients.clone()


def test_nf4_base_is_that_of_the_dequantized_checkpoint(tmp_path: Path) -> None:
    model = write_model(tmp_path / "model", "llama-untied-biased")
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if "_proj.weight" in name:
                parameter.copy_(FrozenWeight.pack([parameter.detach()], storage="nf4").unpack())
    model.save_pretrained(tmp_path / "dequantized")
    loss, gradient = loss_and_gradient(loaded(tmp_path / "dequantized"))
    quantized_loss, quantized_gradient = loss_and_gradient(loaded(tmp_path / "model", base_weights="nf4"))
    assert loss_and_gradient(loaded(tmp_path / "model"))[0] != pytest.approx(loss, rel=1e-3)
    assert quantized_loss == pytest.approx(loss, rel=1e-5)
    assert (quantized_gradient - gradient).norm() < 1e-4 * gradient.norm()


def test_int8_base_is_near_the_full_one(tmp_path: Path) -> None:
    write_model(tmp_path, "llama-untied-biased")
    loss, gradient = loss_and_gradient(loaded(tmp_path, alpha=1.0))
    quantized_loss, quantized_gradient = loss_and_gradient(loaded(tmp_path, alpha=1.0, base_weights="int8"))
    assert quantized_loss != loss
    assert quantized_loss == pytest.approx(loss, rel=0.01)
    assert torch.cosine_similarity(gradient, quantized_gradient, dim=0) > 0.98


def test_dropout_follows_its_draw_and_is_off_outside(tmp_path: Path) -> None:
    write_model(tmp_path)
    decoder = loaded(tmp_path, dropout=0.3)
    plain = decoder.loss(BATCH).item()
    assert plain == loaded(tmp_path).loss(BATCH).item()
    losses = []
    for draw in (0, 1, 0):
        with decoder.dropping_out(draw):
            losses.append(loss_and_gradient(decoder))
    assert losses[0][0] == losses[2][0]
    assert torch.equal(losses[0][1], losses[2][1])
    assert len({plain, losses[0][0], losses[1][0]}) == 3
    assert decoder.loss(BATCH).item() == plain


def test_every_adapter_has_masks_of_its_own(tmp_path: Path) -> None:
    write_model(tmp_path)
    adapters = loaded(tmp_path, dropout=0.3).trainable_parameters()
    found = [adapters.at(place.layer, place.module, draw=5) for place in adapters.places()]
    streams = {adapter.dropout.stream for adapter in found if adapter is not None and adapter.dropout is not None}
    assert len(streams) == len(found) == 21


def test_dropout_is_on_average_nothing(tmp_path: Path) -> None:
    write_model(tmp_path)
    decoder = loaded(tmp_path, alpha=1.0, dropout=0.1)
    _, gradient = loss_and_gradient(decoder)
    total = torch.zeros_like(gradient)
    for draw in range(30):
        with decoder.dropping_out(draw):
            total += loss_and_gradient(decoder)[1]
    assert torch.cosine_similarity(total, gradient, dim=0) > 0.95


def test_saved_adapter_names_its_dropout_and_the_unquantized_base(tmp_path: Path) -> None:
    write_model(tmp_path / "model")
    decoder = loaded(tmp_path / "model", dropout=0.25, base_weights="nf4")
    peft_format.save(tmp_path / "adapter", decoder.trainable_parameters(), tmp_path / "model")
    settings, base = peft_format.read_settings(tmp_path / "adapter")
    assert settings.dropout == 0.25
    assert base == tmp_path / "model"
    again = Decoder.load_tuned(tmp_path / "adapter", torch.float32, "nf4")
    assert torch.equal(again.logits(BATCH), decoder.logits(BATCH))
    assert not torch.equal(Decoder.load_tuned(tmp_path / "adapter", torch.float32).logits(BATCH), decoder.logits(BATCH))
