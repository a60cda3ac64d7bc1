"""The training loss fused with the frozen head: no logits, at labelled positions only."""

from collections.abc import Callable
from functools import wraps
from typing import Any

import torch
from torch import Tensor, nn

from ayar.acceleration.frozen_linear import Packed
from ayar.acceleration.report import Accelerated
from ayar.model.families import FAMILIES
from ayar.ops import linear_cross_entropy

IGNORED = -100


def take_loss(model: Any, report: Accelerated) -> None:
    """The loss of a causal language model in training mode; evaluation and generation still get logits."""
    head, inner = getattr(model, "lm_head", None), getattr(model, "model", None)
    reason = None
    if model.config.model_type not in FAMILIES or head is None or inner is None or not type(model).__name__.endswith("ForCausalLM"):
        reason = f"{type(model).__name__} is not known to compute its loss as a causal language model"
    elif hasattr(head, "base_layer"):
        reason = "the head has an adapter"
    elif "lm_head" not in report.packed:
        reason = f"the head: {report.left.get('lm_head')}"
    elif head.bias is not None:
        reason = "the head has a bias"
    if reason:
        report.leave("loss", reason)
        return
    report.take("loss", model, "linear_cross_entropy", _forward(model, model.forward, report.packed["lm_head"]))


def _forward(model: Any, original: Callable, head: Packed) -> Callable:
    from transformers.modeling_outputs import CausalLMOutputWithPast

    softcap = getattr(model.config, "final_logit_softcapping", None)

    @wraps(original)
    def forward(*args: Any, labels: Tensor | None = None, **kwargs: Any) -> Any:
        wants_logits = not model.training or bool(kwargs.get("logits_to_keep", 0)) or torch.is_autocast_enabled("cpu")
        if labels is None or wants_logits or args[2:] or kwargs.get("return_dict") is False:
            return original(*args, labels=labels, **kwargs)
        counted, shifted = kwargs.pop("num_items_in_batch", None), kwargs.pop("shift_labels", None)
        ignored = kwargs.pop("ignore_index", IGNORED)
        outputs = model.model(*args, **{name: value for name, value in kwargs.items() if name != "logits_to_keep"})
        hidden = outputs.last_hidden_state.flatten(0, 1)
        targets = (nn.functional.pad(labels, (0, 1), value=ignored)[..., 1:] if shifted is None else shifted).flatten()
        positions = (targets != ignored).nonzero()[:, 0]
        total = linear_cross_entropy(hidden, head.weight(), positions, targets[positions], None, softcap)
        loss = total / (len(positions) if counted is None else counted)
        kept = ("past_key_values", "hidden_states", "attentions")
        return CausalLMOutputWithPast(loss=loss, **{name: getattr(outputs, name) for name in kept})

    return forward
