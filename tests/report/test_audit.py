"""Every counterexample prints what is recorded, by itself, and fails where the equation is mended."""

import code
import contextlib
import dataclasses
import io
import re
from itertools import combinations
from pathlib import Path

import pytest

from eco_jax.report import audit
from eco_jax.report.audit import FINDINGS, ODDITIES, Finding, run

ALL = (*FINDINGS, *ODDITIES)
every = pytest.mark.parametrize("finding", ALL, ids=lambda finding: finding.equation)
NAMED = {finding.equation: finding for finding in ALL}
PLACE = re.compile(r"Eqs?\. \(|(?<=, )\(|Alg\. [12]|Section (?:II\.1|IV)|Fig\. 3a")
"""How a place in the paper begins."""

# Equation -> (printed, mended) parts of its snippet.
MENDED = {
    "Section II.1, data of the twin": [("alpha * D + offloaded_bits(beta, twin)", "1.1 * D")],  # of the last slot
    "Eq. (3), fixed cost": [("offloaded_bits(beta, D)", "D")],
    "Eqs. (8), (12a), (13), (14), free indices": [("cost(L[j],", "cost(L.mean(),")],
    "Eqs. (12a), (13), names of the weights": [('("text", (w2, w1))', '("text", (w1, w2))')],
    "Eq. (14), critic": [
        ("expected_cost_printed(L, E, QoE, 1.0, 1.0, 1.0))", "temporal_difference(R, V, 0.0, 1.0) ** 2)"),
    ],
    "Alg. 2 lines 2 to 10, state": [("S_next = S_t + 1", "S_next = S_t = S_t + 1")],
    "Alg. 2, trained inputs": [("np.random.default_rng(0).normal(size=3)", "trained")],
    "Section IV, distance between fixes": [("way, radius = 177.0, 623.0, 150.0", "way, radius = 177.0, 623.0, 330.0")],
    "Section IV, estimation error": [("0.5e9)", "0.5 * f)")],
    "Fig. 3a, unit": [("unit = 1.0", "unit = 100.0")],
    "Eq. (3), sum over users": [("migration_cost_printed(h, T, C_f)", "migration_cost(h, T, C_f)[2]")],
    "Eqs. (5), (12b), units": [
        ("placement_holds_printed\n", "placement_pays\n"),
        ("placement_holds_printed(D, D, M_mig)", "placement_pays(D, True, D, 5e-9 * size, C_f * size)"),
    ],
    "Eqs. (5), (12b), feasibility": [("migration_cost_printed(h, D, C_f)", "D + C_f")],
    "Eq. (6), distance": [
        ("rate_printed(B, p, gamma, s, noise, d / unit, 1.0)", "rate(B, p, gamma, s, noise)"),
    ],
    "Eqs. (6), (7b), local tasks": [("150.0, pi)", "150.0, 1.0) * jnp.ones(2)")],
    "Eq. (7a), meaning of f̃": [("(1.0, C, f, estimate)", "(1.0, C, f, f - estimate)")],
    "Eq. (7b), units and size": [
        ("edge_latency_printed\n", "edge_latency\n"),
        (
            "edge_latency_printed(computing_latency(1.0, C, 1e10), R)",
            "edge_latency(D, computing_latency(1.0, C, 1e10), 1, R, R, 0.0, False, 2e-3, 1e9)",
        ),
    ],
    "Eq. (7), sum of branches": [('("sum", "max")', '("max", "max")')],
    "Eq. (7), migration": [('total_latency(0.0, move, 0.0, "sum")', 'total_latency(0.0, move, M_mig, "sum")')],
    "Eq. (8), sign of f̃": [
        ("computing_energy_printed(1.0, C, f, off * f, e_unit)", "computing_energy(1.0, C, f - off * f, e_unit)"),
    ],
    "Eq. (8), units": [
        ("C, f_j, 0.0, 1.0)", "C, f_j, 0.0, 2.0)"),  # a power before the local term, W
    ],
    "Eqs. (9), (12d), denominator": [("discrepancy_printed(work", "discrepancy(work")],
    "Eq. (10), C_et for C_st": [("for C in (C_st, C_et)", "for C in (C_st, C_st)")],
    "Eq. (12c), order of tasks": [("(minimum <= task).all()", "large_enough(task[0], minimum[0])")],
    "Eqs. (12a), (13), sign of QoE": [("reward_printed(", "reward(")],
    "Eq. (14), extra minus": [
        ("import cost, expected_cost_printed", "import cost, expected_cost"),
        ("expected_cost_printed(", "expected_cost("),
    ],
    "Alg. 1 line 7, Alg. 2 line 7, discount": [("V[-1], w3)", "V[-1], 0.9)")],
    "Alg. 1 line 9, Alg. 2 line 8, gradient": [("V_of(v, then)", "jax.lax.stop_gradient(V_of(v, then))")],
    "Section IV, task density": [('"kilobyte"', '"byte"')],
    "Section IV, latencies without a symbol": [('"kilobyte"', '"byte"')],
    "Section IV, coverage": [("radius, sites = 150.0", "radius, sites = 330.0")],
}


def made(snippet):
    """A finding of which only the snippet matters."""
    return Finding("Eq. (0)", "printed", "problem", snippet, "shows", "repaired")


@every
def test_the_snippet_prints_what_is_recorded(finding):
    assert run(finding) == finding.shows


@every
def test_the_snippet_can_be_pasted_into_an_interpreter(finding):
    errors = []
    console = code.InteractiveConsole({})
    console.write = errors.append
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        for line in finding.snippet.splitlines():
            pending = console.push(line)
    assert not errors
    assert not pending
    assert out.getvalue() == finding.shows + "\n"


@pytest.mark.parametrize("equation", MENDED)
def test_the_contradiction_is_gone_where_the_equation_is_mended(equation):
    snippet = NAMED[equation].snippet
    for printed, mended in MENDED[equation]:
        assert printed in snippet
        snippet = snippet.replace(printed, mended)
    with pytest.raises(AssertionError):
        run(dataclasses.replace(NAMED[equation], snippet=snippet))


def test_every_finding_has_a_mended_form():
    assert set(MENDED) == set(NAMED)


def test_the_namespace_is_fresh():
    assert run(made("left = 1\nprint(__name__)")) == "__main__"
    with pytest.raises(NameError):
        run(made("print(left)"))


def test_a_snippet_sees_nothing_of_the_audit():
    with pytest.raises(NameError):
        run(made("print(FINDINGS)"))


def test_no_more_than_one_newline_is_taken_away():
    assert run(made("print('a\\n')")) == "a\n"
    assert run(made("pass")) == ""


@every
def test_the_fields_are_complete_plain_text(finding):
    for field in dataclasses.fields(Finding):
        text = getattr(finding, field.name)
        assert text.strip()
        assert "```" not in text
        assert "<" not in text or field.name == "snippet"
    for name in ("equation", "printed", "problem", "repaired"):
        assert "\n" not in getattr(finding, name)
    assert finding.problem[0].isupper()
    assert finding.problem.endswith(".")
    assert finding.repaired.endswith(".")


@every
def test_the_snippet_is_short_and_asserts(finding):
    lines = [line for line in finding.snippet.splitlines() if line]
    assert 3 <= len(lines) <= 12
    assert max(map(len, lines)) <= 110
    assert any(line.lstrip().startswith("assert ") for line in lines)
    assert finding.snippet.endswith("\n")


@every
def test_each_has_a_place_a_print_and_a_consequence(finding):
    place, matter = named(finding)
    assert PLACE.match(place)
    assert matter
    # A formula, or a quotation.
    assert re.search(r"[=≤−+]|“[^“”]+”", finding.printed)
    assert finding.printed.count("“") == finding.printed.count("”")
    # What comes of it: in words beside what is wrong, and in numbers.
    assert re.search(r"[.:;,] ", finding.problem)
    assert re.search(r"\d|nan|inf|True|False", finding.shows)


def named(finding):
    """(places in the paper, matter)."""
    place, _, matter = finding.equation.rpartition(", ")
    return place, matter


def places(finding):
    """Equations one by one, lines of algorithms, sections."""
    return set(re.findall(r"\(\d+[a-d]?\)|Alg\. \d|Section [IV.1]+|Fig\. \d\w", named(finding)[0]))


def test_no_two_speak_of_the_same_equation_and_matter():
    assert len(NAMED) == len(ALL)
    for one, other in combinations(ALL, 2):
        assert not (places(one) & places(other) and named(one)[1] == named(other)[1]), one.equation
        assert one.problem != other.problem
        assert one.shows != other.shows
        sentences = [set(re.split(r"(?<=[.:;]) ", finding.problem)) for finding in (one, other)]
        assert not sentences[0] & sentences[1], one.equation
        assert not (one.printed == other.printed and places(one) == places(other)), one.equation


def test_every_place_is_found():
    assert all(map(places, ALL))
    assert places(NAMED["Eqs. (5), (12b), units"]) == {"(5)", "(12b)"}
    assert places(NAMED["Alg. 1 line 7, Alg. 2 line 7, discount"]) == {"Alg. 1", "Alg. 2"}


def test_what_can_be_run_is_apart():
    odd = {"sum of branches", "latencies without a symbol", "estimation error", "coverage"}
    assert {named(finding)[1] for finding in ODDITIES} == odd


@pytest.mark.parametrize(
    "part",
    ["(3)", "(5)", "(6)", "(7a)", "(7b)", "(7)", "(8)", "(9)", "(10)", "(12a)", "(12b)", "(12c)", "(12d)", "(13)",
     "(14)", "Alg. 1", "Alg. 2", "task density", "coverage", "latencies without a symbol", "data of the twin",
     "fixed cost", "free indices", "names of the weights", "critic", "state", "trained inputs", "Fig. 3a",
     "distance between fixes"],
)  # fmt: skip
def test_everything_that_the_model_repairs_is_audited(part):
    assert any(part in equation for equation in NAMED)


def test_every_program_is_of_one_finding():
    programs = {path.read_text("utf-8") for path in Path(audit.__file__).parent.glob("programs/[a-z]*.py")}
    assert {finding.snippet for finding in ALL} == programs
    assert len(programs) == len(ALL)
