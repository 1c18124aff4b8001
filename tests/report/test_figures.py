"""Every figure from made-up numbers: what it draws, what it leaves out, and what its CSV says."""

import csv
import os
import re
import subprocess
import sys
from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

import matplotlib
import numpy as np
import pytest
from made_up_study import LADDER, LEVELS, Made, made_up
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.text import Text

from eco_jax.agent.algorithms import A2C
from eco_jax.model import energy
from eco_jax.report import figures
from eco_jax.report.figures import figure
from eco_jax.report.figures.paper import FIG2B
from eco_jax.report.figures.policies import ENERGY_TERMS
from eco_jax.report.figures.style import STYLES, drawing, save
from eco_jax.report.figures.value import values_of_twin
from eco_jax.report.measures import Context, over_speed


def read(path) -> dict[str, np.ndarray]:
    """A CSV as columns: numbers where they are numbers."""
    with path.open(encoding="utf-8") as file:
        head, *rows = csv.reader(file)
    columns = dict(zip(head, map(np.array, zip(*rows, strict=True)), strict=True))
    for name, column in columns.items():
        try:
            columns[name] = column.astype(float)
        except ValueError:
            continue
    return columns


def drawn_from(tmp_path, done, horizon: int = 60, rollout: int = 10) -> dict[str, dict[str, np.ndarray]]:
    """Figure -> its CSV."""
    found = figures.write(tmp_path, done, horizon, rollout)
    return {each.name: read(tmp_path / f"{each.name}.csv") for each in found}


def constant(**metrics: float) -> dict[str, np.ndarray]:
    """Metrics of an agent with two seeds and three episodes that never vary."""
    return {name: np.full((2, 3), value) for name, value in metrics.items()}


def part_of(field: str, points: Sequence[tuple[str, object, float]], metric: str = "reward") -> dict[str, np.ndarray]:
    """A sweep whose agents have these values (level, value of the field, metric); the rule has half as much."""
    values = np.array([value for *_, value in points])[:, None, None]
    return {
        f"agents/{metric}": np.broadcast_to(values, (len(points), 2, 3)),
        f"rule/{metric}": np.broadcast_to(values / 2, (len(points), 1, 3)),
        "point/level": np.array([level for level, _, _ in points]),
        f"point/{field}": np.array([at for _, at, _ in points]),
    }


@pytest.fixture
def few_resamples(monkeypatch):
    """Intervals that take less time."""
    monkeypatch.setattr(figure, "RESAMPLES", 50)


@pytest.fixture
def unsaved(few_resamples, monkeypatch):
    """Figures are drawn, but only their CSV is written: rendering takes most of the time."""
    monkeypatch.setattr(figures, "save", lambda drawing, path: None)


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    """A whole study, drawn once: folder, parts, figures."""
    out, done = tmp_path_factory.mktemp("figures"), made_up()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(figure, "RESAMPLES", 50)
        return out, done, figures.write(out, done, 60, 10)


@pytest.mark.slow
def test_every_figure_draws_in_order(study):
    out, _, drawn = study
    assert drawn == list(figures.FIGURES)
    for each in drawn:
        assert {path.suffix for path in out.glob(f"{each.name}.*")} == {".png", ".pdf", ".csv"}
        assert each.caption.endswith(".")
        assert len({len(column) for column in read(out / f"{each.name}.csv").values()}) == 1


@pytest.mark.slow
def test_the_same_data_make_the_same_bytes(study, tmp_path, few_resamples):
    out, _, _ = study
    again = {name: part for name, part in made_up().items() if name in ("speed", "weights")}
    figures.write(tmp_path, again, 60, 10)
    assert {path.stem for path in tmp_path.iterdir()} == {"fig2b", "weights"}
    for path in tmp_path.iterdir():
        assert path.read_bytes() == (out / path.name).read_bytes(), path.name


@pytest.mark.slow
def test_fonts_can_be_read_and_nothing_is_hidden_or_cut_off(study, few_resamples):
    for each in figures.FIGURES:
        with drawing():
            drawn, _ = each.draw(figures.Results(study[1], 60, 10))
            drawn.suptitle(each.title)
            FigureCanvasAgg(drawn).draw()
        assert drawn.get_size_inches()[0] == 3.5
        texts = [text for text in drawn.findobj(Text) if text.get_text() and text.get_visible()]
        assert min(text.get_size() for text in texts) >= 8, each.name
        assert len(drawn.legends) == (each.name != "assumptions"), each.name  # its panels and rows have names
        assert not any(axes.get_legend() for axes in drawn.axes)
        lowest = min(axes.get_tightbbox().y0 for axes in drawn.axes)
        assert all(legend.get_window_extent().y1 <= lowest + 1.0 for legend in drawn.legends), each.name
        whole, (width, height) = drawn.get_tightbbox(), drawn.get_size_inches()
        assert whole.x0 >= -0.01, each.name
        assert whole.y0 >= -0.01, each.name
        assert whole.x1 <= width + 0.01, each.name
        assert whole.y1 <= height + 0.01, each.name


def test_levels_differ_without_colour():
    for look in ("color", "linestyle", "marker"):
        assert len({style[look] for style in STYLES.values()}) == len(STYLES)


def test_no_level_hides_another(few_resamples):
    done = {name: part for name, part in made_up(2, 3, 12).items() if name in ("evaluation", "rules", "references")}
    with drawing():
        drawn, _ = next(each for each in figures.FIGURES if each.name == "ladder").draw(figures.Results(done, 60, 10))
        FigureCanvasAgg(drawn).draw()
    axes = drawn.axes[0]
    row = [text.get_text() for text in axes.get_yticklabels()].index("A2C agents")
    lines = [line for line in axes.lines if len(line.get_ydata()) > 1 and line.get_marker() in "oDsv^"]
    assert len(lines) == len(LEVELS)
    y = [float(min(line.get_ydata(), key=lambda y: abs(y - row))) for line in lines]
    points = np.sort([axes.transData.transform((0.0, at))[1] for at in y]) * 72.0 / drawn.dpi
    assert np.diff(points).min() >= lines[0].get_markersize() - 0.1


def test_missing_parts_and_levels_are_left_out(unsaved, tmp_path):
    whole = made_up(2, 3, 12)

    def names(*parts: str) -> list[str]:
        return [each.name for each in figures.write(tmp_path, {p: whole[p] for p in parts}, 60, 10)]

    assert names() == []
    assert names("agents-twin") == ["fig2a", "fig3b"]
    assert names("agents-none") == ["fig3a", "fig3b"]
    assert names("value-energy") == ["sync_rate"]
    assert names("misleading") == []
    users = part_of("users", [("twin", 5, 0.3)])  # no level to compare with: nothing for `value`
    users |= {f"{who}/{m}": users[f"{who}/reward"] for who in ("agents", "rule") for m in ("energy", "qoe")}
    assert [each.name for each in figures.write(tmp_path, {"users": users}, 60, 10)] == ["users"]
    assert figures.write(tmp_path, {"agents-none": whole["agents-none"]}, 600, 10) == []  # not one whole episode


def test_a_study_of_one_seed_and_one_point_draws(unsaved, tmp_path):
    make = Made(1, 2)
    done = {
        "users": make.sweep("users", [2]), "servers": make.sweep("servers", [6]), "fixes": make.sweep("fix_every", [1]),
        "slowdown": make.sweep("slowdown_mean", [0.1]), "value-energy": make.sweep("sync_energy", [20.0], ["twin"]),
        "value-correlation": make.sweep("correlation", [0.95]), "agents-twin": make.curves("twin", 6, 1, 1.0),
        "evaluation": make.played({f"a2c-{level}": (level, 0.1, 1) for level in LEVELS}, 1),
    }  # fmt: skip
    assert len(figures.write(tmp_path, done, 12, 6)) == 10


def test_figure_2a_is_scaled_and_shows_algorithm_1_with_a_twin(unsaved, tmp_path):
    # Two updates an episode, two seeds: episode means 0, 1 and 2, 4 a slot, of ten slots.
    reward = np.array([[-1.0, 1.0], [1.0, 3.0], [0.0, 4.0], [2.0, 4.0]])
    done = {
        "agents-twin": {"curve/reward": reward, "curve/qoe": reward},
        "online": {"curve/reward": np.array([[1.0, 3.0, 9.0, 9.0]])},  # two seeds with a twin, two without
    }
    found = drawn_from(tmp_path, done, 10, 5)["fig2a"]
    assert found["algorithm"].tolist() == ["A2C"] * 4 + ["Algorithm 1"] * 2
    assert found["seed"] == pytest.approx([0, 0, 1, 1, 0, 1])
    assert found["episode"] == pytest.approx([1, 2, 1, 2, 1, 1])
    assert found["total_reward"] == pytest.approx([0, 10, 20, 40, 10, 30])
    assert found["scaled"] == pytest.approx([0, 0.25, 0.5, 1, 0.25, 0.75])


def test_figure_2b_is_the_latency_of_offloaded_tasks(unsaved, tmp_path):
    # At 0 km/h half of the tasks are offloaded, at 60 a quarter; 60 and 36 ms of latency per user.
    done = {"speed": {
        "point/level": np.array(["twin", "twin"]), "point/speed_min": np.array([60.0, 0.0]),
        "agents/offloaded": np.array([[[0.25, 0.25, 0.0]], [[0.5, 0.5, 0.5]]]),
        "agents/latency_offloaded": np.array([[[0.036, 0.036, 0.0]], [[0.06, 0.06, 0.06]]]),
    }}  # fmt: skip
    found = drawn_from(tmp_path, done)["fig2b"]
    assert found["speed_km_h"] == pytest.approx([0, 0, 0, 60, 60, 60])
    assert found["seed0_ms"] == pytest.approx([120, 120, 120, 144, 144, np.nan], nan_ok=True)
    with drawing():
        drawn, _ = FIG2B.draw(figures.Results(done, 60, 10))
    (label,) = [text.get_text() for text in drawn.legends[0].get_texts()]
    assert "+0.400 [+0.400, +0.400]" in label  # 24 ms over 60 km/h, the episode without offloading left out


def test_figure_2b_has_the_slope_and_the_interval_of_its_claim():
    rng = np.random.default_rng(0)
    speed, slopes = np.array([0.0, 60.0, 120.0]), np.array([-0.1, 0.0, 0.1, 1.0])  # ms per km/h, of the seeds
    latency = 0.1 + 1e-3 * speed[:, None, None] * slopes[:, None] + rng.normal(0.0, 1e-4, (3, 4, 5))
    done = {"speed": {
        "point/level": np.array(["twin"] * 3), "point/speed_min": speed,
        "agents/offloaded": np.ones((3, 4, 5)), "agents/latency_offloaded": latency,
    }}  # fmt: skip
    with drawing():
        drawn, _ = FIG2B.draw(figures.Results(done, 60, 10))
    (label,) = [text.get_text() for text in drawn.legends[0].get_texts()]
    claim = over_speed(Context(done, 6, A2C)).interval
    assert label == f"twin: {claim.mean:+.3f} [{claim.lo:+.3f}, {claim.hi:+.3f}]"
    assert claim.mean == pytest.approx(0.05, abs=0.005)  # of the seeds in the middle
    assert claim.lo < 0.0 < claim.hi


def test_figure_3_is_in_percent_of_the_benchmark_s_maximum(unsaved, tmp_path):
    none = np.array([[0.3, 0.5], [0.3, 0.5], [0.2, 0.2], [0.2, 0.2]])  # means of an episode .4 and .2
    twin = np.array([[0.2, 0.4], [0.2, 0.4], [0.1, 0.1], [0.1, 0.3]])
    done = {
        f"agents-{level}": {f"curve/{metric}": curve for metric in ("reward", "energy", "qoe")}
        for level, curve in (("twin", twin), ("none", none))
    }
    found = drawn_from(tmp_path, done, 20, 10)
    assert found["fig3a"]["episode"] == pytest.approx([1, 2])
    assert found["fig3a"]["none-seed0"] == pytest.approx([75, 50])
    assert found["fig3a"]["none-seed1"] == pytest.approx([125, 50])
    assert found["fig3a"]["twin-seed1"] == pytest.approx([100, 50])
    assert found["fig3b"]["twin-seed1"] == pytest.approx([40, 20])


def test_value_is_the_difference_and_takes_the_correlation_of_the_study(unsaved, tmp_path):
    done = {
        "value-correlation": part_of("correlation", [
            ("twin", 0.5, 0.3), ("forecast", 0.5, 0.26), ("telemetry", 0.5, 0.25), ("none", 0.5, 0.2),
            ("twin", 0.95, 0.4), ("forecast", 0.95, 0.38), ("telemetry", 0.95, 0.3), ("none", 0.95, 0.1),
        ]),
        "value-error": part_of("sync_error", [("twin", 0.1, 0.5)]),
        "users": part_of("users", [("twin", 5, 0.3), ("none", 5, 0.32)]),
    }  # fmt: skip
    for m in ("energy", "qoe"):
        done["users"] |= {f"{who}/{m}": done["users"][f"{who}/reward"] for who in ("agents", "rule")}
    found = drawn_from(tmp_path, done)["value"]
    gain = {
        (axis, value, over, policy): (mean, low, high)
        for axis, value, over, policy, mean, low, high in zip(*found.values(), strict=True)
    }
    expected = {
        ("sync_error", 0.1, "forecast"): 0.12, ("sync_error", 0.1, "none"): 0.4,
        ("correlation", 0.5, "forecast"): 0.04, ("correlation", 0.5, "none"): 0.1,
        ("correlation", 0.95, "forecast"): 0.02, ("correlation", 0.95, "none"): 0.3, ("users", 5.0, "none"): -0.02,
    }  # fmt: skip
    assert gain == {
        (*point, policy): pytest.approx((share * value,) * 3)
        for point, value in expected.items()
        for policy, share in (("a2c", 1.0), ("rule", 0.5))
    }
    for correlation, gains in ((0.5, {"forecast": 0.24, "none": 0.3}), (0.7, {})):  # at .7 nobody was trained
        results = figures.Results(done, 60, 10, correlation=correlation)
        for level in ("forecast", "none"):
            rows = values_of_twin(results, "value-error", "sync_error", level)
            agents = {r["over"]: r["found"].mean for r in rows if r["policy"] == "a2c"}
            assert agents == pytest.approx({level: gains[level]} if gains else {})


def test_checks_are_relative_to_the_other_level(unsaved, tmp_path):
    def world(**energy: float) -> dict[str, np.ndarray]:
        part = part_of("preset", [(level, "cmos", value) for level, value in energy.items()], "energy")
        return part | {"agents/qoe": 2.0 * part["agents/energy"] + 0.1}

    done = {"check-cmos": world(twin=0.2, forecast=0.125, telemetry=0.16, none=0.25)}
    found = drawn_from(tmp_path, done)["checks"]
    change = dict(zip(zip(found["metric"], found["against"], strict=True), found["mean"], strict=True))
    assert change["energy", "none"] == pytest.approx(-20.0)
    assert change["energy", "telemetry"] == pytest.approx(25.0)
    assert change["energy", "forecast"] == pytest.approx(60.0)
    assert change["qoe", "none"] == pytest.approx(100.0 * (0.5 - 0.6) / 0.6, rel=1e-5)


def test_ladder_counts_from_random_to_the_slot_reference(unsaved, tmp_path):
    rewards = {"evaluation": {"a2c-twin": 0.2}, "rules": {"random": -0.2}, "references": {"slot-reference": 0.3}}
    rewards["references"] |= {"full-measurement": 0.25, "bound-belief": 0.4}
    done = {
        part: {
            f"{name}/reward": np.full((2 if name == "a2c-twin" else 1, 3), reward) for name, reward in chosen.items()
        }
        for part, chosen in rewards.items()
    }
    found = drawn_from(tmp_path, done)["ladder"]
    assert found["policy"].tolist() == ["bound-belief", "slot-reference", "full-measurement", "a2c", "random"]
    assert found["knows"].tolist() == ["full-measurement", "truth", "full-measurement", "twin", "-"]
    assert found["share_of_way_percent"] == pytest.approx([120.0, 100.0, 90.0, 80.0, 0.0], abs=1e-9)
    for part in ("evaluation", "rules"):  # more episodes, on which everybody earns more
        done[part] = {name: np.concatenate([value, value + 0.4], axis=1) for name, value in done[part].items()}
    found = drawn_from(tmp_path, done)["ladder"]
    assert found["share_of_way_percent"] == pytest.approx([120.0, 100.0, 90.0, 80.0, 0.0], abs=1e-9)
    assert found["mean"] == pytest.approx([0.4, 0.3, 0.25, 0.4, 0.0])  # each on all that it played


@pytest.mark.slow
def test_energy_terms_are_whole_and_in_mj(study):
    out, done, _ = study
    found = read(out / "energy_terms.csv")
    total = sum(column for name, column in found.items() if name != "policy")
    row = found["policy"].tolist().index("a2c-none")
    assert total[row] == pytest.approx(1e3 * done["evaluation"]["a2c-none/energy"].mean(), rel=1e-4)
    assert found["edge_mj"][row] == pytest.approx(0.5 * total[row], rel=1e-4)


@pytest.mark.parametrize("declared", [True, False])
def test_a_new_energy_term_is_in_the_figure_and_in_the_total(unsaved, monkeypatch, tmp_path, declared):
    if declared:
        fields = [*energy.EnergyTerms.__annotations__.items(), ("cooling", float)]
        monkeypatch.setattr(energy, "EnergyTerms", NamedTuple("EnergyTerms", fields))
        monkeypatch.setattr(energy, "LABELS", energy.LABELS | {"cooling": "cooling of servers"})
    terms = {"edge": 0.1, "local": 0.05, "migration": 0.03, "cooling": 0.02}  # 180 mJ without it
    parts = constant(energy=0.2, **{f"energy/{name}": value for name, value in terms.items()})
    done = {"evaluation": {f"a2c-{level}/{name}": value for level in LEVELS for name, value in parts.items()}}
    monkeypatch.setattr(figures, "FIGURES", (ENERGY_TERMS,))
    found = drawn_from(tmp_path, done)["energy_terms"]
    assert found["cooling_mj"] == pytest.approx([20.0] * len(LEVELS))
    assert sum(column for name, column in found.items() if name != "policy") == pytest.approx([200.0] * len(LEVELS))
    with drawing():
        drawn, _ = ENERGY_TERMS.draw(figures.Results(done, 60, 10))
    assert [text.get_text() for text in drawn.axes[0].texts] == [" 200"] * len(LEVELS)
    words = [text.get_text() for text in drawn.legends[0].get_texts()]
    assert words[-1] == ("cooling of servers" if declared else "cooling")
    ends = [bar.get_x() + bar.get_width() for bar in drawn.axes[0].patches]
    assert max(ends) == pytest.approx(200.0)


def test_every_energy_term_has_words():
    assert set(energy.LABELS) == set(energy.EnergyTerms._fields)


def test_a_user_s_settings_change_no_picture(tmp_path, few_resamples):
    done = {"value-energy": made_up(2, 3, 12)["value-energy"]}
    odd = {"text.usetex": True, "font.size": 30, "savefig.bbox": "tight", "axes.facecolor": "red", "interactive": True}
    figures.write(tmp_path / "usual", done, 60, 10)
    with matplotlib.rc_context(odd):
        figures.write(tmp_path / "odd", done, 60, 10)
        assert matplotlib.rcParams["font.size"] == 30
    assert len(list((tmp_path / "usual").iterdir())) == 3
    for path in (tmp_path / "usual").iterdir():
        assert path.read_bytes() == (tmp_path / "odd" / path.name).read_bytes(), path.name


@pytest.mark.long
def test_no_screen_and_no_backend_is_asked_for(tmp_path):
    """In a process of its own: Matplotlib reads the environment when it is imported."""
    (tmp_path / "matplotlibrc").write_text("text.usetex: True\nbackend: nowhere\nfigure.dpi: x\n")
    code = (
        "import sys; from pathlib import Path; from eco_jax.report.figures import style\n"
        "with style.drawing():\n"
        "    drawn, axes = style.canvas(2.0); axes[0, 0].plot([1, 2], label='$x$'); style.legend(drawn, axes[0, 0])\n"
        "    style.save(drawn, Path('x.png'))\n"
        "import os; print('matplotlib.pyplot' in sys.modules, os.environ['MPLBACKEND'])"
    )
    env = dict(os.environ, MATPLOTLIBRC=str(tmp_path), MPLBACKEND="nowhere", PYTHONPATH=os.pathsep.join(sys.path))
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, env=env, capture_output=True, text=True, check=False
    )
    assert done.stdout == "False nowhere\n", done.stderr
    assert (tmp_path / "x.png").read_bytes()[:4] == b"\x89PNG"


def test_the_package_never_uses_pyplot(request):
    for path in (request.config.rootpath / "eco_jax").rglob("*.py"):
        assert not re.search(r"import.*pyplot|matplotlib\.use\(", path.read_text()), path


def test_a_picture_is_written_whole_or_not_at_all(tmp_path, monkeypatch):
    from matplotlib.figure import Figure

    (tmp_path / "x.png").write_bytes(b"before")

    def fails(self, path, **options):
        path.write_bytes(b"half of it")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Figure, "savefig", fails)
    with pytest.raises(OSError, match="No space"):
        save(Figure(), tmp_path / "x.png")
    assert [(path.name, path.read_bytes()) for path in tmp_path.iterdir()] == [("x.png", b"before")]


@pytest.mark.slow
def test_the_rest_in_its_units(study):
    out, done, _ = study
    cdf = read(out / "latency_cdf.csv")
    assert cdf["share_percent"] == pytest.approx(np.arange(1, 100))
    median = done["evaluation"]["a2c-twin/latency_quantiles"][:, :, 49].mean()
    assert cdf["a2c-twin_ms"][49] == pytest.approx(1e3 * median, rel=1e-4)
    assert all(a <= b for a, b in pairwise(cdf["local_ms"]))

    rate = read(out / "sync_rate.csv")
    assert rate["mean"] == pytest.approx([30.0] * len(rate["mean"]), abs=0.5)
    assert (rate["low"] <= rate["mean"]).all()
    assert (rate["mean"] <= rate["high"]).all()

    users = read(out / "users.csv")
    at = (
        (users["metric"] == "energy_mj")
        & (users["level"] == "none")
        & (users["users"] == 5)
        & (users["policy"] == "rule")
    )
    assert users["mean"][at] == pytest.approx(
        [1e3 * done["users"]["rule/energy"][LADDER.index("none")].mean()], rel=1e-4
    )
    assert set(read(out / "weights.csv")["weights"]) == {"1:1:1", "4:1:1", "1:4:1", "1:1:4"}
    assert read(out / "misleading.csv")["twin"].tolist() == ["twin", "twin-misled", "forecast", "telemetry", "none"] * 2


def test_episodes_are_means_over_their_updates():
    assert figures.by_episode(np.array([[1.0], [3.0], [5.0], [7.0], [9.0]]), 2) == pytest.approx(
        np.array([[2.0], [6.0]])
    )
