"""The paper audited: every printed equation or number that does not hold up, with a counterexample to execute.

A *finding* contradicts itself or another one, or cannot be run; each is counted once. An *oddity* can be run as it
stands. The paper is "EcoEdgeTwin" (arXiv 2405.06507). Equations carry its numbers; (7a) and (7b) are the local and the
edge terms that it prints, without a number, before Eq. (7). All statements are about what is printed, not about how
the figures came about, for which no code is published. Where a charitable reading exists, the finding says so.

Both stand in `findings.toml`, their counterexamples in `programs/`, and `section` shows them in a report. Where a
program needs what the paper does not print (CPU rates, the unit of C_f), it takes an example.
"""

import contextlib
import io
import tomllib
from dataclasses import dataclass
from importlib import resources


@dataclass(frozen=True)
class Finding:
    """A printed equation or number that does not hold up, or an oddity. All fields are plain text."""

    equation: str
    """what it is about, a place in the paper and the matter: "Eq. (6), distance"; no two have both in common"""
    printed: str
    """what the paper prints: a formula or a quotation"""
    problem: str
    """what is wrong with it and what comes of that, and the charitable reading if there is one"""
    snippet: str
    """source of a whole program that prints the consequence in numbers and asserts it"""
    shows: str
    """what the program prints, without the last newline"""
    repaired: str
    """what the `repaired` reading does instead"""


def read(kind: str) -> tuple[Finding, ...]:
    """All entries of a kind (`finding`, `oddity`) in the order of the paper: `findings.toml`, with their programs."""
    folder = resources.files("eco_jax.report").joinpath("audit")
    found = tomllib.loads(folder.joinpath("findings.toml").read_text("utf-8"))[kind]
    programs = folder.joinpath("programs")
    return tuple(Finding(snippet=programs.joinpath(row.pop("program")).read_text("utf-8"), **row) for row in found)


FINDINGS = read("finding")
ODDITIES = read("oddity")


def run(finding: Finding) -> str:
    """What the finding's program prints, without the last newline; it runs in a namespace of its own.

    Raises:
        AssertionError: the consequence is not there.
    """
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        exec(compile(finding.snippet, f"<{finding.equation}>", "exec"), {"__name__": "__main__"})
    return out.getvalue().removesuffix("\n")
