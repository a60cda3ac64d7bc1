"""Training through the loop with the GPU's kernels: losses, adapter, evaluation and resuming, beside the same run on the CPU's."""

import json
import sys
from contextlib import nullcontext
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch
from interpreter import run_checks, verifies
from safetensors.torch import load_file
from torch import Tensor

from ayar.model.adapters import LoraSettings
from ayar.model.batch import PackedBatch
from ayar.model.decoder import Decoder
from ayar.model.gpu_decoder import GpuDecoder
from ayar.ops import backend
from ayar.train.loop import train
from ayar.train.settings import TrainSettings

sys.path.insert(0, str(Path(__file__).parents[3]))  # a script's own folder is all that it finds
from tests.model.packing import packed
from tests.model.tiny import write_model

PROMPT = [5, 6, 7, 8]


def batches(epoch: int) -> list[PackedBatch]:
    """One plain pack, and one tree whose rows begin alike."""
    pairs = torch.randint(9, 97, (4, 2), generator=torch.Generator().manual_seed(epoch)).tolist()
    tails = [[a, b, a, 2] for a, b in pairs[2:]]
    tree = packed([PROMPT, *tails], labelled_from=3)
    tree.parents = torch.tensor([-1, 0, 0], dtype=torch.int32)
    tree.position_ids = torch.tensor([*range(4), *range(4, 8), *range(4, 8)], dtype=torch.int32)
    return [packed([[*PROMPT, a, b, a, 2] for a, b in pairs[:2]], labelled_from=6), tree]


def trained(decoder: Decoder | GpuDecoder, folder: Path, resume: bool = False, **changes: Any) -> tuple[list[float], dict[str, Tensor]]:
    """(loss of every step and evaluation, the adapter as PEFT would read it)."""
    settings = TrainSettings.model_validate(
        {"epochs": 2, "learning_rate": 1e-2, "tensorboard": False, "checkpoint_interval": 2, "keep_checkpoints": 9, **changes}
    )
    train(decoder, batches, settings, folder, [packed([[*PROMPT, 11, 12, 11, 2]])], resume=resume)
    lines = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    losses = [line[name] for line in lines for name in ("loss", "evaluation_loss") if name in line]
    return losses, load_file(folder / "adapter" / "adapter_model.safetensors")


def compare(model: Path, lora: LoraSettings, tolerance: float, **changes: Any) -> list[Tensor]:
    """Both runs from the same adapter; the GPU's once more, resumed half-way."""
    results = []
    for place in (nullcontext(), backend.use(backend.TRITON)):
        with TemporaryDirectory() as folder, place:
            is_gpu = len(results) == 1
            kind = (
                (lambda: GpuDecoder.load(model, lora, "cpu", torch.float32))
                if is_gpu
                else (lambda: Decoder.load(model, lora, torch.float32))
            )
            results.append(trained(kind(), Path(folder), **changes))
            if is_gpu:
                for late in (Path(folder) / "checkpoints").glob("step-*"):
                    if late.name > "step-000002":
                        for file in late.iterdir():
                            file.unlink()
                        late.rmdir()
                resumed = trained(kind(), Path(folder), resume=True, **changes)
                assert resumed[0] == results[1][0], "a resumed run gives the same losses"
                assert all(torch.equal(resumed[1][name], values) for name, values in results[1][1].items())
    (cpu_losses, cpu_adapter), (losses, adapter) = results
    assert len(losses) == len(cpu_losses) > 4
    assert losses[-1] < losses[0]
    for got, want in zip(losses, cpu_losses, strict=True):
        assert abs(got - want) <= tolerance * want, f"{lora}: loss {got}, on the CPU {want}"
    for name, want in cpu_adapter.items():
        assert (adapter[name] - want).norm() <= 30 * tolerance * want.norm(), name
    return [torch.tensor(losses), *adapter.values()]


@verifies("adamw_update", "norm_project", "attention_forward", "cross_entropy_rows")
def like_the_cpu(dtype: torch.dtype) -> list[Tensor]:
    if dtype == torch.float16:
        return []
    with TemporaryDirectory() as folder:
        model = Path(folder)
        write_model(model, "llama", num_hidden_layers=2, hidden_size=64, intermediate_size=64)
        written = compare(model, LoraSettings(rank=4), 1e-4)
        written += compare(model, LoraSettings(rank=4, base_weights="nf4"), 1e-3, max_steps=3)
    return written


if __name__ == "__main__":
    run_checks()
