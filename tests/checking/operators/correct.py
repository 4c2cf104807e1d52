"""Correct operators, each with claims that hold; none may be refuted.

``origin`` says why they hold.
"""

from typing import Any

import numpy as np
from rows import Row, recorded

CORRECT: list[Row] = []
correct = recorded(CORRECT)

FIRM = ("prox", "firmly_nonexpansive")
A = np.random.default_rng(1).normal(size=(6, 6))
B = np.random.default_rng(2).normal(size=6)
L = float(np.linalg.norm(A, 2)) ** 2
PSEUDOINVERSE = np.linalg.pinv(A[:2])


def soft(x: Any, t: Any) -> Any:
    return np.sign(x) * np.maximum(np.abs(x) - t, 0)


def length(x: Any) -> Any:
    return np.linalg.norm(x, axis=-1, keepdims=True)


def simplex(x: Any) -> Any:
    u = -np.sort(-x)
    total = np.cumsum(u) - 1
    count = np.arange(1, len(x) + 1)
    last = np.flatnonzero(u * count > total)[-1]
    return np.maximum(x - total[last] / count[last], 0)


# Proximal maps in closed form


@correct("a proximal map", 5, *FIRM, prox_of="L1(weight=0.5)", step=0.2)
def soft_threshold(x: Any) -> Any:
    return soft(x, 0.1)


@correct("a proximal map", 5, *FIRM, prox_of="L1(weight=0.5)", step=0.2)
def soft_by_clipping(x: Any) -> Any:
    return x - np.clip(x, -0.1, 0.1)


@correct("a proximal map", 3, *FIRM, prox_of="L1(weight=[0.0, 0.1, 2.0])", box=(-9.0, 9.0))
def soft_weighted(x: Any) -> Any:
    return soft(x, np.array([0.0, 0.1, 2.0]))


@correct("a proximal map", 50, *FIRM, box=(-1e6, 1e6))
def soft_large(x: Any) -> Any:
    return soft(x, 1e5)


@correct("a proximal map of fbscheck", 4, *FIRM, prox_of="Huber(delta=0.3, weight=2.0)", step=0.5)
def huber(x: Any) -> Any:
    from fbscheck.functions import Huber

    return Huber(0.3, 2.0).prox(x, 0.5)


@correct("a proximal map of fbscheck", 4, *FIRM, "contraction=0.8", prox_of="ElasticNet(0.3, 0.5)", step=0.5)
def elastic_net(x: Any) -> Any:
    from fbscheck.functions import ElasticNet

    return ElasticNet(0.3, 0.5).prox(x, 0.5)


@correct("a proximal map", (2, 3), *FIRM, prox_of="GroupL2([0, 0, 0, 1, 1, 1], weight=0.3)")
def group_shrinkage(x: Any) -> Any:
    return x * np.maximum(1 - 0.3 / np.maximum(length(x), 1e-300), 0)


@correct("the proximal map of the nuclear norm", (4, 4), *FIRM)
def nuclear_shrinkage(x: Any) -> Any:
    u, s, v = np.linalg.svd(x)
    return (u * np.maximum(s - 0.4, 0)[..., None, :]) @ v


@correct("the proximal map of -log, which cancels for x < 0", 3, *FIRM, box=(-100.0, 100.0))
def barrier(x: Any) -> Any:
    return (x + np.sqrt(x**2 + 0.4)) / 2


@correct("Moreau's identity", 6, *FIRM)
def conjugate_of_ball(x: Any) -> Any:
    return x - x / np.maximum(length(x) / 0.7, 1)


# Projections


@correct("a projection", 5, *FIRM)
def onto_simplex(x: Any) -> Any:
    return simplex(x)


@correct("a projection", 5, *FIRM)
def onto_l1_ball(x: Any) -> Any:
    return x if np.sum(np.abs(x)) <= 1 else np.sign(x) * simplex(np.abs(x))


@correct("a projection", 5, *FIRM, prox_of="L2Ball(0.8)", step=3.0)
def onto_ball(x: Any) -> Any:
    return x / np.maximum(length(x) / 0.8, 1)


@correct("a projection", 5, *FIRM, prox_of="Box(-0.5, 0.25)", step=3.0)
def onto_box(x: Any) -> Any:
    return np.clip(x, -0.5, 0.25)


@correct("a projection", 6, *FIRM)
def onto_halfspace(x: Any) -> Any:
    return x - np.maximum(x @ B - 0.1, 0)[..., None] * B / (B @ B)


@correct("a projection", 6, *FIRM)
def onto_affine(x: Any) -> Any:
    return x - (x @ A[:2].T - B[:2]) @ PSEUDOINVERSE.T


@correct("a projection", 4, *FIRM)
def onto_second_order_cone(x: Any) -> Any:
    head, norm = x[0], np.linalg.norm(x[1:])
    if norm <= head:
        return x
    if norm <= -head:
        return np.zeros(4)
    mean = (head + norm) / 2
    return np.concatenate([[mean], mean * x[1:] / norm])


@correct("a projection onto the positive semidefinite matrices", (4, 4), *FIRM)
def onto_semidefinite(x: Any) -> Any:
    values, vectors = np.linalg.eigh((x + np.swapaxes(x, -1, -2)) / 2)
    return (vectors * np.maximum(values, 0)[..., None, :]) @ np.swapaxes(vectors, -1, -2)


@correct("the projection onto the monotone cone, by scikit-learn", 6, *FIRM)
def isotonic(x: Any) -> Any:
    from sklearn.isotonic import isotonic_regression

    return isotonic_regression(x)


@correct("an average of projections", 4, "firmly_nonexpansive", "prox")
def averaged_projections(x: Any) -> Any:
    return (np.clip(x, -0.5, 0.5) + x / np.maximum(length(x) / 0.7, 1)) / 2


@correct("a reflected projection", 4, "nonexpansive")
def reflection(x: Any) -> Any:
    return 2 * np.clip(x, -0.5, 0.5) - x


@correct("a composition of two firmly nonexpansive maps", 4, "averagedness=0.6667", "nonexpansive")
def alternating(x: Any) -> Any:
    return soft(x / np.maximum(length(x) / 0.7, 1), 0.1)


@correct("sorting brings no two points apart", 5, "nonexpansive")
def sorting(x: Any) -> Any:
    return np.sort(x)


# Gradient steps and resolvents


@correct("Baillon and Haddad, step 1/L", 6, *FIRM)
def gradient_step(x: Any) -> Any:
    return x - ((x @ A.T - B) @ A) / L


@correct("Baillon and Haddad, step 1.9/L", 6, "nonexpansive", "averagedness=0.95")
def long_gradient_step(x: Any) -> Any:
    return x - 1.9 / L * ((x @ A.T - B) @ A)


@correct("forward-backward: averaged with 2/(4 - hL)", 6, "averagedness=0.6667")
def forward_backward(x: Any) -> Any:
    return soft(x - ((x @ A.T - B) @ A) / L, 0.05)


@correct("the resolvent of a skew matrix", 6, "firmly_nonexpansive", "monotonicity")
def skew_resolvent(x: Any) -> Any:
    return np.linalg.solve(np.eye(6) + A - A.T, x)


@correct("a proximal map by a linear solve", 6, *FIRM)
def least_squares(x: Any) -> Any:
    return np.linalg.solve(np.eye(6) + A.T @ A, x + A.T @ B)


@correct("the gradient of |Ax-b|^2/2", 6, "monotonicity", f"lipschitz={L * (1 + 1e-12)!r}", "gradient")
def gradient(x: Any) -> Any:
    return (x @ A.T - B) @ A / 1.0


# Layers


@correct("a proximal map", 8, *FIRM, prox_of="NonNegative()")
def relu(x: Any) -> Any:
    return np.maximum(x, 0)


@correct("slopes between 0.1 and 1", 8, *FIRM, "monotonicity=0.1")
def leaky(x: Any) -> Any:
    return np.where(x > 0, x, 0.1 * x)


@correct("slopes between 0 and 1", 4, *FIRM, box=(-8.0, 8.0))
def tanh(x: Any) -> Any:
    return np.tanh(x)


@correct("the derivative of softplus has slopes between 0 and 1/4", 4, "cocoercivity=4", "contraction=0.25")
def sigmoid(x: Any) -> Any:
    return 1 / (1 + np.exp(-x))


@correct("slopes between 0 and 1", 4, *FIRM, box=(-8.0, 8.0))
def softplus(x: Any) -> Any:
    return np.logaddexp(0, x)


@correct("slopes between 0 and 1", 4, *FIRM, box=(-8.0, 8.0))
def elu(x: Any) -> Any:
    return np.where(x > 0, x, np.expm1(np.minimum(x, 0)))


@correct("the gradient of log sum exp, which is 1/2-smooth", 5, *FIRM, "lipschitz=0.5", box=(-4.0, 4.0))
def softmax(x: Any) -> Any:
    y = np.exp(x - x.max(axis=-1, keepdims=True))
    return y / y.sum(axis=-1, keepdims=True)


@correct("K' tanh(Kx), |K| = 1, is a gradient", 6, *FIRM)
def symmetric_layer(x: Any) -> Any:
    k = A / np.sqrt(L)
    return np.tanh(x @ k.T) @ k


@correct("an orthogonal layer and a ReLU", 6, "nonexpansive")
def orthogonal_layer(x: Any) -> Any:
    return np.maximum(x @ np.linalg.qr(A)[0].T + B, 0)


@correct("the reshaped kernel of a convolution, divided by its largest gain", (6, 6), "nonexpansive")
def convolution(x: Any) -> Any:
    padded = np.pad(x, 1)
    return sum(padded[i : i + 6, j : j + 6] for i in range(3) for j in range(3)) / 9


# Denoisers


@correct("symmetric with eigenvalues in [0, 1], as the kernel is and the edges reflect", 12, *FIRM)
def gaussian(x: Any) -> Any:
    from scipy.ndimage import gaussian_filter1d

    return gaussian_filter1d(x, 1.0, mode="reflect")


@correct("symmetric with eigenvalues in [0, 1]", (5, 5), "nonexpansive", "monotonicity")
def gaussian_image(x: Any) -> Any:
    from scipy.ndimage import gaussian_filter

    return gaussian_filter(x, 1.0, mode="reflect")


@correct("each entry counts in three windows at most", 7, "lipschitz=1.73205081")
def median(x: Any) -> Any:
    from scipy.ndimage import median_filter

    return median_filter(x, 3)


def tv(x: Any, weight: float, iterations: int) -> Any:
    p, q, t = np.zeros(len(x) - 1), np.zeros(len(x) - 1), 1.0
    for _ in range(iterations):
        u = x + np.diff(np.concatenate([[0], q, [0]]))
        following = np.clip(q + np.diff(u) / 4, -weight, weight)
        t, before = (1 + np.sqrt(1 + 4 * t**2)) / 2, t
        p, q = following, following + (before - 1) / t * (following - p)
    return x + np.diff(np.concatenate([[0], p, [0]]))


@correct("a proximal map up to 1e-6, by accelerated projected gradients", 6, *FIRM, accuracy=1e-6)
def total_variation(x: Any) -> Any:
    return tv(x, 0.2, 400)


@correct("a proximal map by bisection up to 1e-6", 3, *FIRM, accuracy=1e-6, box=(-3.0, 3.0))
def bisection(x: Any) -> Any:
    low, high = -np.abs(x), np.abs(x)
    for _ in range(25):
        middle = (low + high) / 2
        right = middle + middle**3 > x
        low, high = np.where(right, low, middle), np.where(right, middle, high)
    return (low + high) / 2


@correct("the proximal map of x^4/4 by Newton's method until steps are short", 3, *FIRM, accuracy=1e-6, box=(-3.0, 3.0))
def newton(x: Any) -> Any:
    y = np.zeros_like(x)
    for _ in range(50):
        step = (y + y**3 - x) / (1 + 3 * y**2)
        y = y - step
        if np.max(np.abs(step)) < 1e-6:
            break
    return y


# Rounding


@correct("a proximal map, in single precision", 5, *FIRM, accuracy=1e-6, prox_of="L1(weight=0.5)", step=0.2)
def single_precision(x: Any) -> Any:
    return soft(x.astype(np.float32), np.float32(0.1)).astype(np.float64)


@correct("a proximal map; that it returns single precision says how exact it is", 5, *FIRM)
def returns_single(x: Any) -> Any:
    return soft(x.astype(np.float32), np.float32(0.1))


@correct("a proximal map, silently in single precision", 5, *FIRM)
def single_inside(x: Any) -> Any:
    return soft(x.astype(np.float32), np.float32(0.1)).astype(np.float64)


@correct("a layer in single precision", 6, "nonexpansive")
def single_layer(x: Any) -> Any:
    return np.tanh(x.astype(np.float32) @ (np.linalg.qr(A)[0].T).astype(np.float32))


@correct("the identity with 8 digits cancelled", 3, "nonexpansive", "monotonicity")
def cancelled(x: Any) -> Any:
    return (x + 1e8) - 1e8


@correct("sqrt(1 + x^2) - 1 over x, with digits cancelled near 0", 3, "nonexpansive", "monotonicity")
def cancelled_root(x: Any) -> Any:
    return (np.sqrt(1 + 1e-6 * x**2) - 1) * 1e6 * np.sign(x)


@correct("a sum in another order of magnitude", 4, "nonexpansive")
def cancelled_sum(x: Any) -> Any:
    return (np.sum(x) / 4 + 1e6 * x - 1e6 * x) * np.ones(4) / 1.0
