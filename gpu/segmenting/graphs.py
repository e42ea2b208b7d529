"""Segmentation of graphs: random walker and minimum cut.

The random walker (Grady 2006) computes for each node the probability that a random walk from it
reaches an inside seed first. The minimum cut (Boykov and Jolly 2001) minimises the total cost of
node labels and cut edges.
"""

import numpy as np
from numpy.typing import NDArray
from scipy import sparse  # type: ignore[import-untyped]
from scipy.sparse.csgraph import breadth_first_order, dijkstra, maximum_flow  # type: ignore[import-untyped]
from scipy.sparse.linalg import spsolve  # type: ignore[import-untyped]

from gpu.rules.colour import Mask

_EPSILON = 1e-6  # regularises nodes without neighbours
_SCALE = 1000  # flows are integers
_MAX_FLOW = 1_000_000

Weights = NDArray[np.float64]


def walk(
    pairs: NDArray[np.intp], weights: Weights, seeds: NDArray[np.intp], values: Weights, count: int
) -> Weights:
    """Probability (count,) of each node to be inside; seeds (S,) have values of 0 or 1.

    `pairs` (E, 2) are edges, and `weights` (E,) their conductances.
    """
    first, second = pairs.T
    matrix = sparse.coo_matrix(
        (np.r_[weights, weights], (np.r_[first, second], np.r_[second, first])), (count, count)
    ).tocsr()
    laplacian = sparse.diags(np.asarray(matrix.sum(axis=1)).ravel() + _EPSILON) - matrix
    probabilities = np.zeros(count)
    probabilities[seeds] = values
    free = np.setdiff1d(np.arange(count), seeds)
    if free.size:
        probabilities[free] = spsolve(
            laplacian[free][:, free].tocsc(), -(laplacian[free][:, seeds] @ values)
        )
    return probabilities


def shortest(
    pairs: NDArray[np.intp], costs: Weights, starts: NDArray[np.intp], count: int
) -> Weights:
    """Cost (count,) of the shortest path from any of the starts, over edges of costs > 0."""
    first, second = pairs.T
    graph = sparse.coo_matrix((costs, (first, second)), (count, count)).tocsr()
    distances: Weights = dijkstra(graph, directed=False, indices=starts, min_only=True)
    return distances


def cut(
    inside_cost: Weights, outside_cost: Weights, pairs: NDArray[np.intp], weights: Weights
) -> Mask:
    """The nodes (N,) that are inside in the labelling of least total cost.

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
    flow_capacity = np.minimum(np.rint(capacity * _SCALE), _MAX_FLOW).astype(np.int32)
    graph = sparse.coo_matrix((flow_capacity, (rows, columns)), (count + 2, count + 2)).tocsr()
    flow = maximum_flow(graph, source, sink).flow
    left = graph - flow
    left.data = np.maximum(left.data, 0)
    left.eliminate_zeros()
    reached = breadth_first_order(left, source, return_predecessors=False)
    inside = np.zeros(count + 2, np.bool_)
    inside[reached] = True
    return inside[:count]
