#include "text/deasciify.hpp"

#include <algorithm>
#include <cstdint>
#include <iterator>

#include "text/utf8.hpp"

namespace ayar {
namespace {

// Stems with their letters. Without them each must be no other Turkish word, and no beginning of one.
constexpr std::u32string_view kStems[] = {
    U"açık",     U"açtı",    U"adına",   U"ağaç",     U"ağır",    U"akıl",     U"akşam",    U"alışveriş", U"altı",   U"anlaş",
    U"araç",     U"arkadaş", U"aşağı",   U"aynı",     U"ayrı",    U"bağla",    U"bağış",    U"başarı",    U"başka",  U"başla",
    U"başvur",   U"bazı",    U"beş",     U"böyle",    U"bölüm",   U"bugün",    U"bütün",    U"büyü",      U"çabuk",  U"çağ",
    U"çalış",    U"çarşı",   U"çekil",   U"çeşit",    U"çevir",   U"çıkar",    U"çıkış",    U"çıkt",      U"çiçek",  U"çocuk",
    U"çok",      U"çöz",     U"çünkü",   U"dağıt",    U"dakika",  U"danış",    U"değer",    U"değil",     U"değiş",  U"dışarı",
    U"doğru",    U"doğum",   U"dönüş",   U"dört",     U"dükkan",  U"dün",      U"düşük",    U"düşün",     U"eğer",   U"eğitim",
    U"eksiğ",    U"fırsat",  U"geçen",   U"geçer",    U"geçerli", U"geçmiş",   U"gelişme",  U"gerçek",    U"giriş",  U"göndere",
    U"gönder",   U"görev",   U"görün",   U"görüş",    U"görm",    U"gösteril", U"göster",   U"gözlük",    U"güç",    U"gün",
    U"günaydın", U"güncel",  U"güven",   U"güzel",    U"hâlâ",    U"haklı",    U"hazır",    U"hiç",       U"hızlı",  U"ısı",
    U"ışık",     U"içeri",   U"için",    U"iğne",     U"ihtiyaç", U"ikinci",   U"indirim",  U"iş",        U"işlem",  U"kaçıncı",
    U"kaldır",   U"kalktı",  U"kapalı",  U"kapı",     U"karış",   U"karşı",    U"kayıt",    U"kırıl",     U"kırık",  U"kırmızı",
    U"kısa",     U"kış",     U"kızım",   U"kişi",     U"koş",     U"kötü",     U"küçük",    U"lütfen",    U"mağaza", U"mağdur",
    U"müşteri",  U"mümkün",  U"nasıl",   U"öde",      U"öğle",    U"öğren",    U"öğretmen", U"önce",      U"öneri",  U"önemli",
    U"ölçü",     U"özel",    U"özür",    U"rağmen",   U"sağla",   U"sağlık",   U"satın",    U"satış",     U"sıcak",  U"sıra",
    U"sipariş",  U"soğuk",   U"söyle",   U"sözleşme", U"sürekli", U"süre",     U"şarj",     U"şehir",     U"şey",    U"şifre",
    U"şikayet",  U"şimdi",   U"şirket",  U"şube",     U"şöyle",   U"taşı",     U"teşekkür", U"tıkla",     U"tüm",    U"türk",
    U"üç",       U"ücret",   U"ülke",    U"ürün",     U"üye",     U"üzer",     U"üzgün",    U"yağmur",    U"yalnız", U"yanıt",
    U"yanlış",   U"yapıl",   U"yardım",  U"yarın",    U"yaş",     U"yavaş",    U"yeniliğ",  U"yıl",       U"yukarı", U"yüksek",
    U"yüz",      U"zarar",   U"zorunlu",
};
constexpr std::string_view kTurkish[] = {"bir", "ve",  "bu",  "icin", "ile",   "cok",   "degil", "gibi", "daha", "ama",   "var",
                                         "yok", "ben", "sen", "mi",   "nasil", "neden", "ne",    "de",   "da",   "kadar", "sonra"};
constexpr std::string_view kEnglish[] = {"the",  "and",  "of", "to",  "is",  "you", "for", "this",
                                         "that", "with", "it", "are", "was", "my",  "i"};

char32_t without_mark(char32_t c) {
  switch (c) {
    case 0xE7: return 'c';
    case 0x11F: return 'g';
    case 0x131: return 'i';
    case 0xF6: return 'o';
    case 0x15F: return 's';
    case 0xFC: return 'u';
    case 0xE2: return 'a';
    default: return c;
  }
}

char32_t capital(char32_t c) {
  switch (c) {
    case 'i': return 0x130;
    case 0x131: return 'I';
    case 0x11F: return 0x11E;
    case 0x15F: return 0x15E;
    case 0xE7:
    case 0xF6:
    case 0xFC:
    case 0xE2: return c - 0x20;
    default: return c >= 'a' && c <= 'z' ? c - 0x20 : c;
  }
}

char small(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c | 0x20) : c;
}
bool is_letter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}
bool is_vowel(char32_t c) {
  return std::u32string_view(U"aeıioöuüâ").find(c) != std::u32string_view::npos;
}

// Calls body(begin, end) for each word of letters.
template <class Body>
void for_each_word(std::string_view text, const Body& body) {
  for (size_t begin = 0; begin < text.size();) {
    if (!is_letter(text[begin])) {
      ++begin;
      continue;
    }
    size_t end = begin;
    while (end < text.size() && is_letter(text[end])) ++end;
    body(begin, end);
    begin = end;
  }
}

bool is_ascii_turkish(std::string_view text) {
  constexpr size_t kFewest = 2, kLongest = 6;
  size_t words = 0, turkish = 0;
  bool is_english = false;
  for_each_word(text, [&](size_t begin, size_t end) {
    ++words;
    if (end - begin > kLongest) return;
    std::string word(text.substr(begin, end - begin));
    for (char& c : word) c = small(c);
    turkish += std::find(std::begin(kTurkish), std::end(kTurkish), word) != std::end(kTurkish) ? 1 : 0;
    is_english = is_english || std::find(std::begin(kEnglish), std::end(kEnglish), word) != std::end(kEnglish);
  });
  return !is_english && turkish >= kFewest && turkish * 12 >= words;
}

// The longest stem that the word begins with, or nothing.
std::u32string_view stem_of(std::string_view word) {
  std::u32string_view longest;
  for (const std::u32string_view stem : kStems) {
    if (stem.size() <= longest.size() || stem.size() > word.size()) continue;
    const bool fits = std::equal(stem.begin(), stem.end(), word.begin(),
                                 [](char32_t c, char letter) { return without_mark(c) == static_cast<char32_t>(small(letter)); });
    if (fits) longest = stem;
  }
  // A short stem begins other words too: it must be the word.
  return longest.size() < 3 && longest.size() != word.size() ? std::u32string_view{} : longest;
}

// The letters behind a stem: i and u by vowel harmony, g between vowels, s in -mis.
void add_suffix(std::u32string& word, std::string_view rest) {
  char32_t vowel = 0;
  for (const char32_t c : word) {
    if (is_vowel(c)) vowel = c;
  }
  for (size_t i = 0; i < rest.size(); ++i) {
    char32_t c = static_cast<char32_t>(small(rest[i]));
    const char32_t next = i + 1 < rest.size() ? static_cast<char32_t>(small(rest[i + 1])) : 0;
    const bool is_back = vowel == 'a' || vowel == 0x131 || vowel == 'o' || vowel == 'u' || vowel == 0xE2;
    if (c == 'i' && is_back) c = 0x131;
    if (c == 'u' && !is_back && vowel != 0) c = 0xFC;
    if (c == 'g' && i > 0 && is_vowel(word.back()) && is_vowel(next)) c = 0x11F;
    if (c == 's' && i > 1 && small(rest[i - 2]) == 'm' && (small(rest[i - 1]) == 'i' || small(rest[i - 1]) == 'u')) c = 0x15F;
    if (is_vowel(c)) vowel = c;
    word += c;
  }
}

}  // namespace

bool restore_turkish_letters(std::string_view text, std::string& out, Tally& tally) {
  if (utf8::skip_ascii(text.data(), text.data() + text.size()) != text.data() + text.size() || !is_ascii_turkish(text)) return false;
  Rewrite rewrite(text, out, tally);
  for_each_word(text, [&](size_t begin, size_t end) {
    const std::string_view word = text.substr(begin, end - begin);
    std::u32string restored(stem_of(word));
    if (restored.empty() || word.size() > 40) return;
    add_suffix(restored, word.substr(restored.size()));
    std::string bytes;
    for (size_t i = 0; i < restored.size(); ++i) utf8::append(bytes, word[i] < 'a' ? capital(restored[i]) : restored[i]);
    rewrite.replace(begin, end, bytes);
  });
  return rewrite.finish();
}

}  // namespace ayar
