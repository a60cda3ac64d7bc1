"""Who sees whom in a packed tree, as one number a token: where the subtree of its segment ends."""

import numpy as np


def visibility(bounds: np.ndarray, parents: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(visible_until, position_ids), both (tokens,) int32: token q sees token k where k ≤ q < visible_until[k].

    bounds: (segments + 1,), rising from 0. parents: (segments,), −1 or an earlier segment, in preorder. Positions follow the path from the
    root: those of a segment go on from those of its parent.
    """
    lengths = np.diff(bounds)
    ends, starts = np.array(bounds[1:], dtype=np.int32), np.zeros(len(lengths), dtype=np.int32)
    for segment, parent in enumerate(parents):
        if parent >= 0:
            starts[segment] = starts[parent] + lengths[parent]
    for segment in range(len(lengths) - 1, -1, -1):
        if parents[segment] >= 0:
            ends[parents[segment]] = max(ends[parents[segment]], ends[segment])
    within = np.arange(int(bounds[-1]) if len(bounds) else 0, dtype=np.int32) - np.repeat(np.asarray(bounds[:-1], dtype=np.int32), lengths)
    return np.repeat(ends, lengths), (np.repeat(starts, lengths) + within).astype(np.int32)
