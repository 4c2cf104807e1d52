"""The folder of what the code writes for the pages; git ignores it."""

import os
from pathlib import Path

__all__ = ["keep"]


def keep(path: Path, content: str | bytes) -> None:
    """Write ``content`` unless the file holds it already: Sphinx reads again only what changed."""
    data = content.encode() if isinstance(content, str) else content
    if path.exists() and path.read_bytes() == data:
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(path.name + ".new")
    temporary.write_bytes(data)
    os.replace(temporary, path)
