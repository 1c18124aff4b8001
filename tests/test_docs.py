"""The pages of `docs/` are whole: what they must name they name, and what is generated follows the code."""

import importlib
import inspect
import pkgutil
import re
import sys
from pathlib import Path

import pytest

import eco_jax
from eco_jax import metrics, model
from eco_jax.cli.flags import declared
from eco_jax.cli.main import COMMANDS
from eco_jax.env.parts import CpuEnergy
from eco_jax.parts import forget, register
from eco_jax.run.settings import preset_names
from eco_jax.settings import number

DOCS = Path(__file__).parents[1] / "docs"
sys.path.insert(0, str(DOCS / "extensions"))

import docstrings  # noqa: E402
import generated  # noqa: E402

PAGES = [page for page in sorted(DOCS.rglob("*.md")) if "_build" not in page.parts]


def test_the_model_page_has_every_equation():
    text = (DOCS / "model.md").read_text()
    headings = " ".join(re.findall(r"^### .*", text, flags=re.M))
    for k in (*map(str, range(1, 15)), "7a", "7b", "12a", "12b", "12c", "12d"):
        assert re.search(rf"\({k}[)a]", headings), k


def test_the_model_page_links_every_function_of_the_model():
    text = (DOCS / "model.md").read_text()
    for found in pkgutil.iter_modules(model.__path__, "eco_jax.model."):
        module = importlib.import_module(found.name)
        for name, thing in vars(module).items():
            if inspect.isfunction(thing) and thing.__module__ == found.name and not name.startswith("_"):
                assert f"`~{found.name}.{name}`" in text, name


def test_what_is_marked_as_generated_is_made_and_all_that_is_made_is_shown():
    marks = {name for page in PAGES for name in generated.MARK.findall(page.read_text())}
    assert marks == set(generated.MAKERS)


def test_every_setting_is_in_its_table():
    table = generated.parameters()
    for section, _, name, spec in declared():
        assert f"| `{section}.{name}` | " in table
        assert " ".join(spec.doc.split()) in table


def test_a_part_of_ones_own_is_in_the_tables():
    @register("energy", "made-up")
    class MadeUp(CpuEnergy):
        """An energy law that somebody made up."""

        zeal: float = number(3, "W", 0, 10, "", "assumed", "zeal of a CPU")

    try:
        assert "`energy.zeal`" in generated.parameters()
        assert "An energy law that somebody made up." in generated.all_parts()
    finally:
        forget("energy", "made-up")
    assert "zeal" not in generated.parameters()


def test_metrics_presets_and_commands_are_all_there():
    table = generated.metric_table()
    for metric in (m for m in vars(metrics).values() if isinstance(m, metrics.Metric)):
        assert f"| `{metric}` | " in table
    assert "`energy/synchronisation`" in table
    shown = generated.presets()
    assert all(f"`{name}`" in shown for name in preset_names())
    shown = generated.command_line()
    assert all(f"## `eco-jax {name}`" in shown for name in COMMANDS)
    assert "### `eco-jax data prepare`" in shown
    assert "--env.users" in shown


def test_the_benchmark_and_the_audit_are_shown():
    assert "| `env.vs_numpy_single` |" in generated.performance()
    assert generated.audit().count("*Printed:*") > 20


def test_every_public_name_is_documented():
    text = "".join(page.read_text() for page in (DOCS / "reference" / "api").glob("*.md"))
    table = generated.public()
    for name in eco_jax.__all__:
        assert f"| `{name}` | " in table
    for where in re.findall(r"\{py:(?:class|func|data)\}`([\w.]+)`", table):
        assert f".. automodule:: {where.rpartition('.')[0]}\n   :members:" in text, where


def test_the_map_for_machines_leads_to_every_page():
    links = re.findall(r"\]\(([^)]+)\)", (DOCS / "llms.txt").read_text())
    pages = {str(page.relative_to(DOCS).with_suffix(".html")) for page in PAGES}
    assert set(links) == pages
    assert len(links) == len(pages)


@pytest.mark.parametrize(
    ("line", "shown"),
    [
        ("Of `Rule`, or ``x``", "Of ``Rule``, or ``x``"),
        ("a * b, *shape", r"a \* b, \*shape"),
        ("C_et, D_ and |x|", r"C_et, D\_ and \|x\|"),
        ("leaves `[*batch, ...]`", "leaves ``[*batch, ...]``"),
    ],
)
def test_a_docstring_is_plain_text(line, shown):
    assert docstrings.literal(line) == shown


def test_code_in_a_docstring_is_code():
    lines = ["As here:", "", "    x = `a` * 2", "", "After * it.", "", "Args:", "    x: a `y`."]
    shown = ["As here::", "", "    x = `a` * 2", "", r"After \* it.", "", "Args:", "    x: a ``y``."]
    assert docstrings.with_blocks(lines) == shown


def test_a_field_without_a_text_has_none():
    lines = ["Alias for field number 3"]
    docstrings.process_docstring(None, "attribute", "", None, None, lines)
    assert lines == []


def test_a_signature_is_that_of_the_source():
    arguments, result = docstrings.signature(model.latency.computing_gap)
    assert arguments == "(share: Real, cycles: Real, frequency: Real, deviation: Real)"
    assert result == "Real"
    assert docstrings.signature(eco_jax.EnvParams.set)[0] == "(**values: Any)"
    assert "bits: Float[Array, 'users']" in docstrings.signature(model.tasks.migration_cost_printed)[0]
