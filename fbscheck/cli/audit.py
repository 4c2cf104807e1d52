"""``fbscheck audit``: recheck a run from its files."""

import argparse
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fbscheck.cli.terminal import HOLDS, REFUTED, progress_bar

if TYPE_CHECKING:
    from fbscheck.audit.recheck import Outcome

__all__ = ["add"]


def add(commands: Any) -> None:
    """Tell the parser about the command."""
    audit = commands.add_parser("audit", help="recheck every certificate and counterexample of a run")
    audit.add_argument("folder", type=Path, metavar="DIR", help="folder of a run")
    audit.add_argument("--z3", action="store_true", help="let z3 decide the lemmas on contraction and averagedness")
    audit.add_argument("--coq", action="store_true", help="let Coq check lemmas and certificates (writes DIR/coq)")
    audit.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Recheck a run and print what was confirmed and refused."""
    from fbscheck.audit.recheck import Outcome, recheck

    findings = list(recheck(arguments.folder, progress_bar()))
    claims = dict.fromkeys(finding.claim for finding in findings if finding.claim)
    print(f"{'claim':42}" + "".join(f"{outcome.value:>11}" for outcome in Outcome))
    for claim in claims:
        counts = Counter(finding.outcome for finding in findings if finding.claim == claim)
        print(f"{claim:42}" + "".join(f"{counts[outcome] or '':>11}" for outcome in Outcome))
    refused = [finding for finding in findings if finding.outcome is Outcome.REFUSED]
    for finding in refused:
        print(f"REFUSED: {', '.join(part for part in (finding.claim, finding.case) if part)}: {finding.reason}")
    for finding in (f for f in findings if f.outcome is Outcome.STATED and f.reason):
        print(f"STATED: {finding.claim}: {finding.reason}")
    print(f"\n{_summary({finding.outcome for finding in findings}, len(refused))}")
    confirmed = not refused
    if arguments.z3:
        confirmed = _ask_z3() and confirmed
    if arguments.coq:
        confirmed = _ask_coq(arguments.folder) and confirmed
    return HOLDS if confirmed else REFUTED


def _summary(outcomes: "set[Outcome]", refused: int) -> str:
    """What all findings together say."""
    from fbscheck.audit.recheck import Outcome

    if refused:
        return f"{refused} refused"
    if Outcome.REPLAYED in outcomes:
        return "every number follows from what the operator gave again; how exact its values are is an assumption"
    return "every rigorous number of this run was recomputed"


def _ask_z3() -> bool:
    """Whether z3 confirms all lemmas, and finds an instance against each lowered one."""
    from fbscheck.audit.smt import decide

    confirmed = True
    print(f"\n{'lemma, for all parameters':50}{'z3 says':>10}{'lowered':>10}")
    for decision in decide():
        print(f"{decision.name:50}{decision.verdict:>10}{decision.lowered:>10}{decision.seconds:8.2f} s")
        confirmed = confirmed and (decision.verdict, decision.lowered) == ("holds", "fails")
    return confirmed


def _ask_coq(folder: Path) -> bool:
    """Whether Coq accepts the lemmas, and all certificates about steps of the run."""
    from fbscheck.audit import coq

    paths = coq.write(folder / "coq", coq.records_of(folder))
    outcomes = coq.compile(paths, progress_bar())
    print(f"\n{'file':50}{'theorems':>10}{'Coq says':>10}")
    for outcome in outcomes:
        says = "accepted" if outcome.accepted else f"refused: {outcome.reason}"
        print(f"{outcome.file.name:50}{len(outcome.theorems) or '':>10}{says:>10}{outcome.seconds:8.2f} s")
    axioms = sorted({axiom for outcome in outcomes for axiom in outcome.axioms})
    print(f"axioms, those of Coq's real numbers: {', '.join(axioms)}")
    return all(outcome.accepted for outcome in outcomes)
