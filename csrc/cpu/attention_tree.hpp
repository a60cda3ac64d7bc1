// The tree of a pack: who sees whom, and how segments are cut into blocks of keys.
// In preorder the segments below a segment follow it at once, so a key is seen by one unbroken range of tokens: from itself to `reach`.
// Blocks start at a segment's first token: what a token yields does not depend on the branches beside its own.
#pragma once

#include "cpu/panels.hpp"

namespace ayar::cpu::AYAR_ISA {

constexpr int64_t kBlock = 64;

struct Segment {
  int64_t begin, end;   // its tokens
  int64_t reach;        // past the last token of the segments below it
  int64_t position;     // of its first token on the path from the root
  int64_t parent;       // −1: a root
  int64_t depth;        // segments of its path
  int64_t first_block;  // its blocks of keys: up to the next segment's first
};

struct KeyBlock {
  int64_t token, rows;  // 1 … kBlock rows of one segment
  int64_t reach;        // past the last token that may see it
  int64_t position;     // of its first token
};

struct Tree {
  int64_t num_segments, num_blocks, depth;  // depth: of the deepest segment
  Segment* segments;                        // one more at the end, empty
  KeyBlock* blocks;

  AYAR_INLINE static int64_t count_blocks(View cu_seqlens) {
    const int32_t* bounds = cu_seqlens.data<int32_t>();
    int64_t blocks = 0;
    for (int64_t s = 0; s + 1 < cu_seqlens.size(); ++s) blocks += (bounds[s + 1] - bounds[s] + kBlock - 1) / kBlock;
    return blocks;
  }
  AYAR_INLINE static int64_t bytes(View cu_seqlens) {
    return round_up(static_cast<int64_t>(sizeof(Segment)) * cu_seqlens.size(), 64) +
           round_up(static_cast<int64_t>(sizeof(KeyBlock)) * count_blocks(cu_seqlens), 64);
  }
};

// Before Tree::bytes or anything else reads them: borders that rise to `tokens`, parents in preorder.
AYAR_INLINE void check_tree(View cu_seqlens, View parents, int64_t tokens) {
  const int32_t *bounds = cu_seqlens.data<int32_t>(), *parent = parents.data<int32_t>();
  AYAR_REQUIRE(cu_seqlens.size() >= 1 && bounds[0] == 0 && bounds[cu_seqlens.size() - 1] == tokens && cu_seqlens.is_contiguous());
  AYAR_REQUIRE(parents.size() == cu_seqlens.size() - 1 && parents.is_contiguous());
  for (int64_t s = 0; s < parents.size(); ++s) {
    AYAR_REQUIRE(bounds[s] <= bounds[s + 1] && parent[s] >= -1 && parent[s] < s);
    int64_t above = s - 1;  // the segment before, or one that it goes on from: each is left behind once, so this is linear
    while (above > parent[s]) above = parent[above];
    AYAR_REQUIRE(above == parent[s] || parent[s] == -1);
  }
}

AYAR_INLINE Tree make_tree(View cu_seqlens, View parents, int64_t window, void* memory) {
  const int32_t *bounds = cu_seqlens.data<int32_t>(), *parent = parents.data<int32_t>();
  Tree tree;
  tree.num_segments = parents.size();
  tree.num_blocks = Tree::count_blocks(cu_seqlens);
  tree.segments = static_cast<Segment*>(memory);
  tree.blocks = reinterpret_cast<KeyBlock*>(static_cast<char*>(memory) +
                                            round_up(static_cast<int64_t>(sizeof(Segment)) * (tree.num_segments + 1), 64));
  tree.depth = 0;
  int64_t next = 0;
  for (int64_t s = 0; s < tree.num_segments; ++s) {
    Segment& segment = tree.segments[s];
    const Segment* above = parent[s] < 0 ? nullptr : &tree.segments[parent[s]];
    const int64_t position = above == nullptr ? 0 : above->position + above->end - above->begin;
    // NOLINTNEXTLINE(clang-analyzer-core.CallAndMessage): no pointer is called here
    segment = {bounds[s], bounds[s + 1], bounds[s + 1], position, parent[s], above == nullptr ? 1 : above->depth + 1, next};
    next += (segment.end - segment.begin + kBlock - 1) / kBlock;
    tree.depth = segment.depth > tree.depth ? segment.depth : tree.depth;
  }
  tree.segments[tree.num_segments] = {bounds[tree.num_segments], bounds[tree.num_segments], bounds[tree.num_segments], 0, -1, 0, next};
  for (int64_t s = tree.num_segments - 1; s >= 0; --s) {
    if (parent[s] < 0) continue;
    Segment& above = tree.segments[parent[s]];
    above.reach = tree.segments[s].reach > above.reach ? tree.segments[s].reach : above.reach;
  }
  for (int64_t s = 0; s < tree.num_segments; ++s) {
    const Segment& segment = tree.segments[s];
    KeyBlock* block = tree.blocks + segment.first_block;
    for (int64_t token = segment.begin; token < segment.end; token += kBlock, ++block) {
      const int64_t rows = segment.end - token < kBlock ? segment.end - token : kBlock;
      int64_t reach = segment.reach;
      // In a segment with nothing below, tokens are as far apart as positions are.
      if (window > 0 && reach == segment.end && token + rows - 1 + window < reach) reach = token + rows - 1 + window;
      *block = {token, rows, reach, segment.position + token - segment.begin};
    }
  }
  return tree;
}

// Calls body(first block, past the last, first token, past the last) for each tree.
template <class Body>
AYAR_INLINE void each_tree(const Tree& tree, Body&& body) {
  for (int64_t s = 0, next; s < tree.num_segments; s = next) {
    next = s + 1;
    while (next < tree.num_segments && tree.segments[next].parent >= 0) ++next;
    body(tree.segments[s].first_block, tree.segments[next].first_block, tree.segments[s].begin, tree.segments[s].reach);
  }
}

}  // namespace ayar::cpu::AYAR_ISA
