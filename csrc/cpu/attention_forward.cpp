#include "core/scratch.hpp"
#include "core/thread_pool.hpp"
#include "cpu/attention.hpp"
#include "cpu/attention_blocks.hpp"
#include "cpu/attention_columns.hpp"
#include "cpu/attention_softcap.hpp"

// A task takes one head and a tile of queries, which are columns: the sums of softmax, and the output, turned over, grow lane by lane.
// Exponentials are taken of scores as they come out of the product, relative to a reference that was found earlier. It need not be the
// highest score, only near enough that nothing overflows: where a block's scores lie far above it, the reference is raised and the block
// taken again.

namespace ayar::cpu::AYAR_ISA {
namespace {

constexpr float kLowest = -0x1.fffffep127F;  // of a query that has seen no key; finite: −∞ would make ∞ − ∞
constexpr float kSlack = 32;                 // how far a score times log2(e) may lie above its reference

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
        dim_(shape.padded_dim),
        block_size_(kBlock * dim_),
        steps_((shape.head_dim + kDepth - 1) / kDepth),
        to_log2_((shape.softcap > 0 ? shape.softcap : shape.scale) * kLog2E) {
    const int64_t tree_bytes = Tree::bytes(cu_seqlens), most_tiles = shape.tokens / kBlock + parents.size();
    const int64_t tile_bytes = round_up(static_cast<int64_t>(sizeof(Tile)) * most_tiles, 64);
    const int64_t position_bytes = shape.window > 0 ? positions_size(shape.tokens) : 0;
    const int64_t packed = shape.num_kv_heads * Tree::count_blocks(cu_seqlens) * block_size_;
    auto* memory =
        scratch<char>(Scratch::call, tree_bytes + tile_bytes + position_bytes + 2 * packed * static_cast<int64_t>(sizeof(Element)));
    tree_ = make_tree(cu_seqlens, parents, shape.window, memory);
    tiles_ = reinterpret_cast<Tile*>(memory + tree_bytes);
    positions_ = reinterpret_cast<float*>(memory + tree_bytes + tile_bytes);
    keys_ = reinterpret_cast<Element*>(memory + tree_bytes + tile_bytes + position_bytes);
    values_ = keys_ + packed;
    list_tiles();
    if (shape.window > 0) list_positions(tree_, shape.tokens, positions_);
  }

  void run() const {
    parallel_tasks(tree_.num_blocks * shape_.num_kv_heads,
                   [&](int64_t task, int) { pack(task % tree_.num_blocks, task / tree_.num_blocks); });
    parallel_tasks(num_tiles_ * shape_.num_heads, [&](int64_t task, int) {
      const Tile& tile = tiles_[num_tiles_ - 1 - task / shape_.num_heads];  // the last tiles see the most keys: they start first
      shape_.softcap > 0 ? attend<true>(tile, task % shape_.num_heads) : attend<false>(tile, task % shape_.num_heads);
    });
  }

 private:
  struct Tile {
    int64_t token, end;              // up to kBlock neighbours, whatever their segments: of one tree, or the end of one and whole trees
    int64_t first_block, end_block;  // of its trees
  };

  void list_tiles() {
    num_tiles_ = 0;
    each_tree(tree_, [&](int64_t block, int64_t block_end, int64_t token, int64_t end) __attribute__((always_inline)) {
      if (Tile* last = num_tiles_ > 0 ? &tiles_[num_tiles_ - 1] : nullptr; last != nullptr && end - last->token <= kBlock) {
        last->end = end;
        last->end_block = block_end;
        return;
      }
      for (; token < end; token += kBlock) tiles_[num_tiles_++] = {token, token + kBlock < end ? token + kBlock : end, block, block_end};
    });
  }

  // Keys and values are packed once and read by every tile and every head of the group: keys as rows, values turned over.
  void pack(int64_t block, int64_t kv_head) const {
    const KeyBlock& b = tree_.blocks[block];
    const T* key = qkv_ + b.token * shape_.token_stride + (shape_.num_heads + kv_head) * shape_.head_dim;
    const T* value = key + shape_.num_kv_heads * shape_.head_dim;
    const int64_t at = (kv_head * tree_.num_blocks + block) * block_size_;
    auto* rows = scratch<Element>(Scratch::task, 2 * block_size_);
    copy_block(key, shape_.token_stride, b.rows, shape_.head_dim, keys_ + at, dim_);
    copy_block(value, shape_.token_stride, b.rows, shape_.head_dim, rows, dim_);
    if constexpr (kDepth == 2) {
      interleave_block(rows, b.rows, dim_, rows + block_size_);
      rows += block_size_;
    }
    turn_words(rows, filled_rows(b.rows) / kDepth, dim_, dim_, values_ + at, kBlock / kDepth);
  }

  struct Memory {
    Element *plain, *query;         // [kBlock, dim], [dim, kBlock]
    Element* p;                     // [kBlock keys, kBlock queries], rows interleaved
    float *output, *rows;           // [dim, kBlock], the sum so far; [kBlock, dim]
    float *reference, *sum, *most;  // [kBlock] in log2; Σ 2^(score − reference); the highest score of a block
    float* block_sum;               // [kBlock]
  };

  Memory take_memory() const {
    const int64_t elements = 2 * block_size_ + kBlock * kBlock, floats = 2 * block_size_ + 4 * kBlock;
    auto* bytes =
        scratch<char>(Scratch::task, elements * static_cast<int64_t>(sizeof(Element)) + floats * static_cast<int64_t>(sizeof(float)));
    auto* element = reinterpret_cast<Element*>(bytes);
    auto* number = reinterpret_cast<float*>(element + elements);
    float* scalars = number + 2 * block_size_;
    return {element,          element + block_size_, element + 2 * block_size_, number, number + block_size_, scalars,
            scalars + kBlock, scalars + 2 * kBlock,  scalars + 3 * kBlock};
  }

  template <bool kIsCapped>
  void attend(const Tile& tile, int64_t head) const {
    const Memory memory = take_memory();
    load_queries(tile, head, memory);
    for (int64_t block = tile.first_block; block < tile.end_block && tree_.blocks[block].token < tile.end; ++block) {
      const KeyBlock& b = tree_.blocks[block];
      if (b.reach <= tile.token) continue;
      const Columns columns = columns_of(tile.token, tile.end, b, shape_.window, positions_);
      if (columns.is_empty()) continue;
      const int64_t at = (head / shape_.group * tree_.num_blocks + block) * block_size_;
      start_references<kIsCapped>(memory, columns, keys_ + at);
      do {
        take_exponentials<kIsCapped>(memory, columns, keys_ + at);
      } while (raise_references(memory, columns));
      for (int64_t v = columns.first(0); v < columns.last(); ++v) {
        store_vector(memory.sum + v * kLanes, load_vector(memory.sum + v * kLanes) + load_vector(memory.block_sum + v * kLanes));
      }
      add_seen_product<Product>(columns, values_ + at, memory.p, shape_.head_dim, memory.output);
    }
    write(tile, head, memory);
  }

  void load_queries(const Tile& tile, int64_t head, const Memory& memory) const {
    const int64_t rows = tile.end - tile.token;
    const T* query = qkv_ + tile.token * shape_.token_stride + head * shape_.head_dim;
    copy_block(query, shape_.token_stride, rows, shape_.head_dim, memory.plain, dim_);
    turn_words(memory.plain, filled_rows(rows), dim_ / kDepth, dim_ / kDepth, memory.query, kBlock);
    clear_registers(memory.output, block_size_);
    clear_registers(memory.sum, kBlock);
    for (int64_t r = 0; r < kBlock; ++r) memory.reference[r] = kLowest;
  }

  // The scores of a tile of keys, before `to_log2_`.
  template <bool kIsCapped, int kVectors>
  AYAR_INLINE void multiply(const Memory& memory, const Columns& columns, const Element* key, int64_t r, int64_t v,
                            Floats (&tile)[kTileRows][kVectors]) const {
    clear_tile(tile);
    multiply_tile<Product>(key + r * dim_, dim_, memory.query + v * kLanes * kDepth, kBlock, steps_, tile);
#pragma GCC unroll 8
    for (int m = 0; m < (kIsCapped ? kTileRows : 0); ++m) {
#pragma GCC unroll 8
      for (int i = 0; i < kVectors; ++i) tile[m][i] = tanh(tile[m][i] * (shape_.scale / shape_.softcap));
    }
    hide_unseen(columns, v, r, tile);
  }

  // The first keys that a query sees give its reference.
  template <bool kIsCapped>
  void start_references(const Memory& memory, const Columns& columns, const Element* key) const {
    for (int64_t v = columns.first(0); v < columns.last(); ++v) {
      Floats reference = load_vector(memory.reference + v * kLanes);
      if (max_lanes(-reference)[0] < -kLowest) continue;
      Floats tile[kTileRows][1];
      multiply<kIsCapped>(memory, columns, key, 0, v, tile);
      Floats most = tile[0][0];
      for (int m = 1; m < kTileRows; ++m) most = max(tile[m][0], most);
      reference = reference == kLowest ? max(most * to_log2_, reference) : reference;
      store_vector(memory.reference + v * kLanes, reference);
    }
  }

  // p and its sums over the keys of a block, and the highest scores.
  template <bool kIsCapped>
  void take_exponentials(const Memory& memory, const Columns& columns, const Element* key) const {
    const int64_t begin = columns.first(0), end = columns.last();
    for (int64_t c = begin * kLanes; c < end * kLanes; ++c) {
      memory.most[c] = -__builtin_inff();
      memory.block_sum[c] = 0;
    }
    for (int64_t r = 0; r < columns.keys; r += kTileRows) {
      const int64_t from = columns.first(r) < end ? columns.first(r) : end;  // earlier queries do not see these keys
      for (int m = 0; m < kTileRows; m += kDepth) {
        clear_registers(memory.p + (r + m) * kBlock + begin * kLanes * kDepth, (from - begin) * kLanes * kDepth);
      }
      each_column_tile(from, end, [&]<int kVectors>(int64_t v) __attribute__((always_inline)) {
        Floats tile[kTileRows][kVectors];
        multiply<kIsCapped>(memory, columns, key, r, v, tile);
#pragma GCC unroll 8
        for (int i = 0; i < kVectors; ++i) {
          const int64_t c = (v + i) * kLanes;
          const Floats reference = load_vector(memory.reference + c);
          Floats most = load_vector(memory.most + c), sum = load_vector(memory.block_sum + c);
#pragma GCC unroll 8
          for (int m = 0; m < kTileRows; ++m) {
            most = max(tile[m][i], most);
            tile[m][i] = exp2_of_softmax<T>(tile[m][i] * to_log2_ - reference);
            sum += tile[m][i];
          }
          store_vector(memory.most + c, most);
          store_vector(memory.block_sum + c, sum);
#pragma GCC unroll 8
          for (int m = 0; m < kTileRows; m += kDepth) {
            Element* to = memory.p + (r + m) * kBlock + c * kDepth;
            if constexpr (kDepth == 1) {
              Product::round_row(tile[m][i], to);
            } else {
              Product::round_pair(tile[m][i], tile[m + 1][i], to);
            }
          }
        }
      });
    }
  }

  // Where a block's highest score lies too far above: what was summed so far becomes relative to it. Says whether there was such a query.
  bool raise_references(const Memory& memory, const Columns& columns) const {
    bool is_raised = false;
    for (int64_t v = columns.first(0); v < columns.last(); ++v) {
      const Floats reference = load_vector(memory.reference + v * kLanes), most = load_vector(memory.most + v * kLanes) * to_log2_;
      if (!(max_lanes(most - reference)[0] > kSlack)) continue;
      is_raised = true;
      const Floats raised = most - reference > kSlack ? most : reference;
      const Floats decay = raised > reference ? exp2_of_softmax(reference - raised) : broadcast(1.0F);
      store_vector(memory.reference + v * kLanes, raised);
      store_vector(memory.sum + v * kLanes, load_vector(memory.sum + v * kLanes) * decay);
      for (int64_t d = 0; d < dim_; ++d) {
        float* at = memory.output + d * kBlock + v * kLanes;
        store_vector(at, load_vector(at) * decay);
      }
    }
    return is_raised;
  }

  void write(const Tile& tile, int64_t head, const Memory& memory) const {
    const int64_t rows = tile.end - tile.token;
    turn_words(memory.output, dim_, filled_rows(rows), kBlock, memory.rows, dim_);
    for (int64_t r = 0; r < rows; ++r) {
      const int64_t at = (tile.token + r) * shape_.num_heads + head;
      scale_row(memory.rows + r * dim_, 1 / memory.sum[r], shape_.head_dim, y_ + at * shape_.head_dim);
      logsumexp_[at] = memory.reference[r] * kLn2 + __builtin_logf(memory.sum[r]);
    }
  }

  AttentionShape shape_;
  const T* qkv_;
  T* y_;
  float* logsumexp_;
  int64_t dim_, block_size_, steps_;  // padded head_dim; products along head_dim
  float to_log2_;                     // what makes 2^score of a score
  int64_t num_tiles_;
  Tree tree_;
  Tile* tiles_;
  float* positions_;
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
