import json
import os
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from ayar.errors import ModelError
from ayar.model import weights
from ayar.model.decoder import Decoder
from tests.model.packing import packed
from tests.model.tiny import random_sequences, write_model

NAME = "model.layers.1.mlp.up_proj.weight"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_model(tmp_path)
    return tmp_path


def refused(folder: Path, match: str) -> None:
    with pytest.raises(ModelError, match=match):
        Decoder.load(folder, dtype=torch.float32)


def rewrite(folder: Path, change) -> None:
    tensors = load_file(folder / "model.safetensors")
    change(tensors)
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})


@pytest.mark.parametrize("kept", [0, 7, 8, 100, 3000, -1])
def test_truncated_file_is_refused(folder: Path, kept: int) -> None:
    path = folder / "model.safetensors"
    path.write_bytes(path.read_bytes()[:kept])
    refused(folder, r"model\.safetensors: .*(truncated|damaged)")


def test_longer_file_is_refused(folder: Path) -> None:
    with (folder / "model.safetensors").open("ab") as file:
        file.write(b"x")
    refused(folder, "model.safetensors: .* bytes long")


def test_tampered_header_never_crashes(folder: Path) -> None:
    path = folder / "model.safetensors"
    whole = path.read_bytes()
    header_size = int.from_bytes(whole[:8], "little")
    generator = torch.Generator().manual_seed(0)
    for _ in range(150):
        damaged = bytearray(whole)
        for position in torch.randint(0, 8 + header_size, (3,), generator=generator).tolist():
            damaged[position] = int(torch.randint(0, 256, (1,), generator=generator))
        path.write_bytes(damaged)
        try:
            Decoder.load(folder, dtype=torch.float32)
        except ModelError as error:
            assert str(folder) in str(error)  # noqa: PT017  some damage (metadata, spaces) does no harm: no error is right then


def test_missing_misshapen_unknown_and_infinite_tensors_are_named(folder: Path) -> None:
    whole = (folder / "model.safetensors").read_bytes()
    for change, match in [
        (lambda tensors: tensors.pop(NAME), f"{NAME} is missing"),
        (lambda tensors: tensors.update({NAME: torch.zeros(3, 48)}), rf"{NAME} has the shape \(3, 48\).*\(80, 48\)"),
        (lambda tensors: tensors.update({"model.layers.0.self_attn.q_norm.weight": torch.ones(12)}), "q_norm.weight has no place"),
        (lambda tensors: tensors[NAME][5].fill_(torch.nan), f"{NAME} holds values that are not finite"),
        (lambda tensors: tensors[NAME][5, 5].fill_(-torch.inf), f"{NAME} holds values that are not finite"),
        (lambda tensors: tensors.update({NAME: torch.zeros(80, 48, dtype=torch.int8)}), f"{NAME} is I8"),
    ]:
        (folder / "model.safetensors").write_bytes(whole)
        rewrite(folder, change)
        refused(folder, match)


def test_shards_are_read_like_one_file(folder: Path) -> None:
    batch = packed(random_sequences((9,)))
    with torch.no_grad():
        want = Decoder.load(folder, dtype=torch.float32).logits(batch)
    tensors = load_file(folder / "model.safetensors")
    (folder / "model.safetensors").unlink()
    names = sorted(tensors)
    shards = {"a.safetensors": names[::2], "b.safetensors": names[1::2]}
    for shard, members in shards.items():
        save_file({name: tensors[name] for name in members}, folder / shard)
    index = folder / "model.safetensors.index.json"
    index.write_text(json.dumps({"weight_map": {name: shard for shard, members in shards.items() for name in members}}))
    with torch.no_grad():
        assert torch.equal(Decoder.load(folder, dtype=torch.float32).logits(batch), want)

    save_file({name: tensors[name] for name in [*shards["b.safetensors"], names[0]]}, folder / "b.safetensors")
    refused(folder, f"b.safetensors: tensor {names[0]} is also in a.safetensors")
    (folder / "b.safetensors").unlink()
    refused(folder, "b.safetensors: missing")
    index.write_text(json.dumps({"weight_map": {"x": "../secret.safetensors"}}))
    refused(folder, "outside of the folder")
    index.write_text("[1]")
    refused(folder, "not an index")
    index.unlink()
    refused(folder, "neither model.safetensors nor")


def test_written_file_is_readable_by_others_and_reads_back(tmp_path: Path) -> None:
    tensors = {"a": torch.randn(3, 4), "b": torch.randint(0, 9, (5,), dtype=torch.uint8), "c": torch.randn(2).bfloat16()}
    path = tmp_path / "x.safetensors"
    before = os.umask(0o022)
    try:
        weights.write(path, tensors)
    finally:
        os.umask(before)
    assert path.stat().st_mode & 0o777 == 0o644
    read = weights.read_all(path)
    assert read.keys() == tensors.keys()
    assert all(torch.equal(read[name], tensors[name]) for name in tensors)
