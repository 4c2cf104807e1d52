"""The examples of the README run, one after another, as a reader would paste them."""

import re
import subprocess
import sys
from pathlib import Path

README = Path(__file__).parent.parent / "README.md"


def test_the_examples_in_python_run(tmp_path: Path) -> None:
    blocks = re.findall(r"```python\n(.*?)```", README.read_text(encoding="utf-8"), flags=re.DOTALL)
    assert len(blocks) >= 6
    (shrink,) = re.findall(r"cat > ops.py <<'END'\n(.*?)END\n", README.read_text(encoding="utf-8"), flags=re.DOTALL)
    (tmp_path / "ops.py").write_text(shrink)
    (tmp_path / "readme.py").write_text("\n".join(blocks))
    done = subprocess.run([sys.executable, "readme.py"], cwd=tmp_path, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
