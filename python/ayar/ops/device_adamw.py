"""AdamW on a CUDA device in three launches for all tensors: the norm, the clipping, the update, which also writes A and sB into the
borders of the frozen weights. Nothing is read back. Formula: ops/adamw.py; kernels: csrc/cuda/adamw.cu."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from ayar.errors import BackendError, ShapeError
from ayar.ops import backend

_BORDER = np.dtype(
    [("offset", "i8"), ("rows", "i8"), ("cols", "i8"), ("target", "u8"), ("stride", "i8"), ("scale", "f4"), ("padding", "f4")]
)


class Border(NamedTuple):
    """Where one tensor of the flat buffer also goes: ``scale`` times its values, as bf16."""

    offset: int
    target: Tensor  # (rows, cols) bf16; rows may lie apart
    scale: float


class DeviceAdamw:
    """Moments of a flat fp32 buffer of parameters on a CUDA device. borders: of tensors that do not overlap."""

    def __init__(self, values: Tensor, gradients: Tensor, borders: Sequence[Border] = ()) -> None:
        native = backend.native()
        if not hasattr(native, "cuda"):
            raise BackendError("DeviceAdamw needs the CUDA kernels, which were not built: nvcc was not found. Reinstall where it is.")
        for name, tensor in (("values", values), ("gradients", gradients)):
            if tensor.device.type != "cuda" or tensor.dtype != torch.float32 or tensor.dim() != 1 or not tensor.is_contiguous():
                raise ShapeError(
                    f"DeviceAdamw: {name} {tuple(tensor.shape)} {tensor.dtype} on {tensor.device} must be flat fp32 on a CUDA device"
                )
        self._native, self._values, self._gradients = native.cuda, values, gradients
        self.exp_avg, self.exp_avg_sq = torch.zeros_like(values), torch.zeros_like(values)
        self._partial = values.new_empty(native.cuda.NORM_BLOCKS, dtype=torch.float64)
        self.norm, self._clip = values.new_empty(1), values.new_empty(1)
        table = border_table(borders)
        if _BORDER.itemsize != native.cuda.BORDER_COPY_BYTES:
            raise BackendError("DeviceAdamw: the native core was built from other sources. Reinstall with: pip install .")
        self._borders, self._border_targets = (
            torch.from_numpy(table.view(np.uint8)).to(values.device),
            [border.target for border in borders],
        )

    def step(
        self, learning_rate: float, beta1: float, beta2: float, eps: float, weight_decay: float, step: int, max_grad_norm: float
    ) -> Tensor:
        """One update, the gradient clipped to ``max_grad_norm``. Returns the norm before, one float on the device."""
        settings = torch.tensor([learning_rate, beta1, beta2, eps, weight_decay, 1 - beta1**step, 1 - beta2**step])
        self._settings = settings.pin_memory().to(self._values.device, non_blocking=True)
        stream, count = torch.cuda.current_stream(self._values.device).cuda_stream, self._values.numel()
        addresses = [tensor.data_ptr() for tensor in (self._partial, self.norm, self._clip)]
        self._native.gradient_norm(self._gradients.data_ptr(), count, max_grad_norm, *addresses, stream)
        addresses = [tensor.data_ptr() for tensor in (self._values, self._gradients, self.exp_avg, self.exp_avg_sq)]
        borders = self._borders.data_ptr() if self._border_targets else 0
        self._native.adamw(*addresses, count, self._settings.data_ptr(), self._clip.data_ptr(), borders, len(self._border_targets), stream)
        return self.norm


def border_table(borders: Sequence[Border]) -> np.ndarray:
    """What the kernel reads: one entry a border, by ascending offset. Raises ShapeError."""
    rows = []
    for border in borders:
        if border.target.dim() != 2 or border.target.dtype != torch.bfloat16 or border.target.stride(1) != 1:
            raise ShapeError(f"DeviceAdamw: a border {tuple(border.target.shape)} {border.target.dtype} must be bf16 rows of two axes")
        size, stride = border.target.shape, border.target.stride(0)
        rows.append((border.offset, size[0], size[1], border.target.data_ptr(), stride, border.scale, 0.0))
    return np.array(sorted(rows), dtype=_BORDER)
