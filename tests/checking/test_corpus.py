"""Operators as they occur: every fault is found, and nothing correct is refuted."""

import threading

import correct
import faulty
import peers
import pytest
from rows import Operator, Row

from fbscheck.checking.sandbox import Fault
from fbscheck.checking.session import check
from fbscheck.verdict import Verdict

MISSED: dict[str, str] = {}
"""Faults that the search does not find, and why."""


def here(name: str) -> Operator:
    """An operator of a peer that no other process can have, as each would import the peer again."""
    lock, function = threading.Lock(), getattr(peers, name)
    return lambda x: function(x) if lock else x


def refuted(row: Row, operator: str | Operator, times: float = 1.0) -> dict[str, bool]:
    """Whether each claim of the row, by its name, was refuted within its budget, ``times`` so much."""
    names = [claim.partition("=")[0] for claim in row.claims] + ["prox_of"] * (row.prox_of is not None)
    found = check(
        operator,
        shape=row.shape,
        box=row.box,
        claims=row.claims or ("firmly_nonexpansive",),
        prox_of=row.prox_of,
        step=row.step,
        accuracy=row.accuracy,
        budget=times * (row.seconds if row.claims else 0.05),
    )
    return {result.claim: result.verdict is Verdict.REFUTED for result in found.results if result.claim in names}


def in_time(row: Row, operator: str | Operator) -> dict[str, bool]:
    """The same, with ten and a hundred times the budget if that was too little on a busy machine."""
    attempts = (refuted(row, operator, times) for times in (1.0, 10.0, 100.0))
    return next((found for found in attempts if all(found.values())), {})


def known(rows: list[Row]) -> list[object]:
    marks = {row.name: [pytest.mark.xfail(strict=True, reason=MISSED[row.name])] for row in rows if row.name in MISSED}
    return [pytest.param(row, id=row.name, marks=marks.get(row.name, [])) for row in rows]


@pytest.mark.parametrize("row", known(faulty.FAULTY))
def test_fault_is_found(row: Row) -> None:
    if row.fault is None:
        assert in_time(row, f"{faulty.__file__}:{row.name}")
        return
    with pytest.raises(Fault) as caught:
        refuted(row, f"{faulty.__file__}:{row.name}")
    assert caught.value.kind == row.fault


@pytest.mark.parametrize("row", peers.FAULTY_PEERS, ids=lambda row: row.name)
def test_fault_of_a_peer_is_found(row: Row) -> None:
    assert in_time(row, here(row.name))


@pytest.mark.parametrize("row", peers.PEERS, ids=lambda row: row.name)
def test_peer_is_not_refuted(row: Row) -> None:
    assert not any(refuted(row, here(row.name)).values())


@pytest.mark.parametrize("row", known(correct.CORRECT))
def test_correct_is_not_refuted(row: Row) -> None:
    found = refuted(row, f"{correct.__file__}:{row.name}")
    assert found and not any(found.values()), found


def test_rows_are_many_and_named_once() -> None:
    for rows in (faulty.FAULTY, correct.CORRECT):
        names = [row.name for row in rows]
        assert len(names) >= 30 and len(set(names)) == len(names)
    assert set(MISSED) <= {row.name for row in faulty.FAULTY}
