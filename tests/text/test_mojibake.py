"""Misread text is repaired, and clean text never changes: above all Turkish words in capitals before a symbol."""

from collections.abc import Iterable

import pytest
from wordfreq import top_n_list

from tests.text.cleaned import cleaned, cleaned_all, only

# Everyday words; between them they end in every Turkish letter, and hold each of ç ğ ı İ ö ş ü â î û.
TURKISH = """
hâlâ rüya mekân kitap ağaç üç dört beş altı yedi sekiz dokuz on bağ dağ yağ sağ çağ sığ tuğ ığ iğ öğle ülke şeker değil doğru
başka ışık ısı ılık İstanbul İzmir izin içim içi için iş işi kişi gümüş kuş baş taş yaş kış güneş ateş gülüş bakış anlayış alış
satış sipariş kargo iade müşteri şikâyet öneri teşekkür lütfen günaydın iyi kötü büyük küçük geniş dar uzun kısa açık kapalı sıcak
soğuk yağmur kar rüzgâr bulut gökyüzü deniz göl nehir köy şehir ilçe mahalle sokak cadde bina ev oda mutfak banyo salon kapı
pencere çatı duvar masa sandalye dolap yatak ürün fiyatı ücreti ödeme kartı hesabı şifresi üyelik çalışmıyor gelmedi bozuk kırık
eksik yanlış farklı renk beden numara görüş dönüş ölçü örtü büyü güdü öykü türkü kuyu ordu su kamû resmî millî tarihî askerî ilmî
dehâ fedâ edâ rüyâ zekâ lâf kâr âlem âşık ümit üzüm çiğ çığ eş fiş
"""
SYMBOLS = [chr(c) for c in range(0xA0, 0xC0)] + list("€‚ƒ„…†‡ˆ‰Š‹ŒŽ‘’“”•–—˜™š›œžŸ×÷")
PAGES = ["latin-1", "cp1252", "cp1254", "iso8859-9"]


def upper(word: str) -> str:
    return word.replace("i", "İ").replace("ı", "I").upper()


def spellings(words: Iterable[str]) -> list[str]:
    return sorted({form for word in words for form in (word, upper(word), upper(word[:1]) + word[1:])})


def misread(text: str, page: str) -> str:
    """UTF-8 bytes read in another page; a byte that the page leaves undefined becomes the control character of its number."""
    return "".join(bytes([byte]).decode(page, "ignore") or chr(byte) for byte in text.encode())


def assert_unchanged(words: Iterable[str]) -> None:
    texts = [t for word in words for s in SYMBOLS for t in (word + s, f"{word}{s}{s}", f"{word}{s}x", s + word, f"{word} {s}")]
    for text, got in zip(texts, cleaned_all(texts, only("mojibake")), strict=True):
        assert got == text


def assert_repaired(words: list[str], page: str, times: int, share: float) -> None:
    texts = words
    for _ in range(times):
        texts = [misread(text, page) for text in texts]
    repaired = cleaned_all(texts, only("mojibake"))
    assert sum(got == word for got, word in zip(repaired, words, strict=True)) >= share * len(words)


def test_clean_turkish_before_any_symbol_stays() -> None:
    assert_unchanged(spellings(TURKISH.split()))


@pytest.mark.parametrize("page", PAGES)
@pytest.mark.parametrize("times", [1, 2])
def test_misread_turkish_is_repaired(page: str, times: int) -> None:
    assert_repaired(spellings(TURKISH.split()), page, times, share=0.997)  # KAMÛ reads as KAMÃ›: a letter and a guillemet


def test_frequent_turkish_words() -> None:
    words = top_n_list("tr", 10_000)
    accented = [form for form in spellings(words) if not form.isascii()]
    assert_unchanged(accented[::3])
    for page in PAGES:
        assert_repaired(accented[::2], page, 1, share=0.997)  # ü alone, Mü, Lİ: a letter and a sign too


@pytest.mark.parametrize(
    ("language", "share"),
    [("de", 0.996), ("fr", 0.996), ("es", 0.996), ("hu", 0.995), ("sv", 0.985), ("pl", 0.999), ("cs", 0.992), ("ro", 0.998)],
)
def test_frequent_words_of_other_languages(language: str, share: float) -> None:
    words = [word for word in top_n_list(language, 5_000) if not word.isascii()]
    assert_repaired(sorted({form for word in words for form in (word, word.upper(), word.capitalize())}), "cp1252", 1, share)


@pytest.mark.parametrize(
    ("text", "want"),
    [
        ("BaÃ…Å¸ka", "Başka"),
        ("Ä°stanbul YENÄ°", "İstanbul YENİ"),
        ("GÃ–L Ã–ZEL GÃœN", "GÖL ÖZEL GÜN"),
        ("ÅžEKER BAÄžI", "ŞEKER BAĞI"),
        ("TÃ¼rkiyeâ€™nin â€œenâ€\x9d iyisi", "Türkiye’nin “en” iyisi"),
        ("25Â°C, 10â‚¬ Â© 2020", "25°C, 10€ © 2020"),
        ("ÐŸÑ€Ð¸Ð²ÐµÑ‚ Ð¸", "Привет и"),
        ("Î•Î»Î»Î¬Î´Î±", "Ελλάδα"),
        ("ä½\xa0å¥½", "你好"),
        ("ğŸ˜€ ðŸ˜€ âœ…", "😀 😀 ✅"),
        ("ï»¿x", "\ufeffx"),
        ("doğru doÄŸru", "doğru doğru"),
        ("The Mona Lisa doesnÃƒÂ¢Ã¢â€šÂ¬Ã¢â€žÂ¢t", "The Mona Lisa doesn’t"),
        ("voilÃ le travail, Ã perturber la rÃ©flexion", "voilà le travail, à perturber la réflexion"),
        ("\x84Handwerk\x93 parlé\x85", "„Handwerk“ parlé…"),
        ("Hi guys í\xa0½í¸\x8d", "Hi guys 😍"),
        ("SlovenÄ\ufffdina", "Sloven\ufffdina"),
        ("g√¢teaux wei√ü", "gâteaux weiß"),
        ("LiĂ¨ge, NapĂ\xadĹˇte nĂˇm", "Liège, Napíšte nám"),
        ("MĂĄm dost tĹ\x99etĂ\xadho", "Mám dost třetího"),
        ("РґРѕСЂРѕРіРµ #С„СѓС‚Р±РѕР» lвЂ™ouest", "дороге #футбол l’ouest"),
        ("─îe┼ítina, Viß╗çt", "Čeština, Việt"),
        ("SaeimƒÅ ievƒìlƒìtƒÅs", "Saeimā ievēlētās"),
        ("OÃ™ ET QUAND", "OÙ ET QUAND"),
        ("(à¸‡'âŒ£')à¸‡ (ã\x83\x84) uÌˆnicode LÃ³PEZ", "(ง'⌣')ง (ツ) u\u0308nicode LóPEZ"),
    ],
)
def test_known_repairs(text: str, want: str) -> None:
    assert cleaned(text, "mojibake") == want


@pytest.mark.parametrize(
    "text",
    [
        *("BAĞ°", "SAĞ° HİÇ° ŞİŞLİ° ÇAĞ±5 BAŞLIĞ§", "HÂLÂ”", "hâlâ…” dedi", "DEHÂ°", "MAÇÃ» irmã", "CAFÉ“x", "ÉTÉ°", "PÅ°", "AÐ°", "ÍŽ"),
        *("SELKÄ\xa0EDELLÄ", "├┤a┼┐a", "(-1/2)! = √π", "2√πr", "ПоздравЂаво", "ВІКІ", "4288×…", "Ã’s", "MİLLÎ‡x", "SĂ§", "TVÅ½", "MANHÃ‰"),
        *("Þórður á Ísafirði", "Trường Đại học", "naïve façade", "Ĺ'ubľana", "“x” ‘y’ – — …", "ÄÖÜ äöü ß", "Ñandú", "日本語", "Ça va? Où?"),
    ],
)
def test_clean_text_stays(text: str) -> None:
    assert cleaned(text, "mojibake") == text
