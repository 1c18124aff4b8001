"""The page: its data, its size, and nothing in it but text where text belongs."""

import json
import re
import shutil
import subprocess

import numpy as np
import pytest
from episodes import made_up, played, world

from eco_jax.env import KNOWLEDGE
from eco_jax.env.config import SIGHT
from eco_jax.env.parts import Cost
from eco_jax.parts import forget, register
from eco_jax.view import page
from eco_jax.view.data import FORMAT, brief, field, knows, page_data, to_json


def values(field):
    """The inverse of `field`."""
    return np.array([np.nan if v is None else v for v in field["values"]]).reshape(field["shape"]) * field["step"]


def read(text):
    """The data of a page."""
    return json.loads(re.search(r'<script type="application/json" id="data">(.*?)</script>', text, re.S)[1])


@pytest.fixture(scope="module")
def both():
    env, params = world()
    return page.html([played(), played("greedy-none")], env, params, "An episode.")


def test_a_field_keeps_at_least_three_digits():
    x = np.array([[0.0, -3.14159], [123.456, np.nan]])
    found = field(x)
    assert all(isinstance(v, int) for v in found["values"][:3])
    assert found["values"][3] is None
    np.testing.assert_allclose(values(found), x, atol=123.456 / 2000 / 2)
    assert field(np.array([True, False]))["values"] == [1, 0]
    assert field(np.zeros(2))["values"] == [0, 0]
    assert values(field(np.array([1e-13, 2e-13])))[1] == pytest.approx(2e-13)


def test_the_data_of_the_page_are_the_recording(both):
    data = read(both)
    r = played().record
    assert data["format"] == FORMAT
    assert (data["world"]["users"], data["world"]["servers"], data["world"]["slots"]) == (3, 6, 6)
    assert [player["name"] for player in data["players"]] == ["greedy-twin", "greedy-none"]
    assert [player["synchronises"] for player in data["players"]] == [True, False]
    assert values(data["players"][0]["server"]).tolist() == r.server.tolist()
    near = {"atol": 0.001 * 1000 * float(r.outcome.latency.max())}
    np.testing.assert_allclose(values(data["players"][0]["outcome"]["latency"]), 1000 * r.outcome.latency, **near)
    np.testing.assert_allclose(values(data["shared"]["x"]), r.position[..., 0], atol=1.0)
    assert values(data["players"][0]["outcome"]["terms"]).shape == (6, 3, len(data["terms"]))
    assert [s["key"] for s in data["series"]] == ["latency", "energy", "qoe", "reward", "miss"]
    for player in data["players"]:
        for kind, count in (("servers", 6), ("devices", 3)):
            shapes = {name: f["shape"] for name, f in player[kind].items()}
            assert shapes == {name: [6, count] for name in ("believed", "low", "high", "age")}


def test_it_is_small_with_45_servers_30_users_60_slots():
    first, env, params = made_up()
    second, *_ = made_up(name="greedy-none", level="none")
    size = len(page.html([first, second], env, params, "x").encode())
    assert 100_000 < size < 2_500_000


NASTY = "</script><script>alert(1)</script> & \"x\" 'y' <b>"


def test_names_stay_text():
    env, params = world()
    text = page.html([played()._replace(name=NASTY)], env, params, NASTY)
    assert text.count("<script") == 2
    assert "<b>" not in text.replace(page._own("read.js"), "")
    assert read(text)["players"][0]["name"] == NASTY
    assert read(text)["episode"] == NASTY
    assert "&lt;/script&gt;" in re.search("<title>(.*?)</title>", text)[1]


def test_the_page_asks_for_nothing_from_outside(both):
    text = both
    program = text.replace("http://www.w3.org/2000/svg", "")
    assert "http" not in program.replace("http-equiv", "")
    assert not re.search(r"\b(src|href|import|fetch|url\((?!#))\s*[=(]", program)
    assert "innerHTML" not in text
    assert re.search(r"default-src 'none'; script-src 'sha256-[\w+/=]{44}'; style-src 'sha256-[\w+/=]{44}'", text)


@pytest.mark.long
def test_every_level_is_told_apart():
    assert len({knows(SIGHT[level]) for level in KNOWLEDGE}) == len(KNOWLEDGE)
    assert len({brief(SIGHT[level]) for level in KNOWLEDGE}) == len(KNOWLEDGE)
    for level in KNOWLEDGE[:3]:
        assert "no twin" in knows(SIGHT[level])
    local = played("local-twin")
    assert (local.name, local.level) == ("local", "twin")
    assert "fixed rule" in knows(SIGHT[local.level], local.informed)
    assert "fixed rule" in brief(SIGHT[local.level], local.informed)


def test_a_page_of_ours_is_known(tmp_path, both):
    text = both
    (tmp_path / "a.html").write_text(text)
    (tmp_path / "b.html").write_text("<html>my notes</html>")
    assert page.ours(tmp_path / "a.html")
    assert not page.ours(tmp_path / "b.html")
    assert not page.ours(tmp_path / "c.html")


def test_json_holds_no_end_of_a_script():
    assert "<" not in to_json({"x": "</script>", "y": "<!--"})
    assert json.loads(to_json({"x": "</script>&"})) == {"x": "</script>&"}


def test_no_file_of_the_page_is_long():
    for name in (*page.SCRIPTS, "page.css"):
        assert len(page._own(name).splitlines()) <= 300, name


@pytest.mark.skipif(shutil.which("node") is None, reason="needs node")
def test_the_program_can_be_parsed(tmp_path, both):
    text = both
    program = tmp_path / "page.js"
    program.write_text(re.search(r"<script>(.*?)</script>", text, re.S)[1])
    done = subprocess.run(["node", "--check", str(program)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


@pytest.fixture
def toll():
    """A cost term of one's own, as long as the test runs."""

    @register("cost", "view-toll")
    class Toll(Cost):
        """A price of a whole task."""

        unit, label = "cent", "<toll>"

        def cost(self, spent):
            return spent.beta

    yield "view-toll"
    forget("cost", "view-toll")


@pytest.mark.long  # a program of its own
def test_cost_terms_and_a_radius_are_shown(toll):
    chosen = {"costs": (toll,), "coverage": "hard", "spectrum": "shared"}
    env, params = world(**chosen)
    data = page_data([played("greedy-twin", **chosen)], env, params, "x")
    assert data["costs"] == [{"label": "<toll>", "unit": "cent"}]
    assert data["series"][4]["key"] == "cost/view-toll"
    assert data["world"]["radius"] == 150.0
    np.testing.assert_allclose(
        values(data["players"][0]["outcome"]["costs"])[..., 0], values(data["players"][0]["factor"]), atol=1e-3
    )
