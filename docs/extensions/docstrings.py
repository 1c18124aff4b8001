"""Docstrings and signatures as they stand in the source.

The docstrings are prose with `names` between backticks, as in Markdown; reStructuredText wants two, and takes stars and
trailing underscores for markup. Signatures keep the names that the source has for types (`Real`), instead of what they
stand for.
"""

import ast
import inspect
import re
import textwrap
from typing import Any

from eco_jax.parts import Part
from eco_jax.settings import specs

SPAN = re.compile(r"(``.+?``|`[^`]+`)")


def literal(line: str) -> str:
    """A line of prose, with its names as literals and everything else as plain text."""
    pieces = SPAN.split(line)
    for i, piece in enumerate(pieces):
        if i % 2:
            pieces[i] = f"``{piece.strip('`')}``"
        else:
            pieces[i] = re.sub(r"([*|\\]|_(?=\W|$))", r"\\\1", piece)
    return "".join(pieces)


def depth(line: str) -> int:
    """How far a line is indented."""
    return len(line) - len(line.lstrip())


def with_blocks(lines: list[str]) -> list[str]:
    """Lines of a docstring with names as literals; what stands indented behind a colon and an empty line is code."""
    found, i = [], 0
    while i < len(lines):
        line, behind = lines[i], lines[i + 1 : i + 3]
        if line.rstrip().endswith(":") and len(behind) == 2 and not behind[0] and depth(behind[1]) >= depth(line) + 4:
            found += [f"{literal(line.rstrip())}:", ""]
            i += 2
            while i < len(lines) and (not lines[i].strip() or depth(lines[i]) > depth(line)):
                found.append(lines[i])
                i += 1
        else:
            found.append(literal(line))
            i += 1
    return found


def process_docstring(app: Any, what: str, name: str, thing: Any, options: Any, lines: list[str]) -> None:
    """See the module; a part's settings follow its docstring."""
    lines[:] = [] if lines[:1] and lines[0].startswith("Alias for field number") else with_blocks(lines)
    if lines and what in ("attribute", "data", "property"):
        lines.insert(0, "\\")  # nothing; else napoleon takes what stands before a colon for a type
    if isinstance(thing, type) and issubclass(thing, Part) and thing is not Part and specs(thing):
        lines += ["", "Settings:", ""]
        for own, spec in specs(thing).items():
            unit = "" if spec.unit == "-" else f" {spec.unit}"
            lines.append(f"- ``{own}`` ({spec.default}{unit}; {spec.allowed}): {literal(spec.doc)}")
        lines.append("")


def signature(thing: Any) -> tuple[str, str | None] | None:
    """Arguments (without `self`) and result of a function as the source has them; None where there is no source."""
    try:
        node = ast.parse(textwrap.dedent(inspect.getsource(inspect.unwrap(thing)))).body[0]
    except (OSError, TypeError, SyntaxError):
        return None
    if not isinstance(node, ast.FunctionDef):
        return None
    arguments = node.args.posonlyargs or node.args.args
    if arguments and arguments[0].arg in ("self", "cls"):
        arguments.pop(0)
    given, returned = ast.unparse(node.args), ast.unparse(node.returns) if node.returns else None
    return f"({plain(given)})", plain(returned) if returned else None


def plain(types: str) -> str:
    """Shapes without the space that keeps linters from taking one word for a name: `" users"`."""
    return re.sub(r"(\[\w+, ') (?=\w)", r"\1", types)


def process_signature(
    app: Any, what: str, name: str, thing: Any, options: Any, given: str | None, returned: str | None
) -> tuple[str | None, str | None] | None:
    """See the module; how a part is made its settings tell, which follow its docstring."""
    if isinstance(thing, type):
        return ("(**settings)", None) if issubclass(thing, Part) else None
    return signature(thing) if what in ("function", "method") else None


def setup(app: Any) -> dict[str, bool]:
    """See Sphinx. Before napoleon, which reads the sections `Args:`, `Returns:`, `Raises:`."""
    app.connect("autodoc-process-docstring", process_docstring, priority=100)
    app.connect("autodoc-process-signature", process_signature)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
