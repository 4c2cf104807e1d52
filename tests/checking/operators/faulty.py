"""Operators with faults as they occur in public code, each with the claims that its author would make.

``origin`` names the report that a fault is modelled on, or says that it is a common mistake.
"""

from typing import Any

import numpy as np
from rows import Row, recorded

FAULTY: list[Row] = []
faulty = recorded(FAULTY)

WEIGHT, STEP = 0.5, 0.2
L1 = {"prox_of": "L1(weight=0.5)", "step": STEP}
A = np.random.default_rng(1).normal(size=(6, 6))
B = np.random.default_rng(2).normal(size=6)
L = float(np.linalg.norm(A, 2)) ** 2
CALLS = [0]


def soft(x: Any, t: Any) -> Any:
    return np.sign(x) * np.maximum(np.abs(x) - t, 0)


def length(x: Any) -> Any:
    return np.linalg.norm(x, axis=-1, keepdims=True)


def simplex(x: Any, shift: int = 0) -> Any:
    u = -np.sort(-x)
    total = np.cumsum(u) - 1
    count = np.arange(1, len(x) + 1)
    last = np.flatnonzero(u * count > total)[-1] + shift
    return np.maximum(x - total[last] / count[last], 0)


# Thresholds and steps


@faulty("common mistake: the step is missing", 5, **L1)
def missing_step(x: Any) -> Any:
    return soft(x, WEIGHT)


@faulty("scikit-image pull request 2922: what was a variance already was squared again", 5, **L1)
def squared_step(x: Any) -> Any:
    return soft(x, WEIGHT * STEP**2)


@faulty("TIGRE pull request 769: a factor 2 between |Ax-b|^2 and its half", 5, **L1)
def double_step(x: Any) -> Any:
    return soft(x, 2 * WEIGHT * STEP)


@faulty("pyproximal pull request 143: the weight stood outside the proximal map, not in its step", 5, **L1)
def step_without_weight(x: Any) -> Any:
    return soft(x, STEP)


@faulty("robust-pca issue 13: the threshold is mu, the code had 1/mu", 5, **(L1 | {"box": (-20.0, 20.0)}))
def inverse_threshold(x: Any) -> Any:
    return soft(x, 1 / (WEIGHT * STEP))


@faulty("odl issue 1613: the proximal map of a norm did not depend on its scaling", 5, **L1)
def scale_ignored(x: Any) -> Any:
    return soft(x, 1.0)


@faulty("common mistake: Moreau's identity without rescaling the argument", 5, prox_of="Box(-0.5, 0.5)", step=2.0)
def moreau_without_scale(x: Any) -> Any:
    return x - 2.0 * soft(x, WEIGHT / 2.0)


@faulty("common mistake: the threshold on the wrong side", 5, "nonexpansive", **L1)
def grown(x: Any) -> Any:
    return np.sign(x) * (np.abs(x) + WEIGHT * STEP) * (np.abs(x) > WEIGHT * STEP)


@faulty("hyperspy pull request 2035: np.maximum alone left no negative entries", 5, **L1)
def abs_forgotten(x: Any) -> Any:
    return np.sign(x) * np.maximum(x - WEIGHT * STEP, 0)


@faulty("CIL issue 1662: in place, the sign was taken of |x|, and all was positive", 5, "monotonicity", "prox", **L1)
def sign_of_abs(x: Any) -> Any:
    out = np.abs(x)
    return np.maximum(out - WEIGHT * STEP, 0) * np.sign(out)


@faulty("common mistake: the hard threshold sold as the proximal map of |x|_1", 5, "nonexpansive", **L1)
def hard_threshold(x: Any) -> Any:
    return x * (np.abs(x) > WEIGHT * STEP)


@faulty("common mistake: firm thresholding sold as nonexpansive", 5, "nonexpansive")
def firm_threshold(x: Any) -> Any:
    return np.where(np.abs(x) > 0.8, x, soft(x, 0.2) * 0.8 / 0.6)


# Gradient steps


@faulty("common mistake: the sign of the gradient", 6, "nonexpansive")
def ascent(x: Any) -> Any:
    return x + ((x @ A.T - B) @ A) / L


@faulty("common mistake: the residual without the adjoint", 6, "nonexpansive", "firmly_nonexpansive")
def adjoint_forgotten(x: Any) -> Any:
    return x - (x @ A.T - B) / np.sqrt(L)


@faulty("common mistake: A in the place of its adjoint", 6, "nonexpansive")
def adjoint_confused(x: Any) -> Any:
    return x - ((x @ A.T - B) @ A.T) / L


@faulty("pyunlocbox issue 32: the objective of gradient descent grows; here by a step beyond 2/L", 6, "nonexpansive")
def step_beyond(x: Any) -> Any:
    return x - 2.05 / L * ((x @ A.T - B) @ A)


@faulty("TIGRE pull request 769: step 1/|A|^2 on a gradient with the factor 2, at relaxation 1.2", 6, "nonexpansive")
def gradient_doubled(x: Any) -> Any:
    return x - 1.2 / L * 2 * ((x @ A.T - B) @ A)


@faulty("pysap issue 39: the Lipschitz constant was computed, the step left at 1", 6, "nonexpansive")
def constant_unused(x: Any) -> Any:
    return x - (x @ A.T - B) @ A


@faulty("common mistake: 1/|A| where 1/|A|^2 is needed", 6, "nonexpansive")
def norm_not_squared(x: Any) -> Any:
    return x - ((x @ A.T - B) @ A) / np.sqrt(L)


@faulty("CIL issue 1704: the power method stops early and underestimates the norm", 30, "firmly_nonexpansive")
def power_stopped(x: Any) -> Any:
    values = np.linspace(0.1, 1.0, 30)
    v = np.ones(30) / np.sqrt(30)
    for _ in range(3):
        v = values**2 * v
        v = v / np.linalg.norm(v)
    return x - values**2 * x / np.linalg.norm(values**2 * v)


@faulty("common mistake: the largest column in the place of the spectral norm", 6, "nonexpansive")
def column_norm(x: Any) -> Any:
    return x - 1.9 / np.max(np.sum(A**2, axis=0)) * ((x @ A.T - B) @ A)


@faulty("common mistake: the Frobenius norm over the square root of the size", 6, "firmly_nonexpansive")
def frobenius(x: Any) -> Any:
    return x - len(A) / np.sum(A**2) * ((x @ A.T - B) @ A)


@faulty("common mistake: relaxation beyond 2", 4, "nonexpansive")
def relaxed_too_far(x: Any) -> Any:
    return x + 2.1 * (np.clip(x, -0.5, 0.5) - x)


# Groups, balls, boxes, simplices

GROUPS = "GroupL2([0, 0, 0, 1, 1, 1], weight=0.3)"


@faulty("common mistake: the norms of groups over the wrong axis", (2, 3), prox_of=GROUPS)
def wrong_axis(x: Any) -> Any:
    norms = np.sqrt(np.sum(x**2, axis=-2, keepdims=True))
    return x * np.maximum(1 - 0.3 / np.maximum(norms, 1e-300), 0)


@faulty("pyglmnet issue 170: a group that is zero is divided by its norm", (2, 3), fault="nan", prox_of=GROUPS)
def group_at_zero(x: Any) -> Any:
    norms = length(x)
    return (x - 0.3 * x / norms) * (norms > 0.3)


@faulty("common mistake: >= for > before a division", 4, fault="nan")
def divides_at_zero(x: Any) -> Any:
    norm = np.sqrt(np.sum(x**2))
    return x / norm * max(norm - 0.3, 0) if norm >= 0 else x


@faulty("common mistake: the factor of a radial shrinkage is not cut at 0", 4, "nonexpansive")
def radial_flip(x: Any) -> Any:
    norm = length(x)
    return x * (1 - 0.3 / np.maximum(norm, 1e-12))


@faulty("scico issue 619: the projection onto a ball scales points inside", 4, "nonexpansive", prox_of="L2Ball(0.8)")
def ball_inside(x: Any) -> Any:
    return 0.8 * x / np.maximum(length(x), 1e-12)


@faulty("secml-torch issue 50: the norm compared with 1, all scaled by the radius", 4, prox_of="L2Ball(0.8)")
def ball_compared_with_one(x: Any) -> Any:
    norm = np.maximum(length(x), 1e-12)
    return np.where(norm <= 1, x, x / norm) * 0.8


@faulty("common mistake: the ends of a box swapped for one coordinate", 5, prox_of="Box(-0.5, 0.5)")
def box_swapped(x: Any) -> Any:
    low, high = np.full(5, -0.5), np.full(5, 0.5)
    low[3], high[3] = high[3], low[3]
    return np.clip(x, low, high)


@faulty(
    "fair_flearn issue 10: a prefix sum one entry short in the projection onto the simplex",
    5,
    "nonexpansive",
    box=(0.0, 1.0),
)
def simplex_short_sum(x: Any) -> Any:
    u = -np.sort(-x)
    short = np.cumsum(u) - u
    count = np.arange(1, len(x) + 1)
    last = np.flatnonzero(u + (1 - short) / count > 0)[-1]
    return np.maximum(x + (1 - short[last]) / count[last], 0)


@faulty("quantopian-algos issue 1: an index carried over from MATLAB", 5, "firmly_nonexpansive", "prox")
def simplex_off_by_one(x: Any) -> Any:
    return simplex(x, -1) if np.sum(x > np.max(x) - 1) > 1 else simplex(x)


@faulty("tensorly issue 354: a division is missing in the projection onto the simplex", 5, "nonexpansive")
def simplex_undivided(x: Any) -> Any:
    u = -np.sort(-x)
    total = np.cumsum(u) - 1
    last = np.flatnonzero(u * np.arange(1, len(x) + 1) > total)[-1]
    return np.maximum(x - total[last], 0)


@faulty("odl pull request 1614: the projection onto the l1 ball moves points inside", 5, "nonexpansive")
def l1_ball_inside(x: Any) -> Any:
    return np.sign(x) * simplex(np.abs(x))


@faulty("scs pull request 411: equal leading entries find no break point of the projection", 4, "nonexpansive")
def simplex_ties(x: Any) -> Any:
    u = -np.sort(-x)
    if np.abs(u[0] - u[1]) < 1e-12:
        return x - (np.sum(x) - 1) / len(x)
    return simplex(x)


# Iterations


def tv(x: Any, weight: float, iterations: int) -> Any:
    """The proximal map of the total variation in one dimension, by projected gradients of the dual."""
    p = np.zeros(len(x) - 1)
    for _ in range(iterations):
        u = x + np.diff(np.concatenate([[0], p, [0]]))
        p = np.clip(p + np.diff(u) / 4, -weight, weight)
    return x + np.diff(np.concatenate([[0], p, [0]]))


@faulty("common mistake: the dual of total variation with too few iterations", 12, "prox", seconds=1.0)
def tv_stopped(x: Any) -> Any:
    return tv(x, 0.5, 4)


HUBER = {"prox_of": "Huber(delta=0.3, weight=2.0)", "step": 0.5}


@faulty("common mistake: one Newton step, from x, for a proximal map with kinks", 3, "monotonicity", **HUBER)
def newton_once(x: Any) -> Any:
    inner = np.abs(x) <= 0.3
    return x - np.where(inner, x, 0.3 * np.sign(x)) / np.where(inner, 2, 1)


# Layers


@faulty("common mistake: a leaky ReLU with a slope above 1", 4, "nonexpansive")
def leaky(x: Any) -> Any:
    return np.where(x > 0, x, 1.2 * x)


@faulty("common mistake: SiLU sold as nonexpansive", 3, "nonexpansive", "monotonicity", box=(-5.0, 5.0))
def silu(x: Any) -> Any:
    return x / (1 + np.exp(-x))


@faulty("common mistake: GELU sold as nonexpansive", 3, "nonexpansive", box=(-5.0, 5.0))
def gelu(x: Any) -> Any:
    return 0.5 * x * (1 + np.tanh(np.sqrt(2 / np.pi) * (x + 0.044715 * x**3)))


@faulty("common mistake: ELU with alpha = 2 sold as nonexpansive", 3, "nonexpansive", box=(-5.0, 5.0))
def elu(x: Any) -> Any:
    return np.where(x > 0, x, 2 * np.expm1(np.minimum(x, 0)))


@faulty("common mistake: a layer of norm 1.05", 6, "nonexpansive")
def layer(x: Any) -> Any:
    return np.maximum(x @ (1.05 * A / np.sqrt(L)).T, 0)


@faulty("pytorch issue 99149: the norm of the reshaped kernel is not that of the convolution", (6, 6), "nonexpansive")
def convolution(x: Any) -> Any:
    kernel = np.ones((3, 3)) / 3
    padded = np.pad(x, 1)
    return sum(kernel[i, j] * padded[i : i + 6, j : j + 6] for i in range(3) for j in range(3))


@faulty("pix2pixHD issue 175: batch normalization by the statistics of what is being inferred", 6, "nonexpansive")
def normalized(x: Any) -> Any:
    return (x - x.mean(axis=0)) / np.sqrt(x.var(axis=0) + 1e-5)


@faulty("common mistake: normalization that updates its statistics at inference", 4, fault="random")
def running_mean(x: Any) -> Any:
    CALLS[0] += 1
    return x / (1 + 1 / CALLS[0])


@faulty("pytorch-CycleGAN-and-pix2pix issue 835: dropout left on at inference", 6, fault="random")
def dropout(x: Any) -> Any:
    return 2 * x * (np.random.default_rng().random(x.shape) < 0.5)


@faulty("odl pull request 1182: input and output share their memory", 4, fault="changes its argument")
def in_place(x: Any) -> Any:
    np.maximum(x, 0, out=x)
    return x


@faulty("common mistake: the inverse transform is not made real", 4, fault="complex")
def left_complex(x: Any) -> Any:
    return np.fft.ifft(np.fft.fft(x))


@faulty("common mistake: an axis summed away", 4, fault="shape")
def summed_away(x: Any) -> Any:
    return np.linalg.norm(x, axis=-1)


# Denoisers


@faulty("common mistake: a median filter sold as firmly nonexpansive", 7, "nonexpansive", "firmly_nonexpansive")
def median(x: Any) -> Any:
    return np.median(np.lib.stride_tricks.sliding_window_view(np.pad(x, 1, mode="edge"), 3), axis=-1)


@faulty("common mistake: replicated edges make an averaging filter expansive", 7, "nonexpansive")
def replicated_edges(x: Any) -> Any:
    return np.convolve(np.pad(x, 2, mode="edge"), np.ones(5) / 5, mode="valid")


@faulty("common mistake: non-local weights depend on the image", 6, "nonexpansive")
def non_local(x: Any) -> Any:
    weights = np.exp(-((x[:, None] - x[None, :]) ** 2) / 0.01)
    return np.sum(weights * x, axis=1) / np.sum(weights, axis=1)


@faulty("common mistake: half precision inside, accuracy claimed to be 1e-7", 4, "nonexpansive", accuracy=1e-7, **L1)
def half_precision(x: Any) -> Any:
    return soft(x.astype(np.float16), np.float16(WEIGHT * STEP)).astype(np.float64)


@faulty("common mistake: single precision, accuracy claimed to be 1e-10", 4, box=(-9.0, 9.0), accuracy=1e-10, **L1)
def single_precision(x: Any) -> Any:
    return soft(x.astype(np.float32), np.float32(WEIGHT * STEP)).astype(np.float64)


# Rare faults


@faulty("adversarial-robustness-toolbox pull request 1870: some points came back unprojected", 4, "nonexpansive")
def tie_within_percent(x: Any) -> Any:
    gap = np.min(np.diff(np.sort(x)))
    return x if gap < 0.01 else soft(x, 0.1)


@faulty("common mistake: a branch for a thin shell of |x|_inf, met by 0.65% of samples", 3, "nonexpansive", seconds=2.0)
def shell(x: Any) -> Any:
    size = np.max(np.abs(x))
    return 0.9 * x if 0.5 < size < 0.5086 else 0.5 * x


@faulty("common mistake: a branch if exactly one coordinate is negative", 10, "nonexpansive")
def one_negative(x: Any) -> Any:
    return np.maximum(x, 0) * (1.3 if np.sum(x < 0) == 1 else 1.0)


@faulty("common mistake: a steep piece of a learned activation", 1, "nonexpansive", box=(-5.0, 5.0))
def steep_piece(x: Any) -> Any:
    return 0.9 * x + 0.6 * np.clip(x - 1.3, 0, 0.05)


@faulty("common mistake: a steep piece of one of eight activations", 8, "nonexpansive", box=(-5.0, 5.0), seconds=1.5)
def steep_piece_of_eight(x: Any) -> Any:
    y = 0.9 * x
    y[..., 5] += 0.6 * np.clip(x[..., 5] - 1.3, 0, 0.05)
    return y
