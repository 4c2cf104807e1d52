"""cvxpy expressions of the potentials of :mod:`fbscheck.operators`, from their definitions."""

from typing import Any

import cvxpy as cp
import numpy as np

from fbscheck import operators
from fbscheck.reference.modelling import dense, loss

__all__: list[str] = []


@loss.register
def _weighted_least_squares(f: operators.WeightedLeastSquares, x: cp.Expression) -> Any:
    residual = dense(f) @ x - f.target[:, None]
    return cp.sum(cp.multiply(f.weights[:, None], cp.square(residual))) / 2


@loss.register
def _huber_regression(f: operators.HuberRegression, x: cp.Expression) -> Any:
    return cp.sum(cp.huber(dense(f) @ x - f.target[:, None], f.delta)) / 2


@loss.register
def _multinomial(f: operators.Multinomial, x: cp.Expression) -> Any:
    scores = cp.reshape(dense(f) @ x, (f.classes, len(f.labels)), order="C")
    chosen = np.zeros((f.classes, len(f.labels)))
    chosen[f.labels, np.arange(len(f.labels))] = 1.0
    return cp.sum(cp.log_sum_exp(scores, axis=0)) - cp.sum(cp.multiply(chosen, scores))


@loss.register
def _smoothed_tv(f: operators.SmoothedTV, x: cp.Expression) -> Any:
    slopes = cp.reshape(dense(f) @ x, (len(f.grid), -1), order="C")
    floor = np.full((1, slopes.shape[1]), f.smoothing)
    return f.weight * cp.sum(cp.norm(cp.vstack([slopes, floor]), 2, axis=0))


@loss.register
def _regularised(f: operators.Regularised, x: cp.Expression) -> Any:
    return loss(f.f, x) + f.weight / 2 * cp.sum_squares(x - np.asarray(f.centre)[:, None])
