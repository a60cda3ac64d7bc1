"""Loss and adapter gradients of a decoder of two layers over a packed tree, against plain PyTorch in float64."""

import sys
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import torch
from attention import laid_out
from interpreter import assert_close, run_checks, verifies
from layer import DIM, HEADS, HIDDEN, KV_HEADS, SPLITS, random_layer, reference, tensors_of
from torch import Tensor

from ayar.model.adapters import LoraSettings
from ayar.model.decoder import Decoder
from ayar.model.gpu_decoder import GpuDecoder
from ayar.ops import backend
from ayar.ops.bordered import BorderedWeight
from ayar.ops.gpu_attention import Packing
from ayar.ops.gpu_layer import LayerAdapters, LayerShape, LayerWeights
from ayar.train.optimizer import Optimizer

sys.path.insert(0, str(Path(__file__).parents[3]))  # a script's own folder is all that it finds
from tests.model.packing import packed
from tests.model.tiny import random_sequences, write_model

VOCAB = 37


@dataclass
class Rows:
    """A packed batch, as ayar.model.batch has it."""

    input_ids: np.ndarray
    position_ids: np.ndarray
    cu_seqlens: np.ndarray
    parents: np.ndarray
    positions: np.ndarray
    targets: np.ndarray
    weights: np.ndarray


RANKS = {"qkv": [4, 4, 4], "o": [4], "gate_up": [4, 4], "down": [4]}


@verifies("cross_entropy_rows", "sum_keyed_rows", "attention_forward", "attention_backward_key_value", "swiglu_lora_backward")
def trees_and_rows(dtype: torch.dtype) -> list[Tensor]:
    if dtype == torch.float16:
        return []
    written = []
    for segments in ([(11, -1), (3, 0), (6, 0), (7, -1)], [(9, -1), (0, -1), (20, -1)]):
        _, position, seen = laid_out(segments)
        tokens = len(position)
        bounds = np.cumsum([0] + [length for length, _ in segments]).astype(np.int32)
        layers, shape = [random_layer(RANKS, False) for _ in range(2)], LayerShape(HEADS, KV_HEADS, DIM, 1e-5, 0.4)
        angles, embedding, head, norm = (
            torch.randn(64, DIM // 2),
            torch.randn(VOCAB, HIDDEN),
            torch.randn(VOCAB, HIDDEN) / 7,
            torch.rand(HIDDEN),
        )
        frozen = []
        for weights, _ in layers:
            p = {name: BorderedWeight([weights[name]], None, torch.float32) for name in SPLITS}
            frozen.append(LayerWeights(weights["attention_norm"], p["qkv"], p["o"], weights["mlp_norm"], p["gate_up"], p["down"]))
        decoder = GpuDecoder(
            embedding, frozen, [LayerAdapters(**adapters) for _, adapters in layers], shape, norm,
            BorderedWeight([head], None, torch.float32), angles.cos(), angles.sin(),
        )  # fmt: skip
        positions, counts = torch.tensor([0, 5, 5, tokens - 1]), torch.tensor([1.0, 2.0, 1.0, 3.0])
        batch = Rows(
            input_ids=torch.randint(0, VOCAB, (tokens,)).numpy(), position_ids=position.numpy(), cu_seqlens=bounds, positions=positions.numpy(),
            parents=np.array([parent for _, parent in segments]), weights=counts.numpy(), targets=torch.randint(0, VOCAB, (4,)).numpy(),
        )  # fmt: skip
        loss = decoder.loss(batch)
        got = [loss.detach(), *torch.autograd.grad(loss, [t for _, adapters in layers for t in tensors_of(adapters)])]

        packing = Packing(angles.cos(), angles.sin(), position, None)
        doubles = [
            {
                n: [(s, a.detach().double().requires_grad_(), b.detach().double().requires_grad_(), c) for s, a, b, c in g]
                for n, g in x.items()
            }
            for _, x in layers
        ]
        state: tuple[Tensor, Tensor | None] = (embedding[torch.from_numpy(batch.input_ids)].double(), None)
        for (weights, _), adapters in zip(layers, doubles, strict=True):
            state = reference(state[0], state[1], weights, adapters, shape, packing, seen)
        assert state[1] is not None
        stream = state[0] + state[1]
        hidden = stream / (stream.square().mean(-1, keepdim=True) + 1e-5).sqrt() * norm.double()
        want = torch.nn.functional.cross_entropy(hidden[positions] @ head.double().T, torch.from_numpy(batch.targets), reduction="none")
        want = (want * counts.double()).sum()
        wanted = [want.detach(), *torch.autograd.grad(want, [t for adapters in doubles for t in tensors_of(adapters)])]
        for i, (g, w) in enumerate(zip(got, wanted, strict=True)):
            assert_close(g, w, dtype, f"output {i}", beside=want.detach())
        written += got
    return written


@verifies("swiglu_lora_backward", "adamw_update")
def checkpoint(dtype: torch.dtype) -> list[Tensor]:
    """A checkpoint loaded for the kernels gives the loss and gradients of the CPU's decoder, and a step of its optimizer."""
    if dtype == torch.float16:
        return []
    lora, written = LoraSettings(rank=4), []
    for family in ("llama", "qwen2"):
        with TemporaryDirectory() as folder:
            write_model(Path(folder), family)
            with backend.use(backend.TRITON):
                decoder = GpuDecoder.load(folder, lora, "cpu", torch.float32)
            cpu = Decoder.load(folder, lora, torch.float32)
        batch = packed(random_sequences((7, 1, 12)))
        for each in (decoder, cpu):
            values = each.trainable_parameters().values
            with torch.no_grad():
                values.copy_(torch.randn(len(values), generator=torch.Generator().manual_seed(5)) / 8)
        loss = decoder.loss(batch)
        loss.backward()
        with backend.use(backend.REFERENCE):
            want = cpu.loss(batch)
            want.backward()
        got_gradients, want_gradients = decoder.trainable_parameters().gradients, cpu.trainable_parameters().gradients
        assert abs(loss - want) <= 1e-5 * want
        assert (got_gradients - want_gradients).norm() <= 1e-4 * want_gradients.norm()
        optimizer = Optimizer(decoder.trainable_parameters(), weight_decay=0.0, max_grad_norm=1.0)
        with backend.use(backend.TRITON):
            optimizer.step(0.01, optimizer.gradient_norm())
        assert decoder.loss(batch) < loss
        written += [loss.detach(), got_gradients]
    return written


if __name__ == "__main__":
    run_checks()
