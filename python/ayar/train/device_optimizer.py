"""The update of ``optimizer.py`` on a GPU without waiting for it: norm, clipping and learning rate are numbers in its memory."""

from importlib import import_module
from typing import Any

import torch

from ayar.model.adapters import AdapterParameters
from ayar.train.optimizer import BETA1, BETA2, EPS, Optimizer


class DeviceOptimizer(Optimizer):
    """``prepare`` counts a step and sends its settings; ``launch`` only launches kernels, the same ones for every step."""

    def __init__(self, adapters: AdapterParameters, weight_decay: float, max_grad_norm: float) -> None:
        super().__init__(adapters, weight_decay, max_grad_norm)
        self._kernels: Any = import_module("ayar.kernels.adamw")  # needs Triton
        self._settings, self.norm = adapters.values.new_zeros(4), adapters.values.new_zeros(())

    def prepare(self, learning_rate: float) -> None:
        self.steps += 1
        settings = torch.tensor(self._kernels.step_settings(learning_rate, BETA1, BETA2, self._weight_decay, self.steps))
        self._settings.copy_(settings.pin_memory() if self._settings.is_cuda else settings, non_blocking=True)

    def launch(self) -> None:
        """Clips, updates, and clears the gradient; ``norm`` is its norm before, one number that stays on the device."""
        values, gradients = self._adapters.values, self._adapters.gradients
        self.norm.copy_(torch.linalg.vector_norm(gradients, dtype=torch.float64))
        self._settings[3:].copy_((self._max_grad_norm / self.norm).clamp(max=1.0))
        self._kernels.launch_adamw_update(values, gradients, self.exp_avg, self.exp_avg_sq, self._settings, BETA1, BETA2, EPS)
        gradients.zero_()
