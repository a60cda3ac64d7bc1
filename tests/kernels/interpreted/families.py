"""Every model family, and dropout, through the GPU's layers: loss and every adapter's gradient beside those of the CPU's decoder."""

import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import torch
from interpreter import run_checks, verifies
from torch import Tensor

from ayar.model.adapters import LoraSettings
from ayar.model.decoder import Decoder
from ayar.model.gpu_decoder import GpuDecoder
from ayar.ops import backend, linear_cross_entropy

sys.path.insert(0, str(Path(__file__).parents[3]))  # a script's own folder is all that it finds
from tests.model.packing import Packed, packed
from tests.model.tiny import random_sequences, write_model

CASES = [  # family, dropout
    ("llama-untied-biased", 0.0),
    ("mistral", 0.0),
    ("qwen2-windows-yarn", 0.0),
    ("qwen3-biased-windows", 0.0),
    ("gemma2", 0.0),
    ("gemma3_text", 0.25),
    ("phi3-partial-longrope", 0.0),
    ("llama", 0.3),
]


def loss_of(cpu: Decoder, batch: Packed) -> Tensor:
    """Of all rows: ``Decoder.loss`` goes on with the labelled ones alone in its last layer, and masks count rows."""
    head, softcap = cpu._frozen.head, cpu.config.final_logit_softcapping
    return linear_cross_entropy(cpu.hidden_states(batch), head, batch.positions, batch.targets, batch.weights, softcap)


@verifies("normalize_heads", "normalize_heads_backward", "norm_backward", "rotate_heads", "bordered_gemm_backward", "down_projection")
def families(dtype: torch.dtype) -> list[Tensor]:
    if dtype == torch.float16:
        return []
    written = []
    batch = packed(random_sequences((9, 1, 14)))
    for family, dropout in CASES:
        lora = LoraSettings(rank=4, dropout=dropout)
        with TemporaryDirectory() as folder:
            write_model(Path(folder), family)
            with backend.use(backend.TRITON):
                gpu = GpuDecoder.load(folder, lora, "cpu", torch.float32, seed=3)
            cpu = Decoder.load(folder, lora, torch.float32, seed=3)
        for each in (gpu, cpu):
            with torch.no_grad():
                values = each.trainable_parameters().values
                values.copy_(torch.randn(len(values), generator=torch.Generator().manual_seed(5)) / 8)
        with gpu.dropping_out(2):
            loss = gpu.loss(batch)
            loss.backward()
        with backend.use(backend.REFERENCE), cpu.dropping_out(2):
            want = loss_of(cpu, batch)
            want.backward()
        assert abs(loss - want) <= 1e-5 * want, f"{family}: loss {loss}, on the CPU {want}"
        got_gradients, want_gradients = gpu.trainable_parameters().gradients, cpu.trainable_parameters().gradients
        error = (got_gradients - want_gradients).norm() / want_gradients.norm()
        assert error <= 1e-4, f"{family}: gradients differ by {error:.1e}"
        if dropout:
            with torch.no_grad():
                assert abs(gpu.loss(batch) - loss) > 1e-3, "outside of the block nothing is left out"
        written += [loss.detach(), got_gradients]
    return written


if __name__ == "__main__":
    run_checks()
