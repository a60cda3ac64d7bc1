#include "core/scratch.hpp"
#include "core/thread_pool.hpp"
#include "cpu/attention.hpp"
#include "cpu/attention_blocks.hpp"
#include "cpu/attention_softcap.hpp"

// A task takes one head and a tile of queries: kGroups groups of up to kTileRows neighbours in one segment. Groups of many short branches
// share a tile, so that the keys of their common beginning are read once for all of them.

namespace ayar::cpu::AYAR_ISA {
namespace {

constexpr int64_t kGroups = kBlock / kTileRows;
constexpr float kLowest = -0x1.fffffep127F;  // finite: a row that sees nothing of a block must not make ∞ − ∞

struct Group {
  int64_t token, rows;
  int64_t segment;
  int64_t position;
};

template <class T>
class Forward {
  using Product = typename ProductOf<T>::type;
  using Element = typename Product::Element;
  static constexpr int kDepth = Product::kDepth;

 public:
  Forward(const AttentionShape& shape, View qkv, View cu_seqlens, View parents, View y, View logsumexp)
      : shape_(shape),
        qkv_(qkv.row<T>(0)),
        y_(y.row<T>(0)),
        logsumexp_(logsumexp.row<float>(0)),
        block_size_(kBlock * shape.padded_dim),
        num_groups_(count_groups(cu_seqlens)) {
    const int64_t packed = shape.num_kv_heads * Tree::count_blocks(cu_seqlens) * block_size_;
    const int64_t tree_bytes = Tree::bytes(cu_seqlens);
    const int64_t group_bytes = round_up(static_cast<int64_t>(sizeof(Group)) * num_groups_, 64);
    auto* memory = scratch<char>(Scratch::call, tree_bytes + group_bytes + 2 * packed * static_cast<int64_t>(sizeof(Element)));
    tree_ = make_tree(cu_seqlens, parents, shape.window, memory);
    groups_ = reinterpret_cast<Group*>(memory + tree_bytes);
    keys_ = reinterpret_cast<Element*>(memory + tree_bytes + group_bytes);
    values_ = keys_ + packed;
    list_groups();
  }

  void run() const {
    const int64_t tiles = (num_groups_ + kGroups - 1) / kGroups;
    parallel_tasks(tree_.num_blocks * shape_.num_kv_heads,
                   [&](int64_t task, int) { pack(task % tree_.num_blocks, task / tree_.num_blocks); });
    const bool is_plain = shape_.window == 0 && shape_.softcap == 0;
    parallel_tasks(tiles * shape_.num_heads, [&](int64_t task, int) {
      const int64_t tile = tiles - 1 - task / shape_.num_heads;  // the last tiles see the most keys: they start first
      is_plain ? attend<true>(tile, task % shape_.num_heads) : attend<false>(tile, task % shape_.num_heads);
    });
  }

 private:
  static int64_t count_groups(View cu_seqlens) {
    const int32_t* bounds = cu_seqlens.data<int32_t>();
    int64_t groups = 0;
    for (int64_t s = 0; s + 1 < cu_seqlens.size(); ++s) groups += (bounds[s + 1] - bounds[s] + kTileRows - 1) / kTileRows;
    return groups;
  }

  void list_groups() {
    Group* next = groups_;
    for (int64_t s = 0; s < tree_.num_segments; ++s) {
      const Segment& segment = tree_.segments[s];
      for (int64_t token = segment.begin; token < segment.end; token += kTileRows) {
        const int64_t left = segment.end - token;
        *next++ = {token, left < kTileRows ? left : kTileRows, s, segment.position + token - segment.begin};
      }
    }
  }

  // Keys and values are packed once and read by every tile and every head of the group.
  void pack(int64_t block, int64_t kv_head) const {
    const KeyBlock& b = tree_.blocks[block];
    const T* key = qkv_ + b.token * shape_.token_stride + (shape_.num_heads + kv_head) * shape_.head_dim;
    const T* value = key + shape_.num_kv_heads * shape_.head_dim;
    const int64_t at = (kv_head * tree_.num_blocks + block) * block_size_, dim = shape_.padded_dim;
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

  struct Rows {      // what one task holds of its tile of queries
    Element* query;  // [kBlock, padded_dim]
    float* output;   // [kBlock, padded_dim], the sum so far, relative to `highest`
    float* highest;  // [kBlock] the largest score so far, times log2(e)
    float* sum;      // [kBlock] Σ 2^(score − highest)
    int32_t* path;   // [depth] segments from the root to the one at hand
  };

  // kIsPlain: neither window nor soft cap.
  template <bool kIsPlain>
  void attend(int64_t tile, int64_t head) const {
    const Group *begin = groups_ + tile * kGroups, *end = groups_ + num_groups_;
    if (end - begin > kGroups) end = begin + kGroups;
    const int64_t dim = shape_.padded_dim;
    auto* memory = scratch<float>(Scratch::task, 2 * kBlock * dim + 2 * kBlock + tree_.depth);
    float* scalars = memory + 2 * kBlock * dim;
    const Rows rows{reinterpret_cast<Element*>(memory), memory + kBlock * dim, scalars, scalars + kBlock,
                    reinterpret_cast<int32_t*>(scalars + 2 * kBlock)};
    load_queries(begin, end, head, rows);
    // In preorder every segment above one of the tile's either lies above the first one too, or is one of the tile's own.
    const int64_t depth = list_path(begin->segment, rows.path);
    for (int64_t d = 0; d < depth; ++d) meet_segment<kIsPlain>(rows.path[d], begin, end, head, rows);
    for (int64_t s = begin->segment + 1; s <= end[-1].segment; ++s) meet_segment<kIsPlain>(s, begin, end, head, rows);
    write(begin, end, head, rows);
  }

  int64_t list_path(int64_t segment, int32_t* path) const {
    const int64_t depth = tree_.segments[segment].depth;
    for (int64_t d = depth - 1, s = segment; d >= 0; --d, s = tree_.segments[s].parent) path[d] = static_cast<int32_t>(s);
    return depth;
  }

  void load_queries(const Group* begin, const Group* end, int64_t head, const Rows& rows) const {
    const int64_t dim = shape_.padded_dim;
    Element* query = rows.query;
    for (const Group* g = begin; g < end; ++g, query += kTileRows * dim) {
      const T* from = qkv_ + g->token * shape_.token_stride + head * shape_.head_dim;
      for (int64_t m = 0; m < kTileRows; ++m) {
        const int64_t cols = m < g->rows ? shape_.head_dim : 0;
        if (cols > 0) convert_row(from + m * shape_.token_stride, cols, query + m * dim);
        if (cols < dim) __builtin_memset(query + m * dim + cols, 0, sizeof(Element) * (dim - cols));
      }
    }
    __builtin_memset(rows.output, 0, sizeof(float) * kBlock * dim);
    for (int64_t r = 0; r < kBlock; ++r) {
      rows.highest[r] = kLowest;
      rows.sum[r] = 0;
    }
  }

  template <bool kIsPlain>
  void meet_segment(int64_t segment, const Group* begin, const Group* end, int64_t head, const Rows& rows) const {
    for (int64_t block = tree_.segments[segment].first_block; block < tree_.segments[segment + 1].first_block; ++block) {
      const KeyBlock& b = tree_.blocks[block];
      const int64_t at = (head / shape_.group * tree_.num_blocks + block) * block_size_;
      for (const Group* g = begin; g < end && g->token < b.reach; ++g) {
        if (g->token < b.token) continue;
        // The first row sees the keys [first, seen) of the block; where a border shows, it moves by one from row to row.
        const bool diagonal = g->token < b.token + b.rows;
        const int64_t seen = diagonal ? g->token - b.token + 1 : b.rows;
        const int64_t first = shape_.window > 0 ? g->position - b.position - shape_.window + 1 : -kBlock;
        if (!kIsPlain && first >= b.rows) continue;
        add_keys<kIsPlain>(rows, (g - begin) * kTileRows, first, seen, diagonal, b.rows, keys_ + at, values_ + at);
      }
    }
  }

  // One group of query rows meets one block of keys.
  template <bool kIsPlain>
  AYAR_INLINE void add_keys(const Rows& rows, int64_t r, int64_t first, int64_t seen, bool diagonal, int64_t keys, const Element* key,
                            const Element* value) const {
    const int64_t dim = shape_.padded_dim;
    const int64_t steps = (shape_.head_dim + kDepth - 1) / kDepth;
    const int64_t most = diagonal ? (seen + kTileRows - 1 < keys ? seen + kTileRows - 1 : keys) : keys;
    const int64_t vectors = (most + kLanes - 1) / kLanes;
    alignas(64) float score[kTileRows][kBlock];
    alignas(64) Element p[kTileRows][kBlock];
    Floats decay[kTileRows];
    each_column_tile(0, vectors, [&]<int kVectors>(int64_t v) __attribute__((always_inline)) {
      Floats sum[kTileRows][kVectors] = {};
      multiply_tile<Product>(rows.query + r * dim, dim, key + v * kLanes * kDepth, kBlock, steps, sum);
      store_tile(&score[0][v * kLanes], kBlock, sum);
    });
    const float to_log2 = kIsPlain ? shape_.scale * kLog2E : scores_to_log2(score, vectors);
    for (int64_t m = 0; m < kTileRows; ++m) {
      const int64_t visible = diagonal && seen + m < keys ? seen + m : keys;
      for (int64_t k = 0; !kIsPlain && k < first + m && k < visible; ++k) score[m][k] = -__builtin_inff();
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
    mix(&p[0][0], value, (most + kDepth - 1) / kDepth, decay, dim, rows.output + r * dim);
  }

  // output = decay ∘ output + p v. A function of its own: inlined, its sums do not stay in registers.
  __attribute__((noinline)) static void mix(const Element* p, const Element* value, int64_t steps, const Floats (&decay)[kTileRows],
                                            int64_t dim, float* output) {
    each_column_tile(0, dim / kLanes, [&]<int kVectors>(int64_t v) __attribute__((always_inline)) {
      Floats sum[kTileRows][kVectors];
      load_tile(output + v * kLanes, dim, sum);
#pragma GCC unroll 8
      for (int m = 0; m < kTileRows; ++m) {
#pragma GCC unroll 8
        for (int i = 0; i < kVectors; ++i) sum[m][i] *= decay[m];
      }
      multiply_tile<Product>(p, kBlock, value + v * kLanes * kDepth, dim, steps, sum);
      store_tile(output + v * kLanes, dim, sum);
    });
  }

  // What a score is multiplied with so that 2^score is right; a soft cap is put on first.
  AYAR_INLINE float scores_to_log2(float (&score)[kTileRows][kBlock], int64_t vectors) const {
    if (shape_.softcap == 0) return shape_.scale * kLog2E;
    const float inside = shape_.scale / shape_.softcap;
    for (int m = 0; m < kTileRows; ++m) {
      for (int64_t v = 0; v < vectors; ++v) {
        float* at = &score[m][v * kLanes];
        store_vector(at, tanh(load_vector(at) * inside));
      }
    }
    return shape_.softcap * kLog2E;
  }

  void write(const Group* begin, const Group* end, int64_t head, const Rows& rows) const {
    for (const Group* g = begin; g < end; ++g) {
      for (int64_t m = 0; m < g->rows; ++m) {
        const int64_t r = (g - begin) * kTileRows + m, at = (g->token + m) * shape_.num_heads + head;
        scale_row(rows.output + r * shape_.padded_dim, 1 / rows.sum[r], shape_.head_dim, y_ + at * shape_.head_dim);
        logsumexp_[at] = rows.highest[r] * kLn2 + __builtin_logf(rows.sum[r]);
      }
    }
  }

  AttentionShape shape_;
  const T* qkv_;
  T* y_;
  float* logsumexp_;
  int64_t block_size_, num_groups_;
  Tree tree_;
  Group* groups_;
  Element *keys_, *values_;
};

}  // namespace

void attention_forward(View qkv, View cu_seqlens, View parents, int64_t num_heads, int64_t num_kv_heads, float scale, int64_t window,
                       float softcap, View y, View logsumexp) {
  const AttentionShape shape = attention_shape(qkv, num_heads, num_kv_heads, scale, window, softcap, y, logsumexp);
  check_tree(cu_seqlens, parents, shape.tokens);
  with_dtype(qkv.dtype(), [&]<class T>(T) { Forward<T>(shape, qkv, cu_seqlens, parents, y, logsumexp).run(); });
}

}  // namespace ayar::cpu::AYAR_ISA
