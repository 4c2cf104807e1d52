"""``fb.check``: from an operator as the user has it to answers."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from fbscheck.checking import family
from fbscheck.checking.defined import Defined
from fbscheck.checking.examine import Examination, examine
from fbscheck.checking.expressions import Expression
from fbscheck.checking.integral import Primitive
from fbscheck.checking.questions import parse
from fbscheck.checking.stated import Stated, function_named
from fbscheck.checking.subject import load, parameter_values, resolved
from fbscheck.errors import InputError
from fbscheck.functions import Function
from fbscheck.inputs import finite_number, nonnegative, positive
from fbscheck.operators import Linear

__all__ = ["check"]

FORMULA = "sympy:"


def check(
    operator: Any,
    dim: int | str | None = None,
    shape: Any = None,
    box: tuple[float, float] = (-1.0, 1.0),
    sample: str | None = None,
    claims: Sequence[str] = (),
    prox_of: str | Function | Callable[..., Any] | None = None,
    step: float = 1.0,
    network: str | None = None,
    parameters: Mapping[str, Any] | Iterable[str] = (),
    accuracy: float = 0.0,
    jvp: str | Callable[..., Any] | None = None,
    budget: float = 20.0,
    seed: int = 0,
    progress: Callable[[int, int, str], None] = lambda *_: None,
    gradient_of: Any = None,
) -> Examination:
    """Examine an operator T on a box: search counterexamples, certify constants where that is possible.

    Parameters
    ----------
    operator
        A function x -> y on numpy arrays; a ``torch.nn.Module``; a text FILE.py:NAME, MODULE:NAME, a matrix file or
        ``"sympy:EXPRESSION, ..."`` (one component per symbol, symbols in alphabetical order); a square
        matrix; ``fb.operators.Linear``; an ``Expression``.
    dim, shape
        The length of a vector, or the shape of an array; matrices and formulas bring their own.
    box
        The domain, [low, high] in each coordinate.
    sample
        The name of a function rng -> x beside the operator that draws points of the domain.
    claims
        Conditions, as in ``("nonexpansive", "contraction=0.9")``; all constants if there are none.
    prox_of, step
        The function whose proximal map with this step T is claimed to be: of the catalogue, by object or text;
        or any that maps a cvxpy variable to a convex cvxpy expression, as a callable or FILE.py:NAME.
    gradient_of
        The function F: x -> number whose gradient T is claimed to be: of ``fbscheck.functions``, by object or text
        such as ``"Huber(0.1)"``; a function of yours, by object, FILE.py:NAME or MODULE:NAME; ``"sympy:EXPRESSION"``.
    network
        The keyword of a family p_h of operators that is its step h: are they the resolvents of one operator, as
        networks with a deep-layer limit need?  Examined at ``step`` times 1/4, 1/2, 1, 2 and 4.
    parameters
        Keywords of the operator.
    accuracy
        A bound on the error of the operator's own values: less is never held against it.
    jvp
        A function (x, v) -> T'(x) v, or its name beside the operator: it guides the search, and is checked; torch
        modules bring their own.
    budget
        Seconds for the search, which ends before where all ``claims`` are refuted.
    seed
        Seed of the search.

    Returns
    -------
    Examination
        ``results`` in the order of ``claims``, and ``remarks`` on what follows for splitting.

    Raises
    ------
    InputError
        If an argument is out of range, or the operator cannot be found.
    Fault
        If the operator raises, hangs, is random, or returns what is no point of its space.

    Examples
    --------
    >>> import numpy as np
    >>> found = check(np.array([[0.0, -1.0], [1.0, 0.0]]), claims=["nonexpansive", "firmly_nonexpansive"])
    >>> [result.verdict.value for result in found.results]
    ['CERTIFIED', 'REFUTED']
    """
    questions = parse([claims] if isinstance(claims, str) else claims)
    positive(budget, "budget", "It is the time for the search, in seconds.")
    nonnegative(accuracy, "accuracy", "It bounds an error.")
    if not isinstance(seed, (int, np.integer)) or seed < 0:
        raise InputError(f"Need a whole number seed >= 0, got {seed!r:.60}.")
    if dim is not None and shape is not None:
        raise InputError(f"Need dim or shape, got both, {dim!r:.60} and {shape!r:.60}.")
    against = None if prox_of is None else _stated(prox_of, step)
    low, high = _ends(box)
    if isinstance(operator, str) and operator.startswith(FORMULA):
        operator = _formula(operator.removeprefix(FORMULA))
    if network is not None:
        parameters = _with_step(parameters, network, positive(step, "step", "It is the step of the family."))
    if isinstance(operator, Expression):
        if not (dim is shape is sample is None and not parameters and not accuracy and jvp is None):
            raise InputError("Need a formula alone, got it with a size, a sampler, parameters, a jvp or an accuracy.")
        primitive = None if gradient_of is None else _primitive(gradient_of, (len(operator.symbols),), (low, high))
        return examine(operator, questions, against, primitive, budget, seed, (low, high), progress)
    subject = load(operator, shape if dim is None else dim, (low, high), parameters, sample, accuracy, derivative=jvp)
    primitive = None if gradient_of is None else _primitive(gradient_of, subject.shape, (low, high))
    if network is None:
        return examine(subject, questions, against, primitive, budget, seed, (low, high), progress)
    if isinstance(subject.target, Linear):
        raise InputError(f"Need a function with the keyword {network} for a network, got a matrix.")
    done = examine(subject, questions, against, primitive, 0.75 * budget, seed, (low, high), progress)
    result, evaluations = family.examined(subject, network, float(step), 0.25 * budget, seed)
    return replace(
        done,
        results=(*done.results, result),
        claims=(*done.claims, family.CLAIM),
        evaluations=done.evaluations + evaluations,
        remarks=(*done.remarks, family.remark(result, network)),
    )


def _primitive(given: Any, shape: tuple[int, ...], box: tuple[float, float]) -> Primitive:
    if isinstance(given, Function):
        return Primitive(type(given).__name__, given)
    if isinstance(given, str) and given.startswith(FORMULA):
        return Primitive(given, _formula(given.removeprefix(FORMULA)))
    if isinstance(given, str) and ":" not in given:
        return Primitive(given, function_named(given))
    subject = load(given, shape, box)
    if isinstance(subject.target, Linear):
        raise InputError(f"Need a function x -> number for gradient_of, got a matrix, {subject.name}.")
    return Primitive(subject.name, replace(subject, scalar=True))


def _with_step(parameters: Mapping[str, Any] | Iterable[str], key: str, step: Any) -> dict[str, Any]:
    values = dict(parameters) if isinstance(parameters, Mapping) else parameter_values(parameters)
    if key in values or not (isinstance(key, str) and key.isidentifier()):
        raise InputError(f"Need a keyword for network that is no parameter (its value is the step), got {key!r:.60}.")
    return {**values, key: float(step)}


def _stated(prox_of: str | Function | Callable[..., Any], step: float) -> Stated | Defined:
    if isinstance(prox_of, Function):
        return Stated(type(prox_of).__name__, prox_of, step)
    if not isinstance(prox_of, str):
        if isinstance(prox_of, type) or not callable(prox_of):
            raise InputError(f"Need a function for prox_of: of the catalogue, or in cvxpy, got {prox_of!r:.60}.")
        return Defined(getattr(prox_of, "__name__", "a cvxpy function"), prox_of, step)
    if "(" not in prox_of and ":" in prox_of:
        return Defined(prox_of, resolved(prox_of), step)
    return Stated(prox_of, function_named(prox_of), step)


def _ends(box: tuple[float, float]) -> tuple[float, float]:
    try:
        low, high = box
    except (TypeError, ValueError):
        raise InputError(f"Need a box of two numbers, low and high, got {box!r:.60}.") from None
    return float(finite_number(low, "box")), float(finite_number(high, "box"))


def _formula(text: str) -> Expression:
    import sympy

    try:
        parsed = sympy.sympify(f"[{text}]", rational=True)
        symbols = sorted(set().union(*(component.free_symbols for component in parsed)), key=str)
    except Exception as error:
        said = " ".join(str(error).split())
        raise InputError(f"Need formulas such as 'sympy:Max(x - 1/10, 0)', got {text!r}: {said}.") from None
    if not symbols:
        raise InputError(f"Need formulas in a symbol, as in 'sympy:Max(x - 1/10, 0)', got {text!r}.")
    real = {symbol: sympy.Symbol(symbol.name, real=True) for symbol in symbols}
    return Expression([component.subs(real) for component in parsed], list(real.values()))
