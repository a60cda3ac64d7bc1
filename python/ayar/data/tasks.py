"""The four tasks, the columns of their canonical table, and the names under which files usually carry those columns."""

from typing import Literal, NamedTuple

import pyarrow as pa

TaskName = Literal["classify", "complete", "answer", "chat"]

MESSAGES = pa.list_(pa.struct([("role", pa.string()), ("content", pa.string())]))


class Task(NamedTuple):
    """columns: what a row must have. texts: those that hold free text, so that cleaning and anonymizing know where to look."""

    columns: tuple[str, ...]
    texts: tuple[str, ...]


TASKS: dict[str, Task] = {
    "classify": Task(columns=("text", "label"), texts=("text",)),
    "complete": Task(columns=("text",), texts=("text",)),
    "answer": Task(columns=("prompt", "response"), texts=("prompt", "response")),
    "chat": Task(columns=("messages",), texts=("messages",)),
}

# In order of preference: the first that a file has is taken.
ALIASES: dict[str, tuple[str, ...]] = {
    "text": (
        "text",
        "message",
        "content",
        "body",
        "sentence",
        "utterance",
        "query",
        "question",
        "review",
        "comment",
        "document",
        "metin",
        "mesaj",
        "yorum",
    ),
    "label": (
        "label",
        "intent",
        "category",
        "class",
        "target",
        "topic",
        "tag",
        "sentiment",
        "etiket",
        "kategori",
        "sınıf",
        "konu",
        "niyet",
    ),
    "prompt": ("prompt", "question", "instruction", "input", "query", "soru"),
    "response": ("response", "answer", "completion", "output", "reply", "cevap", "yanıt"),
    "messages": ("messages", "conversations", "conversation", "dialogue", "dialog", "turns", "chat"),
    "context": ("context", "input"),
}


def canonical_schema(task: str) -> pa.Schema:
    columns = [(name, MESSAGES if name == "messages" else pa.string()) for name in TASKS[task].columns]
    return pa.schema([("id", pa.string()), ("source", pa.string()), ("row", pa.int64()), *columns])
