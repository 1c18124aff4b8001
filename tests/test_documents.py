"""What README and the pages of `docs/` show works as it stands: see `documents`."""

import re
import tomllib
from pathlib import Path

import documents
import pytest
from documents import ROOT, Block, Page, blocks, nothing_stays, why_not

PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
PAGES = [page for page in PAGES if "_build" not in page.parts]
BUILT = [page for page in PAGES if "file_format: mystnb" in page.read_text()]
"""Notebooks: `make docs` runs them, and shows what comes of it."""
RUN = [page for page in PAGES if any(block.kind != "file" for block in blocks(page.read_text(), page.parent))]
OWN = {
    "adapters.md": "tests/adapters/test_adapters_page.py", "data.md": "tests/cli/test_data_page.py",
    "viewer.md": "tests/view/test_viewer_document.py", "trackers.md": "tests/track/test_tracker_page.py",
}  # fmt: skip
"""Page -> the test that runs it, in worlds of its own: what it shows takes other packages, or larger runs."""
RUN = [page for page in RUN if page not in BUILT and page.name not in OWN]


def named(page: Path) -> str:
    return str(page.relative_to(ROOT))


@pytest.mark.documents
@pytest.mark.slow  # begun first: README takes as long as all others together
@pytest.mark.parametrize("page", RUN, ids=named)
def test_page(page, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MPLBACKEND", "Agg")
    with nothing_stays():
        Page(page, monkeypatch).run()


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_every_link_leads_somewhere(page):
    for link in re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", page.read_text()):
        if "://" not in link:
            assert (page.parent / link).exists(), f"{named(page)}: {link}"


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_every_extra_that_a_page_names_is_there(page):
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    for names in re.findall(r"""["'](?:\.|eco[-_]jax)\[([\w,-]+)\]["']""", page.read_text()):
        assert set(names.split(",")) <= set(extras), f"{named(page)}: [{names}]"


@pytest.mark.parametrize("page", [page for page in PAGES if page.name in OWN], ids=named)
def test_a_page_with_a_test_of_its_own_has_it(page):
    assert page.stem in (ROOT / OWN[page.name]).read_text()


def test_every_reason_is_needed():
    commands = [b.text for page in RUN for b in blocks(page.read_text(), page.parent) if b.kind == "command"]
    for pattern in documents.CHECKED:
        assert any(re.search(pattern, command) for command in commands), pattern


MADE_UP = """\
Prose, and `eco-jax info` in it.

    eco-jax info        # a comment
    no command

<!-- file: part.py -->
```python
x = 1
```

```bash
eco-jax train \\
  --out run
# nothing
pip install x
```

- a list
  ```python
  y = 2
  ```

````{note}
```python
z = 3
```
````

```{code-cell} python
:tags: [hide-input]

!eco-jax info
w = 4
```

```toml
a = 1
```
"""


def test_a_page_is_taken_apart():
    found = [Block(b.kind, b.text.strip(), b.line, b.name) for b in blocks(MADE_UP)]
    assert found == [
        Block("command", "eco-jax info        # a comment", 3),
        Block("file", "x = 1", 7, "part.py"),
        Block("command", "eco-jax train   --out run".replace("   ", " "), 12),
        Block("command", "pip install x", 15),
        Block("python", "y = 2", 19),
        Block("python", "z = 3", 24),
        Block("command", "eco-jax info", 32),
        Block("python", "w = 4", 31),
    ]


def run(text, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    page = tmp_path / "page.md"
    page.write_text(text)
    with nothing_stays():
        Page(page, monkeypatch).run()


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("eco-jax inform", "page.md:2: eco-jax inform"),
        ("eco-jax train --out x --physics.no-such 3", "page.md:2"),
        ("eco-jax reproduce --no-such 3", "page.md:2"),
        ("eco-jax reproduce --env.users 0", "page.md:2"),
        ("srun -N2 eco-jax train --out x --distributed --env.users none", "page.md:2"),
        ("eco-jax data prepare --source nyc.csv --out x.npz --boundary 3", "page.md:2"),
        ("make no-such-target", "no such target"),
        ("make test && eco-jax inform", "page.md:2: eco-jax inform"),
        ('pip install "eco-jax[no-such]"', "no such extra"),
        ("rm -rf x", "nothing runs this"),
    ],
)
def test_a_command_that_does_not_work_is_found(line, said, tmp_path, monkeypatch):
    with pytest.raises(AssertionError, match=re.escape(said)):
        run(f"```bash\n{line}\n```\n", tmp_path, monkeypatch)


def test_code_that_does_not_work_is_found_with_its_line(tmp_path, monkeypatch):
    with pytest.raises(ZeroDivisionError) as found:
        run("# A page\n\n```python\nx = 1\nx / 0\n```\n", tmp_path, monkeypatch)
    assert found.traceback[-1].lineno + 1 == 5


def test_what_cannot_be_run_is_checked(tmp_path, monkeypatch):
    lines = ["eco-jax reproduce --preset printed --out x", "srun -N2 -n2 eco-jax train --out y --distributed --resume"]
    assert all(map(why_not, lines))
    run("```bash\n" + "\n".join(lines) + "\n```\n", tmp_path, monkeypatch)
    assert not (tmp_path / "x").exists()
    assert not (tmp_path / "y").exists()


def test_what_a_page_registers_is_forgotten(tmp_path, monkeypatch):
    from eco_jax.parts import registered

    code = 'from eco_jax.env.parts import Credit\nfrom eco_jax.parts import register\n\n\n@register("credit", "mine")\n'
    run(f"```python\n{code}class Mine(Credit):\n    pass\n\n\nassert Mine.name\n```\n", tmp_path, monkeypatch)
    assert "mine" not in registered("credit")
