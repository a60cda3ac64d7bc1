"""NF4, the 4-bit storage of frozen weights in QLoRA (Dettmers et al., 2023, arXiv 2305.14314, appendix E).

The tensor is cut, flat and row-major, into blocks of 64; value = absmax of its block · CODEBOOK[4-bit code]. The layout is the one that
bitsandbytes documents: element 2j in the high nibble of byte j, element 2j + 1 in the low one.

Double quantization keeps the absmax of a tensor in 8 bits: less their mean, in blocks of 256, each as nested_absmax · DYNAMIC_MAP[code].
"""

from typing import NamedTuple

import torch
from torch import Tensor

from ayar.errors import ShapeError
from ayar.ops import backend

BLOCK = 64
CODEBOOK = (
    -1.0, -0.6961928009986877, -0.5250730514526367, -0.39491748809814453, -0.28444138169288635, -0.18477343022823334,
    -0.09105003625154495, 0.0, 0.07958029955625534, 0.16093020141124725, 0.24611230194568634, 0.33791524171829224,
    0.44070982933044434, 0.5626170039176941, 0.7229568362236023, 1.0,
)  # fmt: skip


NESTED_BLOCK = 256


def _dynamic_map() -> Tensor:
    """The signed 8-bit map of Dettmers et al. 2022, arXiv 2110.02861: ± 10^(i − 6) · the middles of 2^i equal parts of [0.1, 1], 0 and 1."""
    middles = [10.0 ** (i - 6) * (0.1 + 0.9 * (j + 0.5) / 2**i) for i in range(7) for j in range(2**i)]
    return torch.tensor(sorted([*middles, *(-value for value in middles), 0.0, 1.0]))


DYNAMIC_MAP = _dynamic_map()


class Nf4(NamedTuple):
    """A quantized tensor: ``code`` uint8 (numel / 2,), ``absmax`` fp32 (numel / 64,), and the ``shape`` it came with."""

    code: Tensor
    absmax: Tensor
    shape: torch.Size


class NestedAbsmax(NamedTuple):
    """The absmax of one tensor, quantized: ``code`` uint8 (blocks,), ``nested_absmax`` fp32 (⌈blocks / 256⌉,), ``offset`` their mean."""

    code: Tensor
    nested_absmax: Tensor
    offset: Tensor


def nf4_quantize(value: Tensor) -> Nf4:
    """Quantizes a tensor of any shape whose number of elements is a multiple of 64. fp32 or bf16. Raises ShapeError.

    On a CUDA device by the native kernel; on the CPU, where weights are quantized once at load, by the reference.
    """
    if value.numel() % BLOCK:
        raise ShapeError(f"nf4_quantize: {value.numel()} elements are not a multiple of the block size, {BLOCK}")
    if value.device.type != "cuda":
        return nf4_quantize_reference(value)
    flat = value.detach().float().contiguous()
    code = torch.empty(flat.numel() // 2, dtype=torch.uint8, device=flat.device)
    absmax = torch.empty(flat.numel() // BLOCK, dtype=torch.float32, device=flat.device)
    stream = torch.cuda.current_stream(flat.device).cuda_stream
    backend.native().cuda.nf4_quantize(flat.data_ptr(), code.data_ptr(), absmax.data_ptr(), flat.numel(), stream)
    return Nf4(code, absmax, value.shape)


def nf4_dequantize(weight: Nf4, dtype: torch.dtype = torch.bfloat16) -> Tensor:
    """The values, as fp32 or bf16, in the original shape: by the native kernel on a CUDA device, by the reference on the CPU."""
    if dtype not in (torch.float32, torch.bfloat16):
        raise ShapeError(f"nf4_dequantize: {dtype} is not float32 or bfloat16")
    if weight.code.device.type != "cuda":
        return nf4_dequantize_reference(weight, dtype)
    value = torch.empty(weight.shape, dtype=dtype, device=weight.code.device)
    stream = torch.cuda.current_stream(value.device).cuda_stream
    kernels = backend.native().cuda
    dequantize = kernels.nf4_dequantize_float32 if dtype == torch.float32 else kernels.nf4_dequantize_bfloat16
    dequantize(weight.code.data_ptr(), weight.absmax.data_ptr(), value.data_ptr(), value.numel(), value.numel(), value.numel(), stream)
    return value


def nf4_quantize_reference(value: Tensor) -> Nf4:
    blocks = value.detach().float().reshape(-1, BLOCK)
    absmax = blocks.abs().amax(1)
    reciprocal = torch.where(absmax > 0, 1 / absmax, 0.0)
    codebook = torch.tensor(CODEBOOK, device=value.device)
    midpoints = (codebook[:-1] + codebook[1:]) * 0.5
    code = torch.bucketize(blocks * reciprocal[:, None], midpoints).to(torch.uint8).reshape(-1, 2)  # a tie goes to the lower entry
    return Nf4(code[:, 0] << 4 | code[:, 1], absmax, value.shape)


def nest_absmax_reference(absmax: Tensor) -> NestedAbsmax:
    """absmax: fp32 (blocks,), at least one."""
    offset = absmax.double().mean().float()
    pieces = (absmax - offset).split(NESTED_BLOCK)
    nested_absmax = torch.stack([piece.abs().amax() for piece in pieces])
    midpoints = (DYNAMIC_MAP[:-1] + DYNAMIC_MAP[1:]) * 0.5
    scaled = [piece * torch.where(largest > 0, 1 / largest, 0.0) for piece, largest in zip(pieces, nested_absmax, strict=True)]
    return NestedAbsmax(torch.bucketize(torch.cat(scaled), midpoints).to(torch.uint8), nested_absmax, offset)


def unnest_absmax_reference(nested: NestedAbsmax) -> Tensor:
    """The absmax that the codes stand for: fp32 (blocks,)."""
    largest = nested.nested_absmax.repeat_interleave(NESTED_BLOCK)[: len(nested.code)]
    return DYNAMIC_MAP[nested.code.long()] * largest + nested.offset


def nf4_dequantize_reference(weight: Nf4, dtype: torch.dtype = torch.bfloat16) -> Tensor:
    codebook = torch.tensor(CODEBOOK, device=weight.code.device)
    code = torch.stack((weight.code >> 4, weight.code & 15), dim=-1).long()
    return (codebook[code].reshape(-1, BLOCK) * weight.absmax[:, None]).reshape(weight.shape).to(dtype)
