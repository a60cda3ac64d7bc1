#include "text/compiled_image.hpp"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <system_error>

namespace ayar::text {
namespace {

constexpr uint64_t kMagic = 0x314B4F5452415941;  // "AYARTOK1"
constexpr uint64_t kFormat = 6;                  // raised whenever an array, a hash or a setting changes its meaning
constexpr size_t kSections = static_cast<size_t>(Section::count);
constexpr size_t kAlignment = 64;

struct Header {
  uint64_t magic, format, size;
  Digest source;
  uint64_t checksum;  // of all that follows the header
};

uint64_t mixed(uint64_t a, uint64_t b) {
  const auto product = static_cast<unsigned __int128>(a) * b;
  return static_cast<uint64_t>(product) ^ static_cast<uint64_t>(product >> 64);
}

}  // namespace

Digest digest_of(std::string_view bytes) {
  constexpr uint64_t kKeys[4] = {0x9E3779B97F4A7C15, 0xD6E8FEB86659FD93, 0xA0761D6478BD642F, 0xE7037ED1A0B428DB};
  uint64_t lanes[4] = {bytes.size(), 1, 2, 3};
  const char* p = bytes.data();
  size_t left = bytes.size();
  const auto word = [](const char* at) {
    uint64_t value;
    std::memcpy(&value, at, 8);
    return value;
  };
  for (; left >= 64; left -= 64, p += 64) {
    for (int lane = 0; lane < 4; ++lane) lanes[lane] = mixed(lanes[lane] ^ word(p + 16 * lane), kKeys[lane] ^ word(p + 16 * lane + 8));
  }
  char tail[64] = {};
  if (left > 0) std::memcpy(tail, p, left);
  for (int lane = 0; lane < 4; ++lane) lanes[lane] = mixed(lanes[lane] ^ word(tail + 16 * lane), kKeys[lane] ^ word(tail + 16 * lane + 8));
  return {mixed(lanes[0] ^ kKeys[2], lanes[1] ^ kKeys[3]) ^ mixed(lanes[2] ^ kKeys[0], lanes[3] ^ kKeys[1]),
          mixed(lanes[0] ^ kKeys[1], lanes[2] ^ kKeys[0]) ^ mixed(lanes[1] ^ kKeys[3], lanes[3] ^ kKeys[2])};
}

const CompiledImage::Range* CompiledImage::table() const {
  return reinterpret_cast<const Range*>(data_ + sizeof(Header));
}

void CompiledImage::check(const Digest* source) const {
  const size_t first = sizeof(Header) + kSections * sizeof(Range);
  if (size_ < first) throw DamagedImage("it is cut off");
  Header header;
  std::memcpy(&header, data_, sizeof header);
  if (header.magic != kMagic || header.format != kFormat) throw DamagedImage("it was written by another version");
  if (header.size != size_) throw DamagedImage("it is cut off");
  if (source != nullptr && header.source != *source) throw DamagedImage("it was made from another tokenizer.json");
  if (digest_of(bytes().substr(sizeof(Header)))[0] != header.checksum) throw DamagedImage("its checksum is wrong");
  for (size_t i = 0; i < kSections; ++i) {
    const auto [offset, length] = table()[i];
    if (offset % kAlignment != 0 || offset < first || offset > size_ || length > size_ - offset)
      throw DamagedImage("an array lies outside");
  }
}

Digest CompiledImage::source() const {
  Header header;
  std::memcpy(&header, data_, sizeof header);
  return header.source;
}

std::shared_ptr<const CompiledImage> CompiledImage::map(const std::string& path, const Digest& source) {
  const int file = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (file < 0) throw std::system_error(errno, std::generic_category(), path);
  struct stat status = {};
  const bool known = fstat(file, &status) == 0 && status.st_size > 0;
  const auto size = static_cast<size_t>(status.st_size);
  void* const memory = known ? mmap(nullptr, size, PROT_READ, MAP_PRIVATE | MAP_POPULATE, file, 0) : MAP_FAILED;
  close(file);
  if (memory == MAP_FAILED) throw DamagedImage("it is empty or cannot be mapped");
  std::shared_ptr<CompiledImage> image(new CompiledImage);
  image->data_ = static_cast<const uint8_t*>(memory);
  image->size_ = size;
  image->mapped_ = true;
  image->check(&source);
  return image;
}

std::shared_ptr<const CompiledImage> CompiledImage::own(std::vector<uint64_t> words) {
  std::shared_ptr<CompiledImage> image(new CompiledImage);
  image->owned_ = std::move(words);
  image->data_ = reinterpret_cast<const uint8_t*>(image->owned_.data());
  image->size_ = image->owned_.size() * sizeof(uint64_t);
  image->check(nullptr);
  return image;
}

CompiledImage::~CompiledImage() {
  if (mapped_) munmap(const_cast<uint8_t*>(data_), size_);
}

void ImageBuilder::add_bytes(Section section, std::string_view bytes) {
  sections_.emplace_back(section, bytes);
}

void ImageBuilder::add_all_but(Section left_out, const CompiledImage& image) {
  for (size_t i = 0; i < kSections; ++i) {
    const auto section = static_cast<Section>(i);
    if (section != left_out) add_bytes(section, image.text(section));
  }
}

std::vector<uint64_t> ImageBuilder::finish(const Digest& source) {
  size_t size = (sizeof(Header) + kSections * sizeof(CompiledImage::Range) + kAlignment - 1) / kAlignment * kAlignment;
  std::vector<CompiledImage::Range> table(kSections, {size, 0});
  for (const auto& [section, bytes] : sections_) {
    table[static_cast<size_t>(section)] = {size, bytes.size()};
    size += (bytes.size() + kAlignment - 1) / kAlignment * kAlignment;
  }
  std::vector<uint64_t> words(size / sizeof(uint64_t));
  auto* const data = reinterpret_cast<char*>(words.data());
  std::memcpy(data + sizeof(Header), table.data(), kSections * sizeof(CompiledImage::Range));
  for (const auto& [section, bytes] : sections_) {
    std::copy(bytes.begin(), bytes.end(), data + table[static_cast<size_t>(section)].offset);
  }
  Header header{kMagic, kFormat, size, source, 0};
  header.checksum = digest_of({data + sizeof(Header), size - sizeof(Header)})[0];
  std::memcpy(data, &header, sizeof header);
  return words;
}

}  // namespace ayar::text
