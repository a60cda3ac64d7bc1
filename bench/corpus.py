"""A seeded corpus like customers' messages, English and Turkish, for text benchmarks: made here, never from outside the repository.

Common words follow Zipf's law over the lists below (their order is their rank). A tail of words that the text has hardly seen before
comes from stems with Turkish suffix chains and from syllables, so that vocabulary grows with the text as in real ones (Heaps' law).
"""

import random
from itertools import accumulate


def _words(text: str) -> list[str]:
    return text.split()


_ENGLISH = _words("""
the to i and a my of is it in for you not that on have this was be with order but can me are your please as at no from we card so
if would when do been account get what just how they or an will there up out has payment why still about did refund had any now
one delivery by more time back help money need thanks could which day their after two should days again because who them never
where bank week phone email item received transfer sent charged only address want send than cancel some then customer other app
into service number however problem over change first him before tried already told package waiting new call even try website same
through product very really today got yesterday working made update between wrong return while information shipping details paid
credit balance until purchase morning contact happened confirmed cash without month broken different password pending available
every since password exchange support another question twice though reference machine invoice immediately completely statement
several everything unfortunately transaction subscription appreciate replacement
""")
_TURKISH = _words("""
bir ve bu için de da ne çok var ben sipariş mi kargo ama daha gün kadar gibi olarak yok lütfen iade ile hesap sonra para hâlâ kart
nasıl bana neden ürün değil iki şey zaman en her önce ödeme o teşekkürler numara bugün merhaba müşteri adres fatura tarih ücret
dün telefon yeni banka şimdi hiç çünkü şifre destek teslimat tutar işlem mesaj uygulama yanlış paket geri istiyorum gelmedi yardım
hafta ay şube internet olur mağaza durum bilgi kredi talep taksit limit destek havale iptal değişim renk beden eksik kırık bozuk
ürünü sipariş görevli çağrı merkez açık kapalı yavaş hızlı şikâyet güncelleme onay kod sabah akşam müsait uygun
""")
_STEMS = _words("""
ev kitap sipariş hesap kargo ürün ödeme müşteri fatura adres kart çalışma görüşme başvuru değişiklik öğretmen ağaç güneş yağmur
""")
_SUFFIXES = _words("""
ler lar im ım iniz ınız in ın de da den dan e a i ı le la ki miz mız lik lık ci cı siz sız imiz ımız inde ında lerin ların
""")
_SYLLABLES = _words("""
an ber con dra el fin gor hal in ja ker lo mon nor op par qui ran sol ter un ver wil xa yor zen şa ğı çü öl ış
""")
_ENDINGS = [".", ".", ".", ".", "!", "?", "...", "?!", ":", ";"]
_EXTRAS = [
    "don't",
    "I'm",
    "it's",
    "we've",
    "can't",
    "you'll",
    "İstanbul'da",
    "Ankara'dan",
    "👍",
    "🙏🏽",
    "😡",
    "—",
    "“tamam”",
    "(see below)",
    "e-mail",
]


def make_corpus(size_mb: float, seed: int = 0) -> list[str]:
    """Messages of 1 to 12 sentences, 8 of 10 under 1 kB, ``size_mb`` of UTF-8 in all; a half of them Turkish."""
    rng = random.Random(seed)
    weights = {id(words): list(accumulate(1 / (rank + 2) for rank in range(len(words)))) for words in (_ENGLISH, _TURKISH)}

    def word(words: list[str]) -> str:
        kind = rng.random()
        if kind < 0.87:
            return rng.choices(words, cum_weights=weights[id(words)])[0]
        if kind < 0.93:
            suffixes = _SUFFIXES if words is _TURKISH else ["s", "ed", "ing", "ly", "er", "ment", "ness"]
            return rng.choice(_STEMS if words is _TURKISH else words) + "".join(rng.choices(suffixes, k=rng.randint(1, 3)))
        if kind < 0.96:
            return "".join(rng.choices(_SYLLABLES, k=rng.randint(2, 4)))
        if kind < 0.98:
            return rng.choice([str(rng.randint(1, 99)), f"{rng.randint(1, 9999)},{rng.randint(0, 99):02}", f"{rng.randint(10**6, 10**9)}"])
        return rng.choice(_EXTRAS)

    def sentence(words: list[str]) -> str:
        chosen = [word(words) for _ in range(rng.randint(3, 22))]
        chosen[0] = chosen[0][:1].upper() + chosen[0][1:]
        joined = "".join(w + (", " if rng.random() < 0.07 else " ") for w in chosen).rstrip(", ")
        return joined + rng.choice(_ENDINGS)

    messages, left = [], int(size_mb * 1e6)
    while left > 0:
        words = _TURKISH if len(messages) % 2 else _ENGLISH
        message = "".join(sentence(words) + rng.choice([" ", " ", " ", "\n", "\n\n", "  "]) for _ in range(rng.randint(1, 12))).rstrip()
        messages.append(message)
        left -= len(message.encode())
    return messages
