"""``fb.check``: from an operator as the user has it to answers."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from fbscheck.checking.examine import Examination, examine
from fbscheck.checking.expressions import Expression
from fbscheck.checking.integral import Primitive
from fbscheck.checking.questions import parse
from fbscheck.checking.stated import Stated, function_named
from fbscheck.checking.subject import load
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
    prox_of: str | Function | None = None,
    step: float = 1.0,
    parameters: Mapping[str, Any] | Iterable[str] = (),
    accuracy: float = 0.0,
    budget: float = 20.0,
    seed: int = 0,
    progress: Callable[[int, int, str], None] = lambda *_: None,
    gradient_of: Any = None,
) -> Examination:
    """Examine an operator T on a box: search counterexamples, certify constants where that is possible.

    Parameters
    ----------
    operator
        A function x -> y on numpy arrays; a text FILE.py:NAME, MODULE:NAME, a matrix file or
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
        The function, by object or text, whose proximal map with this step T is claimed to be.
    gradient_of
        The function F: x -> number whose gradient T is claimed to be: of ``fbscheck.functions``, by object or text
        such as ``"Huber(0.1)"``; a function of yours, by object, FILE.py:NAME or MODULE:NAME; ``"sympy:EXPRESSION"``.
    parameters
        Keywords of the operator.
    accuracy
        A bound on the error of the operator's own values: less is never held against it.
    budget
        Seconds for the search.
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
    if isinstance(operator, Expression):
        if not (dim is shape is sample is None and not parameters and not accuracy):
            raise InputError("Need a formula alone, got it with a size, a sampler, parameters or an accuracy.")
        primitive = None if gradient_of is None else _primitive(gradient_of, (len(operator.symbols),), (low, high))
        return examine(operator, questions, against, budget, seed, (low, high), progress, primitive)
    subject = load(operator, shape if dim is None else dim, (low, high), parameters, sample, accuracy)
    primitive = None if gradient_of is None else _primitive(gradient_of, subject.shape, (low, high))
    return examine(subject, questions, against, budget, seed, (low, high), progress, primitive)


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


def _stated(prox_of: str | Function, step: float) -> Stated:
    if isinstance(prox_of, str):
        return Stated(prox_of, function_named(prox_of), step)
    if not isinstance(prox_of, Function):
        raise InputError(f"Need a function of fbscheck.functions or its text for prox_of, got {prox_of!r:.60}.")
    return Stated(type(prox_of).__name__, prox_of, step)


def _ends(box: tuple[float, float]) -> tuple[float, float]:
    try:
        low, high = box
    except (TypeError, ValueError):
        raise InputError(f"Need a box of two numbers, low and high, got {box!r:.60}.") from None
    return float(finite_number(low, "box")), float(finite_number(high, "box"))


def _formula(text: str) -> Expression:
    import sympy

    try:
        parsed = sympy.sympify(f"[{text}]")
        symbols = sorted(set().union(*(component.free_symbols for component in parsed)), key=str)
    except Exception as error:
        said = " ".join(str(error).split())
        raise InputError(f"Need formulas such as 'sympy:Max(x - 1/10, 0)', got {text!r}: {said}.") from None
    if not symbols:
        raise InputError(f"Need formulas in a symbol, as in 'sympy:Max(x - 1/10, 0)', got {text!r}.")
    real = {symbol: sympy.Symbol(symbol.name, real=True) for symbol in symbols}
    return Expression([component.subs(real) for component in parsed], list(real.values()))
