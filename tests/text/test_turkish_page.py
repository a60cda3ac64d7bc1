"""Turkish read in the wrong 8-bit page is repaired; Icelandic and everybody else's letters never change."""

import pytest

from tests.text.cleaned import cleaned, cleaned_all, only

TO_LATIN1 = str.maketrans("ĞİŞğış", "ÐÝÞðýþ")


@pytest.mark.parametrize(
    "want",
    [
        "İstanbul şeker ışık",
        "Siparişim hâlâ gelmedi, iade istiyorum. Kargo şirketi aradı.",
        "Çok güzel bir ürün, değişim yaptım",
        "KARGO ŞİRKETİ ARADI AÇIĞIM VAR",
        "satın aldığım ürün kırık çıktı",
        "Bu ışık çok parlak",
    ],
)
def test_lines_are_repaired(want: str) -> None:
    assert cleaned(want.translate(TO_LATIN1), "turkish_page") == want


@pytest.mark.parametrize(
    "text",
    [
        "Það er gott að vera hér",
        "þetta er það sem við vitum um þig og mig",
        "Þýða þýðing",
        "ÞINGIÐ",
        "Þórður Ýmir",
        "dobrý nový malý starý den",
        "Nový rok, staré zvyky",
        "við höfum ekki séð það",
        "hann sagði mér það ekki, en eg veit það nuna",
        "naïve façade Ðe Þorn",
        "þú",
        "ýþ",
        "Şimdi þeker ışık",
    ],
)
def test_other_text_stays(text: str) -> None:
    assert cleaned(text, "turkish_page") == text


def test_a_line_is_judged_by_itself() -> None:
    turkish, icelandic = "Ýstanbul þeker ýþýk", "það er með þér"
    assert cleaned_all([f"{icelandic}\n{turkish}\n{icelandic}"], only("turkish_page")) == [f"{icelandic}\nİstanbul şeker ışık\n{icelandic}"]
