#include "text/mojibake.hpp"

#include <algorithm>
#include <cstdint>
#include <span>
#include <vector>

#include "text/clean_scan.hpp"
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

Candidate read_utf8(std::span<const Char> chars, size_t i) {
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
  size_t text_begin, text_end;  // of the replacement, among those of its line
  Verdict verdict;
  Script script;  // of a letter that is not Latin, else none
};

// The last letters before a place.
class Word {
 public:
  static constexpr size_t kLongest = 24;
  bool is_full() const { return size_ == kLongest; }
  void append(char32_t letter) { letters_[size_++] = letter; }
  void reverse() { std::reverse(letters_, letters_ + size_); }
  void clear() { size_ = 0; }
  void drop_last() { --size_; }
  bool empty() const { return size_ == 0; }
  char32_t back() const { return letters_[size_ - 1]; }
  std::u32string_view view() const { return {letters_, size_}; }

 private:
  char32_t letters_[kLongest];
  size_t size_ = 0;
};

// One line, read as if it had been misread in one page. Serves many lines, to keep its buffers.
class Repairer {
 public:
  // How many characters would be repaired.
  size_t read(std::string_view line, CodePage page) {
    text_ = line;
    page_ = page;
    repairs_.clear();
    replacements_.clear();
    any_strong_ = has_other_letters_ = false;
    strong_scripts_ = 0;
    collect();
    return static_cast<size_t>(std::count_if(repairs_.begin(), repairs_.end(), [this](const Repair& repair) { return accepts(repair); }));
  }

  size_t doubtful() const { return repairs_.size(); }  // where nothing is accepted

  // Calls change(begin, end, replacement) for each repair of the line that was read last.
  template <class Change>
  void for_each_repair(const Change& change) const {
    for (const Repair& repair : repairs_) {
      if (accepts(repair)) {
        change(repair.begin, repair.end, std::string_view(replacements_).substr(repair.text_begin, repair.text_end - repair.text_begin));
      }
    }
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
    std::vector<Char>& run = run_;
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

  void cut_into_groups(std::span<const Char> run, Neighbours around) {
    std::vector<Candidate>& group = group_;
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

  // The letters that end at `offset`, the last of them; a mark before them that is not ASCII may be half a letter, so it counts.
  Word letters_before(size_t offset) const {
    const char* const begin = text_.data();
    Word word;
    for (const char* p = begin + offset; p > begin && !word.is_full();) {
      const utf8::Decoded previous = utf8::decode_before(begin, p);
      const bool is_apostrophe = previous.code == '\'' || previous.code == 0x2019;
      if (!is_letter(kind_of(previous.code)) && !is_apostrophe) {
        if (previous.code >= 0x80 && !word.empty()) word.append(U'*');
        break;
      }
      word.append(previous.code);
      p -= previous.length;
    }
    while (!word.empty() && (word.back() == '\'' || word.back() == 0x2019)) word.drop_last();  // a quotation mark
    word.reverse();
    return word;
  }

  // The letters before the i-th candidate of a group, as they are repaired.
  Word word_before(std::span<const Candidate> group, size_t i) const {
    Word word;
    if (i < Word::kLongest) word = letters_before(group_begin_);
    for (size_t j = i < Word::kLongest ? 0 : i - Word::kLongest; j < i; ++j) {
      if (is_letter(kind_of(group[j].code)) && !word.is_full()) {
        word.append(group[j].code);
      } else {
        word.clear();
      }
    }
    return word;
  }

  // The second byte of a misread `à`, `Š` or `Р` is a no-break space, which somebody has made a plain one: `voilÃ le`.
  bool restore_space(std::span<const Char> run, size_t i, const Neighbours& around) {
    const char32_t lead = run[i].code;
    const size_t end = run[i].offset + 2;
    if ((lead != 0xC3 && lead != 0xC5 && lead != 0xD0) || end + 1 >= text_.size() || text_[end] != ' ' || i + 1 < run.size()) return false;
    const char32_t before = i > 0 ? run[i - 1].code : around.before;
    if (lead == 0xC3) {
      const bool is_in_word = kind_of(before) == Kind::lower, is_double = text_[end + 1] == ' ';
      const bool goes_on_small = is_double || (text_[end + 1] >= 'a' && text_[end + 1] <= 'z');
      if (!goes_on_small || (!is_in_word && is_letter(kind_of(before)))) return false;
      replacements_ += "\u00E0";
      add(run[i].offset, end + (is_double ? 1 : 0), is_in_word ? Verdict::strong : Verdict::weak, Script::none);
      return true;
    }
    const bool goes_on = lead == 0xC5 ? text_[end + 1] >= 'a' && text_[end + 1] <= 'z' : text_[end + 1] == '\xC3';
    if (!goes_on || is_letter(kind_of(before))) return false;
    replacements_ += lead == 0xC5 ? "\u0160" : "\u0420";
    add(run[i].offset, end + 1, Verdict::weak, lead == 0xC5 ? Script::none : Script::cyrillic);
    return true;
  }

  void judge_group(std::span<const Char> run, std::span<const Candidate> group, const Neighbours& around, size_t end) {
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
      utf8::append(replacements_, group[i].code);
      add(run[group[i].first].offset, i + 1 < group.size() ? run[behind].offset : end, verdict, other_script(group[i].code));
    }
  }

  // Text that was misread more than once: the whole group, read as UTF-8, must again be made of page bytes that are UTF-8. The deepest
  // reading in which everything fits wins.
  bool repair_deeper(std::span<const Candidate> group, const Neighbours& around, size_t begin, size_t end, int depth) {
    std::vector<Char>& chars = depths_[depth].chars;
    std::vector<Candidate>& deeper = depths_[depth].candidates;
    chars.clear();
    deeper.clear();
    for (const Candidate& candidate : group) {
      const uint8_t byte = page_byte(candidate.code, page_);
      if (byte == 0) return false;
      chars.push_back({candidate.code, byte, 0});
    }
    for (size_t i = 0; i < chars.size(); i += deeper.back().count) {
      deeper.push_back(read_utf8(chars, i));
      if (deeper.back().count == 0) return false;
    }
    if (depth < kDeepest && repair_deeper(deeper, around, begin, end, depth + 1)) return true;
    for (size_t i = 0; i < deeper.size(); ++i) {
      const char32_t c = deeper[i].code;
      const bool is_sign = kind_of(c) == Kind::other && (c < 0x80 || c > 0x9F);  // twice misread is no accident
      if (!is_sign && judge_one(chars, deeper, i, around) == Verdict::reject) return false;
    }
    for (const Candidate& candidate : deeper) utf8::append(replacements_, candidate.code);
    add(begin, end, Verdict::strong, Script::none);
    return true;
  }

  Verdict judge_one(std::span<const Char> chars, std::span<const Candidate> group, size_t i, const Neighbours& around) const {
    Neighbours beside;
    beside.before = i > 0 ? group[i - 1].code : around.before;
    beside.before2 = i > 1 ? group[i - 2].code : i == 1 ? around.before : around.before2;
    beside.after = i + 1 < group.size() ? group[i + 1].code : around.after;
    char32_t continuation[5] = {};
    const size_t count = group[i].count - 1;
    for (size_t j = 0; j < count; ++j) continuation[j] = chars[group[i].first + 1 + j].code;
    // The word before is asked for at its end only.
    const bool is_followed = is_letter(kind_of(beside.after)) && continuation[count - 1] != 0xA0;
    const bool may_end_word = page_ == kWestern && !is_followed && kind_of(beside.before) != Kind::lower;
    Word word;
    if (may_end_word) word = word_before(group, i);
    beside.word = word.view();
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

  // The replacement is what has been appended to replacements_ since the last repair.
  void add(size_t begin, size_t end, Verdict verdict, Script script) {
    if (verdict == Verdict::strong) {
      any_strong_ = true;
      strong_scripts_ |= 1u << static_cast<int>(script);
    }
    repairs_.push_back({begin, end, repairs_.empty() ? 0 : repairs_.back().text_end, replacements_.size(), verdict, script});
  }

  static constexpr int kDeepest = 4;

  struct Depth {
    std::vector<Char> chars;
    std::vector<Candidate> candidates;
  };

  std::string_view text_;
  CodePage page_ = kWestern;
  size_t run_end_ = 0, group_begin_ = 0;
  std::vector<Char> run_;
  std::vector<Candidate> group_;
  Depth depths_[kDeepest + 1];
  std::vector<Repair> repairs_;
  std::string replacements_;
  bool any_strong_ = false, has_other_letters_ = false;
  uint32_t strong_scripts_ = 0;
};

bool has_candidate(std::string_view line) {
  return has(scan_for_work(line), kMojibake);
}

// The characters 80 to 9F are nobody's: Windows-1252 was read as latin-1.
template <class Change>
void for_each_control(std::string_view line, const Change& change) {
  for (size_t at = line.find('\xC2'); at != std::string_view::npos; at = line.find('\xC2', at + 1)) {
    const auto byte = static_cast<uint8_t>(line[at + 1]);
    const char32_t meant = byte < 0xA0 ? windows_1252(byte) : 0;
    if (meant == 0) continue;
    char letter[4];
    change(at, at + 2, std::string_view(letter, static_cast<size_t>(utf8::encode(meant, letter))));
  }
}

// The repairs of one reading of the line: of the western pages, else of the page in which most is misread, else of lone controls.
template <class Change>
void read_once(Repairer& repairer, std::string_view line, size_t& doubtful, const Change& change) {
  doubtful = 0;
  if (repairer.read(line, kWestern) > 0) return repairer.for_each_repair(change);
  doubtful = repairer.doubtful();
  size_t most = 0;
  int best = kWestern;
  for (int page = kWestern + 1; page < kCodePages; ++page) {
    const size_t repaired = repairer.read(line, static_cast<CodePage>(page));
    if (repaired <= most) continue;
    most = repaired;
    best = page;
  }
  if (most == 0) return for_each_control(line, change);
  repairer.read(line, static_cast<CodePage>(best));
  repairer.for_each_repair(change);
}

// One line of a text. Serves many, to keep its buffers.
class LineRepair {
 public:
  // Until nothing changes: a repaired neighbour can settle what was doubtful before. More rounds than this take hostile text.
  void repair(std::string_view text, size_t begin, size_t end, Rewrite& rewrite, size_t& all_doubtful) {
    constexpr int kMostRounds = 8;
    const std::string_view line = text.substr(begin, end - begin);
    if (!has_candidate(line)) return;
    edits_.clear();
    once_.clear();
    size_t doubtful = 0, done = 0;
    read_once(repairer_, line, doubtful, [&](size_t first, size_t last, std::string_view with) {
      once_.append(line, done, first - done);
      edits_.push_back({first, last, once_.size(), once_.size() + with.size()});
      once_ += with;
      done = last;
    });
    once_.append(line, done);
    for (int round = 1; !edits_.empty() && round < kMostRounds && has_candidate(once_); ++round) {
      Tally step{0, &step_, 0};
      Rewrite again(once_, again_, step);
      read_once(repairer_, once_, doubtful,
                [&again](size_t first, size_t last, std::string_view with) { again.replace(first, last, with); });
      if (!again.finish()) break;
      once_.swap(again_);
      edits_ = compose(edits_, step_);
    }
    all_doubtful += doubtful;
    for (const Edit& edit : edits_) {
      rewrite.replace(begin + edit.begin, begin + edit.end, std::string_view(once_).substr(edit.new_begin, edit.new_end - edit.new_begin));
    }
  }

 private:
  Repairer repairer_;
  Edits edits_, step_;
  std::string once_, again_;
};

}  // namespace

bool is_lone_mojibake(std::string_view text, size_t at, char32_t code) {
  if (code >= 0x80 && code < 0xA0) return windows_1252(static_cast<uint8_t>(code)) != 0;
  return code == 0xC3 && at > 0 && at + 2 < text.size() && text[at + 2] == ' ' && text[at - 1] >= 'a' && text[at - 1] <= 'z';
}

bool repair_mojibake(std::string_view text, std::string& out, Tally& tally) {
  static thread_local LineRepair line_repair;  // for its buffers
  Rewrite rewrite(text, out, tally);
  for (size_t begin = 0; begin < text.size();) {
    const size_t end = std::min(text.find('\n', begin), text.size());
    line_repair.repair(text, begin, end, rewrite, tally.doubtful);
    begin = end + 1;
  }
  return rewrite.finish();
}

}  // namespace ayar
