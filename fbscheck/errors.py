"""What a user, or an outside solver, can cause; each error is one clear line.

Everything else that is raised is a bug of fbscheck and keeps its traceback.
"""

from typing import final

__all__ = ["FbscheckError", "HypothesisError", "InputError", "MissingToolError", "SolverError", "Unstated"]


class FbscheckError(Exception):
    """Base of all errors that fbscheck raises on purpose."""


class InputError(FbscheckError, ValueError):
    """The input breaks a rule; the message names the rule, the value got and the likely cause."""


@final
class HypothesisError(InputError):
    """A constant was asked for whose hypotheses the given operators do not meet."""


@final
class MissingToolError(FbscheckError):
    """An optional package or program is needed; the message says how to install it."""


class SolverError(FbscheckError):
    """A reference solver did not reach optimality; such an answer decides nothing."""


@final
class Unstated(SolverError):
    """There is no expression for the program at all."""
