"""The structure of the package, as rules: who may import whom, who may print, what carries a docstring."""

import ast
import configparser
import subprocess
import sys
from pathlib import Path

import pytest

import fbscheck
import fbscheck.proofs

ROOT = Path(fbscheck.__file__).parent
PROOFS = Path(fbscheck.proofs.__file__).parent

BASE = {"errors", "inputs", "archive"}
ALLOWED = {
    "_version": set(),
    "errors": set(),
    "inputs": {"errors"},
    "archive": {"errors"},
    "verdict": set(),
    "judge": {"verdict"},
    "certify": BASE,
    "proofs": {"certify"},
    "audit": BASE
    | {
        "verdict",
        "judge",
        "functions",
        "operators",
        "certify",
        "proofs",
        "store",
        "files",
        "claims",
        "suites",
        "checking",
    },
    "points": BASE | {"certify"},
    "limit": BASE | {"points", "certify", "functions", "network", "verdict"},
    "files": {"errors", "verdict"},
    "store": {"errors", "verdict", "files"},
    "functions": BASE | {"points", "certify"},
    "operators": BASE | {"points", "certify"},
    "splitting": BASE | {"points", "certify", "functions", "operators"},
    "network": BASE | {"points", "certify", "functions", "operators", "splitting", "verdict", "judge"},
    "reference": BASE | {"certify", "functions", "operators", "splitting", "network", "limit"},
    "learning": BASE | {"points", "certify", "functions", "network", "limit", "verdict"},
    "claims": BASE
    | {
        "verdict",
        "judge",
        "certify",
        "functions",
        "operators",
        "splitting",
        "network",
        "limit",
        "learning",
        "reference",
        "proofs",
    },
    "suites": BASE
    | {
        "verdict",
        "judge",
        "functions",
        "operators",
        "splitting",
        "network",
        "limit",
        "learning",
        "claims",
        "store",
        "files",
        "_version",
    },
    "checking": BASE | {"certify", "functions", "operators", "splitting", "reference", "verdict", "judge"},
    "testing": {"checking", "verdict"},
    "report": BASE | {"verdict", "store", "files", "certify", "proofs"},
    "cli": {
        "errors",
        "inputs",
        "claims",
        "verdict",
        "store",
        "files",
        "suites",
        "report",
        "proofs",
        "certify",
        "audit",
        "checking",
        "_version",
    },
    "__main__": {"cli"},
    "__init__": {
        "_version",
        "checking",
        "functions",
        "operators",
        "claims",
        "network",
        "limit",
        "learning",
        "splitting",
        "verdict",
    },
}
OWNERS = {
    "cvxpy": {"reference"},
    "clarabel": {"reference"},
    "matplotlib": {"report"},
    "jinja2": {"report"},
    "sympy": {"proofs", "certify", "audit", "checking"},
    "z3": {"audit"},
    "sklearn": {"reference", "suites"},
    "joblib": {"suites"},
    "distributed": {"suites"},
}
MODULES = [*sorted(ROOT.rglob("*.py")), *sorted(PROOFS.glob("*.py"))]
IDS = [str(p.relative_to(ROOT.parent)) if p.is_relative_to(ROOT.parent) else p.name for p in MODULES]
modules = pytest.mark.parametrize("path", MODULES, ids=IDS)


def room_of(path: Path) -> str:
    if path.is_relative_to(PROOFS):
        return "proofs"
    first = path.relative_to(ROOT).parts[0]
    return first.removesuffix(".py")


def imported(tree: ast.AST) -> set[str]:
    """Dotted names of all imported modules, wherever in the file the import stands."""
    names: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "relative imports hide the room they reach into"
            names |= {f"{node.module}.{alias.name}" for alias in node.names} | {node.module or ""}
    return names


def misplaced(source: str, room: str) -> set[str]:
    """The imports of ``source`` that its room does not allow."""
    wrong = set()
    for name in imported(ast.parse(source)):
        top, _, rest = name.partition(".")
        if top == "fbscheck" and rest:
            target = rest.split(".")[0]
            if target in ALLOWED and target not in ALLOWED[room] | {room}:
                wrong.add(name)
        elif room not in OWNERS.get(top, {room}):
            wrong.add(name)
    return wrong


@modules
def test_imports_flow_downwards(path: Path) -> None:
    assert misplaced(path.read_text(), room_of(path)) == set()


@pytest.mark.parametrize(
    ("source", "room"),
    [
        pytest.param("import cvxpy as cp", "functions", id="planted: a solver outside reference"),
        pytest.param(
            "def f():\n    from fbscheck.claims import prox", "certify", id="planted: upward, inside a function"
        ),
        pytest.param("from fbscheck import suites", "report", id="planted: sideways, by the package"),
        pytest.param("from matplotlib.figure import Figure", "claims", id="planted: a plot outside report"),
    ],
)
def test_the_rule_on_imports_can_fail(source: str, room: str) -> None:
    assert misplaced(source, room)


@modules
def test_only_the_command_line_prints(path: Path) -> None:
    calls = [node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Call)]
    prints = [c for c in calls if getattr(c.func, "id", "") == "print" and not any(k.arg == "file" for k in c.keywords)]
    assert room_of(path) == "cli" or not prints


@modules
def test_public_things_are_documented(path: Path) -> None:
    tree = ast.parse(path.read_text())
    assert ast.get_docstring(tree), "the module has no docstring"
    missing = []
    for node in tree.body:
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)) and not node.name.startswith("_"):
            members = node.body if isinstance(node, ast.ClassDef) else []
            public = [m for m in members if isinstance(m, ast.FunctionDef) and not m.name.startswith("_")]
            missing += [n.name for n in (node, *public) if not ast.get_docstring(n)]
    assert missing == []


@modules
def test_records_are_frozen_and_final(path: Path) -> None:
    wrong = []
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ClassDef):
            marks = {ast.unparse(d) for d in node.decorator_list}
            record = [m for m in marks if "dataclass" in m]
            if record and not ("frozen=True" in record[0] and "final" in marks):
                wrong.append(node.name)
    assert wrong == []


@modules
def test_modules_stay_small(path: Path) -> None:
    assert len(path.read_text().splitlines()) <= 340


def foreign(source: str) -> set[str]:
    """The modules that a trusted file imports beyond those of the standard library that it needs."""
    trusted = {"bisect", "collections", "decimal", "fractions", "functools", "itertools", "math", "operator", "typing"}
    return {name for name in imported(ast.parse(source)) if name.split(".")[0] not in trusted}


def test_the_kernel_needs_the_standard_library_only() -> None:
    source = (ROOT / "certify" / "kernel.py").read_text()
    assert foreign(source) == set()
    assert len(source.splitlines()) < 300


def test_the_instances_need_the_kernel_only() -> None:
    source = (ROOT / "certify" / "instances.py").read_text()
    assert {name for name in foreign(source) if not name.startswith("fbscheck.certify.kernel")} == set()


@pytest.mark.parametrize("planted", ["import numpy", "from fbscheck.certify import balls", "import json", "import os"])
def test_the_rule_on_the_kernel_can_fail(planted: str) -> None:
    assert foreign(f"def f():\n    {planted}\n")


def test_sympy_is_for_proofs_their_audit_and_formulas_only() -> None:
    users = {p.name for p in MODULES if room_of(p) != "proofs" and "sympy" in imported(ast.parse(p.read_text()))}
    formulas = {"session.py", "expressions.py", "programs.py", "formulas.py", "radial.py", "branches.py", "affine.py"}
    assert users == {"symbolic.py", "smt.py", "potentials.py", "integral.py"} | formulas


def test_help_is_quick_because_it_imports_nothing_heavy() -> None:
    code = (
        "import sys; from fbscheck.cli import main; main(['--help']);"
        "heavy = {'numpy', 'scipy', 'cvxpy', 'sympy', 'matplotlib', 'flint', 'joblib', 'sklearn', 'z3'};"
        "heavy &= set(sys.modules);"
        "sys.exit(str(heavy) if heavy else 0)"
    )
    finished = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert finished.returncode == 0, finished.stderr
    assert "verify" in finished.stdout


def test_every_public_name_of_the_package_loads() -> None:
    assert {name for name in fbscheck.__all__ if getattr(fbscheck, name, None) is None} == set()
    with pytest.raises(AttributeError, match="no_such_name"):
        fbscheck.no_such_name  # noqa: B018


def test_the_wheel_holds_every_package() -> None:
    settings = configparser.ConfigParser()
    settings.read(ROOT.parent / "setup.cfg")
    stated = set(settings["options"]["packages"].split())
    found = {".".join(init.parent.relative_to(ROOT.parent).parts) for init in ROOT.rglob("__init__.py")}
    assert stated == found | {"fbscheck.proofs"}
