"""AdamW (Loshchilov & Hutter, 2019, arXiv 1711.05101), fused, and the norm that gradient clipping needs."""

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from ayar.errors import ShapeError
from ayar.ops import backend


def adamw_(
    parameter: Tensor,
    gradient: Tensor,
    exp_avg: Tensor,
    exp_avg_sq: Tensor,
    learning_rate: float,
    beta1: float,
    beta2: float,
    eps: float,
    weight_decay: float,
    step: int,
) -> None:
    """One step with decoupled weight decay, in place: parameter, exp_avg and exp_avg_sq change, gradient does not.

    All four tensors: fp32, contiguous, of the same shape. step: 1 at the first call. Raises ShapeError.
    """
    tensors = {"parameter": parameter, "gradient": gradient, "exp_avg": exp_avg, "exp_avg_sq": exp_avg_sq}
    for name, tensor in tensors.items():
        if tensor.shape != parameter.shape or tensor.dtype != torch.float32 or not tensor.is_contiguous():
            raise ShapeError(f"adamw_: {name} {tuple(tensor.shape)} {tensor.dtype} must be a contiguous {tuple(parameter.shape)} float32")
    if step < 1:
        raise ShapeError(f"adamw_: step {step} must be 1 or more")
    p, g, m, v = (tensor.detach() for tensor in tensors.values())
    update = adamw_reference_ if backend.is_reference() else backend.kernels(p).adamw
    update(p, g, m, v, learning_rate, beta1, beta2, eps, weight_decay, step)


def adamw_reference_(
    parameter: Tensor,
    gradient: Tensor,
    exp_avg: Tensor,
    exp_avg_sq: Tensor,
    learning_rate: float,
    beta1: float,
    beta2: float,
    eps: float,
    weight_decay: float,
    step: int,
) -> None:
    exp_avg.mul_(beta1).add_(gradient, alpha=1 - beta1)
    exp_avg_sq.mul_(beta2).addcmul_(gradient, gradient, value=1 - beta2)
    denominator = (exp_avg_sq / (1 - beta2**step)).sqrt() + eps
    parameter.mul_(1 - learning_rate * weight_decay).addcdiv_(exp_avg, denominator, value=-learning_rate / (1 - beta1**step))


def gradient_norm(gradients: Sequence[Tensor]) -> float:
    """Euclidean norm over all elements of all tensors: fp32, contiguous. Summed in double and in a fixed order."""
    if isinstance(gradients, Tensor):  # it would be walked element by element, one native call each
        raise ShapeError("gradient_norm: a list of tensors is needed, not one tensor")
    for gradient in gradients:
        if gradient.dtype != torch.float32 or not gradient.is_contiguous():
            raise ShapeError(f"gradient_norm: {tuple(gradient.shape)} {gradient.dtype} must be contiguous float32")
    if backend.is_reference():
        return gradient_norm_reference(gradients)
    return math.sqrt(sum(backend.kernels(gradient).square_sum(gradient.detach()) for gradient in gradients))


def gradient_norm_reference(gradients: Sequence[Tensor]) -> float:
    return math.sqrt(sum(gradient.double().square().sum().item() for gradient in gradients))
