"""The report, from finished parts to the page; parts kept and run anew; and the folder that it all lies in."""

import dataclasses
import html
import json
import re

import numpy as np
import pytest
from made_up_study import made_up

from eco_jax.errors import UserError
from eco_jax.report import figures, reproduce, statistics
from eco_jax.report.figures import figure
from eco_jax.report.study import run as running
from eco_jax.report.study.core import Part, Study
from eco_jax.report.study.profile import PAPER, PROFILES, QUICK, SMOKE
from eco_jax.report.study.run import all_parts, check, left_out
from eco_jax.report.study.store import Store, fingerprint
from eco_jax.run import settings
from eco_jax.train.config import TrainConfig

SETTINGS = {"seed": 0}


TINY = dataclasses.replace(settings.from_preset("tiny"), train=TrainConfig(rollout=6))


def study(config=TINY, profile=SMOKE, seed=0):
    return Study(config, profile, seed)


def with_env(**changes):
    return dataclasses.replace(TINY, env=dataclasses.replace(TINY.env, **changes))


def finished(monkeypatch, tmp_path, done, config=TINY):
    """The report of parts that are there already."""

    def run(study, store, settings):
        study.done |= done
        return {name: {"title": name, "seconds": 2.0} for name in done}

    monkeypatch.setattr(reproduce, "run", run)
    monkeypatch.setattr(figures, "FIGURES", figures.FIGURES[:1])
    monkeypatch.setattr(figure, "RESAMPLES", 20)
    monkeypatch.setattr(statistics.bootstrap, "__kwdefaults__", statistics.bootstrap.__kwdefaults__ | {"resamples": 50})
    about = {"profile": "made up", "mobility": "none", "device": "none", "versions": {"eco-jax": "0"}}
    return reproduce.reproduce(tmp_path, study(config), SETTINGS, about, "eco-jax reproduce --profile smoke")


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
            return {"x": np.full(3, float(ord(name))), "level": np.array(["twin", "none"])}

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
    assert not [path for path in tmp_path.iterdir() if path.suffix not in (".npz", ".json")]
    for name, damaged in (
        ("b.npz", b"torn"), ("b.npz", (tmp_path / "a.npz").read_bytes()), ("b.json", b"[]"), ("b.json", b"\xff"),
    ):  # fmt: skip
        ran.clear()
        (tmp_path / name).write_bytes(damaged)
        running.run(study(), store, SETTINGS)
        assert ran == ["b"], damaged
    assert "[1/2 doing a]" in capsys.readouterr().err


def test_a_part_that_fails_leaves_those_before_it(monkeypatch, tmp_path):
    def fails(study):
        raise RuntimeError("no")

    good = Part("good", "good", 1.0, lambda study: {"x": np.zeros(1)})
    monkeypatch.setattr(running, "all_parts", lambda study: [good, Part("bad", "bad", 1.0, fails)])
    with pytest.raises(RuntimeError):
        running.run(study(), Store(tmp_path), SETTINGS)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["good.json", "good.npz"]


@pytest.mark.parametrize(
    "changed",
    [
        {"settings": {"version": "1"}}, {"seed": 1}, {"profile": dataclasses.replace(SMOKE, episodes=5)},
        {"config": with_env(users=4)}, {"config": dataclasses.replace(TINY, hyper=settings.Hyper(entropy=0.2))},
        {"config": dataclasses.replace(TINY, physics=settings.Physics(sync_energy=5.0))},
        {"config": dataclasses.replace(TINY, train=TrainConfig(rollout=6, hidden=8))},
    ],
)  # fmt: skip
def test_parts_of_other_settings_are_run_anew(monkeypatch, tmp_path, changed):
    ran = []
    part = Part("a", "a", 1.0, lambda study: ran.append(1) or {"x": np.zeros(1)})
    monkeypatch.setattr(running, "all_parts", lambda study: [part])
    given = {"config": TINY, "profile": SMOKE, "seed": 0, "settings": SETTINGS}
    for now in (given, given, given | changed):
        running.run(study(*(now[name] for name in ("config", "profile", "seed"))), Store(tmp_path), now["settings"])
    assert len(ran) == 2


def test_a_part_is_of_the_bytes_of_its_files_not_of_their_place(tmp_path):
    marks = []
    for folder, row in (("one", "1,1"), ("two", "1,1"), ("three", "1,2")):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "sites.txt").write_text(f"{row}\n")
        marks.append(fingerprint(study(dataclasses.replace(TINY, sites=tmp_path / folder / "sites.txt")).settings))
    assert marks[0] == marks[1] != marks[2]


def test_what_the_study_decides_itself_is_no_setting_of_its_parts():
    other = dataclasses.replace(TINY, knowledge="none", train=TrainConfig(rollout=6, updates=7))
    assert study(other).settings == study().settings


def test_other_worlds_are_the_study_s_own_with_what_differs():
    here = study(with_env(users=2, slots=6))
    env, _ = here.make(preset="cmos")
    assert (env.config.cpu_energy, env.config.users, env.config.slots) == ("cmos", 2, 6)
    assert here.make(equations="printed")[0].config.printed
    assert float(here.make(sync_energy=5.0)[1].sync_energy) == pytest.approx(5e-3)
    assert here.make(users=7)[0].config.users == 7


def test_a_world_that_a_part_cannot_have_is_said_at_once():
    check(study(with_env(candidates=6), dataclasses.replace(SMOKE, servers=(6, 9))))
    with pytest.raises(UserError, match="candidates = 6"):
        check(study(with_env(candidates=6), dataclasses.replace(SMOKE, servers=(9, 5))))
    with pytest.raises(UserError, match="rollout = 5: must divide"):
        check(study(dataclasses.replace(TINY, train=TrainConfig(rollout=5))))


def test_what_a_world_has_no_use_for_is_left_out(tmp_path):
    def names(config):
        return {part.name for part in all_parts(study(config, PAPER))}

    (tmp_path / "sites.txt").write_text("100,100\n200,200\n300,300\n400,400\n")
    sited = dataclasses.replace(TINY, sites=tmp_path / "sites.txt", env=dataclasses.replace(TINY.env, servers=4))
    whole = names(TINY)
    assert whole - names(with_env(mobility="gauss-markov")) == {"speed"}
    assert whole - names(sited) == {"servers"}
    assert left_out(study(TINY, PAPER)) == left_out(study(sited, QUICK)) == {}


def test_the_report_says_what_its_world_is(monkeypatch, tmp_path, done):
    config = dataclasses.replace(
        TINY, env=dataclasses.replace(TINY.env, mobility="gauss-markov"), hyper=settings.Hyper(entropy=0.25)
    )
    finished(monkeypatch, tmp_path, done, config)
    text = (tmp_path / "report.md").read_text()
    for row in (r"`hyper.entropy`\s*\|\s*0\.1\s*\|\s*0\.25", r"`env.users`\s*\|\s*30\s*\|\s*3\b"):
        assert re.search(row, text), row
    assert "Left out: speeds" in text
    assert "hyper.entropy = 0.25" in reproduce.in_words(config)
    assert reproduce.in_words(settings.RunConfig()) == "nothing"


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


def test_only_own_parts_are_forgotten(tmp_path):
    store = Store(tmp_path)
    store.save("a", "mark", {"x": np.zeros(1)}, {})
    for name in ("mine.json", "mine.npz"):
        (tmp_path / name).write_text("{}")
    store.clear()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["mine.json", "mine.npz"]


def test_fingerprints_differ_with_any_setting():
    base = {"seed": 0, "hyper": {"entropy": 0.1}}
    assert fingerprint(base) == fingerprint(dict(reversed(base.items())))
    assert (
        len({fingerprint(base), fingerprint(base | {"seed": 1}), fingerprint(base | {"hyper": {"entropy": 0.2}})}) == 3
    )


@pytest.mark.parametrize("name", PROFILES)
def test_every_part_comes_after_what_it_needs(name):
    whole = study(profile=PROFILES[name])
    seen: set[str] = set()
    for part in all_parts(whole):
        assert set(part.needs) <= seen, part.name
        assert part.name not in seen
        assert part.seconds > 0
        seen.add(part.name)
    assert {"rules", "references", "evaluation", "speed", "online", "printed"} <= seen
    assert sum(part.seconds for part in all_parts(whole)) == pytest.approx(whole.profile.seconds)


def test_how_long_it_takes_is_said_in_one_way(request):
    assert (QUICK.takes, PAPER.takes) == ("about 5 minutes on 2 cores", "about 75 minutes on 2 cores")
    for name in ("README.md", "CHANGELOG.md"):
        text = (request.config.rootpath / name).read_text()
        said = re.findall(r"(?:about )?[\d.]+ (?:minutes?|hours?) on 2 cores", text)
        assert said, name
        assert {f"about {found.removeprefix('about ')}" for found in said} <= {QUICK.takes, PAPER.takes}, name
    readme = (request.config.rootpath / "README.md").read_text()
    for line in readme.splitlines():
        if line.strip().startswith("make reproduce") and " on 2 cores" in line:
            profile = PAPER if "PROFILE=paper" in line else QUICK
            assert profile.takes in line
