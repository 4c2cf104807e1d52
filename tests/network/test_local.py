"""Regions: every trajectory stays inside, slopes are what is said, bounds tighten and are never too small."""

from fractions import Fraction

import numpy as np
import pytest
from network_samples import sample

from fbscheck.errors import InputError
from fbscheck.network.dissipation import certify
from fbscheck.network.layers import Layers
from fbscheck.network.local import Local, local_bound, local_record, recheck_local
from fbscheck.network.multipliers import optimise
from fbscheck.network.region import Region, SoftThreshold, sectors_in
from fbscheck.network.riccati import recursion

FAMILIES = ("ista", "lista", "elastic", "unstable", "free")


def activation(layers: Layers, threshold: float = 0.05) -> SoftThreshold:
    thresholds = threshold * np.random.default_rng(0).uniform(0.5, 1.5, (layers.depth, layers.dimension))
    return SoftThreshold(thresholds, layers.strong_convexity)


def run(layers: Layers, maps: SoftThreshold, x: np.ndarray, b: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """All arguments (N, d, S) and x_N, by the formula of soft thresholding."""
    arguments = []
    for n, (w, u) in enumerate(zip(layers.transitions, layers.injections, strict=True)):
        v = w @ x + u @ b
        arguments.append(v)
        theta, rho = np.asarray(maps.thresholds)[n][:, None], np.asarray(maps.strong_convexity)[n]
        x = np.sign(v) * np.maximum(np.abs(v) - theta, 0) / (1 + rho)
    return np.array(arguments), x


def inputs(region: Region, count: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Inputs of a region, half of them on its boundary."""
    rng = np.random.default_rng(seed)
    found = []
    for centre, radius in ((region.x0, region.x0_radius), (region.b, region.b_radius)):
        if np.ndim(radius):
            away = rng.uniform(-1, 1, (len(centre), count))
            away[:, ::2] = np.sign(away[:, ::2])
            away = away * np.asarray(radius)[:, None]
        else:
            away = rng.standard_normal((len(centre), count))
            away *= radius / np.linalg.norm(away, axis=0) * np.where(np.arange(count) % 2, rng.random(count), 1.0)
        found.append(centre[:, None] + away)
    return found[0], found[1]


def regions(layers: Layers, size: float, seed: int) -> dict[str, Region]:
    rng = np.random.default_rng(seed)
    x, b = rng.standard_normal(layers.dimension), rng.standard_normal(layers.observations)
    return {
        "box": Region(0 * x, b, 0.0, size * np.ones(len(b))),
        "ball": Region(0 * x, b, 0.0, size),
        "both": Region(x, b, size, size * np.linspace(0, 1, len(b))),
    }


@pytest.mark.parametrize("kind", ["box", "ball", "both"])
@pytest.mark.parametrize("size", [0.0, 1e-3, 0.1, 1.0])
@pytest.mark.parametrize("family", FAMILIES)
def test_difference_quotients_of_units_lie_in_their_sectors(family: str, size: float, kind: str) -> None:
    layers = sample(family, 3)
    maps, region = activation(layers), regions(layers, size, 1)[kind]
    sectors = sectors_in(layers, maps, region)
    arguments, _ = run(layers, maps, *inputs(region, 400, 2))
    slopes = np.abs(arguments) > np.asarray(maps.thresholds)[:, :, None]
    slopes = slopes / (1 + np.asarray(maps.strong_convexity))[:, None, None]
    clear = np.abs(np.abs(arguments) - np.asarray(maps.thresholds)[:, :, None]) > 1e-12
    low, high = sectors.low[:, :, None], (sectors.low + sectors.width)[:, :, None]
    assert np.all((low <= slopes * (1 + 1e-14)) | ~clear) and np.all((slopes <= high * (1 + 1e-14)) | ~clear)
    known = np.mean(sectors.width < 0.1)
    assert (known == 1.0) if size == 0 else (size == 1e-3) <= (known > 0.7)


@pytest.mark.parametrize("kind", ["box", "ball"])
@pytest.mark.parametrize("family", FAMILIES)
def test_local_bounds_tighten_and_hold(family: str, kind: str) -> None:
    layers = sample(family, 3)
    maps = activation(layers)
    problem = recursion(layers)
    everywhere = certify(problem, optimise(problem).multipliers)[0]
    found: list[float] = []
    for size in (1e-3, 0.05, 100.0):
        region = regions(layers, size, 1)[kind]
        local = local_bound(layers, maps, region)
        (x, b), (y, c) = inputs(region, 300, 3), inputs(region, 300, 4)
        moved = np.linalg.norm(run(layers, maps, x, b)[1] - run(layers, maps, y, c)[1], axis=0)
        assert np.all(moved <= local.bound * np.linalg.norm(b - c, axis=0) * (1 + 1e-9))
        found.append(local.bound)
    assert found[0] <= found[1] * 1.001 <= found[2] * 1.002 <= everywhere * 1.01
    assert found[0] < 0.97 * everywhere


def test_where_all_slopes_are_known_the_bound_is_a_norm() -> None:
    layers = sample("lista", 3)
    maps, region = activation(layers), regions(layers, 0.0, 1)["ball"]
    arguments, _ = run(layers, maps, region.x0[:, None], region.b[:, None])
    state, data = np.eye(4), np.zeros((4, 2))
    for mask, w, u in zip(
        np.abs(arguments[:, :, 0]) > maps.thresholds, layers.transitions, layers.injections, strict=True
    ):
        state, data = mask[:, None] * (w @ state), mask[:, None] * (w @ data + u)
    for wrt, matrix in (("b", data), ("x0", state), ("both", np.hstack([state, data]))):
        local = local_bound(layers, maps, region, wrt)
        assert local.fixed == 1.0
        assert np.linalg.norm(matrix, 2) <= local.bound * (1 + 1e-14) <= np.linalg.norm(matrix, 2) * (1 + 1e-6) + 1e-9


@pytest.mark.parametrize("kind", ["box", "ball", "both"])
@pytest.mark.parametrize("size", [1e-3, 0.03, 0.3])
@pytest.mark.parametrize("family", FAMILIES)
def test_gains_of_first_layers_keep_regions_small_and_sound(family: str, size: float, kind: str) -> None:
    """With exact gains, the norms of a network without thresholds; slopes between the inputs stay in the sectors."""
    layers = sample(family, 4, depth=12)
    maps, region = activation(layers), regions(layers, size, 1)[kind]
    gains = {
        n: certify(front, front.safe())[0]
        for n in (3, 6, 9)
        if (front := recursion(Layers(layers.transitions[:n], layers.injections[:n], True, rho(layers)[:n]), "both"))
    }
    plain, known = sectors_in(layers, maps, region), sectors_in(layers, maps, region, gains)
    assert np.mean(known.width == 0) >= np.mean(plain.width == 0) - 0.02
    arguments, _ = run(layers, maps, *inputs(region, 300, 2))
    away = np.abs(arguments) - np.asarray(maps.thresholds)[:, :, None]
    slopes = (away > 0) / (1 + rho(layers))[:, None, None]
    low, high = known.low[:, :, None], (known.low + known.width)[:, :, None]
    clear = np.abs(away) > 1e-12 * (1 + np.abs(arguments))
    assert np.all((low <= slopes * (1 + 1e-14)) | ~clear) and np.all((slopes <= high * (1 + 1e-14)) | ~clear)


def rho(layers: Layers) -> np.ndarray:
    return np.asarray(layers.strong_convexity)


def test_gains_tell_more_of_deep_layers() -> None:
    layers = sample("lista", 1, depth=40, dimension=8, observations=4)
    maps, region = activation(layers), Region(np.zeros(8), np.array([0.5, -0.6, 0.2, 0.9]), 0.0, np.full(4, 2.0**-7))
    local = local_bound(layers, maps, region, evaluations=30)
    assert local.fixed > np.mean(sectors_in(layers, maps, region).width == 0) + 0.1


def test_planted_gains_that_are_too_small_leave_the_region() -> None:
    layers = sample("lista", 4, depth=12)
    maps, region = activation(layers), regions(layers, 0.3, 1)["box"]
    sectors = sectors_in(layers, maps, region, {6: 1e-6})
    arguments, _ = run(layers, maps, *inputs(region, 300, 2))
    slopes = np.abs(arguments) > np.asarray(maps.thresholds)[:, :, None]
    assert np.any(slopes < sectors.low[:, :, None]) or np.any(slopes > (sectors.low + sectors.width)[:, :, None])


def test_halving_a_box_tightens() -> None:
    layers = sample("lista", 5)
    maps = activation(layers, 0.02)
    region = Region(np.zeros(4), np.array([0.5, -0.6]), 0.0, np.array([0.2, 0.2]))
    bounds = [local_bound(layers, maps, region, parts=parts, evaluations=60) for parts in (1, 3, 9)]
    assert bounds[0].bound > bounds[1].bound >= bounds[2].bound
    assert [local.parts for local in bounds] == [1, 3, 9]
    rng = np.random.default_rng(0)
    b, c = (region.b[:, None] + rng.uniform(-0.2, 0.2, (2, 3000)) for _ in range(2))
    moved = run(layers, maps, np.zeros((4, 3000)), b)[1] - run(layers, maps, np.zeros((4, 3000)), c)[1]
    quotients = np.linalg.norm(moved, axis=0) / np.linalg.norm(b - c, axis=0)
    assert quotients.max() <= bounds[2].bound
    assert isinstance(bounds[0], Local)


def test_planted_too_small_a_region_is_left() -> None:
    """The sectors of half the region do not hold in all of it."""
    layers = sample("lista", 3)
    maps = activation(layers)
    whole, half = regions(layers, 0.4, 1)["box"], regions(layers, 0.04, 1)["box"]
    sectors = sectors_in(layers, maps, half)
    arguments, _ = run(layers, maps, *inputs(whole, 400, 2))
    slopes = np.abs(arguments) > np.asarray(maps.thresholds)[:, :, None]
    assert np.any(slopes < sectors.low[:, :, None]) or np.any(slopes > (sectors.low + sectors.width)[:, :, None])


def test_deep_networks_do_not_blow_up() -> None:
    """200 layers of ISTA: a small ball still fixes most units."""
    layers = sample("ista", 1, depth=200, dimension=12, observations=6)
    b = np.random.default_rng(0).standard_normal(6)
    sectors = sectors_in(layers, SoftThreshold(0.02), Region(np.zeros(12), b, 0.0, 1e-6))
    assert np.mean(sectors.width == 0) > 0.9


@pytest.mark.parametrize("threshold", [0.0, 0.3])
def test_slopes_of_soft_thresholding(threshold: float) -> None:
    maps = SoftThreshold(threshold, 0.5)
    low, high = np.array([-1.0, -0.1, 0.4, -2.0, 0.1]), np.array([1.0, 0.1, 2.0, -0.5, 0.5])
    least, greatest = maps.slopes(0, low, high)
    steep = 2 / 3
    expected = {
        0.3: ([0, 0, steep, steep, 0], [steep, 0, steep, steep, steep]),
        0.0: ([0, 0, steep, steep, steep], [steep] * 5),
    }[threshold]
    np.testing.assert_allclose([least, greatest], expected, rtol=1e-14)
    assert np.all(least <= np.array(expected[0])) and np.all(greatest >= np.array(expected[1]) * (1 - 1e-16))


@pytest.mark.parametrize(
    ("build", "message"),
    [
        pytest.param(lambda: SoftThreshold(-0.1), "thresholds", id="threshold"),
        pytest.param(lambda: SoftThreshold(0.1, -1.0), "convexities", id="convexity"),
        pytest.param(lambda: Region(np.zeros(2), np.zeros(2), -1.0), "radius >= 0", id="radius"),
        pytest.param(lambda: Region(np.zeros(2), np.zeros(2), np.ones(3)), "as long as", id="radius length"),
        pytest.param(lambda: local(parts=0), "parts", id="parts"),
        pytest.param(lambda: local(parts=2), "ball", id="a ball is not halved"),
        pytest.param(lambda: local(dimension=3), "coordinates", id="region elsewhere"),
        pytest.param(lambda: local(family="not separable"), "separable", id="not separable"),
        pytest.param(
            lambda: local(maps=SoftThreshold(np.ones(2))),
            "Need one threshold|one a layer",
            id="thresholds of other layers",
        ),
    ],
)
def test_what_does_not_fit_is_refused(build: object, message: str) -> None:
    with pytest.raises(InputError, match=message):
        build()  # type: ignore[operator]


def local(family: str = "lista", dimension: int = 4, parts: int = 1, maps: SoftThreshold = SoftThreshold(0.1)) -> Local:
    return local_bound(sample(family), maps, Region(np.zeros(dimension), np.zeros(2), 0.0, 1.0), parts=parts)


def test_what_overflows_knows_nothing() -> None:
    layers = Layers(np.full((3, 2, 2), 1e200), np.ones((3, 2, 1)))
    sectors = sectors_in(layers, SoftThreshold(0.1), Region(np.ones(2), np.ones(1), 1.0, 1.0))
    assert np.all(sectors.low[-1] == 0) and np.all(sectors.width[-1] == 1)


SMALL = Region(np.zeros(4), np.array([0.5, -0.6]), 0.0, np.array([0.2, 0.15]))


@pytest.fixture(scope="module", params=[1, 3], ids=["whole", "in three parts"])
def certificate(request: pytest.FixtureRequest) -> tuple:
    layers = sample("lista", 3)
    local = local_bound(layers, activation(layers), SMALL, parts=request.param, evaluations=60)
    return *local_record(layers, activation(layers), SMALL, local), local.bound


def test_a_local_certificate_proves_its_bound_again(certificate: tuple) -> None:
    record, arrays, bound = certificate
    assert bound < recheck_local(record, arrays) <= bound * (1 + 2e-9)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        pytest.param(lambda r: {**r, "bound": str(Fraction(r["bound"]) * Fraction(99, 100))}, "prove", id="1% less"),
        pytest.param(lambda r: {**r, "region": {**r["region"], "b_radius": "100"}}, "prove|ball", id="a wider region"),
        pytest.param(lambda r: {**r, "activation": {"kind": "Region"}}, "SoftThreshold", id="no activation"),
        pytest.param(lambda r: {**r, "region": {"kind": "SoftThreshold"}}, "Region", id="no region"),
        pytest.param(lambda r: {**r, "region": None}, "kind local", id="none"),
        pytest.param(lambda r: {**r, "kind": "dissipation"}, "kind local", id="another kind"),
        pytest.param(lambda r: {k: v for k, v in r.items() if k != "wrt"}, "certificate", id="a field less"),
        pytest.param(lambda r: {k: v for k, v in r.items() if k != "cuts"}, "with cuts", id="no cuts"),
        pytest.param(lambda r: {**r, "cuts": r["multipliers"]}, "with cuts", id="other arrays for cuts"),
    ],
)
def test_a_changed_local_certificate_is_refused(certificate: tuple, change: object, message: str) -> None:
    """Planted errors."""
    record, arrays, _ = certificate
    with pytest.raises(InputError, match=message):
        recheck_local(change(record), arrays)  # type: ignore[operator]


@pytest.mark.parametrize("what", ["region", "activation", "multipliers", "cuts"])
def test_changed_arrays_of_a_local_certificate_are_refused(certificate: tuple, what: str) -> None:
    """Planted: a box elsewhere, other thresholds, multipliers of another layer, a tree with a part less."""
    record, arrays, _ = certificate
    name = {"region": record["region"]["b_radius"], "activation": record["activation"]["thresholds"]}.get(what)
    name = record[what] if name is None else name
    changed = {
        "region": arrays[name] * 50,
        "activation": arrays[name] / 2,
        "multipliers": arrays[name][::-1] * 0.7,
        "cuts": arrays[name][:-1],
    }[what]
    with pytest.raises(InputError, match="prove|tree"):
        recheck_local(record, {**arrays, name: changed})


def test_a_first_layer_without_slopes_does_not_stop_the_search() -> None:
    """Where all units of it are off, no state gets through; the bound is still brought down to the optimum."""
    layers = sample("lista", 2, depth=6)
    thresholds = np.full((6, 4), 0.02)
    thresholds[0] = 10.0
    region = Region(np.zeros(4), np.array([0.3, -0.2]), 0.0, np.array([0.2, 0.2]))
    problem = recursion(layers, "b", sectors_in(layers, SoftThreshold(thresholds), region))
    assert not problem.sectors.low[0].any() and not problem.sectors.width[0].any()
    optimum = optimise(problem)
    assert optimum.gap < 2e-2 and optimum.bound < 0.99 * problem.bound(problem.safe())


def test_a_box_has_no_worse_bound_than_all_inputs() -> None:
    """Few evaluations, and slopes of which some are known: safe multipliers alone would give far more."""
    layers = sample("lista", 1, depth=40, dimension=8, observations=4)
    maps, everywhere = activation(layers), recursion(layers)
    for size in (2.0**-4, 2.0**-6, 2.0**-7):
        region = Region(np.zeros(8), np.array([0.5, -0.6, 0.2, 0.9]), 0.0, np.full(4, size))
        assert local_bound(layers, maps, region, evaluations=4).bound <= everywhere.bound(everywhere.safe()) * (
            1 + 1e-9
        )
