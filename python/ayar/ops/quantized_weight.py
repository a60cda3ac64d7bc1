# pyright: reportMissingImports=false
"""Frozen rows in NF4 or int8 on a GPU, with the borders of ``ops/bordered.py`` beside them; each product takes the road that is shorter."""

from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor

from ayar.errors import BackendError, ShapeError
from ayar.kernels import lora_linear
from ayar.kernels.chip import chip_of
from ayar.kernels.lora_linear import INT8, NF4, Stored
from ayar.ops import backend
from ayar.ops.bordered import SPARE, Factor, border_of, used_columns, with_border
from ayar.ops.gpu_roads import Chip, road
from ayar.ops.nf4 import BLOCK, CODEBOOK, Nf4, nest_absmax_reference, nf4_dequantize_reference, nf4_quantize, unnest_absmax_reference

# Data sheet bf16 FLOP/s · 0.8 and bytes/s by capability, where the device does not say: enough to choose a road.
_SPEEDS = {
    80: (250e12, 2.0e12),
    86: (57e12, 0.94e12),
    89: (132e12, 1.0e12),
    90: (790e12, 3.35e12),
    100: (1800e12, 8e12),
    120: (168e12, 1.8e12),
}
_MOST_INSIDE = 128  # border columns that the product's own kernel takes


class QuantizedWeight:
    """Has the methods of BorderedWeight, and half or a quarter of its bytes."""

    def __init__(self, weights: Sequence[Tensor], bias: Tensor | None, dtype: torch.dtype, storage: Literal["nf4", "int8"]) -> None:
        """Quantizes weights (N_i, K), K a multiple of 64 for NF4. Raises ShapeError."""
        whole = torch.cat([weight.float() for weight in weights])
        outputs, inputs = whole.shape
        if storage == "nf4" and inputs % BLOCK:
            raise ShapeError(f"QuantizedWeight: {inputs} columns are no multiple of the block of NF4, {BLOCK}")
        self.shape = (outputs, inputs)
        self.storage: Literal["nf4", "int8"] = storage
        self.bias = None if bias is None else bias.to(dtype)
        if storage == "nf4":
            packed = nf4_quantize(whole)
            parts = packed.absmax.split([weight.numel() // BLOCK for weight in weights])
            absmax = torch.cat([_nested(part) for part in parts])
            self.stored = Stored(NF4, packed.code, absmax, torch.tensor(CODEBOOK, device=whole.device), self.shape)
        else:
            scale = whole.abs().amax(1) / 127
            code = (whole / torch.where(scale > 0, scale, 1)[:, None]).round().to(torch.int8)
            self.stored = Stored(INT8, code, scale, None, self.shape)
        self.writer: object = None
        self._widen(whole.to(dtype), SPARE)

    def _widen(self, like: Tensor, border: int) -> None:
        self.border = border
        self._below, self._beside = like.new_zeros(border, self.shape[1]), like.new_zeros(self.shape[0], border)

    @property
    def nbytes(self) -> int:
        return self.stored.data.nbytes + self.stored.scale.nbytes + self._below.nbytes + self._beside.nbytes

    def unpack(self, weight: Tensor) -> None:
        """Writes the values that the codes stand for into ``weight`` (N, K)."""
        stored = self.stored
        if stored.storage == NF4:
            weight.copy_(nf4_dequantize_reference(Nf4(stored.data, stored.scale, torch.Size(self.shape)), torch.float32))
        else:
            weight.copy_(stored.data.float() * stored.scale[:, None])

    def below(self, used: int) -> Tensor:
        """A: (used, K)."""
        return self._below[:used]

    def write(self, factors: Sequence[Factor]) -> int:
        """Puts A and sB into the borders. Returns the border columns in use."""
        self.writer = object()
        used = used_columns(factors)
        if used > self.border:
            self._widen(self._below, -(-used // SPARE) * SPARE)
        self._below[:used].zero_()
        self._beside[:, :used].zero_()
        for factor in factors:
            self._beside[factor.rows, factor.columns] = (factor.lora_B * factor.scaling).to(self._beside.dtype)
            self._below[factor.columns] = factor.lora_A.to(self._below.dtype)
        return used

    def product(self, x: Tensor, used: int, y: Tensor) -> None:
        """y (rows, N) = [x | u] [W | sB]ᵀ + bias, as BorderedWeight.product."""
        if self._is_inside(x, used):
            u, lora_B = (border_of(x, used), self._beside[:, :used]) if used else (None, None)
            lora_linear.launch_bordered_gemm(x, self.stored, u, lora_B, 1.0, y)
            if self.bias is not None:
                y += self.bias
            return
        weight = self._bordered(used)[: self.shape[0]].t()
        rows = with_border(x, used) if used else x
        torch.mm(rows, weight, out=y) if self.bias is None else torch.addmm(self.bias, rows, weight, out=y)

    def product_backward(self, dy: Tensor, used: int, dx: Tensor) -> None:
        """dx (rows, K) = [dy | v] [W ; A], as BorderedWeight.product_backward."""
        if self._is_inside(dy, used):
            v, lora_A = (border_of(dy, used), self.below(used)) if used else (None, None)
            lora_linear.launch_bordered_gemm_backward(dy, self.stored, v, lora_A, dx)
            return
        outputs, inputs = self.shape
        weight = self._bordered(used)[: outputs + used, :inputs]
        torch.mm(with_border(dy, used) if used else dy, weight, out=dx)

    def _is_inside(self, x: Tensor, used: int) -> bool:
        if not x.is_cuda:
            return True  # the interpreter: what dequantizes into scratch is a CUDA kernel
        capability = chip_of(x).capability
        rate, bandwidth = _SPEEDS[max(known for known in _SPEEDS if known <= max(capability, 80))]
        chosen = road(self.storage, x.shape[0], *self.shape, Chip(capability, rate, bandwidth))
        return chosen == "inside" and used <= _MOST_INSIDE

    def _bordered(self, used: int) -> Tensor:
        """(N + border, K + used): W and its borders, dequantized into the one scratch buffer of this shape."""
        outputs, inputs = self.shape
        scratch = _scratch(self._below, outputs + self.border, inputs + self.border)
        _dequantize(self.stored, scratch)
        scratch[:outputs, inputs : inputs + used] = self._beside[:, :used]
        scratch[outputs : outputs + used, :inputs] = self._below[:used]
        return scratch[:, : inputs + used]


def _nested(absmax: Tensor) -> Tensor:
    """What double quantization leaves of the absmax of one weight: the values of bitsandbytes and of the CPU, kept in fp32."""
    return unnest_absmax_reference(nest_absmax_reference(absmax.cpu())).to(absmax.device) if len(absmax) else absmax


_scratch_buffers: dict[tuple[torch.device, torch.dtype, int, int], Tensor] = {}


def _scratch(like: Tensor, rows: int, columns: int) -> Tensor:
    """One buffer a shape for the whole model: kernels of a stream follow one another, so each finds it free."""
    key = like.device, like.dtype, rows, columns
    if key not in _scratch_buffers:
        _scratch_buffers[key] = like.new_zeros(rows, columns)
    return _scratch_buffers[key]


def _dequantize(stored: Stored, scratch: Tensor) -> None:
    native = backend.native()
    if not hasattr(native, "cuda"):
        raise BackendError("A quantized base needs the CUDA kernels, which were not built: nvcc was not found. Reinstall where it is.")
    outputs, inputs = stored.shape
    kind = "bfloat16" if scratch.dtype == torch.bfloat16 else "float32"
    stream = torch.cuda.current_stream(scratch.device).cuda_stream
    if stored.storage == NF4:
        run = getattr(native.cuda, f"nf4_dequantize_{kind}")
        run(stored.data.data_ptr(), stored.scale.data_ptr(), scratch.data_ptr(), outputs * inputs, inputs, scratch.stride(0), stream)
        return
    absmax = stored.scale * 127  # the kernel takes the largest value of a row
    run = getattr(native.cuda, f"int8_dequantize_{kind}")
    run(stored.data.data_ptr(), absmax.data_ptr(), scratch.data_ptr(), scratch.stride(0), outputs, inputs, stream)
