"""The proofs behind a run's claims, as text: what is proved, from what, and what is cited instead of proved.

A claim cites proofs in its source, as "proof: NAME", where NAME is the name of a proof or what several begin with.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import final

from fbscheck.store import ClaimText

__all__ = ["Lemma", "Step", "cited", "lemmas", "names_in"]

CITATION = re.compile(r"\bproof: ([^;(]+)")


@final
@dataclass(frozen=True)
class Step:
    """One term of an identity, in LaTeX: a nonnegative ``multiplier`` times a hypothesis or a square."""

    multiplier: str
    what: str


@final
@dataclass(frozen=True)
class Lemma:
    """A proof: ``goal >= 0`` is the statement, and the goal is the sum of the ``steps``.

    ``fault`` says why the proof was not accepted, and is empty if it was; ``cites`` are pairs of what is cited
    instead of being proved, and where it is proved.
    """

    name: str
    statement: str
    domain: str
    goal: str
    steps: tuple[Step, ...]
    cites: tuple[tuple[str, str], ...]
    fault: str


def names_in(source: str) -> tuple[str, ...]:
    """The proofs that the source of a claim cites.

    >>> names_in("Banach 1922; proof: Banach, a priori (largest ratio of the two sides)")
    ('Banach, a priori',)
    """
    return tuple(name.strip() for name in CITATION.findall(source))


def cited(source: str, known: Iterable[str]) -> tuple[str, ...]:
    """The names among ``known`` that the source of a claim cites."""
    return tuple(name for name in known if any(_means(text, name) for text in names_in(source)))


def lemmas(claims: Iterable[ClaimText]) -> tuple[Lemma, ...]:
    """The proofs that the claims cite, each rechecked now, in the order of the catalogue."""
    sources = [claim.source for claim in claims]
    if not any(map(names_in, sources)):
        return ()
    from fbscheck.certify.symbolic import NotProved, check
    from fbscheck.proofs import catalogue

    found = []
    proofs = catalogue()
    wanted = {name for source in sources for name in cited(source, proofs)}
    for name, proof in proofs.items():
        if name in wanted:
            fault = ""
            try:
                check(proof)
            except NotProved as failure:
                fault = str(failure)
            steps = tuple(Step(multiplier, what) for multiplier, what in proof.latex_terms())
            cites = tuple((assumption.statement, assumption.source) for assumption in proof.assumptions)
            found.append(Lemma(name, proof.statement, proof.domain, proof.latex_goal(), steps, cites, fault))
    return tuple(found)


def _means(text: str, name: str) -> bool:
    """Whether a citation means a proof: by its name, by what stands before a colon or comma of it, or with a remark."""
    return name == text or name.startswith((f"{text}:", f"{text},")) or text.startswith(f"{name},")
