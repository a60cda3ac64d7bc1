"""Writes the folder of an invented run, as the pipeline would leave it."""

import json
import math
from pathlib import Path
from typing import Any

LABELS = ["account", "cancellation", "delivery", "faulty_product", "invoice", "payment", "praise", "refund"]


def preparation() -> dict[str, Any]:
    before = dict(zip(LABELS, [88, 61, 181, 84, 37, 99, 29, 126], strict=True))
    return {
        "rows_in": 773,
        "rows_kept": 705,
        "stages": [
            {"stage": "sources", "rows_in": 773, "rows_out": 770, "dropped": {"empty_label": 3}, "changed": {}},
            {
                "stage": "clean",
                "rows_in": 770,
                "rows_out": 770,
                "dropped": {},
                "changed": {"mojibake": 23, "html_tags": 61, "whitespace": 214},
            },
            {"stage": "anonymize", "rows_in": 770, "rows_out": 770, "dropped": {}, "changed": {"rows": 301}, "mode": "replace"},
            {
                "stage": "quality",
                "rows_in": 770,
                "rows_out": 705,
                "dropped": {"near_duplicate": 32, "exact_duplicate": 21, "contradiction": 8, "too_short": 4},
            },
            {"stage": "split", "rows_in": 705, "rows_out": 705, "dropped": {}, "changed": {}},
            {"stage": "balance", "rows_in": 600, "rows_out": 780, "dropped": {}, "changed": {}},
        ],
        "personal_data": {"email": 118, "phone": 96, "name": 143, "iban": 31, "tc_id": 24, "card": 12, "ip": 0},
        "classes": {"before": before, "after": {label: max(80, rows) for label, rows in before.items()}},
        "split": {"train": 600, "test": 105},
        "data": [{"path": "messages.csv", "sha256": "ab" * 32}],
    }


def evaluation() -> dict[str, Any]:
    confusion = [[0] * 8 for _ in LABELS]
    rows = [13, 9, 27, 12, 6, 15, 4, 19]
    for index, number in enumerate(rows):
        confusion[index][index] = number - 2
        confusion[index][(index + 3) % 8] += 2
    return {
        "task": {
            "name": "classify",
            "metric": "accuracy",
            "base": 0.171,
            "tuned": 0.848,
            "rows": 105,
            "standard_error": 0.048,
            "per_class": {
                label: {"base": 0.1 + 0.02 * index, "tuned": (rows[index] - 2) / rows[index], "rows": rows[index]}
                for index, label in enumerate(LABELS)
            },
            "labels": LABELS,
            "confusion": confusion,
            "majority": 0.257,
        },
        "forgetting": {
            "base_perplexity": 31.42,
            "tuned_perplexity": 32.31,
            "tokens": 6412,
            "kl_base_tuned": 0.0312,
            "text": "built-in general text",
            "parts": {
                "en": {"base_perplexity": 18.9, "tuned_perplexity": 19.6, "tokens": 2900},
                "tr": {"base_perplexity": 212.4, "tuned_perplexity": 205.1, "tokens": 3512},
            },
        },
        "samples": [
            {
                "prompt": "Merhaba, siparişim bir haftadır gelmedi. Numaram [PHONE_1], lütfen arayın.",
                "expected": "delivery",
                "base": "I'm sorry to hear that you haven't received your order. Can you please provide me with your order number?",
                "tuned": "delivery",
            },
            {
                "prompt": "You charged me twice for one kettle!!",
                "expected": "payment",
                "base": "refund, payment, delivery",
                "tuned": "payment",
            },
        ],
        "seconds": 41.3,
        "environment": {"ayar": "0.1.0", "python": "3.12.3", "torch": "2.13.0", "kernel": "avx512", "threads": 2},
    }


def metrics(steps: int = 120) -> str:
    lines: list[dict[str, Any]] = []
    for step in range(1, steps + 1):
        loss = 0.25 + 2.4 * math.exp(-step / 18) + 0.12 * math.sin(step * 1.7) * math.exp(-step / 60)
        rate = 5e-4 * min(1, step / 8)
        lines.append(
            {
                "step": step,
                "epoch": step / 40,
                "loss": loss,
                "learning_rate": rate,
                "gradient_norm": 1.0,
                "tokens": 2048,
                "labelled_tokens": 96,
            }
            | {"tokens_per_second": 1250.0 + step, "seconds": 1.6 * step}
        )
        if step % 20 == 0:
            lines.append({"step": step, "evaluation_loss": loss + 0.08})
    return "".join(json.dumps(line) + "\n" for line in lines)


RECIPE = "data: [messages.csv]\ntask: classify\nseed: 17\nanonymize:\n  mode: replace\ntrain:\n  epochs: 3\n"
ADAPTER = {"r": 16, "lora_alpha": 32, "target_modules": ["q_proj", "down_proj"], "base_model_name_or_path": "models/smollm2-135m-instruct"}


def write_run(folder: Path, preparation: Any, evaluation: Any) -> Path:
    """The whole folder. preparation, evaluation: what goes into the JSON files."""
    (folder / "adapter").mkdir(parents=True)
    (folder / "prepare.json").write_text(json.dumps(preparation), encoding="utf-8")
    (folder / "evaluation.json").write_text(json.dumps(evaluation), encoding="utf-8")
    (folder / "metrics.jsonl").write_text(metrics(), encoding="utf-8")
    (folder / "recipe.yaml").write_text(RECIPE, encoding="utf-8")
    (folder / "adapter" / "adapter_config.json").write_text(json.dumps(ADAPTER), encoding="utf-8")
    (folder / "adapter" / "adapter_model.safetensors").write_bytes(b"weights")
    return folder
