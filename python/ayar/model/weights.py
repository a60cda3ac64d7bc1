"""Safetensors in and out. Every file is checked whole (header, length, names, shapes) before work starts; pickle is never read."""

import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from ayar.errors import ModelError

_HEADER_LIMIT = 100_000_000  # the format's own limit
_FLOATS = {"F32", "F16", "BF16"}
_REMEDY = "Fetch the file again."


class Checkpoint:
    """The tensors of a model folder: ``model.safetensors``, or the shards that ``model.safetensors.index.json`` names.

    Raises ModelError naming the file, and the tensor where there is one.
    """

    def __init__(self, folder: Path) -> None:
        self._file_of: dict[str, Path] = {}
        self._shapes: dict[str, tuple[int, ...]] = {}
        for path in _files(folder):
            for name, entry in read_header(path).items():
                if name in self._file_of:
                    raise ModelError(f"{path}: tensor {name} is also in {self._file_of[name].name}. {_REMEDY}")
                if entry.dtype not in _FLOATS:
                    wanted = ", ".join(sorted(_FLOATS))
                    raise ModelError(f"{path}: tensor {name} is {entry.dtype}; {wanted} are read. Use an unquantized model.")
                self._file_of[name], self._shapes[name] = path, entry.shape
        self._folder, self._unread = folder, set(self._file_of)

    def __contains__(self, name: str) -> bool:
        return name in self._file_of

    def check(self, wanted: Mapping[str, tuple[int, ...]], ignored: tuple[str, ...] = ()) -> None:
        """Every wanted tensor is there in its shape, and none is there that would go unused: it would change the mathematics."""
        for name, shape in wanted.items():
            if name not in self._file_of:
                raise ModelError(f"{self._folder}: tensor {name} is missing; config.json asks for it. {_REMEDY}")
            if self._shapes[name] != shape:
                got = self._shapes[name]
                raise ModelError(f"{self._file_of[name]}: tensor {name} has the shape {got}, config.json asks for {shape}. {_REMEDY}")
        for name in self._file_of:
            if name not in wanted and not name.endswith(ignored):
                raise ModelError(f"{self._file_of[name]}: tensor {name} has no place in this architecture, so the model is not built here.")

    def read(self, name: str) -> Tensor:
        """One tensor as stored (memory-mapped: pages are read when used). Raises ModelError where a value is not finite."""
        tensor = self._mapped(name)
        if not torch.isfinite(tensor.sum(dtype=torch.float32)):
            raise ModelError(f"{self._file_of[name]}: tensor {name} holds values that are not finite numbers. {_REMEDY}")
        return tensor

    def read_again(self, name: str) -> Tensor:
        """One tensor that ``read`` has checked, mapped anew: none of its pages is held until it is used."""
        return self._mapped(name)

    def _mapped(self, name: str) -> Tensor:
        path = self._file_of[name]
        try:
            with safe_open(path, framework="pt") as file:
                return file.get_tensor(name)
        except (SafetensorError, OSError) as error:
            raise ModelError(f"{path}: tensor {name} cannot be read ({error}). {_REMEDY}") from None


class Entry(NamedTuple):
    """One tensor as the header of a file describes it. dtype: as the format spells it, "BF16"."""

    dtype: str
    shape: tuple[int, ...]


def read_header(path: Path) -> dict[str, Entry]:
    """The tensors of a safetensors file, after checking its header and its length. Raises ModelError."""
    try:
        size = path.stat().st_size
        with path.open("rb") as file:
            header_size = int.from_bytes(file.read(8), "little")
            if not 2 <= header_size <= min(size - 8, _HEADER_LIMIT):
                raise ModelError(f"{path}: truncated or not a safetensors file. {_REMEDY}")
            header = json.loads(file.read(header_size))
        entries = [(name, entry) for name, entry in header.items() if name != "__metadata__"]
        end = 8 + header_size + max((entry["data_offsets"][1] for _, entry in entries), default=0)
        if size != end:
            raise ModelError(f"{path}: {size:,} bytes long, its header promises {end:,}: the file is damaged. {_REMEDY}")
        with safe_open(path, framework="pt"):  # its own checks: overlapping or unordered tensors, sizes that do not fit shapes
            pass
        return {name: Entry(entry["dtype"], tuple(entry["shape"])) for name, entry in entries}
    except FileNotFoundError:
        raise ModelError(f"{path}: missing. {_REMEDY}") from None
    except OSError as error:
        raise ModelError(f"{path}: {error.strerror or error}.") from None
    except (ValueError, KeyError, TypeError, AttributeError, IndexError, SafetensorError):
        raise ModelError(f"{path}: its safetensors header is damaged. {_REMEDY}") from None


def read_all(path: Path) -> dict[str, Tensor]:
    """All tensors of one safetensors file, copied into memory. Raises ModelError naming the file."""
    names = read_header(path)
    with safe_open(path, framework="pt") as file:
        return {name: file.get_tensor(name).clone() for name in names}


def write(path: Path, tensors: Mapping[str, Tensor]) -> None:
    """Writes and syncs one safetensors file. Raises OSError where the disk does.

    Not by ``save_file``: that hides the errno, makes the file unreadable to others, and replaces a device such as /dev/full.
    """
    with path.open("wb") as file:
        file.write(save(dict(tensors), metadata={"format": "pt"}))
        file.flush()
        os.fsync(file.fileno())


def _files(folder: Path) -> Iterator[Path]:
    single, index = folder / "model.safetensors", folder / "model.safetensors.index.json"
    if single.is_file():
        yield single
        return
    if not index.is_file():
        raise ModelError(f"{folder}: neither model.safetensors nor model.safetensors.index.json is there. Only safetensors are read.")
    try:
        names = sorted(set(json.loads(index.read_text(encoding="utf-8"))["weight_map"].values()))
    except (ValueError, KeyError, TypeError, AttributeError):
        raise ModelError(f"{index}: not an index of shards. {_REMEDY}") from None
    for name in names:
        if Path(name).name != name:  # an index must not lead out of its folder
            raise ModelError(f"{index}: names the shard {name!r} outside of the folder.")
        yield folder / name
