from pathlib import Path

import pytest
import torch
from peft import LoraConfig, get_peft_model

from ayar.errors import ModelError
from ayar.model.adapters import AdapterParameters, LoraSettings
from ayar.model.decoder import Decoder
from ayar.model.packaged import packaged_model
from tests.model.packing import packed
from tests.model.tiny import FAMILIES, logits_one_by_one, loss_one_by_one, random_sequences, write_model

LENGTHS = (13, 1, 40, 2)


@pytest.mark.parametrize("family", FAMILIES)
def test_logits_equal_those_of_transformers(tmp_path: Path, family: str) -> None:
    model = write_model(tmp_path, family)
    sequences = random_sequences(LENGTHS)
    decoder = Decoder.load(tmp_path, dtype=torch.float32)
    with torch.no_grad():
        got = decoder.logits(packed(sequences))
    torch.testing.assert_close(got, logits_one_by_one(model, sequences), atol=2e-4, rtol=2e-4)


@pytest.mark.parametrize(("family", "layers"), [*((family, "all") for family in FAMILIES), ("llama", 2), ("gemma2", (0, 2))], ids=str)
def test_loss_and_adapter_gradients_equal_those_of_peft(tmp_path: Path, family: str, layers: object) -> None:
    model = write_model(tmp_path, family)
    settings = LoraSettings.model_validate({"rank": 4, "alpha": 6.0, "layers": layers})
    decoder = Decoder.load(tmp_path, settings, torch.float32)
    adapters = decoder.trainable_parameters()
    torch.manual_seed(1)
    adapters.values.normal_(std=0.3)  # B = 0 would leave dA = 0
    indices = settings.layer_indices(3)
    peft = get_peft_model(model, LoraConfig(r=4, lora_alpha=6, target_modules=list(adapters.modules), layers_to_transform=list(indices)))
    theirs = {name.replace(".default", ""): p for name, p in peft.named_parameters() if "lora_" in name}
    assert theirs.keys() == adapters.tensors().keys()
    with torch.no_grad():
        for name, view in adapters.tensors().items():
            theirs[name].copy_(view)

    sequences = random_sequences(LENGTHS, seed=2)
    batch = packed(sequences, labelled_from=5)
    want = loss_one_by_one(peft, sequences, batch)
    want.backward()
    got = decoder.loss(batch)
    got.backward()
    torch.testing.assert_close(got, want, atol=0, rtol=1e-5)
    for name, view in adapters.tensors().items():
        wanted = theirs[name].grad
        gradient = _gradient_of(adapters, view)
        assert wanted is not None
        assert wanted.norm() > 0, name
        assert (gradient - wanted).norm() <= 1e-4 * wanted.norm(), name


def test_untrained_adapters_change_nothing_and_trained_ones_can_be_left_out(tmp_path: Path) -> None:
    write_model(tmp_path)
    batch = packed(random_sequences(LENGTHS))
    with torch.no_grad():
        base = Decoder.load(tmp_path, dtype=torch.float32).logits(batch)
        decoder = Decoder.load(tmp_path, LoraSettings(rank=4), torch.float32)
        assert torch.equal(decoder.logits(batch), base)
        decoder.trainable_parameters().values.fill_(0.1)
        assert not torch.allclose(decoder.logits(batch), base, atol=0.1)
        with decoder.without_adapters():
            assert torch.equal(decoder.logits(batch), base)
        assert not torch.allclose(decoder.logits(batch), base, atol=0.1)


def test_one_sequence_of_a_pack_leaves_the_others_alone(tmp_path: Path) -> None:
    write_model(tmp_path)
    decoder = Decoder.load(tmp_path, dtype=torch.float32)
    first, second = random_sequences((9, 11))
    with torch.no_grad():
        before = decoder.hidden_states(packed([first, second]))
        after = decoder.hidden_states(packed([[5, *first[1:]], second]))
    assert torch.equal(before[9:], after[9:])
    assert not torch.equal(before[:9], after[:9])


def test_lowest_trained_layer_ends_the_backward_pass(tmp_path: Path) -> None:
    write_model(tmp_path)
    decoder = Decoder.load(tmp_path, LoraSettings(rank=2, layers=1), torch.float32)
    seen = []
    batch = packed(random_sequences((8,)))
    hidden = decoder.run(batch.input_ids, batch.position_ids, lambda layer, qkv: seen.append(qkv.requires_grad) or qkv[:, :4].flatten(1))
    assert seen == [False, False, True]
    assert hidden.requires_grad


def test_bf16_is_close_to_fp32(tmp_path: Path) -> None:
    write_model(tmp_path)
    batch = packed(random_sequences(LENGTHS), labelled_from=3)
    with torch.no_grad():
        exact = Decoder.load(tmp_path, dtype=torch.float32).loss(batch)
        rounded = Decoder.load(tmp_path, dtype=torch.bfloat16).loss(batch)
    assert abs(float(rounded - exact)) < 0.02 * float(exact)


def test_sequence_over_the_context_is_refused(tmp_path: Path) -> None:
    write_model(tmp_path, max_position_embeddings=16)
    decoder = Decoder.load(tmp_path, dtype=torch.float32)
    with pytest.raises(ModelError, match="17 tokens is longer than the model's context of 16"):
        decoder.loss(packed(random_sequences((17,))))


@pytest.mark.smollm2
@pytest.mark.slow
def test_smollm2_logits_equal_those_of_transformers() -> None:
    from transformers import AutoModelForCausalLM, AutoTokenizer

    folder = packaged_model()
    tokenizer = AutoTokenizer.from_pretrained(folder)
    texts = ["The capital of France is Paris.", "İstanbul'dan Ankara'ya giden tren saat kaçta kalkıyor?", "def f(x):\n    return x"]
    sequences = [tokenizer(text).input_ids for text in texts]
    want = logits_one_by_one(AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32), sequences)
    with torch.no_grad():
        got = Decoder.load(folder, dtype=torch.float32).logits(packed(sequences))
    assert (got - want).abs().max() < 1e-3


def _gradient_of(adapters: AdapterParameters, view: torch.Tensor) -> torch.Tensor:
    offset = view.storage_offset()
    return adapters.gradients[offset : offset + view.numel()].view(view.shape)
