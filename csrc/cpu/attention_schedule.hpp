// The order of attention's backward pass. A work lets one stretch of keys meet one stretch of queries, so that keys, values and their
// gradients stay in the cache while queries pass by. The works of a kv head that share keys or queries add to the same rows: they run one
// after the other, in the order of this list, whichever thread takes them. So each row's sum grows in a fixed order, while works that
// share neither run side by side.
#pragma once

#include "cpu/attention_tree.hpp"

namespace ayar::cpu::AYAR_ISA {

struct QueryTile {
  int64_t token, end;   // up to kBlock neighbours of one tree, whatever their segments
  int64_t first, last;  // stretches of keys that they see, in the order in which they meet: from their own up to the root's
};

struct Stretch {
  int64_t begin, end;    // blocks of keys, or tiles of queries
  int64_t token, reach;  // keys: the first token, and past the last one that may see any of them
  int64_t first, last;   // keys: the stretches of queries that may see them
  int64_t in_tree;       // its number within its tree …
  int64_t queries;       // … and the tree's first stretch of queries
};

struct Work {
  int64_t keys, queries;                // stretches
  int64_t before_keys, before_queries;  // the works before this one on the same keys, on the same queries; −1: none
};

struct Schedule {
  int64_t num_key_stretches = 0, num_query_stretches = 0, num_works = 0;
  bool has_partial_sums = false;  // some row's sum is left in memory between two works
  QueryTile* tiles;
  Stretch *keys, *queries;
  Work* works;
};

// Upper bounds, to take memory for.
struct ScheduleCounts {
  int64_t tiles = 0, key_stretches = 0, query_stretches = 0, works = 0;

  AYAR_INLINE int64_t bytes() const {
    return round_up(static_cast<int64_t>(sizeof(QueryTile)) * tiles, 64) +
           round_up(static_cast<int64_t>(sizeof(Stretch)) * (key_stretches + query_stretches), 64) +
           round_up(static_cast<int64_t>(sizeof(Work)) * works, 64) + 8 * (key_stretches + query_stretches);
  }
};

// stretch: blocks of keys, or tiles of queries, that one work takes.
AYAR_INLINE ScheduleCounts count_schedule(const Tree& tree, int64_t stretch) {
  ScheduleCounts counts;
  each_tree(tree, [&](int64_t block, int64_t block_end, int64_t token, int64_t token_end) __attribute__((always_inline)) {
    const int64_t tiles = (token_end - token + kBlock - 1) / kBlock;
    const int64_t keys = (block_end - block + stretch - 1) / stretch, queries = (tiles + stretch - 1) / stretch;
    counts.tiles += tiles;
    counts.key_stretches += keys;
    counts.query_stretches += queries;
    counts.works += keys * queries;
  });
  return counts;
}

AYAR_INLINE void list_stretches(const Tree& tree, int64_t stretch, Schedule& schedule) {
  int64_t tiles = 0;
  each_tree(tree, [&](int64_t block, int64_t block_end, int64_t token, int64_t token_end) __attribute__((always_inline)) {
    const int64_t first_tile = tiles, first_keys = schedule.num_key_stretches, first_queries = schedule.num_query_stretches;
    for (int64_t t = token; t < token_end; t += kBlock)
      schedule.tiles[tiles++] = {t, t + kBlock < token_end ? t + kBlock : token_end, -1, -1};
    for (int64_t i = first_tile; i < tiles; i += stretch) {
      schedule.queries[schedule.num_query_stretches++] = {i, i + stretch < tiles ? i + stretch : tiles, 0, 0, 0, 0, 0, 0};
    }
    for (int64_t j = block; j < block_end; j += stretch) {
      const int64_t end = j + stretch < block_end ? j + stretch : block_end, k = schedule.num_key_stretches++;
      Stretch& keys = schedule.keys[k];
      keys = {j, end, tree.blocks[j].token, 0, 0, 0, k - first_keys, first_queries};
      for (int64_t b = j; b < end; ++b) keys.reach = tree.blocks[b].reach > keys.reach ? tree.blocks[b].reach : keys.reach;
      keys.first = first_queries + (keys.token - token) / kBlock / stretch;
      keys.last = first_queries + (keys.reach - 1 - token) / kBlock / stretch;
      for (int64_t i = first_tile; i < tiles; ++i) {
        QueryTile& tile = schedule.tiles[i];
        if (tile.end <= keys.token || tile.token >= keys.reach) continue;
        tile.first = k;
        if (tile.last < 0) tile.last = k;
      }
    }
    if (schedule.num_key_stretches - first_keys > 1 || schedule.num_query_stretches - first_queries > 1) {
      schedule.has_partial_sums = true;
    }
  });
}

// Works in waves: in each, stretch s of a tree's keys meets stretch s + wave of its queries, so no two works of a wave share either.
AYAR_INLINE void list_works(Schedule& schedule, int64_t* latest) {
  int64_t *of_keys = latest, *of_queries = latest + schedule.num_key_stretches;
  for (int64_t i = 0; i < schedule.num_key_stretches + schedule.num_query_stretches; ++i) latest[i] = -1;
  for (int64_t wave = -schedule.num_key_stretches; wave < schedule.num_query_stretches; ++wave) {
    for (int64_t k = 0; k < schedule.num_key_stretches; ++k) {
      const Stretch& keys = schedule.keys[k];
      const int64_t q = keys.queries + keys.in_tree + wave;
      if (q < keys.first || q > keys.last) continue;
      schedule.works[schedule.num_works] = {k, q, of_keys[k], of_queries[q]};
      of_keys[k] = of_queries[q] = schedule.num_works++;
    }
  }
}

AYAR_INLINE Schedule make_schedule(const Tree& tree, int64_t stretch, const ScheduleCounts& counts, void* memory) {
  auto* next = static_cast<char*>(memory);
  Schedule schedule;
  schedule.tiles = reinterpret_cast<QueryTile*>(next);
  next += round_up(static_cast<int64_t>(sizeof(QueryTile)) * counts.tiles, 64);
  schedule.keys = reinterpret_cast<Stretch*>(next);
  schedule.queries = schedule.keys + counts.key_stretches;
  next += round_up(static_cast<int64_t>(sizeof(Stretch)) * (counts.key_stretches + counts.query_stretches), 64);
  schedule.works = reinterpret_cast<Work*>(next);
  next += round_up(static_cast<int64_t>(sizeof(Work)) * counts.works, 64);
  list_stretches(tree, stretch, schedule);
  list_works(schedule, reinterpret_cast<int64_t*>(next));
  return schedule;
}

}  // namespace ayar::cpu::AYAR_ISA
