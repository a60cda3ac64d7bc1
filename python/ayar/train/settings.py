"""How training goes: the `train` section of a recipe."""

from typing import Literal

from pydantic import Field

from ayar.settings import Settings


class TrainSettings(Settings):
    """How the adapter learns: steps, learning rate, evaluation and checkpoints."""

    epochs: int = Field(default=3, ge=1, description="times that every row is seen; more than three seldom helps")
    max_steps: int | None = Field(default=None, ge=1, description="stop after this many optimizer steps, even inside an epoch")
    tokens_per_batch: int = Field(
        default=2048, ge=16, description="tokens of a batch; whole rows of it are computed about 2,048 tokens at a time"
    )
    share_prefixes: bool = Field(
        default=True,
        description="compute what rows begin with in common once a batch, with the same gradients; a batch then holds more rows",
    )
    grad_accumulation_steps: int = Field(default=1, ge=1, description="batches whose gradients make one optimizer step")
    # Ten times what full fine-tuning takes. The published fit for Llama, 5e-4 · (2000 / hidden_size)^0.78, gives 4.9e-4 at 2048; for
    # the smallest models, where nobody fitted it, it would ask for more. Under alpha / rank the best rate hardly depends on the rank.
    learning_rate: float = Field(default=5e-4, gt=0, lt=1, description="peak learning rate of AdamW")
    schedule: Literal["cosine", "linear", "constant"] = Field(default="cosine", description="how the learning rate falls after the warm-up")
    warmup_ratio: float = Field(default=0.05, ge=0, le=1, description="share of the steps in which the learning rate rises")
    weight_decay: float = Field(default=0.0, ge=0, lt=1, description="decoupled weight decay of AdamW")
    max_grad_norm: float = Field(default=1.0, gt=0, description="a longer gradient is scaled down to this norm")
    dtype: Literal["bfloat16", "float32"] = Field(default="bfloat16", description="of frozen weights and activations; adapters stay fp32")
    device: Literal["auto", "cpu", "cuda"] = Field(
        default="auto", description="what trains: cuda, a GPU of NVIDIA; cpu; auto, the GPU where there is one that can, else the CPU"
    )
    threads: int | None = Field(default=None, ge=1, description="processor threads; default: all cores")
    evaluation_interval: int | None = Field(
        default=None, ge=1, description="steps between evaluations of the test loss; default: each epoch"
    )
    early_stopping_patience: int | None = Field(default=None, ge=1, description="stop after so many evaluations without a lower test loss")
    checkpoint_interval: int | None = Field(default=None, ge=1, description="steps between checkpoints; default: each epoch")
    keep_checkpoints: int = Field(default=2, ge=1, description="older checkpoints than these are deleted")
    tensorboard: bool = Field(default=True, description="write TensorBoard files beside metrics.jsonl")
