"""Two ways to divide the nodes of a graph: a random walk and a minimum cut.

The random walker (Grady 2006) gives each node the chance that a walk from it meets an inside seed
first. The minimum cut (Boykov and Jolly 2001) divides where costs of nodes and of cut edges are
least.
"""

import numpy as np
from numpy.typing import NDArray
from scipy import sparse  # type: ignore[import-untyped]
from scipy.sparse.csgraph import breadth_first_order, dijkstra, maximum_flow  # type: ignore[import-untyped]
from scipy.sparse.linalg import spsolve  # type: ignore[import-untyped]

from gpu.rules.colour import Mask

_LEAST = 1e-6  # keeps a node without neighbours solvable
_SCALE = 1000  # flows are integers
_MOST = 1_000_000

Weights = NDArray[np.float64]


def walk(
    pairs: NDArray[np.intp], weights: Weights, seeds: NDArray[np.intp], values: Weights, count: int
) -> Weights:
    """Chance (count,) of each node to be inside; seeds (S,) have values of 0 or 1.

    `pairs` (E, 2) are edges, and `weights` (E,) how easily a walk crosses them.
    """
    first, second = pairs.T
    matrix = sparse.coo_matrix(
        (np.r_[weights, weights], (np.r_[first, second], np.r_[second, first])), (count, count)
    ).tocsr()
    laplacian = sparse.diags(np.asarray(matrix.sum(axis=1)).ravel() + _LEAST) - matrix
    chance = np.zeros(count)
    chance[seeds] = values
    free = np.setdiff1d(np.arange(count), seeds)
    if free.size:
        chance[free] = spsolve(
            laplacian[free][:, free].tocsc(), -(laplacian[free][:, seeds] @ values)
        )
    return chance


def shortest(
    pairs: NDArray[np.intp], costs: Weights, starts: NDArray[np.intp], count: int
) -> Weights:
    """Cost (count,) of the cheapest way from any of the starts, over edges of costs > 0."""
    first, second = pairs.T
    graph = sparse.coo_matrix((costs, (first, second)), (count, count)).tocsr()
    found: Weights = dijkstra(graph, directed=False, indices=starts, min_only=True)
    return found


def cut(
    inside_cost: Weights, outside_cost: Weights, pairs: NDArray[np.intp], weights: Weights
) -> Mask:
    """Which nodes (N,) are inside, at the least total cost.

    A node costs `inside_cost` or `outside_cost` (N,), each ≥ 0, and an edge between the two sides
    its weight.
    """
    count = len(inside_cost)
    source, sink = count, count + 1
    nodes = np.arange(count)
    first, second = pairs.T
    rows = np.r_[np.full(count, source), nodes, first, second]
    columns = np.r_[nodes, np.full(count, sink), second, first]
    capacity = np.r_[outside_cost, inside_cost, weights, weights]
    whole = np.minimum(np.rint(capacity * _SCALE), _MOST).astype(np.int32)
    graph = sparse.coo_matrix((whole, (rows, columns)), (count + 2, count + 2)).tocsr()
    flow = maximum_flow(graph, source, sink).flow
    left = graph - flow
    left.data = np.maximum(left.data, 0)
    left.eliminate_zeros()
    reached = breadth_first_order(left, source, return_predecessors=False)
    inside = np.zeros(count + 2, np.bool_)
    inside[reached] = True
    return inside[:count]
