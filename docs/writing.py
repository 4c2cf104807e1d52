"""How the pages write: formulas drawn as in the reports, docstrings taken as plain text, ids of claims that exist."""

import re
from collections.abc import Sequence
from typing import Any

from docutils import nodes
from docutils.parsers.rst.states import Inliner
from sphinx.addnodes import desc_annotation, desc_signature, pending_xref
from sphinx.application import Sphinx
from sphinx.util import logging
from sphinx.writers.html5 import HTML5Translator

from fbscheck.report.formulas import formula
from fbscheck.suites.registry import SUITES

__all__ = ["literal", "setup"]

CLAIMS = frozenset(claim.id for suite in SUITES.values() for claim in suite.claims)
LOG = logging.getLogger(__name__)

MARKUP = re.compile(
    r"^ *\* |``.+?``|:[a-z:]+:`[^`]+`|`[^`]+`_?|[|*]|(?<=\w)_(?!\w)|^ *(?=[A-Za-z]\.$)", re.DOTALL | re.MULTILINE
)
"""What keeps its meaning in a docstring (items, literals, roles), or a character that would be taken for markup."""

EXAMPLE = re.compile(r"^ *>>> .*?(?:\n *\n|\Z)", re.DOTALL | re.MULTILINE)

HEADING = "Examples\n--------\n"
UNDERLINE = re.compile(r"^(?!Examples).+\n-{3,}$(?!(?:.|\n)*^Examples$)", re.MULTILINE)
"""The heading of a section, if that of examples does not come after it."""

ARRAYS = (
    (
        re.compile(r"~?(?:numpy\.)?ndarray\[tuple\[~?(?:typing\.)?Any, \.\.\.\], ~?(?:numpy\.)?dtype\[([^]]+)\]\]"),
        r"NDArray[\1]",
    ),
    (re.compile(r"[~\w.]*_Buffer \|.*?_NestedSequence\[complex \| bytes \| str\]"), "ArrayLike"),
)
"""What numpy.typing's names are short for."""


def literal(docstring: str) -> str:
    """``docstring`` with its bars, asterisks and indices as they are: ``|x|_1`` is a norm, not a substitution.

    Literals, roles, examples and indented blocks after ``::`` are left alone; examples that follow a section of the
    numpydoc style become one of their own.
    """
    pieces, end = [], 0
    for example in EXAMPLE.finditer(docstring):
        before = docstring[end : example.start()]
        pieces += [_prose(before), HEADING if UNDERLINE.search(before) else "", example.group()]
        end = example.end()
    return "".join([*pieces, _prose(docstring[end:])])


def _prose(text: str) -> str:
    parts = re.split(r"(::\n(?:[ \t]*\n|[ \t]+.*\n?)+)", text)
    return "".join(part if i % 2 else MARKUP.sub(_escaped, part) for i, part in enumerate(parts))


def _escaped(match: re.Match[str]) -> str:
    found = match.group()
    if found.isspace() or not found:
        return found + "\\"
    return "\\" + found if len(found) == 1 else found


def setup(app: Sphinx) -> None:
    """Called by Sphinx."""
    app.add_html_math_renderer("drawn", inline_renderers=(_inline, None), block_renderers=(_display, None))
    app.add_role("claim", _claim)
    app.connect("autodoc-process-docstring", _plain_docstring, priority=400)
    app.connect("autodoc-process-signature", _named_arrays)
    app.connect("doctree-read", _plain_types)


def _plain_docstring(_: Sphinx, kind: str, name: str, thing: Any, options: Any, lines: list[str]) -> None:
    """An empty line in front keeps napoleon from taking what is before a colon for the type of an attribute."""
    plain = literal("\n".join(lines)).split("\n")
    lines[:] = ["", *plain] if kind in ("property", "attribute", "data") else plain


def _named_arrays(
    _: Sphinx, kind: str, name: str, thing: Any, options: Any, signature: str | None, returned: str | None
) -> tuple[str | None, str | None]:
    return signature and _short(signature), returned and _short(returned)


def _short(text: str) -> str:
    for pattern, name in ARRAYS:
        text = pattern.sub(name, text)
    return text


def _plain_types(_: Sphinx, document: nodes.document) -> None:
    """Types of other packages in signatures become text: there is nothing to link to."""
    for signature in document.findall(desc_signature):
        for link in list(signature.findall(pending_xref)):
            if not link["reftarget"].startswith("fbscheck."):
                link.replace_self(link.children)
        for kind in signature.findall(desc_annotation):
            if "ndarray" in kind.astext():
                kind.children = [nodes.Text(_short(kind.astext()))]


def _inline(translator: HTML5Translator, node: nodes.math) -> None:
    _draw(translator, node, display=False)


def _display(translator: HTML5Translator, node: nodes.math_block) -> None:
    translator.body.append(translator.starttag(node, "div", CLASS="math"))
    _draw(translator, node, display=True)


def _draw(translator: HTML5Translator, node: nodes.Node, display: bool) -> None:
    drawn = formula(node.astext(), display)
    if drawn.startswith("<code"):
        LOG.warning("formula cannot be drawn: %s", node.astext(), location=node)
    translator.body.append(f"{drawn}</div>" if display else drawn)
    raise nodes.SkipNode


def _claim(
    name: str, source: str, text: str, line: int, inliner: Inliner, options: Any = None, content: Sequence[str] = ()
) -> tuple[list[nodes.Node], list[nodes.system_message]]:
    """``:claim:`contraction.gradient```: the id of a claim, which must exist."""
    if text not in CLAIMS:
        message = inliner.reporter.error(f"there is no claim {text!r}", line=line)
        return [inliner.problematic(source, source, message)], [message]
    return [nodes.literal(source, text, classes=["claim"])], []
