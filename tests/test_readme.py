"""The examples of the README run, one after another, as a reader would paste them."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

README = (Path(__file__).parent.parent / "README.md").read_text(encoding="utf-8")


def blocks(kind: str, text: str = README) -> list[str]:
    found = re.findall(r"^```(\w*)\n(.*?)^```$", text, flags=re.DOTALL | re.MULTILINE)
    return [lines for name, lines in found if name == kind]


def ends(line: str) -> tuple[str, str]:
    """A condition and its verdict, without the numbers between them, which depend on how long the search took."""
    words = line.split()
    return words[0], words[-1]


def test_the_examples_in_python_run(tmp_path: Path) -> None:
    examples = blocks("python")
    assert len(examples) >= 6
    (shrink,) = re.findall(r"cat > ops.py <<'END'\n(.*?)END\n", README, flags=re.DOTALL)
    (tmp_path / "ops.py").write_text(shrink)
    (tmp_path / "readme.py").write_text("\n".join(examples))
    done = subprocess.run([sys.executable, "readme.py"], cwd=tmp_path, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr


@pytest.mark.skipif(shutil.which("bash") is None, reason="the commands are written for bash")
def test_the_ten_minutes_print_what_they_say(tmp_path: Path) -> None:
    section = README.split("## Ten minutes\n")[1].split("\n## ")[0]
    verify, check, formula, report, _ = blocks("sh", section)
    (shown,) = blocks("", section)
    printed = {}
    for lines, status in ((verify, 0), (check, 1), (formula, 0), (report, 0)):
        path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
        settings = {"cwd": tmp_path, "env": {**os.environ, "PATH": path}, "capture_output": True, "text": True}
        done = subprocess.run(["bash", "-e", "-c", lines], timeout=300, check=False, **settings)
        assert done.returncode == status, done.stderr
        printed[lines] = done.stdout
    assert [ends(line) for line in shown.splitlines()] == [ends(line) for line in printed[check].splitlines()[:3]]
    assert "CERTIFIED" in printed[formula]
    assert (tmp_path / "reports" / "contraction" / "report.html").exists()
