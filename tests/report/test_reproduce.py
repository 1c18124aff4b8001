"""The report: from finished parts to the page, and the folder that it lies in."""

import html
import json
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from made_up_study import made_up

from eco_jax.errors import UserError
from eco_jax.report import figures, reproduce
from eco_jax.report.claims import as_written, declared
from eco_jax.report.figures import figure
from eco_jax.run import settings
from eco_jax.run.config import default
from eco_jax.study import statistics
from eco_jax.study.core import Study
from eco_jax.study.judging import key_of
from eco_jax.study.profile import PAPER, QUICK, SMOKE
from eco_jax.study.run import all_parts
from eco_jax.study.store import Store

SETTINGS = {"seed": 0}
TINY = settings.from_preset("tiny").but(train={"rollout": 6})


def finished(monkeypatch, tmp_path, done, config=TINY, judge="", again=False, resamples=50, stopped=False):
    """The report of parts that are there already."""

    def run(study, store, settings, before=lambda parts: None, after=lambda part: None):
        before(["playing"])
        after("playing")
        if stopped:
            raise KeyboardInterrupt
        study.done |= done
        return {name: {"title": name, "seconds": 2.0} for name in done}

    monkeypatch.setattr(reproduce, "finish", run)
    monkeypatch.setattr(figures, "FIGURES", figures.FIGURES[:1])
    monkeypatch.setattr(figure, "RESAMPLES", 20)
    monkeypatch.setattr(
        statistics.bootstrap, "__kwdefaults__", statistics.bootstrap.__kwdefaults__ | {"resamples": resamples}
    )
    about = {"profile": "made up", "mobility": "none", "device": "none", "versions": {"eco-jax": "0"}}
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / ".state"))
    study = Study(config, SMOKE, judge=judge)
    return reproduce.reproduce(tmp_path, study, SETTINGS, about, "eco-jax reproduce --profile smoke", again)


@pytest.fixture
def done():
    parts = made_up(seeds=10, episodes=6, updates=40)
    parts["printed"] = {
        name: value for name, value in parts["rules"].items() if name.startswith(("local/", "random/", "greedy-none/"))
    }
    return parts


def test_report_says_what_was_found(monkeypatch, tmp_path, done):
    results, claims = finished(monkeypatch, tmp_path, done, judge="A paper")
    assert json.loads((tmp_path / "results.json").read_text()) == json.loads(json.dumps(results))
    for values in results["policies"].values():
        assert set(values) == {"reward", "energy_j", "latency_s", "qoe"}
        assert all(v["lo"] <= v["mean"] <= v["hi"] for v in values.values())
    local = results["policies"]["local"]["energy_j"]["mean"]
    assert local == pytest.approx(done["rules"]["local/energy"].mean())
    page = html.unescape((tmp_path / "report.html").read_text()).replace("<code>", "").replace("</code>", "")
    found = {claim.id: claim for claim in claims}
    # In the made-up numbers a twin takes 0.239 J, nobody's agent 0.285 J: 16 % less.
    assert found["fig3a-energy"].verdict == "holds"
    assert found["fig3a-energy"].measured == pytest.approx(100 * (0.239 / 0.285 - 1), abs=1.5)
    assert [claim.text for claim in claims if claim.text.replace("`", "") not in page] == []
    assert "eco-jax reproduce --profile smoke" in page
    assert (tmp_path / "fig2a.png").stat().st_size > 1000
    table = (tmp_path / "table.md").read_text().splitlines()
    rewards = [float(line.split("|")[2].split()[0]) for line in table[2:] if line.startswith("|")]
    assert rewards == sorted(rewards, reverse=True)
    assert len(results["claims"]) == len(claims) > 15
    # On which episodes, and that the claims were there before they were played.
    (energy,) = (claim for claim in results["claims"] if claim["id"] == "fig3a-energy")
    assert (energy["seeds"], energy["key"], energy["size"]) == (10, key_of("A paper"), pytest.approx(16, abs=1.5))
    assert results["judged"].startswith("A paper: claims written down (sha256 ")
    assert "Judged: A paper" in page
    assert (tmp_path / "claims.toml").read_text() == as_written()
    # What was written down and has no numbers is said.
    (said,) = re.findall("Written down, but not measured: (.*?)[.]\n", (tmp_path / "report.md").read_text())
    left = {row["id"] for row in declared()} - set(found)
    assert left
    assert set(said.replace("`", "").split(", ")) == left
    assert "ended" in json.loads((tmp_path / "judging.json").read_text())


def test_every_figure_can_be_computed_anew_from_the_raw_values(monkeypatch, tmp_path, done):
    program = Path(__file__).parents[2] / "experiments" / "results" / "recompute.py"
    results, claims = finished(monkeypatch, tmp_path, done, judge="A paper", resamples=4000)
    # What was written wrongly is found, and nothing else.
    results["claims"][3]["measured"] += 1e-3
    results["policies"]["local"]["reward"]["hi"] += 0.01
    (tmp_path / "results.json").write_text(json.dumps(results))
    run = subprocess.run([sys.executable, str(program), str(tmp_path)], capture_output=True, text=True, check=False)
    lines = run.stdout.splitlines()
    assert run.returncode == 1
    assert [line.split(":")[0] for line in lines[:-1]] == ["local, reward", results["claims"][3]["id"]]
    count = len(claims) + sum(len(row) for row in results["policies"].values())
    assert lines[-1] == f"{count - 2} of {count} figures agree"


def test_a_report_of_the_verdicts_alone_says_what_was_not_run(monkeypatch, tmp_path, done):
    whole, _ = finished(monkeypatch, tmp_path, done)
    said = (tmp_path / "report.md").read_text()
    titles = {part.name: part.title for part in all_parts(Study(TINY, SMOKE))}
    assert titles["printed"] not in said
    alone, _ = finished(monkeypatch, tmp_path, {name: part for name, part in done.items() if name != "printed"})
    (line,) = (line for line in (tmp_path / "report.md").read_text().splitlines() if "Not run" in line)
    assert titles["printed"] in line
    assert "Printed against repaired" in said
    assert "Printed against repaired" not in (tmp_path / "report.md").read_text()
    assert alone["claims"] == whole["claims"]


def test_judged_once(monkeypatch, tmp_path, done):
    finished(monkeypatch, tmp_path, done, judge="A paper")
    with pytest.raises(UserError, match="--again plays them once more"):
        finished(monkeypatch, tmp_path, done, judge="A paper")
    results, _ = finished(monkeypatch, tmp_path, done, judge="A paper", again=True)
    assert "played 2 times" in results["judged"]
    assert "played 2 times" in (tmp_path / "report.md").read_text()


def test_a_part_that_played_was_judged_though_the_study_was_stopped(monkeypatch, tmp_path, done):
    with pytest.raises(KeyboardInterrupt):
        finished(monkeypatch, tmp_path, done, judge="A paper", stopped=True)
    with pytest.raises(UserError, match="--again plays them once more"):
        finished(monkeypatch, tmp_path, done, judge="A paper")


def test_what_is_not_judged_is_exploratory(monkeypatch, tmp_path, done):
    results, _ = finished(monkeypatch, tmp_path, done)
    assert {claim["verdict"] for claim in results["claims"]} == {"exploratory"}
    assert "judged" not in results
    assert "Exploratory: none of the " in (tmp_path / "report.md").read_text()
    assert not (tmp_path / "judging.json").exists()


def test_swapped_agents_are_shown_as_failing(monkeypatch, tmp_path, done):
    swapped = {
        name.replace("twin", "?").replace("none", "twin").replace("?", "none"): value
        for name, value in done["evaluation"].items()
    }
    results, _ = finished(monkeypatch, tmp_path, done | {"evaluation": swapped}, judge="A paper")
    claims = {claim["id"]: claim for claim in results["claims"]}
    for name in ("fig3a-energy", "fig3b-qoe", "telemetry-reward", "rules-twin"):
        assert claims[name]["verdict"] == "does not hold", name
    assert (tmp_path / "report.md").read_text().count("does not hold") >= 4


def test_the_report_says_what_its_world_is(monkeypatch, tmp_path, done):
    config = TINY.but(mobility="gauss-markov", algorithm={"entropy": 0.25})
    finished(monkeypatch, tmp_path, done, config)
    text = (tmp_path / "report.md").read_text()
    for row in (r"`algorithm.entropy`\s*\|\s*0\.1\s*\|\s*0\.25", r"`env.users`\s*\|\s*30\s*\|\s*3\b"):
        assert re.search(row, text), row
    assert "Left out: speeds" in text
    assert "algorithm.entropy = 0.25" in reproduce.in_words(config)
    assert reproduce.in_words(default()) == "nothing"


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        (
            {},
            "The agents of this reading are trained by A2C with what Algorithms 1 and 2 print: the weight w3 = 1 in "
            "the discount's place, the advantage of one step, not scaled, the critic's gradient through V(S′) as "
            "well. Everything else in this report uses the repaired equations.",
        ),
        ({"physics": {"w3": 0.5}}, "the weight w3 = 0.5 in"),
        (
            {"physics": {"w3": 2.0}},
            "No agent is trained in this reading: Algorithms 1 and 2 print w3 in the discount's place, but "
            "algorithm.discount = 2: must lie in [0, 1].",
        ),
        (
            {"algorithm": "ppo"},
            "by PPO with what Algorithms 1 and 2 print: the weight w3 = 1 in the discount's place, the advantage of "
            "one step, not scaled.",
        ),
        ({"equations": "printed"}, "Everything else in this report uses the printed equations."),
    ],
)
def test_the_report_says_how_the_printed_reading_is_learnt(changes, said):
    assert said in reproduce._printed(Study(TINY.but(**changes), SMOKE))


def test_a_folder_is_a_report_s_or_empty(tmp_path):
    out = tmp_path / "out"
    reproduce.check_folder(out)
    out.mkdir()
    reproduce.check_folder(out)
    (out / ".lock").touch()
    Store(out / "parts").save("a", "mark", {"x": np.zeros(1)}, {})
    for name in ("report.html", "fig2a.png", "fig2a.csv.123.part"):
        (out / name).touch()
    reproduce.check_folder(out)
    for foreign in ("notes.txt", "config.toml", "parts/mine.json", "parts/mine.txt"):
        (out / foreign).write_text("{}")
        with pytest.raises(UserError, match=f"holds {foreign}"):
            reproduce.check_folder(out)
        (out / foreign).unlink()
    with pytest.raises(UserError, match="is a file"):
        reproduce.check_folder(out / "report.html")


def test_a_file_of_a_report_s_name_alone_makes_no_report(tmp_path):
    (tmp_path / "report.html").write_text("mine")
    with pytest.raises(UserError, match=r"holds report\.html"):
        reproduce.check_folder(tmp_path)


def test_how_long_it_takes_is_said_in_one_way(request):
    assert (QUICK.takes, PAPER.takes) == ("about 9 minutes on 2 cores", "about 180 minutes on 2 cores")
    for name in ("README.md", "CHANGELOG.md"):
        lines = (request.config.rootpath / name).read_text().splitlines()
        profiles = "\n".join(line for line in lines if re.search(r"reproduce|profile", line))
        said = re.findall(r"(?:about )?[\d.]+ (?:minutes?|hours?) on 2 cores", profiles)
        assert said, name
        assert {f"about {found.removeprefix('about ')}" for found in said} <= {QUICK.takes, PAPER.takes}, name
    readme = (request.config.rootpath / "README.md").read_text()
    for line in readme.splitlines():
        if line.strip().startswith("make reproduce") and " on 2 cores" in line:
            profile = PAPER if "PROFILE=paper" in line else QUICK
            assert profile.takes in line
