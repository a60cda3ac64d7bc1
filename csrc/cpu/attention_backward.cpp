#include <sched.h>

#include "core/scratch.hpp"
#include "core/thread_pool.hpp"
#include "cpu/attention.hpp"
#include "cpu/attention_blocks.hpp"
#include "cpu/attention_columns.hpp"
#include "cpu/attention_schedule.hpp"
#include "cpu/attention_softcap.hpp"

// A task takes one work of the schedule and one kv head.

namespace ayar::cpu::AYAR_ISA {
namespace {

constexpr int64_t kMostBlocks = 8;
constexpr int kSpins = 2000;  // then let others run: the thread that is waited for may have lost its core

template <class T>
AYAR_INLINE float dot(const T* a, const T* b, int64_t count) {
  Floats sum[2] = {};
  int64_t i = 0;
  for (; i + 2 * kLanes <= count; i += 2 * kLanes) {
    Floats x[2], y[2];
    load_two(a + i, x);
    load_two(b + i, y);
    sum[0] += x[0] * y[0];
    sum[1] += x[1] * y[1];
  }
  float total = sum_lanes(sum[0] + sum[1])[0];
  for (; i < count; ++i) total += load(a + i) * load(b + i);
  return total;
}

template <class T>
class Backward {
  using Product = typename ProductOf<T>::type;
  using Element = typename Product::Element;
  static constexpr int kDepth = Product::kDepth;

 public:
  Backward(const AttentionShape& shape, View dy, View qkv, View y, View logsumexp, View cu_seqlens, View parents, View dqkv)
      : shape_(shape),
        dy_(dy.row<T>(0)),
        qkv_(qkv.row<T>(0)),
        y_(y.row<T>(0)),
        logsumexp_(logsumexp.row<float>(0)),
        dqkv_(dqkv.row<T>(0)),
        dim_(shape.padded_dim),
        steps_((shape.head_dim + kDepth - 1) / kDepth),
        stretch_(dim_ <= kBlock ? kMostBlocks : (kMostBlocks * kBlock / dim_ > 1 ? kMostBlocks * kBlock / dim_ : 1)) {
    tree_ = make_tree(cu_seqlens, parents, shape.window, scratch<char>(Scratch::call, Tree::bytes(cu_seqlens)));
    const ScheduleCounts counts = count_schedule(tree_, stretch_);
    const int64_t schedule_bytes = round_up(counts.bytes(), 64);
    const int64_t flag_bytes = round_up(counts.works * shape.num_kv_heads * static_cast<int64_t>(sizeof(uint32_t)), 64);
    const int64_t position_bytes = shape.window > 0 ? positions_size(shape.tokens) : 0;
    auto* memory = scratch<char>(Scratch::schedule, schedule_bytes + flag_bytes + position_bytes);
    schedule_ = make_schedule(tree_, stretch_, counts, memory);
    is_done_ = reinterpret_cast<uint32_t*>(memory + schedule_bytes);
    __builtin_memset(is_done_, 0, flag_bytes);
    if (shape.window > 0) {
      positions_ = reinterpret_cast<float*>(memory + schedule_bytes + flag_bytes);
      list_positions(tree_, shape.tokens, positions_);
    }
    if (schedule_.has_partial_sums) partial_ = scratch<float>(Scratch::partial_gradients, shape.tokens * shape.token_stride);
  }

  void run() const {
    parallel_tasks(schedule_.num_works * shape_.num_kv_heads, [&](int64_t task, int) {
      const Work& work = schedule_.works[task / shape_.num_kv_heads];
      const int64_t kv_head = task % shape_.num_kv_heads;
      wait_for(work.before_keys, kv_head);  // tasks are taken in order: what is waited for has been taken
      wait_for(work.before_queries, kv_head);
      const Stretch &keys = schedule_.keys[work.keys], &queries = schedule_.queries[work.queries];
      shape_.softcap > 0 ? process<true>(keys, work.keys, queries, work.queries, kv_head)
                         : process<false>(keys, work.keys, queries, work.queries, kv_head);
      __atomic_store_n(&is_done_[task], 1, __ATOMIC_RELEASE);
    });
  }

 private:
  void wait_for(int64_t work, int64_t kv_head) const {
    if (work < 0) return;
    const uint32_t* flag = &is_done_[work * shape_.num_kv_heads + kv_head];
    for (int spin = 0; __atomic_load_n(flag, __ATOMIC_ACQUIRE) == 0; ++spin) {
      if (spin >= kSpins) sched_yield();
    }
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

  template <bool kIsCapped>
  void process(const Stretch& keys, int64_t keys_at, const Stretch& queries, int64_t queries_at, int64_t kv_head) const {
    const Memory memory = take_memory();
    const bool is_first = queries_at == keys.first, is_last = queries_at == keys.last;
    const int64_t key_at = (shape_.num_heads + kv_head) * shape_.head_dim, value_at = key_at + shape_.num_kv_heads * shape_.head_dim;
    for (int64_t j = keys.begin; j < keys.end; ++j) {
      const KeyBlock& b = tree_.blocks[j];
      const int64_t at = (j - keys.begin) * kBlock * dim_, token = b.token * shape_.token_stride;
      copy_block(qkv_ + token + key_at, shape_.token_stride, b.rows, shape_.head_dim, memory.key + at, dim_);
      copy_block(qkv_ + token + value_at, shape_.token_stride, b.rows, shape_.head_dim, memory.value + at, dim_);
      const Element* pairs = interleaved(memory.key + at, b.rows, dim_, memory.plain);
      turn_words(pairs, filled_rows(b.rows) / kDepth, dim_, dim_, memory.key_turned + at, kBlock / kDepth);
      start_rows(is_first, b, key_at, memory.dkey + at);
      start_rows(is_first, b, value_at, memory.dvalue + at);
    }
    for (int64_t head = kv_head * shape_.group; head < (kv_head + 1) * shape_.group; ++head) {
      for (int64_t i = queries.begin; i < queries.end; ++i) {
        const QueryTile& tile = schedule_.tiles[i];
        if (tile.end <= keys.token || tile.token >= keys.reach) continue;
        load_queries(tile, head, memory);
        for (int64_t j = keys.begin; j < keys.end; ++j) meet<kIsCapped>(memory, tile, tree_.blocks[j], j - keys.begin);
        turn_words(memory.dquery_turned, dim_, filled_rows(tile.end - tile.token), kBlock, memory.dquery, dim_);
        finish_rows(tile.first != keys_at, tile.last == keys_at, tile.token, tile.end, head * shape_.head_dim, memory.dquery, shape_.scale);
      }
    }
    for (int64_t j = keys.begin; j < keys.end; ++j) {
      const KeyBlock& b = tree_.blocks[j];
      const int64_t at = (j - keys.begin) * kBlock * dim_;
      finish_rows(false, is_last, b.token, b.token + b.rows, key_at, memory.dkey + at, shape_.scale);
      finish_rows(false, is_last, b.token, b.token + b.rows, value_at, memory.dvalue + at, 1.0F);
    }
  }

  void start_rows(bool first, const KeyBlock& b, int64_t at, float* sum) const {
    if (first) {
      clear_registers(sum, filled_rows(b.rows) * dim_);
    } else {
      copy_block(partial_ + b.token * shape_.token_stride + at, shape_.token_stride, b.rows, shape_.head_dim, sum, dim_);
    }
  }

  // The rows of this task: with what earlier works left, if `add`; to the gradient, or to the works to come.
  void finish_rows(bool add, bool last, int64_t token, int64_t end, int64_t at, float* sum, float scale) const {
    for (; token < end; ++token, sum += dim_) {
      const int64_t to = token * shape_.token_stride + at;
      if (add) {
        for (int64_t c = 0; c < shape_.head_dim; ++c) sum[c] += partial_[to + c];
      }
      if (last) {
        scale_row(sum, scale, shape_.head_dim, dqkv_ + to);
      } else {
        convert_row(sum, shape_.head_dim, partial_ + to);
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

  void load_queries(const QueryTile& tile, int64_t head, const Memory& memory) const {
    const int64_t y_stride = shape_.num_heads * shape_.head_dim, rows = tile.end - tile.token;
    const T* query = qkv_ + tile.token * shape_.token_stride + head * shape_.head_dim;
    const T* dy = dy_ + tile.token * y_stride + head * shape_.head_dim;
    const T* y = y_ + tile.token * y_stride + head * shape_.head_dim;
    load_block(query, shape_.token_stride, rows, memory, memory.query, memory.query_turned);
    load_block(dy, y_stride, rows, memory, memory.dy, memory.dy_turned);
    for (int64_t r = 0; r < kBlock; ++r) {
      const bool is_row = r < rows;
      memory.logsumexp[r] = is_row ? logsumexp_[(tile.token + r) * shape_.num_heads + head] * kLog2E : __builtin_inff();  // p = 0
      memory.delta[r] = is_row ? dot(dy + r * y_stride, y + r * y_stride, shape_.head_dim) : 0.0F;
    }
    clear_registers(memory.dquery_turned, kBlock * dim_);
  }

  // One tile of queries meets one block of keys: adds to dvalue, dkey and dquery.
  template <bool kIsCapped>
  void meet(const Memory& memory, const QueryTile& tile, const KeyBlock& keys, int64_t stretch_block) const {
    const Columns columns = columns_of(tile.token, tile.end, keys, shape_.window, positions_);
    if (columns.is_empty()) return;
    const int64_t at = stretch_block * kBlock * dim_;
    const int64_t begin = columns.first(0), end = columns.last();
    for (int64_t r = 0; r < keys.rows; r += kTileRows) {
      const int64_t from = columns.first(r) < end ? columns.first(r) : end;  // earlier queries do not see these keys
      for (int m = 0; m < kTileRows; m += kDepth) {
        clear_registers(memory.ds + (r + m) * kBlock + begin * kLanes * kDepth, (from - begin) * kLanes * kDepth);
      }
      if (from == end) continue;
      alignas(64) Element p[kTileRows][kBlock];
      alignas(64) Element ds_rows[kDepth == 1 ? 1 : kTileRows][kBlock];
      const Element* ds = kDepth == 1 ? memory.ds + r * kBlock : &ds_rows[0][0];
      each_column_tile(from, end, [&]<int kVectors>(int64_t v) __attribute__((always_inline)) {
        Floats tile_p[kTileRows][kVectors], tile_ds[kTileRows][kVectors];
        alignas(64) Floats slope[kIsCapped ? kTileRows : 1][kVectors];
        clear_tile(tile_p);
        multiply_tile<Product>(memory.key + at + r * dim_, dim_, memory.query_turned + v * kLanes * kDepth, kBlock, steps_, tile_p);
        if constexpr (kIsCapped) cap(tile_p, slope);
        hide_unseen(columns, v, r, tile_p);
        take_exponentials(memory, v, tile_p);
#pragma GCC unroll 8
        for (int i = 0; i < kVectors; ++i) {
          const Floats delta = load_vector(memory.delta + (v + i) * kLanes);
#pragma GCC unroll 8
          for (int m = 0; m < kTileRows; ++m) tile_ds[m][i] = -delta;
        }
        multiply_tile<Product>(memory.value + at + r * dim_, dim_, memory.dy_turned + v * kLanes * kDepth, kBlock, steps_, tile_ds);
#pragma GCC unroll 8
        for (int i = 0; i < kVectors; ++i) {
#pragma GCC unroll 8
          for (int m = 0; m < kTileRows; ++m) {
            tile_ds[m][i] *= tile_p[m][i];
            if constexpr (kIsCapped) tile_ds[m][i] *= slope[m][i];
            Product::round_row(tile_p[m][i], &p[m][(v + i) * kLanes]);
          }
#pragma GCC unroll 8
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
      const int64_t first = from * kLanes, steps = (end - from) * kLanes / kDepth, to = at + r * dim_;
      add_product<Product>(&p[0][first], kBlock, memory.dy + first * dim_, dim_, steps, dim_ / kLanes, memory.dvalue + to, dim_);
      add_product<Product>(ds + first, kBlock, memory.query + first * dim_, dim_, steps, dim_ / kLanes, memory.dkey + to, dim_);
    }
    add_seen_product<Product>(columns, memory.key_turned + at, memory.ds, shape_.head_dim, memory.dquery_turned);
  }

  // Scores become tanh(score / softcap); slope: of the cap there.
  template <int kVectors>
  AYAR_INLINE void cap(Floats (&tile)[kTileRows][kVectors], Floats (&slope)[kTileRows][kVectors]) const {
#pragma GCC unroll 8
    for (int m = 0; m < kTileRows; ++m) {
#pragma GCC unroll 8
      for (int i = 0; i < kVectors; ++i) {
        tile[m][i] = tanh(tile[m][i] * (shape_.scale / shape_.softcap));
        slope[m][i] = 1.0F - tile[m][i] * tile[m][i];
      }
    }
  }

  // Scores become probabilities.
  template <int kVectors>
  AYAR_INLINE void take_exponentials(const Memory& memory, int64_t v, Floats (&tile)[kTileRows][kVectors]) const {
    const float to_log2 = (shape_.softcap > 0 ? shape_.softcap : shape_.scale) * kLog2E;
#pragma GCC unroll 8
    for (int i = 0; i < kVectors; ++i) {
      const Floats logsumexp = load_vector(memory.logsumexp + (v + i) * kLanes);
#pragma GCC unroll 8
      for (int m = 0; m < kTileRows; ++m) tile[m][i] = exp2_of_softmax<T>(tile[m][i] * to_log2 - logsumexp);
    }
  }

  AttentionShape shape_;
  const T *dy_, *qkv_, *y_;
  const float* logsumexp_;
  T* dqkv_;
  int64_t dim_, steps_;  // padded head_dim; products along head_dim
  int64_t stretch_;      // blocks of a stretch
  Tree tree_;
  Schedule schedule_;
  uint32_t* is_done_;  // [works, kv heads]
  float* positions_ = nullptr;
  float* partial_ = nullptr;  // like dqkv, fp32, between works
};

}  // namespace

void attention_backward(View dy, View qkv, View y, View logsumexp, View cu_seqlens, View parents, int64_t num_heads, int64_t num_kv_heads,
                        float scale, int64_t window, float softcap, View dqkv) {
  const AttentionShape shape = attention_shape(qkv, num_heads, num_kv_heads, scale, window, softcap, y, logsumexp);
  check_tree(cu_seqlens, parents, shape.tokens);
  AYAR_REQUIRE(dy.size() == y.size() && dy.is_contiguous() && dy.dtype() == qkv.dtype());
  AYAR_REQUIRE(dqkv.size() == qkv.size() && dqkv.is_contiguous() && dqkv.dtype() == qkv.dtype());
  with_dtype(qkv.dtype(), [&]<class T>(T) { Backward<T>(shape, dy, qkv, y, logsumexp, cu_seqlens, parents, dqkv).run(); });
}

}  // namespace ayar::cpu::AYAR_ISA
