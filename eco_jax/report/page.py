"""The report of a reproduction: one HTML page to hand on, and the same in Markdown.

The order is a reader's: what came out, each claim with its verdict, the policies, the figures, the rest, the audit of
the paper, every number of the model, and how to repeat it. `blocks` are what it is made of, `html` and `markdown` write
them, `page.css` is the looks.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Protocol

from eco_jax.agent.algorithms import A2C, Algorithm
from eco_jax.env.config import KNOWLEDGE
from eco_jax.env.params import EnvParams
from eco_jax.env.policies.rules import FORESIGHT, GREEDY
from eco_jax.files import write_whole
from eco_jax.report.audit.section import section as audit
from eco_jax.report.blocks import Block, Code, Contents, Heading, Items, Judged, Judgements, Pictures, Text, slug
from eco_jax.report.blocks import Picture as Picture
from eco_jax.report.blocks import Table as Table
from eco_jax.report.claims import SEEDS
from eco_jax.report.html import to_html
from eco_jax.report.markdown import to_markdown


class Claim(Protocol):
    """A sentence that can be false, and what was found (`claims.Claim` is one)."""

    @property
    def id(self) -> str:
        """Short name, unique."""

    @property
    def text(self) -> str:
        """The sentence."""

    @property
    def measured(self) -> float:
        """In `unit`; percent are given as percent."""

    @property
    def lo(self) -> float:
        """Lower end of the 95 % interval; not finite where there is none."""

    @property
    def hi(self) -> float:
        """Upper end."""

    @property
    def unit(self) -> str:
        """Shown behind the number; may be empty."""

    @property
    def verdict(self) -> str:
        """One of `VERDICTS`."""

    @property
    def note(self) -> str:
        """How it was measured; may be empty."""

    @property
    def seeds(self) -> int:
        """Agents behind it."""

    @property
    def size(self) -> float:
        """How far it lies on the claimed side, in smallest effects of interest."""


@dataclass(frozen=True)
class Report:
    """What a report says. Texts are plain but for `code` in backquotes."""

    title: str
    summary: tuple[str, ...]
    """sentences for the first screen"""
    claims: Sequence[Claim]
    tables: Sequence[Table]
    """the first is the table of policies"""
    pictures: Sequence[Picture]
    sections: Sequence[tuple[str, Sequence[Table], str]]
    """heading, tables, text; the text comes first"""
    about: Mapping[str, str]
    """how it was made; `command` is what repeats it, `profile`, `mobility` and `device` also stand at the top"""
    algorithm: type[Algorithm] = A2C
    """of the agents"""


VERDICTS = {
    "holds": ("✔", "holds"),
    "does not hold": ("✘", "fails"),
    "not decidable": ("?", "open"),
    "exploratory": ("○", "exploratory"),
}
"""Verdict -> symbol, and kind: a style of `page.css`."""

DIFFERS = "differs from the default"
"""Of `Report.about`: what of the settings does."""
TOP = ("profile", "judged", "world", DIFFERS, "mobility", "device")
"""What of `Report.about` a reader must not miss."""

DESCRIPTION = (
    "Task offloading with mobile edge computing and digital twins: what the paper EcoEdgeTwin (arXiv 2405.06507) "
    "claims, put to the test in simulation."
)

CLAIMS = (
    "A claim holds if the whole 95 % interval of what was measured lies on the claimed side, does not hold if all of "
    "it lies on the other side, and is not decidable if the interval reaches from one side to the other. A verdict "
    f"needs at least {SEEDS} agents, and episodes that were kept for it: without them what was measured is "
    "exploratory. How far it lies on the claimed side is given in smallest effects of interest (`claims.toml`: of "
    "reward .005, of a relative difference 1 %): a claim can hold, and be too small to matter."
)

WORDS = (
    f"{', '.join(f'`{level}`' for level in KNOWLEDGE)}: what a policy knows of how fast CPUs really are. "
    "Nothing (the paper's benchmark); what it measured when tasks were executed; that, and who will run where in this "
    "slot; that, and what a digital twin learns by synchronising, which costs energy; everything (a reference that "
    "nobody can have).",
    "`{algorithm}-…`: an agent trained by reinforcement learning ({name}). All others do not learn. The end of a name "
    "is what the policy knows; a name without such an end is explained below the table, or needs no knowledge.",
    f"`{GREEDY}-…`: for each user the best reward in this slot by what is believed. `{FORESIGHT}-…`: the same with the "
    "loads that it forecasts, and less the harm to the other users. With `posterior`: in the mean over the belief.",
    "Reward: −(w1 latency + w2 energy) + w3 QoE, the mean of a slot and user; higher is better.",
    "QoE: quality of experience from 0 to 1, of how soon a task was done and how little it cost.",
    "In brackets: the 95 % bootstrap interval.",
)

DEPARTURES = (
    "A task runs on its device and at most one server; Eq. (1) sums over servers.",
    "The radio link goes to the nearest server, which passes a task on if another one executes it.",
    "An agent chooses among the 4 nearest servers (a setting), not among all of them.",
    "What is cached is a replica of a user's service; “computational outcomes” are not.",
    "E_up and E_down are power × time. The paper has them “adjusted by the DT”, without a formula.",
    "The “task request latency” is taken for the deadline of the task; no equation of the paper uses it.",
    "The “mean estimation error of the DT's performance, 0.5” is taken for the mean relative slowdown of a CPU.",
    "Training ends after a number of updates that is set before, not by Algorithm 2's convergence test; deployment "
    "is evaluation with frozen weights.",
    "All that is marked “assumed” among the parameters is not in the paper.",
)


def write(out: Path, report: Report) -> None:
    """Write `report.html` (one file) and `report.md` into the folder; the same report gives the same bytes.

    Raises:
        FileNotFoundError: a picture's file is missing.
        ValueError: no table, rows and columns that do not match, an unknown verdict, two claims or pictures of one
            name, or a picture that is no PNG.
    """
    blocks = _document(report)
    css = resources.files("eco_jax.report").joinpath("page.css").read_text("utf-8")
    pages = {
        "report.html": to_html(report.title, blocks, css),
        "report.md": to_markdown(blocks, out),
    }
    out.mkdir(parents=True, exist_ok=True)
    for name, page in pages.items():
        write_whole(out / name, page)


def _document(report: Report) -> list[Block]:
    _check(report)
    body = [
        *_claims(report.claims),
        *_policies(report),
        *_figures(report.pictures),
        *_sections(report.sections),
        *audit(),
        *_parameters(),
        *_departures(),
        *_about(report.about),
    ]
    chapters = tuple((block.text, block.anchor) for block in body if isinstance(block, Heading) and block.level == 2)
    return [*_opening(report), Contents(chapters), *body]


def _check(report: Report) -> None:
    if not report.tables:
        raise ValueError("a report needs the table of policies")
    for table in [*report.tables, *(table for _, tables, _ in report.sections for table in tables)]:
        for row in table.rows:
            if len(row) != len(table.columns):
                raise ValueError(f"table {table.title!r}: a row of {len(row)} cells for {len(table.columns)} columns")
    for claim in report.claims:
        if claim.verdict not in VERDICTS:
            raise ValueError(f"claim {claim.id!r}: verdict {claim.verdict!r} is none of {', '.join(VERDICTS)}")
    for names in ([claim.id for claim in report.claims], [picture.name for picture in report.pictures]):
        anchors = [slug(name) for name in names]
        twice = [name for name, anchor in zip(names, anchors, strict=True) if anchors.count(anchor) > 1]
        if twice:
            raise ValueError(f"names that give the same anchor: {', '.join(twice)}")


def _opening(report: Report) -> list[Block]:
    conditions = [f"{name.capitalize()}: {report.about[name]}" for name in TOP if name in report.about]
    return [
        Heading(report.title, "top", level=1),
        Text(DESCRIPTION),
        Text(" · ".join(conditions), small=True),
        Items(report.summary, lead=True),
    ]


def _claims(claims: Sequence[Claim]) -> list[Block]:
    return [Heading("Claims", "claims"), Text(CLAIMS), Judgements(tuple(map(_judged, claims)))]


def _judged(claim: Claim) -> Judged:
    symbol, kind = VERDICTS[claim.verdict]
    value, lo, hi = numbers(claim.measured, claim.lo, claim.hi)
    times = "× " if claim.unit[:1].isdigit() else ""  # "1e-4 per episode"
    shown = f"{value} {times}{claim.unit}".rstrip()
    anchor = f"claim-{slug(claim.id)}"
    size = f"{claim.size:.1f} smallest effects".replace("-", "−")
    note = "; ".join(filter(None, (claim.note, f"{claim.seeds} seeds", size)))
    return Judged(anchor, claim.text, note, shown, f"[{lo}, {hi}]", symbol, kind, claim.verdict)


def numbers(measured: float, lo: float, hi: float) -> tuple[str, str, str]:
    """A value and its interval with the digits that the interval's width warrants (two of the width)."""
    width = hi - lo
    size = width if math.isfinite(width) and width > 0 else abs(measured) / 10.0
    shorter = min(measured - lo, hi - measured)
    if 0 < shorter < size / 20:  # a long tail on one side says nothing of the digits on the other
        size = 2 * shorter
    digits = 1 - math.floor(math.log10(size)) if math.isfinite(size) and size > 0 else 0
    return _number(measured, digits), _number(lo, digits), _number(hi, digits)


def _number(value: float, digits: int) -> str:
    if math.isnan(value):
        return "unknown"
    if math.isinf(value):
        return "∞" if value > 0 else "−∞"
    shown = f"{value:.2g}" if digits > 6 else f"{round(value, digits):.{max(digits, 0)}f}"
    negative = shown.startswith("-") and float(shown) != 0.0
    return "−" * negative + shown.lstrip("-").replace("e-", "e−")


def _policies(report: Report) -> list[Block]:
    learns = report.algorithm
    words = tuple(text.format(algorithm=learns.name, name=learns.__name__) for text in WORDS)
    how = Heading("How to read the table", "words", level=3)
    return [Heading("Policies compared", "policies"), how, Items(words), *report.tables]


def _figures(pictures: Sequence[Picture]) -> list[Block]:
    return [Heading("Figures", "figures"), Pictures(tuple(pictures))] if pictures else []


def _sections(sections: Sequence[tuple[str, Sequence[Table], str]]) -> list[Block]:
    blocks: list[Block] = []
    for number, (heading, tables, text) in enumerate(sections, 1):
        blocks += [Heading(heading, f"section-{number}"), Text(text), *tables]
    return blocks


def _parameters() -> list[Block]:
    rows = tuple(
        (
            f"`{name}`",
            s.symbol or "–",
            f"{s.default:g}",
            s.unit.replace("-", "–"),
            f"{s.low:g} to {s.high:g}",
            s.source,
            s.doc,
        )
        for name, s in EnvParams.specs().items()
    )
    columns = ("setting", "symbol", "default", "unit", "range", "source", "meaning")
    text = (
        "The defaults of the model; what this study changed stands at the top and in a section of its own, and a part "
        "of this report that changes one says so. Not every world uses all."
    )
    return [Heading("Parameters", "parameters"), Text(text), Table("Every number of the model", columns, rows)]


def _departures() -> list[Block]:
    return [Heading("Departures and omissions", "departures"), Items(DEPARTURES)]


def _about(about: Mapping[str, str]) -> list[Block]:
    rows = tuple((name, value) for name, value in about.items() if name != "command")
    repeat = [Code("To repeat it", about["command"])] if "command" in about else []
    return [Heading("About this report", "about"), *repeat, Table("How it was made", ("what", "value"), rows)]
