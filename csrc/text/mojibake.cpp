#include "text/mojibake.hpp"

#include <algorithm>
#include <cstdint>
#include <vector>

#include "text/code_pages.hpp"
#include "text/code_points.hpp"
#include "text/mojibake_judge.hpp"
#include "text/utf8.hpp"

namespace ayar {
namespace {

constexpr uint8_t kLost = 1;  // stands for U+FFFD, which took the place of a byte

// A character with a byte in the pages, and where it lies in the text.
struct Char {
  char32_t code;
  uint8_t byte;
  size_t offset;
};

// The character that some of them may have meant.
struct Candidate {
  char32_t code;
  size_t first, count;  // of the Chars that it would replace; count is 0 where their bytes are not UTF-8
};

Candidate read_utf8(const std::vector<Char>& chars, size_t i) {
  char bytes[6] = {};
  const size_t count = std::min<size_t>(6, chars.size() - i);
  for (size_t j = 0; j < count; ++j) bytes[j] = static_cast<char>(chars[i + j].byte);
  const utf8::Decoded decoded = utf8::decode(bytes, bytes + count);
  if (decoded.valid && decoded.length > 1) return {decoded.code, i, static_cast<size_t>(decoded.length)};
  const auto byte = [&chars, i](size_t j) { return chars[i + j].byte; };
  // CESU-8: a surrogate pair, each half in three bytes.
  if (count == 6 && byte(0) == 0xED && byte(1) >= 0xA0 && byte(1) < 0xB0 && byte(3) == 0xED && byte(4) >= 0xB0 && byte(4) <= 0xBF &&
      (byte(2) & 0xC0) == 0x80 && (byte(5) & 0xC0) == 0x80) {
    const char32_t high = (byte(1) & 0x0F) << 6 | (byte(2) & 0x3F), low = (byte(4) & 0x0F) << 6 | (byte(5) & 0x3F);
    return {0x10000 + (high << 10 | low), i, 6};
  }
  // U+FFFD in the place of a continuation: the character is lost.
  const size_t wanted = byte(0) < 0xC2 || byte(0) > 0xF4 ? 0 : byte(0) < 0xE0 ? 2 : byte(0) < 0xF0 ? 3 : 4;
  bool is_lossy = false;
  for (size_t j = 1; j < wanted; ++j) {
    if (j >= count || (byte(j) != kLost && (byte(j) & 0xC0) != 0x80)) return {0, i, 0};
    is_lossy = is_lossy || byte(j) == kLost;
  }
  return is_lossy ? Candidate{utf8::kReplacement, i, wanted} : Candidate{0, i, 0};
}

// A stretch of the text and what it should read.
struct Repair {
  size_t begin, end;
  std::string replacement;
  Verdict verdict;
  Script script;  // of a letter that is not Latin, else none
};

// One line, read as if it had been misread in one page.
class Repairer {
 public:
  Repairer(std::string_view line, CodePage page) : text_(line), page_(page) {}

  // How many characters would be repaired.
  size_t read() {
    collect();
    return static_cast<size_t>(std::count_if(repairs_.begin(), repairs_.end(), [this](const Repair& repair) { return accepts(repair); }));
  }

  size_t doubtful() const { return repairs_.size(); }  // where nothing is accepted

  bool repair(std::string& out, Tally& tally) const {
    Rewrite rewrite(text_, out, tally);
    for (const Repair& repair : repairs_) {
      if (accepts(repair)) rewrite.replace(repair.begin, repair.end, repair.replacement);
    }
    return rewrite.finish();
  }

 private:
  bool accepts(const Repair& repair) const {
    if (repair.verdict == Verdict::strong) return true;
    if (repair.script != Script::none) return (strong_scripts_ >> static_cast<int>(repair.script) & 1) != 0;
    return any_strong_ || (repair.verdict == Verdict::likely && !has_other_letters_);
  }

  // Walks over the text; a run of characters that have a page byte is cut into groups of adjacent candidates.
  void collect() {
    const char* const begin = text_.data();
    const char* const end = begin + text_.size();
    std::vector<Char> run;
    char32_t before2 = 0, before = 0;
    for (const char* p = begin; p < end;) {
      if (static_cast<uint8_t>(*p) < 0x80) {
        before2 = before;
        before = static_cast<char32_t>(*p++);
        continue;
      }
      const utf8::Decoded next = utf8::decode(p, end);
      const uint8_t byte = page_byte(next.code, page_);
      if (byte == 0) {
        has_other_letters_ = has_other_letters_ || is_letter(kind_of(next.code));
        before2 = before;
        before = next.code;
        p += next.length;
        continue;
      }
      run.clear();
      const char* q = p;
      char32_t after = 0;
      while (q < end) {
        const utf8::Decoded c = utf8::decode(q, end);
        after = c.code;
        const uint8_t b = c.code == utf8::kReplacement ? kLost : page_byte(c.code, page_);
        if (b == 0) break;
        run.push_back({c.code, b, static_cast<size_t>(q - begin)});
        q += c.length;
        after = 0;
      }
      run_end_ = static_cast<size_t>(q - begin);
      cut_into_groups(run, {before2, before, after, {}});
      before2 = run.size() > 1 ? run[run.size() - 2].code : before;
      before = run.back().code;
      p = q;
    }
  }

  void cut_into_groups(const std::vector<Char>& run, Neighbours around) {
    std::vector<Candidate> group;
    for (size_t i = 0; i < run.size();) {
      group.clear();
      const size_t first = i;
      while (i < run.size()) {
        const Candidate candidate = read_utf8(run, i);
        if (candidate.count == 0) break;
        group.push_back(candidate);
        i += candidate.count;
      }
      if (!group.empty()) {
        Neighbours beside = around;
        if (first > 0) beside.before = run[first - 1].code;
        if (first > 1) beside.before2 = run[first - 2].code;
        if (first == 1) beside.before2 = around.before;
        if (i < run.size()) beside.after = run[i].code;
        judge_group(run, group, beside, i < run.size() ? run[i].offset : run_end_);
      }
      if (i < run.size()) {
        const bool is_restored = page_ == kWestern && restore_space(run, i, around);
        if (!is_restored) has_other_letters_ = has_other_letters_ || is_letter(kind_of(run[i].code));
        ++i;
      }
    }
  }

  // The letters that end at `offset`, at most kLongestWord of them; a mark before them that is not ASCII may be half a letter, so it
  // counts.
  std::u32string letters_before(size_t offset) const {
    const char* const begin = text_.data();
    std::u32string reversed;
    for (const char* p = begin + offset; p > begin && reversed.size() < kLongestWord;) {
      const utf8::Decoded previous = utf8::decode_before(begin, p);
      const bool is_apostrophe = previous.code == '\'' || previous.code == 0x2019;
      if (!is_letter(kind_of(previous.code)) && !is_apostrophe) {
        if (previous.code >= 0x80 && !reversed.empty()) reversed += U'*';
        break;
      }
      reversed += previous.code;
      p -= previous.length;
    }
    while (!reversed.empty() && (reversed.back() == '\'' || reversed.back() == 0x2019)) reversed.pop_back();  // a quotation mark
    return {reversed.rbegin(), reversed.rend()};
  }

  // The letters before the i-th candidate of a group, as they are repaired.
  std::u32string word_before(const std::vector<Candidate>& group, size_t i) const {
    std::u32string word = i < kLongestWord ? letters_before(group_begin_) : std::u32string{};
    for (size_t j = i < kLongestWord ? 0 : i - kLongestWord; j < i; ++j) {
      if (is_letter(kind_of(group[j].code)) && word.size() < kLongestWord) {
        word += group[j].code;
      } else {
        word.clear();
      }
    }
    return word;
  }

  // The second byte of a misread `à`, `Š` or `Р` is a no-break space, which somebody has made a plain one: `voilÃ le`.
  bool restore_space(const std::vector<Char>& run, size_t i, const Neighbours& around) {
    const char32_t lead = run[i].code;
    const size_t end = run[i].offset + 2;
    if ((lead != 0xC3 && lead != 0xC5 && lead != 0xD0) || end + 1 >= text_.size() || text_[end] != ' ' || i + 1 < run.size()) return false;
    const char32_t before = i > 0 ? run[i - 1].code : around.before;
    if (lead == 0xC3) {
      const bool is_in_word = kind_of(before) == Kind::lower, is_double = text_[end + 1] == ' ';
      const bool goes_on_small = is_double || (text_[end + 1] >= 'a' && text_[end + 1] <= 'z');
      if (!goes_on_small || (!is_in_word && is_letter(kind_of(before)))) return false;
      add({run[i].offset, end + (is_double ? 1 : 0), "\u00E0", is_in_word ? Verdict::strong : Verdict::weak, Script::none});
      return true;
    }
    const bool goes_on = lead == 0xC5 ? text_[end + 1] >= 'a' && text_[end + 1] <= 'z' : text_[end + 1] == '\xC3';
    if (!goes_on || is_letter(kind_of(before))) return false;
    add({run[i].offset, end + 1, lead == 0xC5 ? "\u0160" : "\u0420", Verdict::weak, lead == 0xC5 ? Script::none : Script::cyrillic});
    return true;
  }

  void judge_group(const std::vector<Char>& run, const std::vector<Candidate>& group, const Neighbours& around, size_t end) {
    const size_t begin = run[group.front().first].offset;
    group_begin_ = begin;
    if (page_ == kWestern && repair_deeper(group, around, begin, end, 2)) return;
    // One pair of Cyrillic or Greek letters may be clean text that happens to read as UTF-8; two of them do not happen.
    if ((page_ == kCp1251 || page_ == kCp1253) && group.size() < 2 && script_of(group[0].code) == script_of(run[group[0].first].code))
      return;
    if (page_ != kWestern) {
      for (size_t i = 0; i < group.size(); ++i) {
        if (judge_one(run, group, i, around) == Verdict::reject) return;
      }
    }
    for (size_t i = 0; i < group.size(); ++i) {
      const Verdict verdict = judge_one(run, group, i, around);
      if (verdict == Verdict::reject) {
        has_other_letters_ = has_other_letters_ || is_letter(kind_of(run[group[i].first].code));
        continue;
      }
      const size_t behind = group[i].first + group[i].count;
      Repair repair{run[group[i].first].offset, i + 1 < group.size() ? run[behind].offset : end, {}, verdict, other_script(group[i].code)};
      utf8::append(repair.replacement, group[i].code);
      add(std::move(repair));
    }
  }

  // Text that was misread more than once: the whole group, read as UTF-8, must again be made of page bytes that are UTF-8. The deepest
  // reading in which everything fits wins.
  bool repair_deeper(const std::vector<Candidate>& group, const Neighbours& around, size_t begin, size_t end, int depth) {
    std::vector<Char> chars;
    for (const Candidate& candidate : group) {
      const uint8_t byte = page_byte(candidate.code, page_);
      if (byte == 0) return false;
      chars.push_back({candidate.code, byte, 0});
    }
    std::vector<Candidate> deeper;
    for (size_t i = 0; i < chars.size(); i += deeper.back().count) {
      deeper.push_back(read_utf8(chars, i));
      if (deeper.back().count == 0) return false;
    }
    if (depth < kDeepest && repair_deeper(deeper, around, begin, end, depth + 1)) return true;
    Repair repair{begin, end, {}, Verdict::strong, Script::none};
    for (size_t i = 0; i < deeper.size(); ++i) {
      const char32_t c = deeper[i].code;
      const bool is_sign = kind_of(c) == Kind::other && (c < 0x80 || c > 0x9F);  // twice misread is no accident
      if (!is_sign && judge_one(chars, deeper, i, around) == Verdict::reject) return false;
      utf8::append(repair.replacement, deeper[i].code);
    }
    add(std::move(repair));
    return true;
  }

  Verdict judge_one(const std::vector<Char>& chars, const std::vector<Candidate>& group, size_t i, const Neighbours& around) const {
    Neighbours beside;
    beside.before = i > 0 ? group[i - 1].code : around.before;
    beside.before2 = i > 1 ? group[i - 2].code : i == 1 ? around.before : around.before2;
    beside.after = i + 1 < group.size() ? group[i + 1].code : around.after;
    char32_t continuation[5];
    const size_t count = group[i].count - 1;
    for (size_t j = 0; j < count; ++j) continuation[j] = chars[group[i].first + 1 + j].code;
    // The word before is asked for at its end only.
    const bool is_followed = is_letter(kind_of(beside.after)) && continuation[count - 1] != 0xA0;
    const bool may_end_word = page_ == kWestern && !is_followed && kind_of(beside.before) != Kind::lower;
    const std::u32string word = may_end_word ? word_before(group, i) : std::u32string{};
    beside.word = word;
    const char32_t lead = chars[group[i].first].code;
    if (std::any_of(chars.begin() + static_cast<long>(group[i].first), chars.begin() + static_cast<long>(group[i].first + group[i].count),
                    [](const Char& c) { return c.byte == kLost; })) {
      return kind_of(beside.before) == Kind::lower && kind_of(lead) == Kind::upper ? Verdict::strong : Verdict::weak;
    }
    return page_ == kWestern ? judge_western(group[i].code, chars[group[i].first].byte, {continuation, count}, beside)
                             : judge_other_page(group[i].code, lead, {continuation, count}, beside);
  }

  static Script other_script(char32_t code) {
    const Script script = script_of(code);
    return script == Script::latin ? Script::none : script;
  }

  void add(Repair repair) {
    if (repair.verdict == Verdict::strong) {
      any_strong_ = true;
      strong_scripts_ |= 1u << static_cast<int>(repair.script);
    }
    repairs_.push_back(std::move(repair));
  }

  static constexpr int kDeepest = 4;
  static constexpr size_t kLongestWord = 24;

  std::string_view text_;
  CodePage page_;
  size_t run_end_ = 0, group_begin_ = 0;
  std::vector<Repair> repairs_;
  bool any_strong_ = false, has_other_letters_ = false;
  uint32_t strong_scripts_ = 0;
};

bool has_candidate(std::string_view line) {
  const char* const end = line.data() + line.size();
  const char* last_end = nullptr;
  char32_t before = 0;
  for (const char* p = line.data(); (p = utf8::skip_ascii(p, end)) < end;) {
    const utf8::Decoded next = utf8::decode(p, end);
    if (p == last_end && (starts_mojibake(before, next.code) || next.code == utf8::kReplacement)) return true;
    if (is_lone_mojibake(line, p - line.data(), next.code)) return true;
    before = next.code;
    p += next.length;
    last_end = p;
  }
  return false;
}

// The characters 80 to 9F are nobody's: Windows-1252 was read as latin-1.
bool repair_controls(std::string_view line, std::string& out, Tally& tally) {
  Rewrite rewrite(line, out, tally);
  for (size_t at = line.find('\xC2'); at != std::string_view::npos; at = line.find('\xC2', at + 1)) {
    const auto byte = static_cast<uint8_t>(line[at + 1]);
    const char32_t meant = byte < 0xA0 ? windows_1252(byte) : 0;
    if (meant == 0) continue;
    char letter[4];
    rewrite.replace(at, at + 2, {letter, static_cast<size_t>(utf8::encode(meant, letter))});
  }
  return rewrite.finish();
}

// One reading of the line: of the western pages, else of the page in which most is misread.
bool repair_once(std::string_view line, std::string& out, Tally& tally) {
  Repairer western(line, kWestern);
  tally.doubtful = 0;
  if (western.read() > 0) return western.repair(out, tally);
  tally.doubtful = western.doubtful();
  size_t most = 0;
  int best = kWestern;
  for (int page = kWestern + 1; page < kCodePages; ++page) {
    const size_t repaired = Repairer(line, static_cast<CodePage>(page)).read();
    if (repaired <= most) continue;
    most = repaired;
    best = page;
  }
  if (most == 0) return repair_controls(line, out, tally);
  Repairer other(line, static_cast<CodePage>(best));
  other.read();
  return other.repair(out, tally);
}

// Until nothing changes: a repaired neighbour can settle what was doubtful before. More rounds than this take hostile text.
bool repair_line(std::string_view line, std::string& out, Edits& edits, size_t& doubtful) {
  constexpr int kMostRounds = 8;
  if (!has_candidate(line)) return false;
  Edits step;
  Tally tally{0, &edits, 0};
  const bool is_changed = repair_once(line, out, tally);
  std::string again;
  for (int round = 1; is_changed && round < kMostRounds && has_candidate(out); ++round) {
    tally.edits = &step;
    if (!repair_once(out, again, tally)) break;
    out.swap(again);
    edits = compose(edits, step);
  }
  doubtful += tally.doubtful;
  return is_changed;
}

}  // namespace

bool is_lone_mojibake(std::string_view text, size_t at, char32_t code) {
  if (code >= 0x80 && code < 0xA0) return windows_1252(static_cast<uint8_t>(code)) != 0;
  return code == 0xC3 && at > 0 && at + 2 < text.size() && text[at + 2] == ' ' && text[at - 1] >= 'a' && text[at - 1] <= 'z';
}

bool repair_mojibake(std::string_view text, std::string& out, Tally& tally) {
  Rewrite rewrite(text, out, tally);
  std::string repaired;
  Edits edits;
  for (size_t begin = 0; begin < text.size();) {
    const size_t end = std::min(text.find('\n', begin), text.size());
    if (repair_line(text.substr(begin, end - begin), repaired, edits, tally.doubtful)) {
      for (const Edit& edit : edits) {
        rewrite.replace(begin + edit.begin, begin + edit.end,
                        std::string_view(repaired).substr(edit.new_begin, edit.new_end - edit.new_begin));
      }
    }
    begin = end + 1;
  }
  return rewrite.finish();
}

}  // namespace ayar
