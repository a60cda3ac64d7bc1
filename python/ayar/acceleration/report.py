"""What ``accelerate`` took and what it left, and the way back."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

import torch
from torch import nn

from ayar.acceleration.frozen_linear import Packed


@dataclass
class Accelerated:
    """taken: module → op that now computes it. left: module → why it computes as before. ``restore`` undoes everything."""

    taken: dict[str, str] = field(default_factory=dict)
    left: dict[str, str] = field(default_factory=dict)
    packed: dict[str, Packed] = field(default_factory=dict, repr=False)  # of the linear layers that were taken one by one
    _undo: list[Callable[[], object]] = field(default_factory=list, repr=False)

    def take(self, name: str, module: nn.Module, op: str, forward: Callable) -> None:
        """Lets ``forward`` compute the module from now on; its parameters, its state_dict and its class stay."""
        assert "forward" not in vars(module), name
        module.forward = forward
        self.taken[name] = op
        self.on_restore(lambda: vars(module).pop("forward"))

    def leave(self, name: str, reason: str) -> None:
        self.left[name] = reason

    def on_restore(self, undo: Callable[[], object]) -> None:
        self._undo.append(undo)

    def restore(self) -> None:
        """The model computes as it did before ``accelerate``."""
        while self._undo:
            self._undo.pop()()

    def __str__(self) -> str:
        lines = [f"{count} × {op}" for op, count in Counter(self.taken.values()).items()]
        text = "Ayar computes: " + (", ".join(lines) or "nothing")
        if torch.get_num_threads() > 1 and self.taken:
            text += "\nhint: torch.set_num_threads(1) leaves the cores to Ayar's own threads"
        reasons: dict[str, list[str]] = {}
        for name, reason in self.left.items():
            reasons.setdefault(reason, []).append(name)
        for reason, names in reasons.items():
            text += f"\nleft as before: {names[0]}{f' and {len(names) - 1} more' if len(names) > 1 else ''}: {reason}"
        return text
