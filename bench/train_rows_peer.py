"""TRL's SFTTrainer on given rows, in a process of its own: FOLDER ROWS.json THREADS. Reads one setting a line, answers with a line of JSON.

A setting is {"policy", "batch_size", "steps", "rows"}: so many of the first rows make one optimizer step, in batches grouped by length and
padded to their longest row.
"""

import json
import math
import sys
import time
import warnings
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch
from datasets import Dataset
from peft import LoraConfig
from transformers import AutoModelForCausalLM, AutoTokenizer, TrainerCallback
from transformers.utils import logging
from trl.trainer.sft_config import SFTConfig
from trl.trainer.sft_trainer import SFTTrainer

from train_step_worker import ALPHA, LEARNING_RATE, MODULES, RANK, fill_adapters

POLICIES = ("fp32_adapters", "bf16_adapters", "autocast", "fp32")


class StepClock(TrainerCallback):
    def __init__(self) -> None:
        self.seconds: list[float] = []
        self.logs: list[dict[str, float]] = []

    def on_step_begin(self, *_: Any, **__: Any) -> None:
        self.began = time.perf_counter()

    def on_step_end(self, *_: Any, **__: Any) -> None:
        self.seconds.append(time.perf_counter() - self.began)

    def on_log(self, args: Any, state: Any, control: Any, logs: Any = None, **__: Any) -> None:
        self.logs.append(logs or {})


def main() -> None:
    folder, rows, threads = Path(sys.argv[1]), json.loads(Path(sys.argv[2]).read_text()), int(sys.argv[3])
    torch.set_num_threads(threads)
    warnings.simplefilter("ignore")
    logging.set_verbosity_error()
    tokenizer = AutoTokenizer.from_pretrained(folder)
    for line in sys.stdin:
        setting = json.loads(line)
        with TemporaryDirectory() as scratch:
            answer = steps(folder, tokenizer, rows[: setting["rows"]], setting["policy"], setting["batch_size"], setting["steps"], scratch)
        print("RESULT " + json.dumps(answer), flush=True)


def steps(folder: Path, tokenizer: Any, rows: list[Any], policy: str, batch_size: int, count: int, scratch: str) -> dict[str, Any]:
    """Seconds of each step; loss and gradient norm of the first."""
    dtype = torch.float32 if policy == "fp32" else torch.bfloat16
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=dtype, attn_implementation="sdpa")
    clock = StepClock()
    trainer = SFTTrainer(
        model=model,
        args=SFTConfig(
            output_dir=scratch,
            use_cpu=True,
            bf16=policy == "autocast",
            gradient_checkpointing=False,
            per_device_train_batch_size=batch_size,
            gradient_accumulation_steps=len(rows) // batch_size,
            train_sampling_strategy="group_by_length",
            max_length=None,
            max_steps=count,
            learning_rate=LEARNING_RATE,
            lr_scheduler_type="constant",
            max_grad_norm=math.inf,
            logging_steps=1,
            report_to="none",
            save_strategy="no",
            disable_tqdm=True,
        ),
        train_dataset=Dataset.from_list(rows),
        processing_class=tokenizer,
        peft_config=LoraConfig(r=RANK, lora_alpha=int(ALPHA), lora_dropout=0.0, target_modules=MODULES, task_type="CAUSAL_LM"),
        callbacks=[clock],
    )
    assert trainer.model is not None
    trained = [(name.replace(".default", ""), parameter) for name, parameter in trainer.model.named_parameters() if parameter.requires_grad]
    wanted = torch.bfloat16 if policy == "bf16_adapters" else torch.float32
    for _, parameter in trained:
        parameter.data = parameter.data.to(wanted)
    fill_adapters(trained)
    trainer.train()
    return {"step_seconds": clock.seconds, "loss": clock.logs[0]["loss"], "gradient_norm": float(clock.logs[0]["grad_norm"])}


if __name__ == "__main__":
    main()
