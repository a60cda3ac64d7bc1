import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ayar.data.chat_template import PLAIN, ChatTemplate, Rendered, RowRefusedError
from ayar.data.model_folder import read_model_text
from ayar.errors import DataError, ModelError
from tests.data.tiny_model import CHATML, SPECIAL, write_model_folder

TOKENS = {"bos_token": "<s>", "eos_token": "</s>"}
LLAMA3 = (
    "{{ bos_token }}{% for message in messages %}"
    "{{ '<|start|>' + message.role + '<|end|>\n\n' + message.content | trim + '<|eot|>' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|start|>assistant<|end|>\n\n' }}{% endif %}"
)
MISTRAL = (
    "{{ bos_token }}{% for message in messages %}"
    "{% if (message['role'] == 'user') != (loop.index0 % 2 == 0) %}{{ raise_exception('roles must alternate') }}{% endif %}"
    "{% if message['role'] == 'user' %}{{ '[INST] ' + message['content'] + ' [/INST]' }}"
    "{% elif message['role'] == 'assistant' %}{% generation %}{{ message['content'] + eos_token }}{% endgeneration %}{% endif %}"
    "{% endfor %}"
)
TURNS = [
    {"role": "user", "content": "kartım gelmedi"},
    {"role": "assistant", "content": "bakıyorum ✓"},
    {"role": "user", "content": "thanks"},
    {"role": "assistant", "content": "rica ederim"},
]


def template(source: str) -> ChatTemplate:
    return ChatTemplate(source, TOKENS, [*SPECIAL, "<|eot|>", "</s>"])


def learned(rendered: Rendered) -> list[str]:
    return [rendered.text.encode()[start:end].decode() for start, end in rendered.trained]


@pytest.mark.parametrize(("source", "end"), [(CHATML, "<|im_end|>"), (LLAMA3, "<|eot|>"), (MISTRAL, "</s>"), (PLAIN, "</s>")])
def test_every_answer_is_trained_with_its_end_and_nothing_else(source: str, end: str) -> None:
    rendered = template(source).render_trained(TURNS)
    assert learned(rendered) == ["bakıyorum ✓" + end, "rica ederim" + end]


def test_equals_transformers() -> None:
    from transformers.utils.chat_template_utils import render_jinja_template

    for source in (CHATML, LLAMA3, MISTRAL):
        for prompt in (False, True):
            messages = TURNS[:3] if prompt else TURNS
            kwargs: dict[str, Any] = {"chat_template": source, "add_generation_prompt": prompt, **TOKENS}
            theirs = render_jinja_template([messages], **kwargs)[0]
            assert template(source).render(messages, prompt) == theirs[0]


@given(answer=st.text(st.characters(exclude_categories=["Cs"]), min_size=1).filter(lambda text: text.strip()))
def test_any_answer_is_found_whole(answer: str) -> None:
    messages = [{"role": "user", "content": "?"}, {"role": "assistant", "content": answer}]
    assert learned(template(CHATML).render_trained(messages)) == [answer + "<|im_end|>"]
    assert learned(template(LLAMA3).render_trained(messages))[0].removesuffix("<|eot|>").strip() == answer.strip()


def test_a_template_that_never_ends_an_answer_is_refused() -> None:
    endless = template("{% for message in messages %}{{ message.content }}\n{% endfor %}")
    with pytest.raises(ModelError, match=r"never learn to stop.*format\.template"):
        endless.render_trained(TURNS)


def test_a_template_that_rewrites_history_or_refuses_a_row() -> None:
    last_only = template(
        "{% for message in messages %}{% if loop.last or message.role == 'user' %}{{ message.content }}</s>{% endif %}{% endfor %}"
    )
    for source, messages, reason in [
        (last_only, TURNS, "template_rewrites_history"),
        (template(MISTRAL), TURNS[1:], "template_refuses"),
        (template(CHATML), TURNS[:1], "no_answer"),
    ]:
        with pytest.raises(RowRefusedError) as caught:
            source.render_trained(messages)
        assert caught.value.reason == reason


def test_the_sandbox_holds() -> None:
    hostile = template("{{ messages.__class__.__mro__[1].__subclasses__() }}")
    with pytest.raises(RowRefusedError, match="template_refuses"):
        hostile.render(TURNS)


def test_where_a_template_comes_from(tmp_path: Path) -> None:
    model = read_model_text(write_model_folder(tmp_path))
    assert model.special == SPECIAL
    assert ChatTemplate.of_model(model).render(TURNS[:1]).startswith("<|im_start|>system\nYou are helpful.<|im_end|>\n<|im_start|>user\n")
    assert ChatTemplate.of_model(model, "plain").render(TURNS[:2]) == "kartım gelmedi\n\nbakıyorum ✓<|im_end|>"
    (tmp_path / "own.jinja").write_text("own {{ messages[0].content }}", encoding="utf-8")
    assert ChatTemplate.of_model(model, str(tmp_path / "own.jinja")).render(TURNS[:1]) == "own kartım gelmedi"
    (tmp_path / "chat_template.jinja").write_text("file", encoding="utf-8")
    assert ChatTemplate.of_model(read_model_text(tmp_path)).render(TURNS) == "file"
    with pytest.raises(DataError, match=r"format\.template: nowhere\.jinja"):
        ChatTemplate.of_model(model, "nowhere.jinja")


def test_named_templates_and_token_objects(tmp_path: Path) -> None:
    several = [{"name": "tool_use", "template": "tools"}, {"name": "default", "template": "default {{ eos_token }}"}]
    write_model_folder(tmp_path, template=None, chat_template=several, eos_token={"content": "<|endoftext|>"})
    assert ChatTemplate.of_model(read_model_text(tmp_path)).render(TURNS) == "default <|endoftext|>"


def test_damaged_model_folders(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"no tokenizer\.json"):
        read_model_text(tmp_path)
    bare = read_model_text(write_model_folder(tmp_path, template=None))
    with pytest.raises(ModelError, match=r"no chat template.*format\.template: plain"):
        ChatTemplate.of_model(bare)
    with pytest.raises(ModelError, match="not a template that Jinja can read"):
        template("{% for %}")
    (tmp_path / "tokenizer_config.json").write_text("{", encoding="utf-8")
    with pytest.raises(ModelError, match=r"tokenizer_config\.json: broken JSON"):
        read_model_text(tmp_path)
    (tmp_path / "tokenizer_config.json").write_text(json.dumps({"eos_token": None}), encoding="utf-8")
    with pytest.raises(ModelError, match="no eos_token"):
        _ = read_model_text(tmp_path).eos_token
