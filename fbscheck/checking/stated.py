"""Against a stated function: is T the proximal map that it claims to be?

An operator may satisfy every condition and still be the proximal map of something else; only the
function itself tells.
"""

import ast
import difflib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, final

import numpy as np
import numpy.typing as npt

from fbscheck import functions
from fbscheck.certify.balls import ball, exact, lower, norm
from fbscheck.errors import InputError
from fbscheck.functions import Function
from fbscheck.inputs import positive
from fbscheck.verdict import Claim, Relation

__all__ = ["Stated", "certain_distance", "function_named", "proximal_claim"]

Values = npt.NDArray[np.float64]


@final
@dataclass(frozen=True)
class Stated:
    """``prox_{step * function}``, which the operator is claimed to be; ``text`` as the user wrote it."""

    text: str
    function: Function
    step: float
    how: ClassVar[str] = "in ball arithmetic"

    def __post_init__(self) -> None:
        positive(self.step, "step", "It is the step h of the proximal map of h g.")
        if not self.function.enclosed:
            raise InputError(
                f"Need a function that can be evaluated in ball arithmetic, got {self.text}: "
                "it is computed in float64 alone, which confirms nothing (state it as a cvxpy expression instead)."
            )

    def check_dimension(self, dimension: int) -> None:
        """Raise :class:`InputError` unless the function takes ``dimension`` numbers."""
        try:
            self.function.prox(np.zeros(dimension), self.step)
        except InputError as error:
            said = str(error).replace(f", got ({dimension},) (transposed?)", "")
            raise InputError(f"Need a function of {dimension} numbers, got {self.text}: {said}") from None

    @property
    def claim(self) -> Claim:
        """What a report says about it."""
        return proximal_claim(self.text, self.step)

    def worst(
        self, shape: tuple[int, ...], x: Values, tx: Values, noise: Values, seconds: float
    ) -> tuple[float, int, int]:
        """How far T certainly is from the proximal map, where, and of how many columns of ``x`` (d, S).

        It is the column that is worst relative to 1 + |x|; formulas need none of the ``seconds``.
        """
        distance = np.linalg.norm(tx - self.function.prox(x, self.step), axis=0) - noise
        k = int(np.argmax(distance / (1 + np.linalg.norm(x, axis=0))))
        reference: Any = self.function.prox(exact(x[:, k]), self.step)
        return certain_distance(tx[:, k], reference, float(noise[k])), k, x.shape[1]


def proximal_claim(text: str, step: float) -> Claim:
    """The claim to be the proximal map of ``text`` with this step."""
    return Claim(
        "prox_of",
        f"Proximal map of {text}, step {step:g}",
        r"T = \mathrm{prox}_{hg}",
        Relation.AT_MOST,
        "largest certain distance to the proximal map over the samples",
    )


def certain_distance(tx: Values, reference: Any, noise: float) -> float:
    """A lower bound on |T(x) - reference| beyond ``noise``; 0 if none is certain.  ``reference`` may hold balls."""
    return max(0.0, lower(norm(exact(tx) - reference) - ball(noise)))


def function_named(text: str) -> Function:
    """The function that a text such as ``L1(weight=0.1)`` or ``Translated(Box(-1, 1), [1, 2])`` names.

    Raises
    ------
    InputError
        If the catalogue has no such function, or its parameters are not literal numbers or lists.
    """
    known = {name: kind for name, kind in vars(functions).items() if isinstance(kind, type) and name != "Function"}
    try:
        tree = ast.parse(text.strip(), mode="eval").body
        return _made(tree if isinstance(tree, ast.Call) else ast.Call(func=tree, args=[], keywords=[]), known)
    except (SyntaxError, ValueError, TypeError) as error:
        name = text.partition("(")[0].strip()
        near = () if name in known else difflib.get_close_matches(name, known, n=3)
        meant = f" ({' or '.join(near)}?)" if near else ""
        raise InputError(
            f"Need a function such as L1(weight=0.1), got {text!r:.80}{meant}: {error}. "
            "`fbscheck list --functions` names them all."
        ) from None


def _made(call: ast.Call, known: Mapping[str, Any]) -> Function:
    """The function of a call; its arguments are literals, or such calls themselves."""

    def value(node: ast.expr) -> Any:
        if isinstance(node, ast.Tuple):
            return tuple(map(value, node.elts))
        return _made(node, known) if isinstance(node, ast.Call) else ast.literal_eval(node)

    if not isinstance(call.func, ast.Name) or call.func.id not in known:
        raise ValueError("no such function")
    made: Function = known[call.func.id](
        *map(value, call.args), **{str(keyword.arg): value(keyword.value) for keyword in call.keywords}
    )
    return made
