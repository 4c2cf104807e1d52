"""Operators of other packages, each with claims that hold (or, among FAULTY_PEERS, that do not)."""

from typing import Any

import numpy as np
import pyproximal
from rows import Row, recorded
from skimage.restoration import denoise_tv_chambolle

PEERS: list[Row] = []
FAULTY_PEERS: list[Row] = []
peer, faulty = recorded(PEERS), recorded(FAULTY_PEERS)

FIRM = ("prox", "firmly_nonexpansive")
L2 = pyproximal.L2(sigma=0.5)
BALL = pyproximal.EuclideanBall(np.zeros(5), 0.8)
SIMPLEX = pyproximal.Simplex(5, 1.0, maxiter=200, xtol=1e-10)
TV = pyproximal.TV((8,), sigma=0.2, niter=500, rtol=1e-12)
NUCLEAR = pyproximal.Nuclear((4, 4), sigma=0.4)


@peer("a proximal map", 5, *FIRM, prox_of="SquaredL2(0.5)", step=0.2)
def l2(x: Any) -> Any:
    return L2.prox(x, 0.2)


@peer("a projection", 5, *FIRM, prox_of="L2Ball(0.8)")
def ball(x: Any) -> Any:
    return BALL.prox(x, 1.0)


@peer("a projection by bisection", 5, *FIRM, accuracy=1e-6)
def simplex(x: Any) -> Any:
    return SIMPLEX.prox(x, 1.0)


@peer("a proximal map by iteration", 8, *FIRM, accuracy=1e-3)
def total_variation(x: Any) -> Any:
    return TV.prox(x, 1.0)


@peer("the proximal map of the nuclear norm", 16, *FIRM)
def nuclear(x: Any) -> Any:
    return NUCLEAR.prox(x, 1.0)


@peer("a proximal map by iteration, far from its limit but not far off", (4, 4), *FIRM, accuracy=1e-3)
def chambolle(x: Any) -> Any:
    return denoise_tv_chambolle(x, weight=0.2, eps=1e-12, max_num_iter=500)


@faulty("the default tolerance stops early; exact it is not", (4, 4), "firmly_nonexpansive")
def chambolle_by_default(x: Any) -> Any:
    return denoise_tv_chambolle(x, weight=0.2)
