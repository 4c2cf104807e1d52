"""Curves, cells and samples against exact rational lines, and a partition made another way."""

import itertools
from fractions import Fraction
from typing import Any

import numpy as np
import pytest

from fbscheck.errors import InputError
from fbscheck.functions import L1, NonNegative, Zero
from fbscheck.limit import LipschitzCurve, ParameterPath, Piecewise

R = Fraction
ONE = np.ones((1, 1))


def exact_value(curve: Piecewise, share: Fraction, horizon: Fraction, right: bool) -> Fraction:
    """A curve of numbers at a time, from the right or from the left, in rationals."""
    ends = curve.breaks(horizon)
    inside = [p for p in range(len(ends) - 1) if ends[p] <= share <= ends[p + 1]]
    p = inside[-1] if right else inside[0]
    start, end = R(float(curve.starts[p])), R(float(curve.ends[p]))
    return start + (end - start) * (share - ends[p]) / (ends[p + 1] - ends[p])


def scalar_path(weights: Piecewise, horizon: Fraction) -> ParameterPath:
    return ParameterPath(np.zeros((1, 1)), ONE, weights, L1(1.0), horizon)


def random_curve(seed: int, pieces: int, horizon: Fraction) -> Piecewise:
    rng = np.random.default_rng(seed)
    cuts = sorted(rng.choice(np.arange(1, 997), pieces - 1, replace=False).tolist())
    times = [R(0), *(horizon * R(int(k), 997) for k in cuts), horizon]
    scale = 10.0 ** rng.integers(-3, 4)
    if seed % 3 == 0:
        return Piecewise.steps(scale * rng.uniform(0, 1, pieces), times)
    if seed % 3 == 1:
        return Piecewise.lines(scale * rng.uniform(0, 1, pieces + 1), times)
    return Piecewise(scale * rng.uniform(0, 1, pieces), scale * rng.uniform(0, 1, pieces), tuple(times))


CURVES = [
    pytest.param(seed, pieces, depth, id=f"{kind}, {pieces} pieces, N={depth}")
    for seed, kind in enumerate(("steps", "lines", "lines with jumps"))
    for pieces, depth in ((1, 1), (4, 3), (9, 7), (5, 997), (40, 10))
]


@pytest.mark.parametrize(("seed", "pieces", "depth"), CURVES)
def test_chords_contain_the_exact_line(seed: int, pieces: int, depth: int) -> None:
    horizon = R(7, 3)
    path = scalar_path(random_curve(seed, pieces, horizon), horizon)
    cells, curve = path.cells(depth, 0, depth), path.weights
    assert isinstance(curve, Piecewise)
    partition = brute_force(curve.breaks(horizon), depth)
    assert len(partition) == len(cells.layer)
    for k, (layer, low, high) in enumerate(partition):
        begin, end, error = (
            R(float(part[k])) for part in (cells.weights.start, cells.weights.end, cells.weights.error)
        )
        assert abs(begin - exact_value(curve, (layer + low) / depth, horizon, right=True)) <= error
        assert abs(end - exact_value(curve, (layer + high) / depth, horizon, right=False)) <= error
        assert error <= 1e-9 * (1 + float(curve.starts.max()))


def brute_force(breaks: tuple[Fraction, ...], depth: int) -> list[tuple[int, Fraction, Fraction]]:
    """(layer, low, high) of all intervals between nodes and breaks, in rationals."""
    points = sorted({*breaks, *(R(n, depth) for n in range(depth + 1))})
    found = []
    for low, high in itertools.pairwise(points):
        layer = int(low * depth)
        found.append((layer, low * depth - layer, high * depth - layer))
    return found


@pytest.mark.parametrize("depth", [1, 2, 3, 5, 12, 48])
@pytest.mark.parametrize("seed", range(4))
def test_cells_are_the_partition_by_nodes_and_breaks(seed: int, depth: int) -> None:
    """Three curves that break at times of their own, some of them at nodes, or together."""
    rng = np.random.default_rng(seed)
    grids = [sorted({R(0), R(1), *(R(int(k), 24) for k in rng.integers(1, 24, 5))}) for _ in range(3)]
    values = [rng.uniform(0, 1, len(grid) - 1) for grid in grids]
    K, L = (Piecewise.steps(v.reshape(-1, 1, 1), grid) for v, grid in zip(values[:2], grids[:2], strict=True))
    path = ParameterPath(K, L, Piecewise.steps(values[2], grids[2]), L1(1.0), 1)
    cells = path.cells(depth, 0, depth)
    expected = brute_force(tuple(sorted(set().union(*grids))), depth)
    assert cells.layer.tolist() == [layer for layer, _, _ in expected]
    np.testing.assert_allclose(cells.low, [float(low) for _, low, _ in expected], rtol=1e-15)
    np.testing.assert_allclose(cells.high, [float(high) for _, _, high in expected], rtol=1e-15)
    assert cells.starts.tolist() == [cells.layer.tolist().index(n) for n in range(depth)]
    for k, (layer, low, _) in enumerate(expected):
        at = (layer + low) / depth
        for chords, v, grid in zip((cells.K, cells.L, cells.weights), values, grids, strict=True):
            own = max(p for p in range(len(v)) if grid[p] <= at)
            assert float(chords.start[k].ravel()[0] if chords.start.ndim > 1 else chords.start[k]) == v[own]


@pytest.mark.parametrize(("first", "last"), [(0, 5), (5, 6), (3, 11), (11, 12)])
def test_a_section_is_a_part_of_the_whole(first: int, last: int) -> None:
    path = scalar_path(random_curve(1, 7, R(2)), R(2))
    whole, part = path.network(12), path.section(12, first, last)
    assert np.array_equal(whole.steps[first:last], part.steps)
    assert part.step == whole.step


@pytest.mark.parametrize(("seed", "pieces", "depth"), CURVES[:10])
def test_networks_sample_values_at_nodes_and_averages(seed: int, pieces: int, depth: int) -> None:
    horizon = R(2)
    path = scalar_path(random_curve(seed, pieces, horizon), horizon)
    curve = path.weights
    assert isinstance(curve, Piecewise)
    nodes = [float(exact_value(curve, R(n, depth), horizon, right=True)) for n in range(depth)]
    size = 1e-12 * float(curve.starts.max())
    np.testing.assert_allclose(path.network(depth).steps * depth / 2, nodes, rtol=1e-12, atol=size)
    means = [R(0)] * depth
    for layer, low, high in brute_force(curve.breaks(horizon), depth):
        ends = (
            exact_value(curve, (layer + low) / depth, horizon, right=True),
            exact_value(curve, (layer + high) / depth, horizon, right=False),
        )
        means[layer] += (high - low) * sum(ends) / 2
    averages = path.network(depth, "averages").steps * depth / 2
    np.testing.assert_allclose(averages, [float(mean) for mean in means], rtol=1e-12, atol=size)


@pytest.mark.parametrize("curvature", [None, 16.0], ids=["Lipschitz", "curvature, too"])
@pytest.mark.parametrize("depth", [1, 3, 50, 20000])
def test_chords_of_a_lipschitz_curve_contain_it(depth: int, curvature: float | None) -> None:
    curve = LipschitzCurve(lambda t: 1.5 + np.sin(4 * t), 4.0, 2.0, curvature)
    cells = ParameterPath(np.zeros((1, 1)), ONE, curve, L1(1.0), 2).cells(depth, 0, depth)
    for share in (0.0, 0.13, 0.5, 0.8, 1.0):
        time = 2 * (np.arange(depth) + share) / depth
        chord = (1 - share) * cells.weights.start + share * cells.weights.end
        assert (np.abs(chord - 1.5 - np.sin(4 * time)) <= cells.weights.error + 1e-15).all()
    assert cells.weights.error.max() <= 4.1 / depth
    assert curvature is None or cells.weights.error.max() <= 8.1 / depth**2 + 1e-13


def test_planted_chords_without_their_error_are_off() -> None:
    curve = LipschitzCurve(lambda t: 1.5 + np.sin(4 * t), 4.0, 2.0)
    cells = ParameterPath(np.zeros((1, 1)), ONE, curve, L1(1.0), 2).cells(3, 0, 3)
    middle = (cells.weights.start + cells.weights.end) / 2
    assert (np.abs(middle - 1.5 - np.sin(4 * (2 * np.arange(3) + 1) / 3)) > 0.05).any()


def test_variation_counts_jumps_and_slopes() -> None:
    matrices = np.stack([np.eye(2), -np.eye(2), 3 * np.eye(2)])
    path = ParameterPath(
        Piecewise.steps(matrices), np.ones((2, 1)), Piecewise(np.array([1.0, 0.5]), np.array([2.0, 0.0])), Zero(), 1
    )
    expected = (np.sqrt(2) * 6, 0.0, 1 + 1.5 + 0.5)
    assert path.variation == pytest.approx(expected, rel=1e-10)
    assert all(found >= value for found, value in zip(path.variation, expected, strict=True))


@pytest.mark.parametrize("kind", ["steps", "lines"])
def test_a_network_is_sampled_from_its_own_path(kind: Any) -> None:
    path = scalar_path(random_curve(1, 5, R(2)), R(2))
    network = path.network(6)
    again = ParameterPath.of_network(network, kind).network(6)
    np.testing.assert_allclose(again.steps, network.steps, rtol=1e-14)
    np.testing.assert_allclose(again.layers.transitions, network.layers.transitions, rtol=1e-14)


BAD: list[Any] = [
    pytest.param(lambda: Piecewise.steps(np.ones(2), [0, 2, 1]), "increasing times", id="times that go back"),
    pytest.param(lambda: Piecewise.steps(np.ones(2), [1, 2, 3]), "from 0", id="a late start"),
    pytest.param(lambda: Piecewise.steps(np.array([1.0, np.nan])), "nan", id="NaN"),
    pytest.param(
        lambda: Piecewise(np.ones(3), np.zeros(3), (R(0), R(3, 4), R(1, 4), R(1))),
        "increasing times",
        id="pieces that cross",
    ),
    pytest.param(lambda: Piecewise(np.ones(3), np.zeros(2)), "as many ends", id="an end too few"),
    pytest.param(lambda: Piecewise(np.ones(2), np.array([1.0, np.inf])), "inf", id="an infinite end"),
    pytest.param(lambda: Piecewise.lines(np.ones(1)), "two values", id="one node"),
    pytest.param(
        lambda: scalar_path(Piecewise.steps(np.ones(2), [0, 1, 2]), R(3)), "up to the horizon", id="a short curve"
    ),
    pytest.param(
        lambda: scalar_path(Piecewise.lines(np.array([1.0, -1.0])), R(1)), "weights >= 0", id="a negative weight"
    ),
    pytest.param(
        lambda: ParameterPath(ONE, ONE, 0.0, NonNegative(), 1), "weights > 0", id="an indicator without weight"
    ),
    pytest.param(lambda: ParameterPath(ONE, np.ones((2, 1)), 1.0, Zero(), 1), "shape", id="L of another height"),
    pytest.param(lambda: ParameterPath(abs, ONE, 1.0, Zero(), 1), "LipschitzCurve", id="a bare function"),
    pytest.param(lambda: ParameterPath(ONE, ONE, 1.0, L1(np.ones(2)), 1), "R\\^1", id="r of another dimension"),
    pytest.param(lambda: ParameterPath(ONE, ONE, 1.0, Zero(), 1).network(0), "one layer or more", id="no layer"),
]


@pytest.mark.parametrize(("make", "message"), BAD)
def test_bad_paths_are_refused(make: Any, message: str) -> None:
    with pytest.raises(InputError, match=f"(?i){message}"):
        make()
