"""AdamW (Loshchilov & Hutter, 2019, arXiv 1711.05101) over the adapters' flat buffer, after clipping by the gradient's norm."""

import torch

from ayar.model.adapters import AdapterParameters
from ayar.ops import adamw_, gradient_norm

BETA1, BETA2, EPS = 0.9, 0.999, 1e-8


class Optimizer:
    """Moments in fp32. ``steps`` counts the updates made."""

    def __init__(self, adapters: AdapterParameters, weight_decay: float, max_grad_norm: float) -> None:
        self._adapters, self._weight_decay, self._max_grad_norm = adapters, weight_decay, max_grad_norm
        self.exp_avg, self.exp_avg_sq = torch.zeros_like(adapters.values), torch.zeros_like(adapters.values)
        self.steps = 0

    def gradient_norm(self) -> float:
        """Of the gradient as it stands, before clipping."""
        return gradient_norm([self._adapters.gradients])

    def step(self, learning_rate: float, norm: float) -> None:
        """Clips the gradient, whose norm is ``norm``; updates; and clears the gradient."""
        values, gradients = self._adapters.values, self._adapters.gradients
        if norm > self._max_grad_norm:
            gradients.mul_(self._max_grad_norm / norm)
        self.steps += 1
        adamw_(values, gradients, self.exp_avg, self.exp_avg_sq, learning_rate, BETA1, BETA2, EPS, self._weight_decay, self.steps)
        gradients.zero_()
