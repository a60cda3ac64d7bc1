"""Activations stored, recomputed and offloaded: the same loss and the same gradients, bit by bit."""

import sys
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import torch
from interpreter import run_checks, verifies
from torch import Tensor

from ayar.model.adapters import LoraSettings
from ayar.model.gpu_decoder import GpuDecoder
from ayar.ops import backend
from ayar.ops.gpu_offload import Keeping

sys.path.insert(0, str(Path(__file__).parents[3]))  # a script's own folder is all that it finds
from tests.model.packing import packed
from tests.model.tiny import random_sequences, write_model


@verifies("norm_project", "norm_backward")
def keeping(dtype: torch.dtype) -> list[Tensor]:
    if dtype == torch.float16:
        return []
    written = []
    batch = packed(random_sequences((7, 9)))
    for family, dropout in (("llama", 0.2), ("gemma2", 0.0)):
        with TemporaryDirectory() as folder, backend.use(backend.TRITON):
            write_model(Path(folder), family)
            decoder = GpuDecoder.load(folder, LoraSettings(rank=4, dropout=dropout), "cpu", torch.float32)
        parameters = decoder.trainable_parameters()
        with torch.no_grad():
            parameters.values.copy_(torch.randn(len(parameters.values), generator=torch.Generator().manual_seed(5)) / 8)
        results = []
        ways: list[Sequence[Keeping]] = [(), ("recomputed", "offloaded", "stored"), ("offloaded", "recomputed", "offloaded")]
        for how in ways:
            decoder.keeping = how
            parameters.gradients.zero_()
            with decoder.dropping_out(1):
                decoder.loss(batch)  # without a backward pass: what it left is forgotten
                loss = decoder.loss(batch)
                loss.backward()
            results.append([loss.detach(), parameters.gradients.clone()])
        for got in results[1:]:
            assert all(torch.equal(a, b) for a, b in zip(got, results[0], strict=True)), family
        written += results[0]
    return written


if __name__ == "__main__":
    run_checks()
