#include "core/scratch.hpp"
#include "core/thread_pool.hpp"
#include "cpu/attention.hpp"
#include "cpu/attention_shape.hpp"

// A stretch is up to kMostBlocks blocks of a sequence. A task takes one stretch of keys, one stretch of queries and one kv head, so that
// keys, values and their gradients stay in the cache while the queries of the group's heads pass by. Tasks run in waves: in wave w,
// stretch s of the keys meets stretch s + w of the queries. No two tasks of a wave write the same rows, and each row's sum grows wave by
// wave.

namespace ayar::cpu::AYAR_ISA {
namespace {

constexpr int64_t kMostBlocks = 8;

struct Work {
  int64_t keys, keys_end;        // block indices
  int64_t queries, queries_end;  // block indices
  bool first, last_of_keys, last_of_queries;
};

AYAR_INLINE float dot(const float* a, const float* b, int64_t count) {
  float sum = 0;
#pragma omp simd reduction(+ : sum)
  for (int64_t i = 0; i < count; ++i) sum += a[i] * b[i];
  return sum;
}
AYAR_INLINE float dot(const bfloat16* a, const bfloat16* b, int64_t count) {
  float sum = 0;
#pragma omp simd reduction(+ : sum)
  for (int64_t i = 0; i < count; ++i) sum += load(a + i) * load(b + i);
  return sum;
}

AYAR_INLINE Floats lane_numbers() {
  Floats number{};
  for (int i = 0; i < kLanes; ++i) number[i] = static_cast<float>(i);
  return number;
}

template <class T>
class Backward {
  using Product = typename ProductOf<T>::type;
  using Element = typename Product::Element;
  static constexpr int kDepth = Product::kDepth;

 public:
  Backward(const AttentionShape& shape, View dy, View qkv, View y, View logsumexp, View cu_seqlens, float scale, View dqkv)
      : shape_(shape),
        scale_(scale),
        dy_(dy.row<T>(0)),
        qkv_(qkv.row<T>(0)),
        y_(y.row<T>(0)),
        logsumexp_(logsumexp.row<float>(0)),
        dqkv_(dqkv.row<T>(0)),
        dim_(shape.padded_dim),
        steps_((shape.head_dim + kDepth - 1) / kDepth),
        num_blocks_(count_blocks(cu_seqlens)),
        stretch_(dim_ <= kBlock ? kMostBlocks : (kMostBlocks * kBlock / dim_ > 1 ? kMostBlocks * kBlock / dim_ : 1)) {
    const int64_t table_bytes = round_up(num_blocks_ * static_cast<int64_t>(sizeof(Block)), 64);
    const int64_t works_bytes = round_up(num_blocks_ * static_cast<int64_t>(sizeof(Work)), 64);
    const bool has_waves = longest(cu_seqlens) > stretch_ * kBlock;
    const int64_t partial = has_waves ? shape.tokens * shape.token_stride : 0;
    auto* memory = scratch<char>(Scratch::call, table_bytes + works_bytes + partial * static_cast<int64_t>(sizeof(float)));
    blocks_ = reinterpret_cast<Block*>(memory);
    works_ = reinterpret_cast<Work*>(memory + table_bytes);
    partial_ = reinterpret_cast<float*>(memory + table_bytes + works_bytes);
    list_blocks(cu_seqlens, blocks_);
  }

  void run() const {
    for (int64_t wave = 0;; ++wave) {
      const int64_t works = list_works(wave);
      if (works == 0) return;
      parallel_tasks(works * shape_.num_kv_heads,
                     [&](int64_t task, int) { process(works_[task / shape_.num_kv_heads], task % shape_.num_kv_heads); });
    }
  }

 private:
  static int64_t longest(View cu_seqlens) {
    const int32_t* bounds = cu_seqlens.data<int32_t>();
    int64_t most = 0;
    for (int64_t s = 0; s + 1 < cu_seqlens.size(); ++s) most = bounds[s + 1] - bounds[s] > most ? bounds[s + 1] - bounds[s] : most;
    return most;
  }

  int64_t list_works(int64_t wave) const {
    int64_t count = 0;
    for (int64_t first = 0; first < num_blocks_; first = blocks_[first].end) {
      const int64_t end = blocks_[first].end;
      for (int64_t keys = first, queries = first + wave * stretch_; queries < end; keys += stretch_, queries += stretch_) {
        const int64_t keys_end = keys + stretch_ < end ? keys + stretch_ : end;
        const int64_t queries_end = queries + stretch_ < end ? queries + stretch_ : end;
        works_[count++] = {keys, keys_end, queries, queries_end, wave == 0, queries_end == end, keys == first};
      }
    }
    return count;
  }

  struct Memory {
    Element *key, *value, *key_turned;               // of each block of the stretch: [kBlock, dim], [kBlock, dim], [dim, kBlock]
    Element *query, *query_turned, *dy, *dy_turned;  // of one block of one head, rows interleaved or turned over
    Element* plain;                                  // [kBlock, dim], on the way to one of the others
    Element* ds;                                     // [kBlock keys, kBlock queries], rows interleaved
    float *dkey, *dvalue;                            // of each block of the stretch: [kBlock, dim]
    float *dquery_turned, *dquery;                   // of the block of queries: [dim, kBlock], [kBlock, dim]
    float *logsumexp, *delta;                        // [kBlock]; the first times log2(e)
  };

  Memory take_memory() const {
    const int64_t block = kBlock * dim_, stretch = stretch_ * block;
    const int64_t elements = 3 * stretch + 5 * block + kBlock * kBlock, floats = 2 * stretch + 2 * block + 2 * kBlock;
    auto* bytes =
        scratch<char>(Scratch::task, elements * static_cast<int64_t>(sizeof(Element)) + floats * static_cast<int64_t>(sizeof(float)));
    auto* element = reinterpret_cast<Element*>(bytes);
    auto* number = reinterpret_cast<float*>(element + elements);
    Memory memory;
    memory.key = element;
    memory.value = memory.key + stretch;
    memory.key_turned = memory.value + stretch;
    memory.query = memory.key_turned + stretch;
    memory.query_turned = memory.query + block;
    memory.dy = memory.query_turned + block;
    memory.dy_turned = memory.dy + block;
    memory.plain = memory.dy_turned + block;
    memory.ds = memory.plain + block;
    memory.dkey = number;
    memory.dvalue = memory.dkey + stretch;
    memory.dquery_turned = memory.dvalue + stretch;
    memory.dquery = memory.dquery_turned + block;
    memory.logsumexp = memory.dquery + block;
    memory.delta = memory.logsumexp + kBlock;
    return memory;
  }

  void process(const Work& work, int64_t kv_head) const {
    const Memory memory = take_memory();
    const int64_t key_at = (shape_.num_heads + kv_head) * shape_.head_dim, value_at = key_at + shape_.num_kv_heads * shape_.head_dim;
    for (int64_t j = work.keys; j < work.keys_end; ++j) {
      const int64_t at = (j - work.keys) * kBlock * dim_, rows = blocks_[j].rows, token = blocks_[j].token * shape_.token_stride;
      copy_block(qkv_ + token + key_at, shape_.token_stride, rows, shape_.head_dim, memory.key + at, dim_);
      copy_block(qkv_ + token + value_at, shape_.token_stride, rows, shape_.head_dim, memory.value + at, dim_);
      const Element* pairs = interleaved(memory.key + at, rows, dim_, memory.plain);
      turn_words(pairs, filled_rows(rows) / kDepth, dim_, dim_, memory.key_turned + at, kBlock / kDepth);
      start_rows(work.first, blocks_[j], key_at, memory.dkey + at);
      start_rows(work.first, blocks_[j], value_at, memory.dvalue + at);
    }
    for (int64_t head = kv_head * shape_.group; head < (kv_head + 1) * shape_.group; ++head) {
      for (int64_t i = work.queries; i < work.queries_end; ++i) {
        load_queries(blocks_[i], head, memory);
        for (int64_t j = work.keys; j < work.keys_end && j <= i; ++j) meet(memory, blocks_[i], blocks_[j], j - work.keys, i == j);
        turn_words(memory.dquery_turned, dim_, filled_rows(blocks_[i].rows), kBlock, memory.dquery, dim_);
        finish_rows(!work.first, work.last_of_queries, blocks_[i], head * shape_.head_dim, memory.dquery, scale_);
      }
    }
    for (int64_t j = work.keys; j < work.keys_end; ++j) {
      const int64_t at = (j - work.keys) * kBlock * dim_;
      finish_rows(false, work.last_of_keys, blocks_[j], key_at, memory.dkey + at, scale_);
      finish_rows(false, work.last_of_keys, blocks_[j], value_at, memory.dvalue + at, 1.0F);
    }
  }

  void start_rows(bool first, const Block& b, int64_t at, float* sum) const {
    if (first) {
      __builtin_memset(sum, 0, sizeof(float) * kBlock * dim_);
    } else {
      copy_block(partial_ + b.token * shape_.token_stride + at, shape_.token_stride, b.rows, shape_.head_dim, sum, dim_);
    }
  }

  // The rows of this task: with what earlier waves left, if `add`; to the gradient, or to the waves to come.
  void finish_rows(bool add, bool last, const Block& b, int64_t at, float* sum, float scale) const {
    for (int64_t r = 0; r < b.rows; ++r) {
      const int64_t to = (b.token + r) * shape_.token_stride + at;
      float* row = sum + r * dim_;
      if (add) {
        for (int64_t c = 0; c < shape_.head_dim; ++c) row[c] += partial_[to + c];
      }
      if (last) {
        scale_row(row, scale, shape_.head_dim, dqkv_ + to);
      } else {
        convert_row(row, shape_.head_dim, partial_ + to);
      }
    }
  }

  // Rows as the right side of a product over tokens.
  static AYAR_INLINE const Element* interleaved(const Element* plain, int64_t rows, int64_t dim, Element* to) {
    if constexpr (kDepth == 1) {
      return plain;
    } else {
      interleave_block(plain, rows, dim, to);
      return to;
    }
  }

  void load_block(const T* from, int64_t stride, int64_t rows, const Memory& memory, Element* interleaved_rows, Element* turned) const {
    Element* plain = kDepth == 1 ? interleaved_rows : memory.plain;
    copy_block(from, stride, rows, shape_.head_dim, plain, dim_);
    interleaved(plain, rows, dim_, interleaved_rows);
    turn_words(plain, filled_rows(rows), dim_ / kDepth, dim_ / kDepth, turned, kBlock);
  }

  void load_queries(const Block& b, int64_t head, const Memory& memory) const {
    const int64_t y_stride = shape_.num_heads * shape_.head_dim;
    const T* query = qkv_ + b.token * shape_.token_stride + head * shape_.head_dim;
    const T* dy = dy_ + b.token * y_stride + head * shape_.head_dim;
    const T* y = y_ + b.token * y_stride + head * shape_.head_dim;
    load_block(query, shape_.token_stride, b.rows, memory, memory.query, memory.query_turned);
    load_block(dy, y_stride, b.rows, memory, memory.dy, memory.dy_turned);
    for (int64_t r = 0; r < kBlock; ++r) {
      const bool is_row = r < b.rows;
      memory.logsumexp[r] = is_row ? logsumexp_[(b.token + r) * shape_.num_heads + head] * kLog2E : __builtin_inff();  // p = 0
      memory.delta[r] = is_row ? dot(dy + r * y_stride, y + r * y_stride, shape_.head_dim) : 0.0F;
    }
    __builtin_memset(memory.dquery_turned, 0, sizeof(float) * kBlock * dim_);
  }

  // One block of queries meets one block of keys: adds to dvalue, dkey and dquery.
  void meet(const Memory& memory, const Block& queries, const Block& keys, int64_t stretch_block, bool diagonal) const {
    const int64_t at = stretch_block * kBlock * dim_;
    const int64_t vectors = (queries.rows + kLanes - 1) / kLanes;
    for (int64_t r = 0; r < keys.rows; r += kTileRows) {
      const int64_t begin = diagonal ? r / kLanes : 0;  // earlier queries do not see these keys
      alignas(64) Element p[kTileRows][kBlock];
      alignas(64) Element ds_rows[kDepth == 1 ? 1 : kTileRows][kBlock];
      const Element* ds = kDepth == 1 ? memory.ds + r * kBlock : &ds_rows[0][0];
      for (int m = 0; m < kTileRows; m += kDepth)
        __builtin_memset(memory.ds + (r + m) * kBlock, 0, sizeof(Element) * begin * kLanes * kDepth);
      each_column_tile(begin, vectors, [&]<int kVectors>(int64_t v) __attribute__((always_inline)) {
        Floats tile_p[kTileRows][kVectors] = {}, tile_ds[kTileRows][kVectors] = {};
        multiply_tile<Product>(memory.key + at + r * dim_, dim_, memory.query_turned + v * kLanes * kDepth, kBlock, steps_, tile_p);
        probabilities(memory, v, r, keys.rows, diagonal, tile_p);
        multiply_tile<Product>(memory.value + at + r * dim_, dim_, memory.dy_turned + v * kLanes * kDepth, kBlock, steps_, tile_ds);
        for (int i = 0; i < kVectors; ++i) {
          const Floats delta = load_vector(memory.delta + (v + i) * kLanes);
          for (int m = 0; m < kTileRows; ++m) {
            tile_ds[m][i] = tile_p[m][i] * (tile_ds[m][i] - delta);
            Product::round_row(tile_p[m][i], &p[m][(v + i) * kLanes]);
          }
          for (int m = 0; m < kTileRows; m += kDepth) {
            Element* to = memory.ds + (r + m) * kBlock + (v + i) * kLanes * kDepth;
            if constexpr (kDepth == 1) {
              Product::round_row(tile_ds[m][i], to);
            } else {
              Product::round_row(tile_ds[m][i], &ds_rows[m][(v + i) * kLanes]);
              Product::round_row(tile_ds[m + 1][i], &ds_rows[m + 1][(v + i) * kLanes]);
              Product::round_pair(tile_ds[m][i], tile_ds[m + 1][i], to);
            }
          }
        }
      });
      const int64_t from = begin * kLanes, steps = (vectors * kLanes - from) / kDepth;
      add_product<Product>(&p[0][from], kBlock, memory.dy + from * dim_, dim_, steps, dim_ / kLanes, memory.dvalue + at + r * dim_, dim_);
      add_product<Product>(ds + from, kBlock, memory.query + from * dim_, dim_, steps, dim_ / kLanes, memory.dkey + at + r * dim_, dim_);
    }
    const int64_t key_steps = (keys.rows + kDepth - 1) / kDepth;
    for (int64_t d = 0; d < shape_.head_dim; d += kTileRows) {
      add_product<Product>(memory.key_turned + at + d * kBlock, kBlock, memory.ds, kBlock, key_steps, vectors,
                           memory.dquery_turned + d * kBlock, kBlock);
    }
  }

  // Scores of a tile (rows are keys, columns are queries) become probabilities; 0 where the query is earlier, or the key is padding.
  template <int kVectors>
  AYAR_INLINE void probabilities(const Memory& memory, int64_t v, int64_t r, int64_t keys, bool diagonal,
                                 Floats (&tile)[kTileRows][kVectors]) const {
    const float to_log2 = scale_ * kLog2E;
#pragma GCC unroll 8
    for (int i = 0; i < kVectors; ++i) {
      const Floats logsumexp = load_vector(memory.logsumexp + (v + i) * kLanes);
#pragma GCC unroll 8
      for (int m = 0; m < kTileRows; ++m) tile[m][i] = exp2_of_softmax(tile[m][i] * to_log2 - logsumexp);
    }
    if (!diagonal && r + kTileRows <= keys) return;
    for (int i = 0; i < kVectors; ++i) {
      const Floats query = lane_numbers() + static_cast<float>((v + i) * kLanes);
      for (int m = 0; m < kTileRows; ++m) {
        const float earliest = r + m >= keys ? static_cast<float>(kBlock) : (diagonal ? static_cast<float>(r + m) : 0.0F);
        tile[m][i] = query < earliest ? Floats{} : tile[m][i];
      }
    }
  }

  AttentionShape shape_;
  float scale_;
  const T *dy_, *qkv_, *y_;
  const float* logsumexp_;
  T* dqkv_;
  int64_t dim_, steps_;  // padded head_dim; products along head_dim
  int64_t num_blocks_;
  int64_t stretch_;  // blocks of a stretch
  Block* blocks_;
  Work* works_;
  float* partial_;  // like dqkv, fp32, between waves
};

}  // namespace

void attention_backward(View dy, View qkv, View y, View logsumexp, View cu_seqlens, int64_t num_heads, int64_t num_kv_heads, float scale,
                        View dqkv) {
  const AttentionShape shape = attention_shape(qkv, cu_seqlens, num_heads, num_kv_heads, scale, y, logsumexp);
  AYAR_REQUIRE(dy.size() == y.size() && dy.is_contiguous() && dy.dtype() == qkv.dtype());
  AYAR_REQUIRE(dqkv.size() == qkv.size() && dqkv.is_contiguous() && dqkv.dtype() == qkv.dtype());
  with_dtype(qkv.dtype(), [&]<class T>(T) { Backward<T>(shape, dy, qkv, y, logsumexp, cu_seqlens, scale, dqkv).run(); });
}

}  // namespace ayar::cpu::AYAR_ISA
