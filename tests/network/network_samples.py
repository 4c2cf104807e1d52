"""Networks for tests, by name, size and seed; and slopes that their proximal maps may have."""

from itertools import product

import numpy as np

from fbscheck.network.layers import Layers

FAMILIES = ("ista", "lista", "free", "elastic", "unstable", "weakly convex", "sparse", "not separable")


def sample(family: str, seed: int = 0, depth: int = 4, dimension: int = 4, observations: int = 2) -> Layers:
    """One network of a family; the last three have ill-behaved members on purpose."""
    rng = np.random.default_rng([seed, depth, dimension, observations])
    shape = (depth, dimension, observations)
    a = rng.standard_normal((observations, dimension)) / np.sqrt(observations)
    size = np.linalg.norm(a, 2)
    steps = rng.uniform(0.7, 1.3, (depth, 1, 1)) / size**2
    noise = rng.standard_normal(shape)
    injections = steps * (a.T + 0.3 * size * noise / np.linalg.norm(noise, 2, axis=(1, 2))[:, None, None])
    eye, free = np.eye(dimension), rng.standard_normal((depth, dimension, dimension)) / np.sqrt(dimension)
    ista = np.broadcast_to(eye - a.T @ a / size**2, free.shape), np.broadcast_to(a.T / size**2, shape)
    lista = eye - injections @ a, injections
    holes = rng.random((2, depth, dimension, 1)) < 0.8
    table = {
        "ista": Layers(*ista),
        "lista": Layers(*lista),
        "free": Layers(0.9 * free, injections),
        "elastic": Layers(*lista, strong_convexity=rng.uniform(0, 1, depth)),
        "unstable": Layers(1.6 * free, injections),
        "weakly convex": Layers(*lista, strong_convexity=-rng.uniform(0, 0.4, depth)),
        "sparse": Layers(0.9 * free * holes[0] * holes[0].swapaxes(1, 2), injections * holes[1]),
        "not separable": Layers(*lista, separable=False),
    }
    return table[family]


def slopes(layers: Layers, seed: int) -> np.ndarray:
    """Random slopes D_n (N, d, d) that some proximal maps of the class have: proximal maps of quadratics."""
    rng = np.random.default_rng(seed)
    shape = (layers.depth, layers.dimension)
    widest = 1 / (1 + np.asarray(layers.strong_convexity))[:, None]
    chosen = widest * np.where(rng.random(shape) < 0.3, rng.random(shape), rng.random(shape) < 0.6)
    diagonal = chosen[:, :, None] * np.eye(layers.dimension)
    if layers.separable:
        return diagonal
    basis = np.linalg.qr(rng.standard_normal((*shape, layers.dimension)))[0]
    return basis @ diagonal @ basis.swapaxes(1, 2)


def jacobian(layers: Layers, pattern: np.ndarray, wrt: str) -> np.ndarray:
    """The derivative of x_N by the input, where the layers have the derivatives ``pattern``."""
    state, data = np.eye(layers.dimension), np.zeros((layers.dimension, layers.observations))
    for d, w, u in zip(pattern, layers.transitions, layers.injections, strict=True):
        state, data = d @ w @ state, d @ (w @ data + u)
    return {"x0": state, "b": data, "both": np.hstack([state, data])}[wrt]


def corners(layers: Layers) -> list[np.ndarray]:
    """All patterns of extreme slopes of a small separable network; the greatest norm is attained by one of them."""
    widest = 1 / (1 + np.asarray(layers.strong_convexity))
    size = layers.depth * layers.dimension
    every = [np.reshape(p, (layers.depth, layers.dimension)) for p in product((0.0, 1.0), repeat=size)]
    return [(widest[:, None] * p)[:, :, None] * np.eye(layers.dimension) for p in every]
