"""One row of the corpus: an operator, and what an examination must say about it."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

__all__ = ["Operator", "Row", "recorded"]

Operator = Callable[..., Any]


@dataclass(frozen=True)
class Row:
    """``claims`` and ``prox_of`` are all refuted if the row is among the faulty ones, and none if it is correct.

    ``fault`` is the kind of Fault instead; ``seconds`` is the budget of the search.
    """

    name: str
    origin: str
    shape: tuple[int, ...]
    claims: tuple[str, ...]
    box: tuple[float, float] = (-1.0, 1.0)
    prox_of: str | None = None
    step: float = 1.0
    fault: str | None = None
    accuracy: float = 0.0
    seconds: float = 0.25


def recorded(rows: list[Row]) -> Callable[..., Callable[[Operator], Operator]]:
    """A decorator that puts an operator in the table ``rows``."""

    def record(origin: str, shape: Any, *claims: str, **settings: Any) -> Callable[[Operator], Operator]:
        def put(operator: Operator) -> Operator:
            size = (shape,) if isinstance(shape, int) else shape
            rows.append(Row(operator.__name__, origin, size, claims, **settings))
            return operator

        return put

    return record
