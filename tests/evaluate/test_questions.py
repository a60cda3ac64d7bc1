import pytest
from hypothesis import given
from hypothesis import strategies as st

from ayar.evaluate.questions import batches_of, questions_of
from ayar.evaluate.samples import shortened, spread
from tests.evaluate.tiny_run import row, table


def test_a_row_is_cut_at_bytes_and_its_last_answer_is_asked_for() -> None:
    rendered = "çğ?<|im_end|>ş<|im_end|>ü?<|im_end|>ö!<|im_end|>"
    starts = [len(rendered[: rendered.index(text)].encode()) for text in ("ş<", "ö!")]
    trained = [
        {"start": start, "end": start + len((text + "<|im_end|>").encode())} for start, text in zip(starts, ("ş", "ö!"), strict=True)
    ]
    turns = [{"role": "user", "content": "çğ?"}, {"role": "assistant", "content": "ş"}, {"role": "user", "content": "ü?"}]
    (question,) = questions_of(table(row("", "ö!", rendered=rendered, trained=trained, prompt=turns)))
    assert question.prompt == "çğ?<|im_end|>ş<|im_end|>ü?<|im_end|>"
    assert (question.target, question.answer, question.asked) == ("ö!<|im_end|>", "ö!", "ü?")


def test_a_question_shows_nothing_of_the_row() -> None:
    assert "secret" not in repr(questions_of(table(row("secret", "secret", "secret"))))


@given(lengths=st.lists(st.integers(1, 50), max_size=60), most=st.integers(1, 200), shared=st.integers(0, 20))
def test_batches_hold_every_row_once_and_fit(lengths: list[int], most: int, shared: int) -> None:
    lengths = [shared + length for length in lengths]
    batches = list(batches_of(lengths, most, shared))
    assert sorted(index for batch in batches for index in batch) == list(range(len(lengths)))
    for batch in batches:
        assert len(batch) == 1 or shared + len(batch) * (max(lengths[index] for index in batch) - shared) <= most


@given(labels=st.lists(st.sampled_from(["a", "b", "c", None]), max_size=30), number=st.integers(0, 40))
def test_samples_take_the_classes_in_turn(labels: list[str | None], number: int) -> None:
    chosen = spread(labels, number)
    assert len(chosen) == len(set(chosen)) == min(number, len(labels))
    counts = [[labels[index] for index in chosen].count(label) for label in set(labels)]
    left = [labels.count(label) for label in set(labels)]
    assert all(here == of or here >= max(counts) - 1 for here, of in zip(counts, left, strict=True))


@pytest.mark.parametrize(("text", "length"), [("a" * 1500, 1500), ("a" * 1501, 1501)])
def test_long_texts_are_shortened_visibly(text: str, length: int) -> None:
    assert len(shortened(text)) == length
    assert shortened(text).endswith("…") == (len(text) > 1500)
