"""Which rows begin with the same tokens: the tree of their shared beginnings, found from the token ids alone.

Supervised rows repeat a system prompt, an instruction with its list of classes, few-shot examples, a document with many questions, the
earlier turns of a dialogue. In a causal model a shared beginning has the same hidden states in every row, so it need be computed only once.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

LEAST_SHARED = 16  # tokens: a shorter beginning costs more in short segments than it saves


@dataclass(frozen=True)
class PrefixTree:
    """Nodes are stretches of at least 16 tokens that at least two rows share, each after what its parent holds (N nodes, R rows).

    parents (N,): −1 where nothing stands before. ends (N,): tokens of a row up to the end of the node. nodes (R,): each row's deepest
    node, −1 if it shares nothing. ranks (R,): the row's place in lexicographic order; rows below a node are neighbours in it.
    """

    parents: np.ndarray
    ends: np.ndarray
    nodes: np.ndarray
    ranks: np.ndarray

    def path(self, row: int) -> list[int]:
        """The row's nodes, from the first to the deepest."""
        path = []
        node = int(self.nodes[row])
        while node >= 0:
            path.append(node)
            node = int(self.parents[node])
        return path[::-1]


def shared_prefixes(input_ids: np.ndarray, offsets: np.ndarray) -> PrefixTree:
    """input_ids: (tokens,) int32, all rows one after the other. offsets: (rows + 1,) where each begins."""
    rows = [input_ids[first:last] for first, last in pairwise(offsets)]
    keys = [row.astype(">u4").tobytes() for row in rows]  # bytes that sort as the ids do
    order = np.array(sorted(range(len(rows)), key=keys.__getitem__), dtype=np.int64)
    del keys
    common = np.array([_common_length(rows[a], rows[b]) for a, b in pairwise(order)], dtype=np.int64)
    parents: list[int] = []
    ends: list[int] = []
    nodes = np.full(len(rows), -1, np.int64)
    waiting = [(0, len(rows), -1)]
    while waiting:
        first, last, parent = waiting.pop()
        depth = ends[parent] if parent >= 0 else 0
        for begin, end in _runs(common[first : last - 1] >= depth + LEAST_SHARED):
            # Rows begin … end share more than the node above; with their least common length they make a node.
            node = len(parents)
            parents.append(parent)
            ends.append(int(common[first + begin : first + end].min()))
            nodes[order[first + begin : first + end + 1]] = node
            waiting.append((first + begin, first + end + 1, node))
    ranks = np.empty(len(rows), np.int64)
    ranks[order] = np.arange(len(rows))
    return PrefixTree(np.array(parents, np.int64), np.array(ends, np.int64), nodes, ranks)


def _common_length(a: np.ndarray, b: np.ndarray) -> int:
    length = min(len(a), len(b))
    differs = a[:length] != b[:length]
    first = int(differs.argmax()) if length else 0
    return first if length and differs[first] else length


def _runs(holds: np.ndarray) -> Iterator[tuple[int, int]]:
    """(begin, end) of each run of True."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], holds, [False]]).astype(np.int8)))
    return zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True)


@dataclass(frozen=True)
class Segment:
    """Tokens begin … end of a row, which stand for those of all ``rows``. parent: the segment before, −1 for none."""

    row: int
    begin: int
    end: int
    parent: int
    rows: list[int]


def segments_of(chosen: Sequence[int], lengths: np.ndarray, tree: PrefixTree | None) -> list[Segment]:
    """The chosen rows as segments in preorder: what at least two of them share comes once. Empty rows have none."""
    if tree is None:
        return [Segment(row, 0, int(lengths[row]), -1, [row]) for row in chosen if lengths[row]]
    ranked = sorted(chosen, key=tree.ranks.__getitem__)
    paths = {row: tree.path(row) for row in ranked}
    below: dict[int, list[int]] = {}
    for row in ranked:
        for node in paths[row]:
            below.setdefault(node, []).append(row)
    # A node that only one row passes is part of its tail, and one whose rows all go on into one node is part of that.
    is_inner = {node for path in paths.values() for node, after in pairwise(path) if len(below[node]) == len(below[after])}
    segments: list[Segment] = []
    open_nodes: list[tuple[int, int, int]] = []  # (node, its end, its segment) on the way to the row at hand
    for row in ranked:
        path = [node for node in paths[row] if len(below[node]) > 1 and node not in is_inner]
        while open_nodes and open_nodes[-1][0] not in path:
            open_nodes.pop()
        for node in path[len(open_nodes) :]:
            _, begin, parent = open_nodes[-1] if open_nodes else (-1, 0, -1)
            open_nodes.append((node, int(tree.ends[node]), len(segments)))
            segments.append(Segment(row, begin, int(tree.ends[node]), parent, below[node]))
        _, begin, parent = open_nodes[-1] if open_nodes else (-1, 0, -1)
        if begin < lengths[row]:
            segments.append(Segment(row, begin, int(lengths[row]), parent, [row]))
    return segments
