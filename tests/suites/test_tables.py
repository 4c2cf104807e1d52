"""The tables of functions and operators: nothing is missing, constants are those of the objects, lines fit."""

import inspect
import subprocess
import sys
from decimal import Decimal

import numpy as np
import pytest

from fbscheck import cli, functions, operators
from fbscheck.claims.catalogue.operator_instances import instances
from fbscheck.functions import L1, Function, SquaredL2
from fbscheck.operators import Gradient, Linear, Operator
from fbscheck.suites import tables

KINDS = [
    name
    for name in functions.__all__
    if inspect.isclass(kind := getattr(functions, name)) and issubclass(kind, Function) and kind is not Function
]
OPERATORS = [
    name
    for name in operators.__all__
    if inspect.isclass(kind := getattr(operators, name))
    and issubclass(kind, Operator)
    and kind not in (Operator, Gradient)
]


def test_every_exported_function_has_a_row() -> None:
    assert [row[0] for row in tables.function_table().rows] == sorted(KINDS, key=str.lower)


def test_every_exported_operator_has_a_row() -> None:
    found = tables.operator_table().rows
    assert {row[0] for row in found} == set(OPERATORS)
    assert len(OPERATORS) >= 12
    assert {row[1] for row in found} == set(instances())


def test_constants_are_those_of_the_objects_rounded_to_the_safe_side() -> None:
    for kind, name, mu, ell, beta, is_gradient, source in tables.operator_table().rows:
        f = instances()[name].f
        assert type(f).__name__ == kind and source
        assert Decimal(mu) <= Decimal(f.monotonicity) and Decimal(beta) <= Decimal(f.cocoercivity)
        assert Decimal(ell) >= Decimal(f.lipschitz)
        found = [float(text) for text in (mu, ell, beta)]
        np.testing.assert_allclose(found, [f.monotonicity, f.lipschitz, f.cocoercivity], rtol=2e-3)
        assert (is_gradient == "yes") is f.is_gradient


@pytest.mark.parametrize(
    ("case", "row"),
    [
        pytest.param("SquaredL2", ("weight=1", "1", "-", "yes", "by definition"), id="by class"),
        pytest.param("Zero", ("", "0", "0", "yes", "by definition"), id="no parameters"),
        pytest.param("GroupL2", ("labels=array (5,), weight=0.7", "0", "0.99", "no", "by definition"), id="rounded up"),
        pytest.param("Nuclear", ("shape=array (2,), weight=0.5", "0", "0.7072", "no", "Lewis 1995"), id="no defaults"),
        pytest.param("Conjugate", ("function=ElasticNet", "0", "-", "yes", "Moreau 1965"), id="a rule"),
    ],
)
def test_rows_of_functions(case: str, row: tuple[str, ...]) -> None:
    (found,) = [row for row in tables.function_table().rows if row[0] == case]
    assert found[1:] == row


def test_a_function_without_an_instance_still_has_a_row(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tables, "CASES", ())
    rows = {row[0]: row[1:] for row in tables.function_table().rows}
    assert rows["SquaredL2"][:2] == (f"weight={SquaredL2().weight:g}", "1")
    assert rows["L1"][0] == f"weight={L1().weight:g}"
    assert rows["Translated"][:4] == ("function, shift", "", "", "")


@pytest.mark.parametrize(("option", "rows"), [("--functions", KINDS), ("--operators", list(instances()))])
def test_the_command_prints_lines_that_fit(option: str, rows: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["list", option]) == 0
    out, err = capsys.readouterr()
    assert err == ""
    assert max(map(len, out.splitlines())) <= 100
    assert len(out.splitlines()) >= len(rows) + 1
    plain = " ".join(out.split())
    assert all(" ".join(name.split()[:2]) in plain for name in rows)


def test_one_table_at_a_time(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["list", "--functions", "--operators"]) == 2
    assert "not allowed with" in capsys.readouterr().err


def test_help_of_the_command_imports_nothing_heavy() -> None:
    code = (
        "import sys; from fbscheck.cli import main; main(['list', '--help']);"
        "heavy = {'numpy', 'scipy', 'flint'} & set(sys.modules); sys.exit(str(heavy) if heavy else 0)"
    )
    finished = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert finished.returncode == 0, finished.stderr
    assert "--operators" in finished.stdout


def test_displayed_digits_are_on_the_safe_side() -> None:
    assert (tables._below(0.99999), tables._above(0.10001), tables._above(float("inf"))) == ("0.9999", "0.1001", "inf")
    assert (tables._below(-0.10001), tables._below(0.0)) == ("-0.1001", "0")
    assert tables._above(Linear(np.eye(1)).lipschitz) == "1"
