#include "core/scratch.hpp"
#include "core/thread_pool.hpp"
#include "cpu/attention.hpp"
#include "cpu/attention_shape.hpp"

namespace ayar::cpu::AYAR_ISA {
namespace {

template <class T>
class Forward {
  using Product = typename ProductOf<T>::type;
  using Element = typename Product::Element;
  static constexpr int kDepth = Product::kDepth;

 public:
  Forward(const AttentionShape& shape, View qkv, View cu_seqlens, float scale, View y, View logsumexp)
      : shape_(shape),
        scale_(scale),
        qkv_(qkv.row<T>(0)),
        y_(y.row<T>(0)),
        logsumexp_(logsumexp.row<float>(0)),
        num_blocks_(count_blocks(cu_seqlens)),
        block_size_(kBlock * shape.padded_dim) {
    const int64_t packed = shape.num_kv_heads * num_blocks_ * block_size_;
    const int64_t table_bytes = round_up(num_blocks_ * static_cast<int64_t>(sizeof(Block)), 64);
    auto* memory = scratch<char>(Scratch::call, table_bytes + 2 * packed * static_cast<int64_t>(sizeof(Element)));
    blocks_ = reinterpret_cast<Block*>(memory);
    keys_ = reinterpret_cast<Element*>(memory + table_bytes);
    values_ = keys_ + packed;
    list_blocks(cu_seqlens, blocks_);
  }

  void run() const {
    parallel_tasks(num_blocks_ * shape_.num_kv_heads, [&](int64_t task, int) { pack(task % num_blocks_, task / num_blocks_); });
    parallel_tasks(num_blocks_ * shape_.num_heads, [&](int64_t task, int) {
      attend(num_blocks_ - 1 - task / shape_.num_heads, task % shape_.num_heads);  // the last blocks see the most keys: they start first
    });
  }

 private:
  // Keys and values are packed once and read by every query block and every head of the group.
  void pack(int64_t block, int64_t kv_head) const {
    const Block& b = blocks_[block];
    const T* key = qkv_ + b.token * shape_.token_stride + (shape_.num_heads + kv_head) * shape_.head_dim;
    const T* value = key + shape_.num_kv_heads * shape_.head_dim;
    const int64_t at = (kv_head * num_blocks_ + block) * block_size_, dim = shape_.padded_dim;
    auto* rows = scratch<Element>(Scratch::task, block_size_);
    copy_block(key, shape_.token_stride, b.rows, shape_.head_dim, rows, dim);
    turn_words(rows, filled_rows(b.rows), dim / kDepth, dim / kDepth, keys_ + at, kBlock);
    if constexpr (kDepth == 1) {
      copy_block(value, shape_.token_stride, b.rows, shape_.head_dim, values_ + at, dim);
    } else {
      copy_block(value, shape_.token_stride, b.rows, shape_.head_dim, rows, dim);
      interleave_block(rows, b.rows, dim, values_ + at);
    }
  }

  struct Rows {      // what one task holds of its query block
    Element* query;  // [kBlock, padded_dim]
    float* output;   // [kBlock, padded_dim], the sum so far, relative to `highest`
    float* highest;  // [kBlock] the largest score so far, times log2(e)
    float* sum;      // [kBlock] Σ 2^(score − highest)
  };

  void attend(int64_t block, int64_t head) const {
    const Block& b = blocks_[block];
    const int64_t dim = shape_.padded_dim;
    auto* memory = scratch<float>(Scratch::task, 2 * kBlock * dim + 2 * kBlock);
    const Rows rows{reinterpret_cast<Element*>(memory), memory + kBlock * dim, memory + 2 * kBlock * dim,
                    memory + 2 * kBlock * dim + kBlock};
    copy_block(qkv_ + b.token * shape_.token_stride + head * shape_.head_dim, shape_.token_stride, b.rows, shape_.head_dim, rows.query,
               dim);
    __builtin_memset(rows.output, 0, sizeof(float) * kBlock * dim);
    for (int64_t r = 0; r < kBlock; ++r) {
      rows.highest[r] = -__builtin_inff();
      rows.sum[r] = 0;
    }
    for (int64_t other = b.first; other <= block; ++other) {
      const int64_t at = (head / shape_.group * num_blocks_ + other) * block_size_;
      for (int64_t r = 0; r < b.rows; r += kTileRows) {
        // On the diagonal a row sees the keys up to itself; elsewhere all of them.
        const int64_t keys = blocks_[other].rows;
        const int64_t seen = other == block ? r + 1 : keys;
        add_keys(rows, r, seen, other == block, keys, keys_ + at, values_ + at);
      }
    }
    write(b, head, rows);
  }

  // One tile of query rows meets one block of keys; row m of the tile sees `seen` keys, on the diagonal one more for each row.
  AYAR_INLINE void add_keys(const Rows& rows, int64_t r, int64_t seen, bool diagonal, int64_t keys, const Element* key,
                            const Element* value) const {
    const int64_t dim = shape_.padded_dim;
    const int64_t steps = (shape_.head_dim + kDepth - 1) / kDepth;
    const int64_t most = diagonal ? (r + kTileRows < keys ? r + kTileRows : keys) : keys;
    const int64_t vectors = (most + kLanes - 1) / kLanes;
    const float to_log2 = scale_ * kLog2E;
    alignas(64) float score[kTileRows][kBlock];
    alignas(64) Element p[kTileRows][kBlock];
    Floats decay[kTileRows];
    each_column_tile(0, vectors, [&]<int kVectors>(int64_t v) __attribute__((always_inline)) {
      Floats sum[kTileRows][kVectors] = {};
      multiply_tile<Product>(rows.query + r * dim, dim, key + v * kLanes * kDepth, kBlock, steps, sum);
      store_tile(&score[0][v * kLanes], kBlock, sum);
    });
    for (int m = 0; m < kTileRows; ++m) {
      const int64_t visible = diagonal ? (seen + m < keys ? seen + m : keys) : keys;
      for (int64_t k = visible; k < vectors * kLanes; ++k) score[m][k] = -__builtin_inff();
    }
    for (int m = 0; m < kTileRows; ++m) {
      Floats highest = broadcast(-__builtin_inff());
      for (int64_t v = 0; v < vectors; ++v) highest = max(load_vector(&score[m][v * kLanes]), highest);
      const Floats before = broadcast(rows.highest[r + m]);
      highest = max(max_lanes(highest) * to_log2, before);
      Floats sum{};
      for (int64_t v = 0; v < vectors; ++v) {
        const Floats value_of_p = exp2_of_softmax(load_vector(&score[m][v * kLanes]) * to_log2 - highest);
        sum += value_of_p;
        Product::round_row(value_of_p, &p[m][v * kLanes]);
      }
      decay[m] = exp2_of_softmax(before - highest);
      rows.sum[r + m] = rows.sum[r + m] * decay[m][0] + sum_lanes(sum)[0];
      rows.highest[r + m] = highest[0];
    }
    each_column_tile(0, dim / kLanes, [&]<int kVectors>(int64_t v) __attribute__((always_inline)) {
      Floats sum[kTileRows][kVectors];
      float* output = rows.output + r * dim + v * kLanes;
      load_tile(output, dim, sum);
#pragma GCC unroll 8
      for (int m = 0; m < kTileRows; ++m) {
#pragma GCC unroll 8
        for (int i = 0; i < kVectors; ++i) sum[m][i] *= decay[m];
      }
      multiply_tile<Product>(&p[0][0], kBlock, value + v * kLanes * kDepth, dim, (most + kDepth - 1) / kDepth, sum);
      store_tile(output, dim, sum);
    });
  }

  void write(const Block& b, int64_t head, const Rows& rows) const {
    for (int64_t r = 0; r < b.rows; ++r) {
      const int64_t at = (b.token + r) * shape_.num_heads + head;
      const float* output = rows.output + r * shape_.padded_dim;
      const float reciprocal = 1 / rows.sum[r];
      scale_row(output, reciprocal, shape_.head_dim, y_ + at * shape_.head_dim);
      logsumexp_[at] = rows.highest[r] * kLn2 + __builtin_logf(rows.sum[r]);
    }
  }

  AttentionShape shape_;
  float scale_;
  const T* qkv_;
  T* y_;
  float* logsumexp_;
  int64_t num_blocks_, block_size_;
  Block* blocks_;
  Element *keys_, *values_;
};

}  // namespace

void attention_forward(View qkv, View cu_seqlens, int64_t num_heads, int64_t num_kv_heads, float scale, View y, View logsumexp) {
  const AttentionShape shape = attention_shape(qkv, cu_seqlens, num_heads, num_kv_heads, scale, y, logsumexp);
  with_dtype(qkv.dtype(), [&]<class T>(T) { Forward<T>(shape, qkv, cu_seqlens, scale, y, logsumexp).run(); });
}

}  // namespace ayar::cpu::AYAR_ISA
