"""The report, from finished parts to the page; and the parts, kept and run anew. The whole runs in `make reproduce`."""

import dataclasses
import html
import json

import numpy as np
import pytest
from made_up_study import made_up

from eco_jax.report import figures, reproduce, statistics
from eco_jax.report.figures import figure
from eco_jax.report.study import run as running
from eco_jax.report.study.core import Part, Study, maker
from eco_jax.report.study.profile import PROFILES, SMOKE
from eco_jax.report.study.run import all_parts
from eco_jax.report.study.store import Store, fingerprint
from eco_jax.train.config import Hyper, TrainConfig

SETTINGS = {"seed": 0}


def study():
    return Study(maker("tiny"), TrainConfig(rollout=6), Hyper(), SMOKE)


def finished(monkeypatch, tmp_path, done):
    """The report of parts that are there already."""

    def run(study, store, settings):
        study.done |= done
        return {name: {"title": name, "seconds": 2.0} for name in done}

    monkeypatch.setattr(reproduce, "run", run)
    monkeypatch.setattr(figures, "FIGURES", figures.FIGURES[:1])
    monkeypatch.setattr(figure, "RESAMPLES", 20)
    monkeypatch.setattr(statistics.bootstrap, "__kwdefaults__", statistics.bootstrap.__kwdefaults__ | {"resamples": 50})
    about = {"profile": "made up", "mobility": "none", "device": "none", "versions": {"eco-jax": "0"}}
    return reproduce.reproduce(tmp_path, study(), SETTINGS, about, "eco-jax reproduce --profile smoke")


@pytest.fixture
def done():
    parts = made_up(seeds=3, episodes=6, updates=40)
    parts["printed"] = {
        name: value for name, value in parts["rules"].items() if name.startswith(("local/", "random/", "greedy-none/"))
    }
    return parts


def test_report_says_what_was_found(monkeypatch, tmp_path, done):
    results, claims = finished(monkeypatch, tmp_path, done)
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


def test_swapped_agents_are_shown_as_failing(monkeypatch, tmp_path, done):
    swapped = {
        name.replace("twin", "?").replace("none", "twin").replace("?", "none"): value
        for name, value in done["evaluation"].items()
    }
    results, _ = finished(monkeypatch, tmp_path, done | {"evaluation": swapped})
    claims = {claim["id"]: claim for claim in results["claims"]}
    for name in ("fig3a-energy", "fig3b-qoe", "telemetry-reward", "rules-twin"):
        assert claims[name]["verdict"] == "does not hold", name
    assert (tmp_path / "report.md").read_text().count("does not hold") >= 4


def test_parts_are_kept_and_only_missing_ones_run(monkeypatch, tmp_path, capsys):
    ran = []

    def part(name):
        def run(study):
            ran.append(name)
            study.tick(0.5)
            return {"x": np.arange(3.0), "level": np.array(["twin", "none"])}

        return Part(name, f"doing {name}", 1.0, run)

    monkeypatch.setattr(running, "all_parts", lambda study: [part("a"), part("b")])
    store = Store(tmp_path)
    running.run(study(), store, SETTINGS)
    assert ran == ["a", "b"]
    first = study()
    about = running.run(first, store, SETTINGS)
    assert ran == ["a", "b"]
    assert list(about) == ["a", "b"]
    assert first.done["b"]["level"].tolist() == ["twin", "none"]
    (tmp_path / "b.npz").write_bytes(b"torn")
    running.run(study(), store, SETTINGS)
    assert ran == ["a", "b", "b"]
    running.run(study(), store, {"seed": 1})
    assert ran == ["a", "b", "b", "a", "b"]
    assert "[1/2 doing a]" in capsys.readouterr().err


def test_a_part_that_fails_leaves_those_before_it(monkeypatch, tmp_path):
    def fails(study):
        raise RuntimeError("no")

    good = Part("good", "good", 1.0, lambda study: {"x": np.zeros(1)})
    monkeypatch.setattr(running, "all_parts", lambda study: [good, Part("bad", "bad", 1.0, fails)])
    with pytest.raises(RuntimeError):
        running.run(study(), Store(tmp_path), SETTINGS)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["good.json", "good.npz"]


def test_fingerprints_differ_with_any_setting():
    base = {"seed": 0, "hyper": {"entropy": 0.1}}
    assert fingerprint(base) == fingerprint(dict(reversed(base.items())))
    assert (
        len({fingerprint(base), fingerprint(base | {"seed": 1}), fingerprint(base | {"hyper": {"entropy": 0.2}})}) == 3
    )


@pytest.mark.parametrize("name", PROFILES)
def test_every_part_comes_after_what_it_needs(name):
    whole = study()
    whole.profile = PROFILES[name]
    seen: set[str] = set()
    for part in all_parts(whole):
        assert set(part.needs) <= seen, part.name
        assert part.name not in seen
        assert part.seconds > 0
        seen.add(part.name)
    assert {"rules", "references", "evaluation", "speed", "online", "printed"} <= seen


@pytest.mark.slow
def test_every_part_of_a_full_profile_runs(tmp_path):
    one_point = dataclasses.replace(
        SMOKE, updates=2, side_updates=2, speeds=(), slowdowns=(0.3,), users=(3,), servers=(6,), fix_gaps=(2,),
        sync_errors=(0.3,), sync_energies=(5.0,), correlations=(0.9,), weights=((1.0, 4.0, 1.0),), checks=("cmos",),
        levels=("twin", "telemetry", "none"),
    )  # fmt: skip
    study = Study(maker("tiny"), TrainConfig(envs=2, rollout=6, hidden=8), Hyper(), one_point)
    about = running.run(study, Store(tmp_path), SETTINGS)
    assert set(about) == {part.name for part in all_parts(study)} == set(study.done)
    for name in ("check-cmos", "users", "servers", "value-correlation"):
        assert study.done[name]["point/level"].tolist() == ["twin", "telemetry", "none"]
        assert np.isfinite(study.done[name]["a2c/reward"]).all()
        assert study.done[name]["rule/reward"].shape == (3, 1, one_point.side_episodes)
