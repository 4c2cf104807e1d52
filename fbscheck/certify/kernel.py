"""The trusted kernel: exact rational arithmetic from the standard library, and nothing else.

It rechecks the three kinds of certificate behind the words PROVED and CERTIFIED, and recomputes
their conclusions, which it never reads.  Rationals are strings "p/q"; a float is a rational.

* ``steps``: for x_k = prox_{h_k g}(x_{k-1} - h_k f(x_{k-1})), k = 1..N, a number t with
  ``|x_N - x*|^2 <= t |x_0 - x*|^2`` for every fixed point x*, every f of a class and every
  sigma-strongly convex g.  For N = 1 it holds between any two points x_0 and x*.  Write

      d_k = x_k - x*,   v_k = f(x_{k-1}) - f(x*),   s_k = difference of subgradients of g at x_k, x*,

  so that h_k s_k = d_{k-1} - d_k - h_k v_k.  Each term of a record is a hypothesis, [name, i, j,
  multiplier]: an inequality Q >= 0 of ``HYPOTHESES`` between the points i and j, where point k
  of f is (d_{k-1}, v_k), of g is (d_k, s_k), and 0 is x*.  Function values must cancel.  The
  conclusion is the least t for which ``t |d_0|^2 - |d_N|^2 - sum multiplier * Q`` is a sum of squares.
* ``eigenvalue``: a number below all eigenvalues of A^T A, or above them, by Gershgorin's circles of
  A^T A - L L^T, or A^T A + L L^T; any matrix L will do, the sum of those named by ``factor``.
* ``gap``: a number above F(x) + g(x) - min (F + g), for F(x) = phi(Ax) and a point x of floats, by
  g(x) + g*(s) - <s, x> + |F'(x) + s|^2 / (2m), with A^T A >= m > 0 and any ``slope`` s, or by
  phi(Ax) + phi*(y) + g(x) + g*(-A^T y), with any ``dual`` y.  Roots and logarithms are rounded up.
"""

from collections.abc import Callable, Mapping, Sequence
from decimal import ROUND_CEILING, Context, Decimal
from fractions import Fraction
from functools import lru_cache
from math import ceil, isqrt, lcm
from operator import add, mul
from typing import Any

__all__ = ["CLASSES", "HYPOTHESES", "Refusal", "conclude", "rational", "setting"]

Numbers = Sequence[Fraction]
Arrays = Mapping[str, Any]
Excess = Callable[..., Fraction | int | None]
ZERO, ONE = Fraction(0), Fraction(1)


class Refusal(Exception):
    """The record does not prove what it should; the message says at which step it fails."""


def rational(text: Any) -> Fraction:
    """Read ``"p"`` or ``"p/q"``; floats and decimals are refused, they hide a rounding."""
    if not isinstance(text, str):
        raise Refusal(f"a rational must be a string 'p/q', got one of type {type(text).__name__}")
    numerator, slash, denominator = text.partition("/")
    digits = (numerator.removeprefix("-"), denominator) if slash else (numerator.removeprefix("-"),)
    try:
        if all(part.isascii() and part.isdigit() for part in digits):
            return Fraction(int(numerator), int(denominator) if slash else 1)
    except (ValueError, ZeroDivisionError):
        pass
    raise Refusal(f"a rational must be a string 'p/q', not too long, got {text!r:.60}")


def _field(record: Mapping[str, Any], name: str, kind: type) -> Any:
    value = record.get(name) if isinstance(record, Mapping) else None
    if not isinstance(value, kind):
        raise Refusal(f"field {name!r} is missing or of the wrong kind")
    return value


HYPOTHESES: Mapping[str, Callable[[Mapping[str, Fraction]], tuple[Fraction | int, ...]]] = {
    "interpolation": lambda c: (2 * (c["ell"] - c["mu"]), -c["mu"] * c["ell"], 2 * c["mu"], -1),
    "monotone": lambda c: (0, -c["mu"], 1, 0),
    "lipschitz": lambda c: (0, c["ell"] ** 2, 0, -1),
    "cocoercive": lambda c: (0, 0, 1, -c["beta"]),
    "convex": lambda c: (2, -c["sigma"], 0, 0),
}
"""Name to (w, a, b, c) with w (F_i - F_j - <v_j, dx>) + a |dx|^2 + b <dv, dx> + c |dv|^2 >= 0, dx and dv
being differences of two points and of the operator there.  ``interpolation`` holds for the gradients of
mu-strongly convex, ell-smooth F (Taylor, Hendrickx, Glineur 2017), ``convex`` for the subgradients of
sigma-strongly convex g; the others are definitions.
"""

CLASSES: Mapping[str, tuple[tuple[str, str], tuple[str, ...]]] = {
    "GradientOf": (("mu", "ell"), ("interpolation", "monotone", "lipschitz")),
    "StronglyMonotoneLipschitz": (("mu", "ell"), ("monotone", "lipschitz")),
    "StronglyMonotoneCocoercive": (("mu", "beta"), ("monotone", "cocoercive")),
}
"""Class of f: its two constants, and the hypotheses that hold on it; ``convex`` is about g."""


def setting(record: Mapping[str, Any]) -> tuple[str, dict[str, Fraction], list[Fraction]]:
    """The class, its constants with sigma, and the steps that a record is about."""
    name = _field(record, "class", str)
    if name not in CLASSES:
        raise Refusal(f"unknown class {name!r}")
    given, names = _field(record, "constants", Mapping), CLASSES[name][0]
    if set(given) != set(names):
        raise Refusal(f"class {name} has the constants {names}, got {tuple(given)}")
    constants = {key: rational(given[key]) for key in names}
    constants["sigma"] = rational(record.get("strong_convexity"))
    steps = [rational(step) for step in _field(record, "steps", list)]
    if not steps or min(steps) <= 0 or min(constants.values()) < 0:
        raise Refusal("need steps > 0 and nonnegative constants")
    return name, constants, steps


def _steps(record: Mapping[str, Any], arrays: Arrays) -> Fraction:
    name, constants, steps = setting(record)
    points: dict[str, list[tuple[dict[int, Fraction], dict[int, Fraction]]]] = {"f": [({}, {})], "g": [({}, {})]}
    for k, h in enumerate(steps):  # the vectors are d_0, v_1, d_1, v_2, d_2, ...
        points["f"].append(({2 * k: ONE}, {2 * k + 1: ONE}))
        points["g"].append(({2 * k + 2: ONE}, {2 * k: 1 / h, 2 * k + 1: -ONE, 2 * k + 2: -1 / h}))
    form = [[ZERO] * (2 * len(steps) + 1) for _ in range(2 * len(steps) + 1)]
    form[-1][-1] = ONE
    balance: dict[tuple[bool, int], Fraction] = {}
    for term in _field(record, "terms", list):
        hypothesis, i, j, text = term if isinstance(term, list) and len(term) == 4 else (None, None, None, None)
        if hypothesis not in (*CLASSES[name][1], "convex"):
            raise Refusal(f"{hypothesis!r} is no hypothesis of class {name}")
        if type(i) is not int or type(j) is not int or i == j or not (0 <= min(i, j) and max(i, j) <= len(steps)):
            raise Refusal(f"no hypothesis compares the points {i!r} and {j!r}")
        multiplier, of_g = rational(text), hypothesis == "convex"
        if multiplier < 0:
            raise Refusal("a multiplier is negative")
        w, a, b, c = (multiplier * value for value in HYPOTHESES[hypothesis](constants))
        (xi, vi), (xj, vj) = (points["g" if of_g else "f"][k] for k in (i, j))
        x, v = ({k: p.get(k, ZERO) - q.get(k, ZERO) for k in {**p, **q}} for p, q in ((xi, xj), (vi, vj)))
        for weight, left, right in ((a, x, x), (b, v, x), (c, v, v), (-w, vj, x)):
            _add(form, weight, left, right)
        balance[of_g, i] = balance.get((of_g, i), ZERO) + w
        balance[of_g, j] = balance.get((of_g, j), ZERO) - w
    if any(balance.values()):
        raise Refusal("the function values do not cancel")
    return smallest_bound(form)


def _add(form: list[list[Fraction]], weight: Fraction, x: Mapping[int, Fraction], y: Mapping[int, Fraction]) -> None:
    """Add ``weight`` times the quadratic form <x, y>, symmetrised."""
    if weight:
        for i, a in x.items():
            for j, b in y.items():
                half = weight * a * b / 2
                form[i][j] += half
                form[j][i] += half


def smallest_bound(form: Sequence[Numbers]) -> Fraction:
    """The least t >= 0 with ``t |d_0|^2 - form`` positive semidefinite, by exact elimination.

    The last variables go first (an LDL^T factorisation); what remains at the top left is the number asked
    for.  Over a common denominator all entries are minors of the matrix, which the pivot before divides.
    """
    scale = lcm(*(entry.denominator for row in form for entry in row))
    rest = [[-int(entry * scale) for entry in row[: i + 1]] for i, row in enumerate(form)]
    before = 1
    while len(rest) > 1:
        *last, pivot = rest.pop()
        if pivot < 0 or (pivot == 0 and any(last)):
            raise Refusal("the multipliers leave a form that is not a sum of squares")
        if pivot > 0:
            for line, factor in zip(rest, last, strict=True):
                line[:] = [(entry * pivot - factor * other) // before for entry, other in zip(line, last)]
            before = pivot
    return max(Fraction(-rest[0][0], before * scale), ZERO)


def _ratio(value: Any) -> tuple[int, int]:
    if type(value) not in (int, float, Fraction):
        raise Refusal(f"arrays must hold Python's own numbers, got {type(value).__name__}")
    return tuple(map(int, value.as_integer_ratio()))  # type: ignore[return-value]  # Fractions may be numpy's


def _integers(rows: Sequence[Sequence[Any]]) -> tuple[tuple[tuple[int, ...], ...], int]:
    """The rows of a matrix as integers, and the denominator that they have in common."""
    ratios = [[_ratio(value) for value in row] for row in rows]
    scale = lcm(*{below for row in ratios for _, below in row})
    return tuple(tuple(above * (scale // below) for above, below in row) for row in ratios), scale


def _product(rows: Any, scale: int, x: Numbers) -> list[Fraction]:
    """The matrix ``rows / scale`` times ``x``, of lengths that fit."""
    (whole,), unit = _integers([x])
    return [Fraction(sum(map(mul, row, whole)), scale * unit) for row in rows]


def _eigenvalue(record: Mapping[str, Any], arrays: Arrays) -> Fraction:
    parts, sign = tuple(arrays[name] for name in record["factor"]), {"lower": -1, "upper": 1}[record["bound"]]
    return _gershgorin(arrays[record["matrix"]], parts, sign)


@lru_cache(maxsize=4)
def _gershgorin(matrix: Any, parts: Any, sign: int) -> Fraction:
    (rows, scale), (stack, unit) = _integers(matrix), _integers([row for part in parts for row in part])
    columns, sums = list(zip(*rows, strict=True)), [0] * len(rows[0])
    if not parts or any(len(part) != len(columns) for part in parts):
        raise Refusal("need as many rows of the factor as columns of the matrix")
    factor = [tuple(map(sum, zip(*stack[i :: len(columns)], strict=True))) for i in range(len(columns))]
    for i, column in enumerate(columns):
        for j in range(i + 1):
            product = sum(map(mul, factor[i], factor[j])) * scale**2
            entry = sum(map(mul, column, columns[j])) * unit**2 + sign * product
            for k in {i, j}:
                sums[k] += entry if i == j else sign * abs(entry)
    return Fraction(max(sums) if sign > 0 else min(sums), (scale * unit) ** 2)


def _root(square: Fraction) -> Fraction:
    """A rational above the square root, by at most 2^-150."""
    return Fraction(isqrt(ceil(square * 4**150)) + 1, 2**150)


def _above(x: Fraction, function: Callable[[Decimal, Context], Decimal]) -> Fraction:
    """A rational above an increasing function of decimal's, which rounds to the nearest: the next number."""
    nearest, up = Context(prec=50, Emin=-999), Context(prec=50, rounding=ROUND_CEILING)
    return Fraction(function(up.divide(Decimal(x.numerator), Decimal(x.denominator)), nearest).next_plus(nearest))


PENALTIES: Mapping[str, tuple[tuple[str, ...], Excess]] = {
    "Zero": ((), lambda x, s: None if s else 0),
    "NonNegative": ((), lambda x, s: None if x < 0 or s > 0 else -s * x),
    "L1": (("weight",), lambda x, s, w: None if abs(s) > w else w * abs(x) - s * x),
    "SquaredL2": (("weight",), lambda x, s, w: None if w <= 0 else (w * x - s) ** 2 / (2 * w)),
    "ElasticNet": (
        ("l1", "l2"),
        lambda x, s, a, b: None if b <= 0 else a * abs(x) + ((b * x) ** 2 + max(abs(s) - a, 0) ** 2) / (2 * b) - s * x,
    ),
    "Box": (("low", "high"), lambda x, s, a, b: max(a * s, b * s) - s * x if a <= x <= b else None),
}
"""Kind of a separable g to its parameters and g(x) + g*(s) - s x, None if that is infinite."""

LOSSES: Mapping[str, tuple[str, Excess]] = {
    "LeastSquares": ("target", lambda z, y, b: (z - b - y) ** 2 / 2),
    "Logistic": ("labels", lambda z, y, b: _logistic(-b * z, -b * y) if b * b == 1 and 0 <= -b * y <= 1 else None),
}
"""Kind of a loss to the name of its data b and phi(z) + phi*(y) - y z."""


def _logistic(u: Fraction, t: Fraction) -> Fraction:
    """log(1 + exp(u)) + t log t + (1 - t) log(1 - t) - t u, rounded up; exp(-200) is far below a last digit."""
    entropy = sum((p * _above(p, Decimal.ln) for p in (t, 1 - t) if 0 < p < 1), ZERO)
    return max(u, ZERO) + _above(1 + _above(max(-abs(u), -200 * ONE), Decimal.exp), Decimal.ln) + entropy - t * u


def _numbers(name: Any, arrays: Arrays, size: int) -> list[Fraction]:
    """The named vector, or the sum of those in a list, or one rational repeated; of the right length."""
    if isinstance(name, list) and name:
        return [sum(parts, ZERO) for parts in zip(*(_numbers(part, arrays, size) for part in name), strict=True)]
    values = [rational(name)] * size if name[:1] in "-0123456789" else [Fraction(*_ratio(v)) for v in arrays[name]]
    if len(values) != size:
        raise Refusal(f"a vector of length {len(values)} in the place of one of length {size}")
    return values


def _fenchel(excess: Excess, *columns: Numbers) -> Fraction:
    terms = [excess(*values) for values in zip(*columns, strict=True)]
    if any(term is None for term in terms):
        raise Refusal("a point or a slope is outside the domain, where a function is infinite")
    return sum((Fraction(term) for term in terms if term is not None), ZERO)


def _penalty(g: Mapping[str, Any], arrays: Arrays, x: Numbers, s: Numbers) -> Fraction:
    """A number above g(x) + g*(s) - <s, x>."""
    if g["kind"] != "GroupL2":
        parameters, excess = PENALTIES[g["kind"]]
        return _fenchel(excess, x, s, *(_numbers(g[name], arrays, len(x)) for name in parameters))
    weight, squares = rational(g["weight"]), dict[Any, Any]()
    for label, p, q in zip(arrays[g["labels"]], x, s, strict=True):
        squares[_ratio(label)] = tuple(map(add, squares.get(_ratio(label), (ZERO, ZERO)), (p * p, q * q)))
    norms = _fenchel(lambda p, q: None if weight < 0 or q > weight**2 else weight * _root(p), *zip(*squares.values()))
    return norms - sum(map(mul, x, s), ZERO)


def _gap(record: Mapping[str, Any], arrays: Arrays) -> Fraction:
    f, g = record["f"], record["g"]
    rows, scale = _integers(arrays[f["matrix"]])
    columns, (data, excess) = list(zip(*rows, strict=True)), LOSSES[f["kind"]]
    b, x = _numbers(f[data], arrays, len(rows)), _numbers(record["x"], arrays, len(columns))
    z = _product(rows, scale, x)
    if "dual" in record:
        y = _numbers(record["dual"], arrays, len(rows))
        s = [-value for value in _product(columns, scale, y)]
        return _fenchel(excess, z, y, b) + _penalty(g, arrays, x, s)
    modulus, s = record["modulus"], _numbers(record["slope"], arrays, len(columns))
    least = _eigenvalue(modulus, arrays)
    if (f["kind"], modulus["matrix"], modulus["bound"]) != ("LeastSquares", f["matrix"], "lower") or least <= 0:
        raise Refusal("a slope needs least squares, and a positive lower bound of the eigenvalues of its A^T A")
    gradient = _product(columns, scale, [p - q for p, q in zip(z, b, strict=True)])
    return sum(((p + q) ** 2 for p, q in zip(gradient, s, strict=True)), ZERO) / (2 * least) + _penalty(g, arrays, x, s)


KINDS = {"steps": _steps, "eigenvalue": _eigenvalue, "gap": _gap}


def conclude(record: Mapping[str, Any], arrays: Arrays | None = None) -> Fraction:
    """Recheck one record and return the number that it proves; ``arrays`` holds tuples of floats by name.

    Raises
    ------
    Refusal
        If anything is missing, malformed, outside its range, or does not prove a bound.
    """
    try:
        return KINDS[record["kind"]](record, arrays or {})
    except (ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError) as error:
        raise Refusal(f"the record is incomplete or malformed: {type(error).__name__} {error}") from None
