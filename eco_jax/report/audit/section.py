"""The audit as a report shows it: what does not hold up, and apart from it what is merely odd."""

from collections.abc import Sequence

from eco_jax.report.audit import FINDINGS, ODDITIES, Finding
from eco_jax.report.blocks import Block, Code, Contents, Heading, Text

AUDIT = (
    f"{len(FINDINGS)} equations and numbers do not hold up as printed: they contradict themselves or one another, or "
    "cannot be run. Each is shown with a program that contradicts it, to paste into an interpreter that has eco_jax, "
    "and with what was simulated instead (the `repaired` reading, unless a part of this report says `printed`)."
)
ODD = f"{len(ODDITIES)} more contradict nothing, and can be run; what comes of them is shown in the same way."


def section() -> list[Block]:
    """Two chapters: the findings, and the oddities apart."""
    return [
        Heading("The paper audited", "audit"),
        *_chapter(AUDIT, "finding", FINDINGS),
        Heading("Odd, but no contradiction", "oddities"),
        *_chapter(ODD, "oddity", ODDITIES),
    ]


def _chapter(text: str, kind: str, findings: Sequence[Finding]) -> list[Block]:
    anchors = [f"{kind}-{number}" for number in range(1, len(findings) + 1)]
    links = tuple((finding.equation, anchor) for finding, anchor in zip(findings, anchors, strict=True))
    blocks: list[Block] = [Text(text), Contents(links)]
    for finding, anchor in zip(findings, anchors, strict=True):
        blocks += _finding(finding, anchor)
    return blocks


def _finding(finding: Finding, anchor: str) -> list[Block]:
    return [
        Heading(finding.equation, anchor, level=3),
        Code("Printed", finding.printed),
        Text(finding.problem),
        Code("Program", finding.snippet, folded=True),
        Code("It prints", finding.shows),
        Text(finding.repaired, label="Repaired:"),
    ]
