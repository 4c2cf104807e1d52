"""Proposals for Coq: the quadratic form of a certificate as a sum of squares, up to a small rest.

The form is ``t |d_0|^2 - |d_N|^2 - sum multiplier * hypothesis`` in the independent vectors d_0,
v_1, s_1, ..., v_N, s_N, times a positive integer.  Coq builds it again from the record; what is
found here only has to pass its check.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import final

__all__ = ["Certificate", "Squares", "form", "propose"]

Row = list[int]
Matrix = list[Row]
Entry = tuple[int, int, tuple[int, ...]]
PRECISIONS = (64, 128, 256)
"""Bits of the rounded squares, tried in turn; forms that are singular need exact ones."""


@final
@dataclass(frozen=True)
class Certificate:
    """A record in integers: constants and sigma over q, steps over H, multipliers over L."""

    name: str
    q: int
    constants: tuple[int, int]
    sigma: int
    H: int
    steps: tuple[int, ...]
    L: int
    f: tuple[Entry, ...]
    g: tuple[Entry, ...]
    bound: Fraction


@final
@dataclass(frozen=True)
class Squares:
    """``scale`` times a form is the sum of ``weight * (row . x)^2``, up to a rest."""

    scale: int
    terms: tuple[tuple[int, Row], ...]


def form(certificate: Certificate) -> Matrix:
    """The symmetric matrix of the form, as ``Certificates.v`` builds it."""
    q, (first, second), n = certificate.q, certificate.constants, len(certificate.steps)
    monotone, lipschitz = (0, -q * first, q * q, 0), (0, second * second, 0, -q * q)
    forward = {
        "GradientOf": [(2 * q * (second - first), -first * second, 2 * q * first, -q * q), monotone, lipschitz],
        "StronglyMonotoneLipschitz": [monotone, lipschitz],
        "StronglyMonotoneCocoercive": [monotone, (0, 0, q * q, -q * second)],
    }[certificate.name]
    backward = [(2 * q * q, -q * certificate.sigma, 0, 0)]
    d = [[certificate.H] + [0] * (2 * n)]
    for k, step in enumerate(certificate.steps):
        d.append([*d[-1][: 2 * k + 1], -step, -step, *d[-1][2 * k + 3 :]])
    zero = [0] * (2 * n + 1)
    v, s = ([zero] + [[certificate.H * (i == 2 * k + r) for i in range(2 * n + 1)] for k in range(n)] for r in (1, 2))
    unit, bottom = certificate.L * q * q, certificate.bound.denominator
    terms = [(certificate.bound.numerator * unit, d[0], d[0]), (-bottom * unit, d[n], d[n])]
    for hypotheses, entries, x, y in (
        (forward, certificate.f, [zero, *d], v),
        (backward, certificate.g, [zero, *d[1:]], s),
    ):
        for i, j, multipliers in entries:
            weighed = [[z * c for c in h] for z, h in zip(multipliers, hypotheses, strict=False)]
            a, p, r, u = (-bottom * sum(column) for column in zip((0,) * 4, *weighed, strict=True))
            dx, dy = ([b - c for b, c in zip(w[i], w[j], strict=True)] for w in (x, y))
            terms += [(-a, y[j], dx), (p, dx, dx), (r, dy, dx), (u, dy, dy)]
    total = [[0] * len(zero) for _ in zero]
    for c, x_row, y_row in terms:
        for i, left in enumerate(x_row):
            if c and left:
                for j, right in enumerate(y_row):
                    if right:
                        total[i][j] += c * left * right
                        total[j][i] += c * left * right
    return total


def propose(matrix: Matrix) -> Squares:
    """The shortest squares that suffice, exact ones last; if none do, some that Coq refuses quickly."""
    found = next((squares for squares in _candidates(matrix) if _suffices(matrix, squares)), None)
    return found or _rounded(matrix, PRECISIONS[0])


def _candidates(matrix: Matrix) -> Iterator[Squares]:
    for bits in PRECISIONS:
        yield _rounded(matrix, bits)
    yield _exact(matrix)


def _rounded(matrix: Matrix, bits: int) -> Squares:
    """Elimination from the last variable on, in ``bits`` bits, of the form with a slightly smaller diagonal."""
    scale = 1 << 4 * bits
    rest = [[scale * x for x in row] for row in matrix]
    for k, row in enumerate(rest):
        row[k] -= row[k] >> bits // 2
    terms = []
    for k in reversed(range(len(rest))):
        if (pivot := rest[k][k]) > 0:
            shift = max(max(abs(x) for x in rest[k]).bit_length() - bits, 0)
            row = [x >> shift for x in rest[k][: k + 1]]
            weight = (1 << 2 * shift) // pivot
            low = max(weight.bit_length() - bits, 0)
            weight = weight >> low << low
            terms.append((weight, row))
            for i, x in enumerate(row):
                for j, y in enumerate(row):
                    rest[i][j] -= weight * x * y
    return Squares(scale, tuple(terms))


def _exact(matrix: Matrix) -> Squares:
    """The same without rounding: what is left over is zero if the form is a sum of squares."""
    rest = [[Fraction(x) for x in row] for row in matrix]
    terms = []
    for k in reversed(range(len(rest))):
        if (pivot := rest[k][k]) > 0:
            row = rest[k][: k + 1]
            unit = Fraction(math.gcd(*(x.numerator for x in row)), math.lcm(*(x.denominator for x in row)))
            terms.append((unit * unit / pivot, [int(x / unit) for x in row]))
            for i in range(k):
                for j in range(k):
                    rest[i][j] -= row[i] * row[j] / pivot
    scale = math.lcm(*(weight.denominator for weight, _ in terms))
    return Squares(scale, tuple((int(weight * scale), row) for weight, row in terms))


def _suffices(matrix: Matrix, squares: Squares) -> bool:
    """Whether the rest has a dominant diagonal."""
    rest = [[squares.scale * x for x in row] for row in matrix]
    for weight, row in squares.terms:
        for i, x in enumerate(row):
            for j, y in enumerate(row):
                rest[i][j] -= weight * x * y
    return all(2 * row[k] >= sum(map(abs, row)) for k, row in enumerate(rest))
