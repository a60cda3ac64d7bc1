"""A sharded checkpoint is read a tensor at a time: while it is loaded, a process holds hardly more than afterwards."""

import json
import subprocess
import sys
from pathlib import Path

import torch
from safetensors.torch import save_file

from ayar.model.config import ModelConfig
from ayar.model.loading import expected_shapes

CONFIG = {
    "model_type": "llama",
    "vocab_size": 4000,
    "hidden_size": 512,
    "intermediate_size": 1408,
    "num_hidden_layers": 12,
    "num_attention_heads": 8,
}
LOAD = """
import sys, torch
from ayar.model.decoder import Decoder
from ayar.ops import backend
def kilobytes(name):
    return next(int(line.split()[1]) for line in open("/proc/self/status") if line.startswith(name))
backend.native()
before = kilobytes("VmRSS")
decoder = Decoder.load(sys.argv[1], dtype=torch.bfloat16)
print(kilobytes("VmHWM") - before, kilobytes("VmRSS") - before)
"""


def test_peak_is_at_most_a_tenth_above_what_is_held_afterwards(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(json.dumps(CONFIG))
    shapes = expected_shapes(ModelConfig.from_folder(tmp_path))
    names = list(shapes)
    shards = {f"model-{index}.safetensors": names[index::3] for index in range(3)}
    for file, members in shards.items():
        save_file({name: torch.full(shapes[name], 0.01, dtype=torch.bfloat16) for name in members}, tmp_path / file)
    index = {"weight_map": {name: file for file, members in shards.items() for name in members}}
    (tmp_path / "model.safetensors.index.json").write_text(json.dumps(index))
    out = subprocess.run([sys.executable, "-c", LOAD, str(tmp_path)], check=True, capture_output=True, text=True).stdout
    peak, held = (int(number) for number in out.split())
    size = sum(2 * torch.Size(shape).numel() for shape in shapes.values()) / 1024
    assert held > 0.95 * size
    assert peak <= 1.1 * held
