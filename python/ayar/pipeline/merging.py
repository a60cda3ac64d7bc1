"""Writes the adapter into the model's weights: W + scaling · B A, computed in fp32 and stored in the model's own dtype."""

import shutil
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor

from ayar.errors import ModelError, RecipeError
from ayar.model.adapters import AdapterParameters
from ayar.model.decoder import Decoder
from ayar.pipeline.base_model import BaseModel, base_model
from ayar.pipeline.evaluation import require_adapter
from ayar.pipeline.events import Progress, silent
from ayar.pipeline.run_folder import RunFolder, replaced
from ayar.recipe import Recipe

_PROBE = "Ayar merges the adapter into the weights and then asks both the same question: do you agree?"
_NOT_COPIED = (".safetensors", ".bin", ".pt", ".pth", ".gguf", ".index.json")  # weights in forms that would still be the base model's


@dataclass(frozen=True)
class Exported:
    """logit_difference: the largest over a short probe text, of the merged folder against base and adapter, both in fp32."""

    merged: Path
    adapter: Path
    logit_difference: float


def export(recipe: Recipe, folder: Path | None = None, progress: Progress = silent) -> Exported:
    """Writes the merged model to ``folder`` (default: merged/ in the run folder). Raises DataError where nothing has been trained yet."""
    run = RunFolder(recipe.output)
    require_adapter(run)
    model = base_model(recipe, progress)
    target = folder or run.merged
    if target.exists() and not (target / "config.json").is_file():
        raise RecipeError(f"{target}: exists and is no model folder. Choose another path for --to.")
    RunFolder(target).check_writable(2 * sum(path.stat().st_size for path in model.folder.glob("*.safetensors")))
    tuned = Decoder.load_tuned(run.adapter, torch.float32)
    merge(model, tuned.trainable_parameters(), target)
    return Exported(target, run.adapter, largest_logit_difference(model, tuned, target))


def merge(model: BaseModel, adapters: AdapterParameters, folder: Path) -> None:
    """Writes a whole model folder: the merged tensors in the files of the base model, everything else copied."""
    deltas = {f"{place.path}.weight": place for place in adapters.places()}
    shards = sorted(model.folder.glob("*.safetensors"))
    with replaced(folder) as partial:
        partial.mkdir()
        for path in model.folder.iterdir():
            if path.is_file() and not path.name.endswith(_NOT_COPIED):
                shutil.copy2(path, partial)
        index = model.folder / "model.safetensors.index.json"
        if index.exists():
            shutil.copy2(index, partial)
        for shard in shards:
            tensors: dict[str, Tensor] = {}
            with safe_open(shard, framework="pt") as file:
                for name in file.keys():  # noqa: SIM118 (safe_open is no mapping)
                    tensor = file.get_tensor(name)
                    tensors[name] = tensor if name not in deltas else _merged(tensor, adapters, *deltas.pop(name))
            save_file(tensors, partial / shard.name, metadata={"format": "pt"})
        if deltas:
            raise ModelError(
                f"{model.folder}: no tensor {next(iter(deltas))}, which the adapter changes. The adapter belongs to another model."
            )


def _merged(weight: Tensor, adapters: AdapterParameters, layer: int, module: str) -> Tensor:
    adapter = adapters.at(layer, module)  # type: ignore[arg-type]
    assert adapter is not None
    with torch.no_grad():
        delta = adapters.scaling * (adapter.lora_B @ adapter.lora_A)
    if weight.dtype == torch.float16 and not torch.isfinite((weight.float() + delta).half()).all():
        raise ModelError(f"A merged weight of layer {layer}'s {module} is too large for fp16, in which this model is stored.")
    return (weight.float() + delta).to(weight.dtype)


def largest_logit_difference(model: BaseModel, tuned: Decoder, merged: Path) -> float:
    ids = torch.as_tensor(model.tokenizer.encode(_PROBE), dtype=torch.int32)
    batch = _OneSequence(ids)
    with torch.no_grad():
        return float((tuned.logits(batch) - Decoder.load(merged, None, tuned.dtype).logits(batch)).abs().max())


class _OneSequence:
    def __init__(self, input_ids: Tensor) -> None:
        self.input_ids = input_ids
        self.position_ids = torch.arange(len(input_ids), dtype=torch.int32)
        self.cu_seqlens = torch.tensor([0, len(input_ids)], dtype=torch.int32)
        self.parents = torch.tensor([-1], dtype=torch.int32)
        self.positions = self.targets = torch.empty(0, dtype=torch.int64)
        self.weights = torch.empty(0)
