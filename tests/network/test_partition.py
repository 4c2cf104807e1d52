"""Cuts of a box: the parts cover it, whatever the cuts; what is no tree is refused."""

from fractions import Fraction

import numpy as np
import pytest

from fbscheck.errors import InputError
from fbscheck.network.partition import WHOLE, parts_of
from fbscheck.network.region import Region

BOX = Region(np.zeros(1), np.array([0.1, -3.0, 1e6]), 0.0, np.array([1 / 3, 1e-9, 7.0]))
TREE = (0, 2, WHOLE, 0, WHOLE, WHOLE, 1, WHOLE, WHOLE)


def grown(rng: np.random.Generator, depth: int) -> list[int]:
    """A random tree."""
    if depth == 0 or rng.random() < 0.2:
        return [WHOLE]
    return [int(rng.integers(3)), *grown(rng, depth - 1), *grown(rng, depth - 1)]


@pytest.mark.parametrize("seed", range(8))
def test_every_input_of_the_box_is_in_a_part(seed: int) -> None:
    """Random rational inputs, corners, and inputs on cuts."""
    rng = np.random.default_rng(seed)
    cuts = TREE if seed == 0 else grown(rng, 5)
    parts = list(parts_of(BOX, cuts))
    assert len(parts) == cuts.count(WHOLE)
    boxes = [list(zip(part.b.tolist(), np.asarray(part.b_radius).tolist(), strict=True)) for part in parts]
    around = list(zip(BOX.b.tolist(), np.asarray(BOX.b_radius).tolist(), strict=True))
    for row in rng.integers(-8, 9, (300, 3)).tolist():
        point = [Fraction(c) + Fraction(k, 8) * Fraction(r) for k, (c, r) in zip(row, around, strict=True)]
        assert any(
            all(abs(p - Fraction(c)) <= Fraction(r) for p, (c, r) in zip(point, box, strict=True)) for box in boxes
        )


def test_parts_are_no_larger_than_they_need_be() -> None:
    volume = sum(float(np.prod(2 * np.asarray(part.b_radius))) for part in parts_of(BOX, TREE))
    assert volume == pytest.approx(float(np.prod(2 * np.asarray(BOX.b_radius))), rel=1e-6)
    (whole,) = parts_of(BOX, (WHOLE,))
    assert whole is BOX


@pytest.mark.parametrize(
    "cuts",
    [
        pytest.param((), id="nothing"),
        pytest.param((0, WHOLE), id="planted: a part is missing"),
        pytest.param((WHOLE, WHOLE), id="planted: a part too many"),
        pytest.param((3, WHOLE, WHOLE), id="a side that the box has not"),
        pytest.param((-2, WHOLE, WHOLE), id="a negative side"),
    ],
)
def test_what_is_no_tree_is_refused(cuts: tuple[int, ...]) -> None:
    with pytest.raises(InputError, match="Need cuts that are a"):
        list(parts_of(BOX, cuts))


def test_a_ball_is_not_cut() -> None:
    ball = Region(np.zeros(1), np.zeros(2), 0.0, 1.0)
    assert list(parts_of(ball, (WHOLE,))) == [ball]
    with pytest.raises(InputError, match="ball"):
        list(parts_of(ball, (0, WHOLE, WHOLE)))


def test_membership_is_decided_exactly() -> None:
    half, third = Region(np.zeros(1), np.zeros(1), 0.0, np.array([0.5])), Region(np.zeros(1), np.zeros(2), 0.0, 5.0)
    up = np.nextafter(0.5, 1)
    assert half.contains(np.zeros(1), np.array([0.5])) and not half.contains(np.zeros(1), np.array([up]))
    assert third.contains(np.zeros(1), np.array([3.0, 4.0]))
    assert not third.contains(np.zeros(1), np.array([3.0, np.nextafter(4.0, 5.0)]))
    assert not half.contains(np.array([1e-300]), np.zeros(1))


@pytest.mark.parametrize("share", [1.0, 0.5])
def test_the_nearest_inputs_of_boxes_lie_in_them(share: float) -> None:
    columns = np.random.default_rng(0).standard_normal((4, 50)) * np.array([[1.0], [1.0], [1e-8], [1e7]])
    moved = BOX.nearest(columns, share)
    assert all(BOX.contains(column[:1], column[1:]) for column in moved.T)
    ball = Region(np.zeros(1), np.array([0.3, 0.1, -0.2]), 0.0, 0.7)
    assert all(ball.contains(column[:1], column[1:]) for column in ball.nearest(columns, share).T)
    inside = np.array([[0.0], [0.35], [0.1], [-0.25]])
    np.testing.assert_allclose(ball.nearest(inside, share), inside)
