"""The suites by name."""

from collections.abc import Iterable

from fbscheck.errors import InputError
from fbscheck.suites import catalogue, contraction, deep_limit, fixed_point, learning, lista, maps, network, prox
from fbscheck.suites.task import Suite

__all__ = ["SUITES", "choose"]

SUITES = {
    suite.name: suite
    for suite in (
        prox.SUITE,
        catalogue.SUITE,
        contraction.SUITE,
        fixed_point.SUITE,
        network.SUITE,
        lista.SUITE,
        deep_limit.SUITE,
        learning.SUITE,
        maps.SUITE,
    )
}


def choose(names: Iterable[str]) -> list[Suite]:
    """The suites named, in the order of the registry; all of them if none is named.

    Raises
    ------
    InputError
        If a name is unknown.
    """
    wanted = set(names)
    if unknown := sorted(wanted - set(SUITES)):
        raise InputError(f"Need a suite among {', '.join(SUITES)}, got {unknown[0]!r}. `fbscheck list` describes them.")
    return [suite for name, suite in SUITES.items() if not wanted or name in wanted]
