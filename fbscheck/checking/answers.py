"""What was found out about an operator, before it is told: results, constants, and how to evaluate it for figures."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, final

import numpy as np
import numpy.typing as npt

from fbscheck.checking.plots import PAIRS
from fbscheck.checking.points import Region
from fbscheck.checking.questions import Found
from fbscheck.verdict import Claim, Result

__all__ = ["Answers"]

Values = npt.NDArray[np.float64]


@final
@dataclass(frozen=True, eq=False)
class Answers:
    """Results of ``claims``; the constants that are ``known``, by name; whether T is certainly a ``gradient``.

    ``record`` describes T for the folder of a run, ``evaluate`` is T on columns of its ``domain``, whose points
    have this ``shape``, and ``pairs`` how many of them a figure may take.
    """

    results: tuple[Result, ...]
    claims: tuple[Claim, ...]
    known: Mapping[str, Found]
    gradient: bool
    record: Mapping[str, Any]
    evaluate: Callable[[Values], Values]
    domain: Region
    shape: tuple[int, ...]
    pairs: int = PAIRS
    evaluations: int = 0
    remarks: tuple[str, ...] = ()
