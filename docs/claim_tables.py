"""Tables of the claims, one a suite, for the end of each chapter."""

from collections.abc import Iterator
from pathlib import Path

from made import keep
from writing import literal

from fbscheck.suites.registry import SUITES
from fbscheck.suites.task import Suite

__all__ = ["write"]


def write(folder: Path) -> None:
    """``claims-SUITE.rst``, to be included: what a suite claims and what it must refute; ``claims.rst`` for all."""
    for suite in SUITES.values():
        keep(folder / f"claims-{suite.name}.rst", "\n".join(_table(suite)) + "\n")
    everything = [
        line for suite in SUITES.values() for line in (f"**{suite.name}**: {suite.summary}.", "", *_table(suite))
    ]
    keep(folder / "claims.rst", "\n".join(everything) + "\n")


def _table(suite: Suite) -> Iterator[str]:
    yield from (".. list-table::", "   :header-rows: 1", "   :widths: 32 68", "   :class: claims", "")
    yield from ("   * - Claim", "     - It says")
    for claim in suite.claims:
        if not claim.id.startswith("planted."):
            title = literal(claim.title)
            yield from (f"   * - :claim:`{claim.id}`", f"     - {f'{title} (false)' if claim.control else title}")
    yield ""
