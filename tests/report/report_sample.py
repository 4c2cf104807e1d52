"""Runs to report on: a realistic one, and one whose every text is hostile."""

import dataclasses
import itertools
import math
from collections.abc import Iterator, Sequence
from pathlib import Path

from fbscheck import store
from fbscheck.verdict import Bracket, Claim, Curve, Hypothesis, Plot, Relation, Result, Verdict

VERSIONS = {"fbscheck": "1.0", "python": "3.11.7", "numpy": "2.1.0", "cvxpy": "1.6.0"}

HOSTILE = {
    "command": r"\input{/etc/passwd}",
    "tag": "<script>alert(1)</script>",
    "specials": r"50% of $x_1$ & #2 ~ ^{3} \ | \" ` '",
    "long word": "x" * 200,
    "long commas": "parameter=1.25," * 14,
    "emoji": "quick \N{ROCKET} test \N{WOMAN}\N{ZERO WIDTH JOINER}\N{MICROSCOPE}",
    "chinese": "步长\N{CJK UNIFIED IDEOGRAPH-4E2D}",
    "lines": "first\nsecond\r\n\n\nthird\tfourth",
    "control": "bell\x07 null\x00 escape\x1b[31m delete\x7f",
    "direction": "abc\N{RIGHT-TO-LEFT OVERRIDE}fed",
    "bracket first": "[2pt] * star",
    "ligatures": "a--b ``c'' <<d>> ,,e !` ?` ---",
    "signs": "‖Kx‖² ≤ ℓ·μ ∈ ℝᵈ, α→∞ x₁ Łódź naïve ĳ ŉ ß “q” … €",
    "accents": "e\N{COMBINING ACUTE ACCENT} q\N{COMBINING DOT BELOW}",
    "jinja": "<< 7*7 >> {{ 7*7 }} <% raise %> {% raise %}",
    "comment": "<# gone #> {# gone #} <!-- gone -->",
    "end": r"\end{document} }}} \fi \def\x{\x}\x",
    "dots": "../../etc/passwd",
    "empty": "",
    "underscore": "_nolegend_",
    "dollars": "$a$ $\\nonsense$ $$",
}


def always(_: object) -> float:
    """The margin of a hypothesis that is met."""
    return 1.0


def claim(
    id: str, title: str, statement: str, *hypotheses: str, relation: Relation = Relation.TIGHT, control: bool = False
) -> Claim:
    """A claim with the given texts."""
    conditions = tuple(Hypothesis(text, always) for text in hypotheses)
    return Claim(id, title, statement, relation, "theory, section 1", conditions, 1e-9, control)


def result(
    claim: str,
    case: str,
    verdict: Verdict,
    lower: float | None = None,
    theory: float | None = None,
    upper: float | None = None,
    reason: str = "identity rechecked",
    plots: tuple[Plot, ...] = (),
) -> Result:
    """A result with the given bracket; what is proved has a certificate, what is refuted a witness."""
    certificate = {"kind": "identity"} if verdict in (Verdict.PROVED, Verdict.CERTIFIED) else None
    witness = {"x": ["1", "0"]} if verdict is Verdict.REFUTED else None
    return Result(claim, case, verdict, Bracket(lower, theory, upper, certificate), reason, witness, 0.01, plots)


CLAIMS = (
    claim(
        "prox.l1",
        "The prox of the absolute value is the soft threshold",
        r"\operatorname{prox}_{h\lambda|\cdot|}(u) = \operatorname{sign}(u)\,\max(|u|-h\lambda,\,0)",
        "h > 0",
        r"\lambda \ge 0",
    ),
    claim(
        "prox.firm",
        "A prox is firmly nonexpansive",
        r"\langle Tu-Tv,\ (u-v)-(Tu-Tv)\rangle \ge 0, \qquad T = \operatorname{prox}_{hg}",
        "h > 0",
        r"g\ \text{convex}",
        relation=Relation.AT_MOST,
    ),
    claim(
        "contraction.gradient",
        "Contraction factor of a gradient step",
        r"|Tx-Ty| \le \frac{1}{1+h\sigma}\max\bigl(|1-h\mu|,\,|1-h\ell|\bigr)\,|x-y|",
        "h > 0",
        r"0 \le \mu \le \ell",
        r"\sigma \ge 0",
    ),
    claim(
        "contraction.monotone",
        "Contraction factor of a strongly monotone step",
        r"|Tx-Ty| \le \frac{\sqrt{1-2h\mu+h^2\ell^2}}{1+h\sigma}\,|x-y|",
        "h > 0",
        r"0 \le \mu \le \ell",
    ),
    claim(
        "contraction.averaged",
        "Averagedness of the forward-backward step",
        r"T = \operatorname{prox}_{hg}\circ(I-hf)\ \text{is}\ \tfrac{2\beta}{4\beta-h}\text{-averaged}",
        "0 < h",
        r"h \le 2\beta",
        relation=Relation.AT_MOST,
    ),
    claim(
        "fixed-point.banach",
        "Linear convergence to the fixed point",
        r"|x_n-x^\star| \le q^n\,|x_0-x^\star| \quad\text{and}\quad"
        r" |x_n-x^\star| \le \frac{q}{1-q}\,|x_n-x_{n-1}| \quad\text{and}\quad"
        r" \sum_{n\ge 0} |x_{n+1}-x_n|^2 \le \frac{\alpha}{1-\alpha}\,|x_0-x^\star|^2",
        r"0 \le q < 1",
        relation=Relation.AT_MOST,
    ),
    claim(
        "fixed-point.value",
        "Rate of the objective",
        r"(F+g)(x_n)-\min(F+g) \le \frac{|x_0-x^\star|^2}{4hn}",
        r"0 < h \le 1/\ell",
    ),
    claim(
        "contraction.no-gradient",
        "Control: the gradient factor without a gradient",
        r"|Tx-Ty| \le \max(|1-h\mu|,|1-h\ell|)\,|x-y|",
        "h > 0",
        control=True,
    ),
    claim(
        "fixed-point.planted",
        "Planted: the rate with the constant halved",
        r"(F+g)(x_n)-\min \le \frac{|x_0-x^\star|^2}{8hn}",
        control=True,
    ),
    claim("prox.planted", "Planted: a prox that contracts", r"|Tu-Tv| \le \tfrac12|u-v|", control=True),
)


def factor_plot() -> Plot:
    """The contraction factor over the step: one formula and two sets of points."""
    steps = tuple(0.005 * i for i in range(1, 121))
    few = steps[4::10]

    def factor(h: float) -> float:
        return max(abs(1 - h), abs(1 - 4 * h))

    curves = (
        Curve("theory", steps, tuple(map(factor, steps))),
        Curve("attained by an instance", few, tuple(map(factor, few)), "points"),
        Curve("certified for the class", few, tuple(factor(h) * 1.0001 for h in few), "points"),
    )
    title = "Contraction factor of a gradient step for μ = 1, ℓ = 4, over the step h"
    return Plot("contraction.gradient", "factor", title, "step $h$", "contraction factor $q$", curves)


def convergence_plot() -> Plot:
    """Distances to the fixed point over layers, on a logarithmic axis; the last ones are exactly 0."""
    layers = tuple(float(n) for n in range(61))
    rates = {"bound $q^n$, $h=0.1$": 0.9, "state, $h=0.1$": 0.85, "bound $q^n$, $h=0.4$": 0.6, "state, $h=0.4$": 0.52}
    curves = tuple(
        Curve(label, layers, tuple(0.0 if rate < 0.6 and n > 50 else rate**n for n in layers))
        for label, rate in rates.items()
    )
    title, y_label = "Distance of the states to the fixed point, by layer", r"$|x_n - x^\star|\,/\,|x_0 - x^\star|$"
    return Plot("fixed-point.banach", "distance", title, "layer $n$", y_label, curves, log_y=True)


def prox_results() -> Iterator[Result]:
    """Identities, and samples that show no more than that nothing went wrong."""
    for i, h in itertools.product(range(1, 6), (0.5, 1.0)):
        yield result("prox.l1", f"weight {0.1 * i:.1f}, step {h}", Verdict.PROVED, 0.0, 0.0, 0.0)
    for name, d in itertools.product(("L1", "Huber", "elastic net", "simplex indicator"), (2, 10, 50)):
        reason = "2000 pairs: within the stated accuracy"
        yield result("prox.firm", f"{name}, d={d}, seed {7 * d}", Verdict.SUPPORTED, -3.1e-17 * d, 0.0, None, reason)
    yield result("prox.planted", "L1, d=3", Verdict.REFUTED, 1.0, 0.5, None, "1 is attained, the claim says 0.5")


def contraction_results() -> Iterator[Result]:
    """More cases than a table shows, an unmet hypothesis, and an open one."""
    for i in range(60):
        h = 0.01 * (i + 1)
        theory = max(abs(1 - h), abs(1 - 4 * h)) / (1 + 0.1 * h)
        verdict, slack = (Verdict.CERTIFIED, 1e-12 * i * theory) if i % 3 else (Verdict.PROVED, 0.0)
        case, plots = f"mu=1, ell=4, sigma=0.1, h={h:.2f}", (factor_plot(),) if i == 59 else ()
        yield result("contraction.gradient", case, verdict, theory - slack, theory, theory + slack, plots=plots)
    for h in (0.03 * (i + 1) for i in range(24)):
        theory = math.sqrt(1 - 2 * h + 16 * h * h)
        lower, upper = theory * (1 - 3e-11), theory * (1 + 2e-10)
        case = f"mu=1, ell=4, h={h:.2f}, rotation in the plane"
        yield result("contraction.monotone", case, Verdict.CERTIFIED, lower, theory, upper)
    for h in (0.6, 0.75, 0.9):
        case, unmet = f"beta=1/4, h={h}", f"hypothesis h <= 2 beta is not met: off by {h - 0.5:.3g}"
        yield result("contraction.averaged", case, Verdict.NOT_APPLICABLE, None, 0.5 / (1 - h), None, unmet)
    for h in (0.1, 0.2, 0.3, 0.4):
        yield result("contraction.averaged", f"beta=1/4, h={h}", Verdict.PROVED, None, 0.5 / (1 - h), None)
    yield result(
        "contraction.averaged",
        "beta=1/4, h=0.5, LISTA weights of the third layer",
        Verdict.UNDECIDED,
        0.7071,
        0.75,
        0.7612,
        "the upper bound 0.7612 does not reach down to the claim's 0.75",
    )
    for h in (0.1, 0.5, 1.0):
        case, norm = f"rotation by 90 degrees, h={h}", math.sqrt(1 + h * h)
        reason = f"{norm:.9g} is attained (exact pair of points), the claim says 1"
        yield result("contraction.no-gradient", case, Verdict.REFUTED, norm, 1.0, None, reason)


def fixed_point_results() -> Iterator[Result]:
    """Very small numbers, and a claim that is refuted."""
    for (m, d), n in itertools.product(((20, 50), (50, 100)), (1, 5, 20, 100, 400)):
        theory = 0.87**n / 3
        plots = (convergence_plot(),) if (m, n) == (50, 400) else ()
        case = f"LASSO {m}x{d}, layer {n}"
        yield result(
            "fixed-point.banach", case, Verdict.CERTIFIED, 0.93 * theory, theory, theory * (1 + 1e-14), plots=plots
        )
    for n in range(1, 16):
        yield result("fixed-point.value", f"f=0, g=c|x|, n={n}", Verdict.PROVED, 0.25 / n, 0.25 / n, 0.25 / n)
    yield result(
        "fixed-point.value",
        "step 1.7/ell, n=3",
        Verdict.REFUTED,
        0.0912871,
        0.25 / 3,
        0.12,
        "0.0912871 is attained (scalar quadratic), the claim says 0.0833333333",
    )
    for n in (1, 2, 4):
        reason = f"{0.25 / n:.9g} is attained (f = 0), the claim says {0.125 / n:.9g}"
        yield result("fixed-point.planted", f"g=c|x|, n={n}", Verdict.REFUTED, 0.25 / n, 0.125 / n, None, reason)


def realistic() -> tuple[Sequence[Claim], list[Result]]:
    """About 150 results over three chapters, with every verdict, two figures and caught controls."""
    return CLAIMS, [*prox_results(), *contraction_results(), *fixed_point_results()]


def hostile() -> tuple[Sequence[Claim], list[Result]]:
    """Every text a user can set is one of :data:`HOSTILE`; the statements are the package's."""
    claims, results = [], []
    for number, (name, text) in enumerate(HOSTILE.items()):
        id = f"chapter{number % 3}.{text}" if number % 2 else f"{text}.{number}"
        claims.append(dataclasses.replace(claim(id, text, r"x \ge 0", "h > 0", control=number % 5 == 4), source=text))
        tiny = 1.234567890123e-100
        results += [result(id, text, verdict, -tiny, tiny, 10 * tiny, text) for verdict in Verdict]
        curves = (Curve(text, (0.0, 1.0, 2.0), (1.0, -1.0, 3.0)), Curve(text, (0.0, 1.0), (0.0, -2.0), "points"))
        plot = Plot(id, text, text, text, text, curves, log_y=bool(number % 2))
        results[-1] = dataclasses.replace(results[-1], plots=(plot,) if name in PLOTTED else ())
    return claims, results


PLOTTED = {"command"}


def save(folder: Path, run: tuple[Sequence[Claim], Sequence[Result]]) -> Path:
    """Write a run and return its folder."""
    store.save(folder, *run, VERSIONS, 20240229)
    return folder
