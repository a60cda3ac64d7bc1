"""Adapters in the format of PEFT: ``adapter_config.json`` and ``adapter_model.safetensors``, loadable there unmodified."""

import json
import math
import os
from pathlib import Path
from typing import Any, cast

from ayar.errors import ModelError
from ayar.model import weights
from ayar.model.adapters import TARGET_MODULES, AdapterParameters, LoraSettings, TargetModule

CONFIG_FILE, WEIGHTS_FILE = "adapter_config.json", "adapter_model.safetensors"

# What another kind of adapter would say; these values mean plain LoRA.
_PLAIN = {
    "peft_type": ("LORA",),
    "bias": ("none",),
    "use_dora": (False, None),
    "modules_to_save": (None, []),
    "fan_in_fan_out": (False, None),
}
_EMPTY = ("rank_pattern", "alpha_pattern", "trainable_token_indices", "target_parameters", "layer_replication")


def save(folder: Path, adapters: AdapterParameters, base: Path) -> None:
    """Writes the adapter into ``folder`` (made if missing) for the base model in the folder ``base``, then reads it back.

    Each file appears whole or not at all. Raises OSError where the disk does, ModelError where what was read back differs.
    """
    folder.mkdir(parents=True, exist_ok=True)
    unfinished = folder / f".{WEIGHTS_FILE}"
    weights.write(unfinished, adapters.tensors())
    unfinished.replace(folder / WEIGHTS_FILE)
    unfinished = folder / f".{CONFIG_FILE}"
    with unfinished.open("w", encoding="utf-8") as file:
        json.dump(_config(adapters, base), file, indent=2)
        file.write("\n")
        file.flush()
        os.fsync(file.fileno())
    unfinished.replace(folder / CONFIG_FILE)
    saved, own = weights.read_all(folder / WEIGHTS_FILE), adapters.tensors()
    if saved.keys() != own.keys() or not all(saved[name].equal(own[name].cpu()) for name in own):
        raise ModelError(f"{folder / WEIGHTS_FILE}: what was read back differs from what was written. Check the disk.")


def load_into(adapters: AdapterParameters, folder: Path) -> None:
    """Copies a saved adapter's values. Raises ModelError where a tensor is missing, left over, or of another shape."""
    path = folder / WEIGHTS_FILE
    adapters.assign(weights.read_all(path), str(path))


def read_settings(folder: Path) -> tuple[LoraSettings, Path]:
    """The settings of a saved adapter and the folder of its base model. Raises ModelError naming the file and the field."""
    path = folder / CONFIG_FILE
    try:
        fields = json.loads(path.read_text(encoding="utf-8"))
        rank, alpha, dropout = int(fields["r"]), float(fields["lora_alpha"]), float(fields.get("lora_dropout") or 0)
        modules, base = fields["target_modules"], str(fields["base_model_name_or_path"])
    except FileNotFoundError:
        raise ModelError(f"{path}: missing. Train first, or name the folder that holds the adapter.") from None
    except (ValueError, KeyError, TypeError) as error:
        raise ModelError(f"{path}: not the configuration of a LoRA adapter ({error.__class__.__name__}: {error}).") from None
    for name, plain in _PLAIN.items():
        if fields.get(name, plain[0]) not in plain:
            raise ModelError(f"{path}: {name}: {fields[name]!r} is not built; plain LoRA is.")
    for name in _EMPTY:
        if fields.get(name):
            raise ModelError(f"{path}: {name} is not built; plain LoRA is.")
    if not isinstance(modules, list) or not set(modules) <= set(TARGET_MODULES):
        raise ModelError(f"{path}: target_modules: {modules!r}; each must be one of {', '.join(TARGET_MODULES)}.")
    if fields.get("use_rslora"):
        alpha *= math.sqrt(rank)  # rsLoRA scales by alpha / √rank, here it is alpha / rank
    layers = fields.get("layers_to_transform")
    settings = LoraSettings(
        rank=rank,
        alpha=alpha,
        target_modules=cast(tuple[TargetModule, ...], tuple(modules)),
        dropout=dropout,
        layers="all" if layers is None else (layers,) if isinstance(layers, int) else tuple(layers),
    )
    return settings, Path(base)


def _config(adapters: AdapterParameters, base: Path) -> dict[str, Any]:
    settings = adapters.settings
    partial = {} if settings.layers == "all" else {"layers_to_transform": adapters.layers(), "layers_pattern": "layers"}
    return {
        "peft_type": "LORA",
        "task_type": "CAUSAL_LM",
        "base_model_name_or_path": str(base.resolve()),
        "r": settings.rank,
        "lora_alpha": int(settings.alpha) if settings.alpha.is_integer() else settings.alpha,
        "lora_dropout": settings.dropout,
        "target_modules": list(adapters.modules),
        "bias": "none",
        "use_rslora": False,
        "use_dora": False,
        "modules_to_save": None,
        "inference_mode": True,
        "fan_in_fan_out": False,
        "init_lora_weights": True,
        "rank_pattern": {},
        "alpha_pattern": {},
        **partial,
    }
