"""The documentation site: ``make docs``, or ``python -m sphinx -W docs build/site``.

The pages are Markdown (MyST). The reference is made from docstrings, which are reStructuredText. Sphinx,
MyST and Furo are maintained and free. MkDocs 1 is no longer maintained, and Material for MkDocs ends in 2027.
"""

import ast
import inspect
import re
import shutil
import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

from docutils import nodes
from sphinx import addnodes
from sphinx.application import Sphinx
from sphinx.domains.python import PythonDomain
from sphinx.environment import BuildEnvironment
from sphinx.util.nodes import make_refnode

from face_alignment_3d import __version__

ROOT = Path(__file__).parent.parent
LIVE_PAGE = ROOT / "web" / "dist"

project = "face-alignment-3d"
release = version = __version__
extensions = ["myst_parser", "sphinx.ext.autodoc"]
html_theme = "furo"
html_title = f"face-alignment-3d {__version__}"
html_copy_source = False
html_show_copyright = False
html_static_path = ["site.css"]
html_css_files = ["site.css"]
highlight_language = "none"
myst_heading_anchors = 4
autodoc_default_options = {"members": True, "undoc-members": True}
autodoc_member_order = "bysource"
autodoc_typehints_format = "short"
add_module_names = False
toc_object_entries_show_parents = "hide"
maximum_signature_line_length = 90

#: Pages that show a file of the repository's root.
_ROOT_FILES = {"index": "README.md", "model_card": "MODEL_CARD.md", "changelog": "CHANGELOG.md"}


def setup(app: Sphinx) -> None:
    """Registers what is below."""
    app.connect("source-read", _show_root_files)
    app.connect("autodoc-process-docstring", _link_pages)
    app.connect("autodoc-process-signature", _as_written)
    app.connect("missing-reference", _resolve_by_last_name)
    app.connect("doctree-read", _shorten_types)
    app.connect("build-finished", _add_live_page)


def _show_root_files(app: Sphinx, docname: str, source: list[str]) -> None:
    """Puts the text of a root file in front of its page; links to these files lead to their pages."""
    text = source[0]
    if docname in _ROOT_FILES:
        shown = (ROOT / _ROOT_FILES[docname]).read_text(encoding="utf-8")
        text = re.sub(r"\]\((?!\w+:|#)", "](../", shown).replace("](../docs/", "](") + text
        if docname == "index" and LIVE_PAGE.is_dir():
            text = text.replace("\n\n", '\n\n<p><a href="live/index.html">Open the live page</a></p>\n\n', 1)
    for page, file in _ROOT_FILES.items():
        text = text.replace(f"](../{file}", f"]({page}.md")
    # Other files outside of this folder are downloads.
    source[0] = text.replace("](../", "](path:../")


def _link_pages(app: Sphinx, what: str, name: str, thing: Any, options: Any, lines: list[str]) -> None:
    """Makes links of the pages that docstrings name."""
    for index, line in enumerate(lines):
        linked = re.sub(r"\bdocs/(\w+)\.md\b", r":doc:`/\1`", line)
        lines[index] = re.sub(r"\bMODEL_CARD\.md\b", ":doc:`/model_card`", linked)


def _as_written(
    app: Sphinx, what: str, name: str, thing: Any, options: Any, signature: str | None, returns: str | None
) -> tuple[str | None, str | None] | None:
    """The signature as the source has it: names of types in place of all that they stand for."""
    function: Callable[..., Any] = thing
    if what == "class":
        if getattr(thing, "_is_protocol", False):
            return "", None
        function = thing.__init__
    elif what not in ("function", "method"):
        return None
    try:
        (node,) = ast.parse(textwrap.dedent(inspect.getsource(inspect.unwrap(function)))).body
    except (OSError, TypeError):  # The constructor of a data class: its types are those of the fields.
        if signature is None:
            return None
        bare = [
            parameter.replace(annotation=inspect.Parameter.empty)
            for parameter in inspect.signature(thing).parameters.values()
        ]
        return str(inspect.Signature(bare)), None
    if not isinstance(node, ast.FunctionDef):
        return None
    written = _Plain(getattr(function, "__globals__", {})).visit(node)
    arguments = written.args
    for parameters in (arguments.posonlyargs, arguments.args):
        if parameters and parameters[0].arg in ("self", "cls"):
            del parameters[0]
    returned = None if what == "class" or written.returns is None else _short(written.returns)
    return f"({_short(arguments)})", returned


def _short(node: ast.AST) -> str:
    """Source without the modules of types that everybody knows."""
    return re.sub(r"\b(np|npt|os)\.(?=[A-Za-z])", "", ast.unparse(node))


class _Plain(ast.NodeTransformer):
    """Types without quotes, and the values of defaults that are private constants."""

    def __init__(self, names: dict[str, Any]) -> None:
        self._names = names

    def visit_arg(self, node: ast.arg) -> ast.arg:
        node.annotation = _unquoted(node.annotation)
        return node

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.FunctionDef:
        node.returns = _unquoted(node.returns)
        self.generic_visit(node.args)
        node.args.defaults = [self._value(default) for default in node.args.defaults]
        node.args.kw_defaults = [
            None if default is None else self._value(default) for default in node.args.kw_defaults
        ]
        return node

    def _value(self, default: ast.expr) -> ast.expr:
        value = self._names.get(default.id) if isinstance(default, ast.Name) else None
        return ast.Constant(value) if isinstance(value, (str, int, float)) else default


def _unquoted(annotation: ast.expr | None) -> ast.expr | None:
    if isinstance(annotation, ast.Constant) and isinstance(annotation.value, str):
        return ast.parse(annotation.value, mode="eval").body
    return annotation


def _resolve_by_last_name(
    app: Sphinx, env: BuildEnvironment, node: addnodes.pending_xref, content: nodes.TextElement
) -> nodes.reference | None:
    """Links to what the docstrings name without its module, or by the module that defines it."""
    if node.get("refdomain") != "py":
        return None
    domain = cast(PythonDomain, env.get_domain("py"))
    target = node["reftarget"].lstrip(".")
    endings = [target, target.rsplit(".", 1)[-1]] if target.startswith("face_alignment_3d.") else [target]
    for ending in endings:
        entries = [entry for name, entry in domain.objects.items() if f".{name}".endswith(f".{ending}")]
        if len({(entry.docname, entry.node_id) for entry in entries}) == 1:
            page, anchor = entries[0].docname, entries[0].node_id
            return make_refnode(app.builder, node["refdoc"], page, anchor, content, target)
    return None


def _shorten_types(app: Sphinx, doctree: nodes.document) -> None:
    """Types of attributes: ``NDArray[float32]`` in place of all that NumPy means by it."""
    for node in doctree.findall(addnodes.desc_annotation):
        text = node.astext()
        short = re.sub(r"ndarray\[tuple\[Any, \.\.\.\], dtype\[(\w+)\]\]", r"NDArray[\1]", text)
        if short != text:
            node.children = [nodes.Text(short)]


def _add_live_page(app: Sphinx, exception: Exception | None) -> None:
    """Copies the browser's page, where it was built, to ``live/``."""
    if exception is None and app.builder.format == "html" and LIVE_PAGE.is_dir():
        shutil.copytree(LIVE_PAGE, Path(app.outdir) / "live", dirs_exist_ok=True)
