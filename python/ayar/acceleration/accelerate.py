"""Swaps our ops into a model that is loaded already."""

from typing import Any

from ayar.acceleration.attention import take_attention
from ayar.acceleration.loss import take_loss
from ayar.acceleration.modules import take_linears, take_mlps, take_norms
from ayar.acceleration.report import Accelerated
from ayar.errors import ModelError


def accelerate(model: Any) -> Accelerated:
    """Lets Ayar's ops compute a ``transformers`` causal language model, with or without a ``peft`` adapter; returns what was taken and left.

    Parameters, state_dict, ``save_pretrained``, ``generate`` and Trainer stay as they are; gradients go to peft's own parameters. Where a
    module is in a state that our formula does not cover (merged adapters, LoRA dropout in training, DoRA, autocast), it computes as before.
    In training mode a call with labels returns the loss without logits. Frozen weights are held a second time, packed.
    ``print`` the result for a summary; ``restore()`` undoes it. Raises ModelError where the model is no such model or is accelerated already.
    """
    inner = model.get_base_model() if hasattr(model, "get_base_model") else model
    if not hasattr(inner, "config") or not hasattr(inner.config, "model_type"):
        raise ModelError(f"accelerate: {type(model).__name__} is no transformers model: it has no config with a model_type.")
    if any("forward" in vars(module) for module in inner.modules()):
        raise ModelError(
            "accelerate: some forward of this model has been replaced already. Call restore() on what accelerate returned first."
        )
    report = Accelerated()
    take_norms(inner, report)
    take_mlps(inner, report)
    take_linears(inner, report)
    take_attention(inner, report)
    take_loss(inner, report)
    return report
