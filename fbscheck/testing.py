"""For your own test suite: an operator must satisfy its conditions."""

from typing import Any

from fbscheck.checking.session import check
from fbscheck.verdict import Verdict

__all__ = ["assert_conditions"]


def assert_conditions(operator: Any, *claims: str, budget: float = 5.0, **settings: Any) -> None:
    """Fail unless no condition of ``claims`` (or of ``prox_of=...``) is refuted or left undecided.

    ``settings`` are those of :func:`fbscheck.check`.  That nothing was refuted is no proof, unless the
    operator is a matrix or a formula.

    Raises
    ------
    AssertionError
        With the counterexample, ready to paste.

    Examples
    --------
    >>> import numpy as np
    >>> assert_conditions(np.diag([0.5, 0.9]), "firmly_nonexpansive", "contraction=0.9")
    """
    if not claims and settings.get("prox_of") is None:
        raise ValueError("assert_conditions needs a condition, such as 'nonexpansive', or prox_of")
    found = check(operator, claims=claims or ("firmly_nonexpansive",), budget=budget, **settings)
    failed = [result for result in found.results if result.verdict in (Verdict.REFUTED, Verdict.UNDECIDED)]
    texts = []
    for result in failed:
        witness = result.witness or {}
        code = witness.get("snippet") or "\n".join(
            f"{name} = {_floats(value)}" for name, value in witness.items() if isinstance(value, list)
        )
        texts.append(f"{result.claim}: {result.verdict.value}, {result.reason}\n{code}".rstrip())
    if texts:
        raise AssertionError("\n\n".join(texts))


def _floats(value: Any) -> Any:
    """The numbers of a witness, which are texts there, so that each is exact."""
    return [_floats(one) for one in value] if isinstance(value, list) else float.fromhex(value)
