"""Operators of other packages, each with claims that hold (or, among FAULTY_PEERS, that do not).

Each package is imported when it is first called.
"""

from functools import cache
from typing import Any

from rows import Row, recorded

PEERS: list[Row] = []
FAULTY_PEERS: list[Row] = []
peer, faulty = recorded(PEERS), recorded(FAULTY_PEERS)

FIRM = ("prox", "firmly_nonexpansive")


@cache
def pyproximal(name: str, *arguments: Any, **settings: Any) -> Any:
    import pyproximal

    return getattr(pyproximal, name)(*arguments, **settings)


def chambolle(x: Any, **settings: Any) -> Any:
    from skimage.restoration import denoise_tv_chambolle

    return denoise_tv_chambolle(x, weight=0.2, **settings)


@peer("pyproximal: a projection", 5, *FIRM, prox_of="Box(-0.5, 0.25)")
def box(x: Any) -> Any:
    return pyproximal("Box", -0.5, 0.25).prox(x, 1.0)


@peer("pyproximal: a projection by bisection", 5, *FIRM, accuracy=1e-6)
def simplex(x: Any) -> Any:
    return pyproximal("Simplex", 5, 1.0, maxiter=200, xtol=1e-10).prox(x, 1.0)


@peer("pyproximal: a proximal map by iteration", 8, *FIRM, accuracy=1e-3)
def total_variation(x: Any) -> Any:
    return pyproximal("TV", (8,), sigma=0.2, niter=200, rtol=1e-12).prox(x, 1.0)


@peer("scikit-image: a proximal map by iteration, stopped late", (4, 4), *FIRM, accuracy=1e-3)
def chambolle_to_the_end(x: Any) -> Any:
    return chambolle(x, eps=1e-12, max_num_iter=300)


@faulty("scikit-image: the default tolerance stops early; exact it is not", (4, 4), "firmly_nonexpansive")
def chambolle_by_default(x: Any) -> Any:
    return chambolle(x)
