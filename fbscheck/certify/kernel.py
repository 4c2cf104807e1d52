"""The trusted kernel: exact rational arithmetic from the standard library, and nothing else.

It answers one question about one forward-backward step T = prox_{hg}(I - hf): which number
bounds, or is attained by, ``|Tx - Ty|^2 / |x - y|^2`` over a class of forward operators f and of
sigma-strongly convex functions g.  Write, for two trajectories,

    d = x - y,   v = f(x) - f(y),   s = difference of the subgradients of g at Tx and Ty,

so that ``Tx - Ty = d - h v - h s``.  Everything is a quadratic form in (d, v, s), a symmetric
3 x 3 matrix of rationals that stands for a Gram matrix of any dimension.

* An *upper* record holds multipliers.  The kernel rebuilds the hypotheses H_i >= 0 of the class,
  and computes the smallest t for which ``t |d|^2 - |Tx - Ty|^2 - sum_i multiplier_i H_i`` is a
  sum of squares.  Then ``|Tx - Ty|^2 <= t |d|^2`` for every f and g of the class.
* An *attained* record holds one linear f = a I + w J, with J the rotation by 90 degrees, and
  g = sigma |x|^2 / 2.  The kernel checks that f is in the class, and computes the ratio.

Conclusions are always recomputed from the record, never read from it.
"""

from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction
from typing import Any

__all__ = ["CLASSES", "Refusal", "conclude", "rational"]

Vector = tuple[Fraction, ...]
Form = list[list[Fraction]]

D: Vector = (Fraction(1), Fraction(0), Fraction(0))
V: Vector = (Fraction(0), Fraction(1), Fraction(0))
S: Vector = (Fraction(0), Fraction(0), Fraction(1))


class Refusal(Exception):
    """The record does not prove what it should; the message says at which step it fails."""


def rational(text: Any) -> Fraction:
    """Read ``"p"`` or ``"p/q"``; floats and decimals are refused, they hide a rounding."""
    if not isinstance(text, str):
        raise Refusal(f"a rational must be a string 'p/q', got {text!r}")
    numerator, slash, denominator = text.partition("/")
    digits = (numerator.removeprefix("-"), denominator) if slash else (numerator.removeprefix("-"),)
    if not all(part.isascii() and part.isdigit() for part in digits):
        raise Refusal(f"a rational must be a string 'p/q', got {text!r}")
    if slash and not denominator.strip("0"):
        raise Refusal(f"zero denominator in {text!r}")
    try:
        return Fraction(int(numerator), int(denominator) if slash else 1)
    except ValueError:
        raise Refusal(f"a rational of {len(text)} characters is too long to read") from None


def combine(*terms: tuple[Fraction | int, Vector]) -> Vector:
    """The linear combination of vectors given as (coefficient, vector)."""
    return tuple(sum((c * x[i] for c, x in terms if x[i]), Fraction(0)) for i in range(3))


def inner(x: Vector, y: Vector) -> Form:
    """The quadratic form of the inner product <x, y>, symmetrised."""
    form = [[Fraction(0)] * 3 for _ in range(3)]
    for i, a in enumerate(x):
        for j, b in enumerate(y):
            if a and b:
                half = a * b / 2
                form[i][j] += half
                form[j][i] += half
    return form


def total(*terms: tuple[Fraction | int, Form]) -> Form:
    """The linear combination of forms given as (coefficient, form)."""
    form = [[Fraction(0)] * 3 for _ in range(3)]
    for i in range(3):
        for j in range(i + 1):
            form[i][j] = form[j][i] = sum((c * m[i][j] for c, m in terms if c and m[i][j]), Fraction(0))
    return form


def smallest_bound(form: Form) -> Fraction:
    """The least t >= 0 with ``t |d|^2 - form`` positive semidefinite, by exact elimination.

    The last variables are eliminated first (Schur complements, an LDL^T factorisation without
    square roots); what remains at the top left is the number asked for.
    """
    rest = [[-entry for entry in row] for row in form]
    for k in (2, 1):
        pivot, row = rest[k][k], rest[k][:k]
        if pivot < 0 or (pivot == 0 and any(row)):
            raise Refusal("the multipliers leave a form that is not a sum of squares")
        if pivot > 0:
            for i in range(k):
                for j in range(k):
                    rest[i][j] -= row[i] * row[j] / pivot
    return -rest[0][0] if rest[0][0] < 0 else Fraction(0)


def _strongly_monotone(mu: Fraction) -> Form:
    return total((1, inner(V, D)), (-mu, inner(D, D)))


def _lipschitz(ell: Fraction) -> Form:
    return total((ell * ell, inner(D, D)), (-1, inner(V, V)))


def _cocoercive(beta: Fraction) -> Form:
    return total((1, inner(V, D)), (-beta, inner(V, V)))


def _gradient_of(mu: Fraction, ell: Fraction) -> list[Form]:
    interpolation = inner(combine((1, V), (-mu, D)), combine((ell, D), (-1, V)))
    return [interpolation, _strongly_monotone(mu), _lipschitz(ell)]


def _monotone_lipschitz(mu: Fraction, ell: Fraction) -> list[Form]:
    return [_strongly_monotone(mu), _lipschitz(ell)]


def _monotone_cocoercive(mu: Fraction, beta: Fraction) -> list[Form]:
    return [_strongly_monotone(mu), _cocoercive(beta)]


CLASSES: Mapping[str, tuple[tuple[str, str], Callable[[Fraction, Fraction], list[Form]]]] = {
    "GradientOf": (("mu", "ell"), _gradient_of),
    "StronglyMonotoneLipschitz": (("mu", "ell"), _monotone_lipschitz),
    "StronglyMonotoneCocoercive": (("mu", "beta"), _monotone_cocoercive),
}
"""Class of f: the names of its two constants, and the forms that are >= 0 on the class.

``GradientOf``: gradients of mu-strongly convex, ell-smooth functions.  Its first form is the
interpolation inequality <v - mu d, ell d - v> >= 0; the two others follow from it.
"""


def _member(name: str, first: Fraction, second: Fraction, a: Fraction, w2: Fraction) -> bool:
    """Whether f = a I + w J, w^2 = w2, is in the class (its modulus is a, its norm^2 a^2 + w2)."""
    if name == "GradientOf":
        return w2 == 0 and first <= a <= second
    if name == "StronglyMonotoneLipschitz":
        return first <= a and a * a + w2 <= second * second
    return first <= a and second * (a * a + w2) <= a


def _upper(name: str, constants: Vector, step: Fraction, sigma: Fraction, record: Mapping[str, Any]) -> Fraction:
    move = combine((1, D), (-step, V), (-step, S))
    hypotheses = [*CLASSES[name][1](*constants), total((1, inner(S, move)), (-sigma, inner(move, move)))]
    multipliers = [rational(text) for text in _field(record, "multipliers", Sequence)]
    if len(multipliers) != len(hypotheses):
        raise Refusal(f"{len(multipliers)} multipliers for {len(hypotheses)} hypotheses")
    if any(multiplier < 0 for multiplier in multipliers):
        raise Refusal("a multiplier is negative")
    return smallest_bound(total((1, inner(move, move)), *zip(multipliers, hypotheses, strict=True)))


def _attained(name: str, constants: Vector, step: Fraction, sigma: Fraction, record: Mapping[str, Any]) -> Fraction:
    rotation = _field(record, "rotation", Mapping)
    a, w2 = rational(rotation.get("a")), rational(rotation.get("w_squared"))
    if w2 < 0:
        raise Refusal("w_squared is negative")
    if not _member(name, constants[0], constants[1], a, w2):
        raise Refusal(f"f = a I + w J with a={a}, w^2={w2} is not in the class")
    return ((1 - step * a) ** 2 + step * step * w2) / (1 + step * sigma) ** 2


def _field(record: Mapping[str, Any], name: str, kind: type) -> Any:
    value = record.get(name)
    if not isinstance(value, kind) or isinstance(value, str):
        raise Refusal(f"field {name!r} is missing or of the wrong kind")
    return value


def conclude(record: Mapping[str, Any]) -> Fraction:
    """Recheck one record and return the squared factor that it proves or attains.

    ``record`` holds ``side`` ("upper" or "attained"), ``class``, ``constants`` (name to rational),
    ``step``, ``strong_convexity``, and ``multipliers`` or ``rotation``; rationals are strings.

    Raises
    ------
    Refusal
        If anything is missing, malformed, outside its range, or does not prove a bound.
    """
    name = record.get("class")
    if not isinstance(name, str) or name not in CLASSES:
        raise Refusal(f"unknown class {name!r}")
    constants = _field(record, "constants", Mapping)
    names = CLASSES[name][0]
    if set(constants) != set(names):
        raise Refusal(f"class {name} has the constants {names}, got {tuple(constants)}")
    first, second = (rational(constants[key]) for key in names)
    step, sigma = rational(record.get("step")), rational(record.get("strong_convexity"))
    if step <= 0 or sigma < 0 or first < 0 or second < 0:
        raise Refusal("need step > 0 and nonnegative constants")
    side = record.get("side")
    if side not in ("upper", "attained"):
        raise Refusal(f"unknown side {side!r}")
    recheck = _upper if side == "upper" else _attained
    return recheck(name, (first, second), step, sigma, record)
