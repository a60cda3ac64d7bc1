"""The learning rate at each step: a linear warm-up, then cosine (Loshchilov & Hutter, 2017, arXiv 1608.03983), linear or constant."""

import math

from ayar.train.settings import TrainSettings


def learning_rate(step: int, total_steps: int, settings: TrainSettings) -> float:
    """For step 0 ... total_steps − 1. The first step's rate is above 0, and so is the last one's."""
    warmup_steps = math.ceil(settings.warmup_ratio * total_steps)
    if step < warmup_steps:
        return settings.learning_rate * (step + 1) / warmup_steps
    progress = (step - warmup_steps) / (total_steps - warmup_steps)
    match settings.schedule:
        case "cosine":
            return settings.learning_rate * 0.5 * (1 + math.cos(math.pi * progress))
        case "linear":
            return settings.learning_rate * (1 - progress)
        case "constant":
            return settings.learning_rate
