"""Bad settings are refused before anything is compiled, with the field, the value and what is allowed."""

import dataclasses

import jax
import numpy as np
import pytest

from eco_jax.data import store
from eco_jax.env import KNOWLEDGE, PRESETS, EnvConfig, EnvParams, make
from eco_jax.env.parts import Difference, Hard, Printed, Team
from eco_jax.env.topology import sites
from eco_jax.errors import UserError


def annotations_checked():
    """Whether this run checks annotations: then a wrong type does not get as far as our own message."""
    try:
        EnvConfig(users="three")
    except UserError:
        return False
    except TypeError:
        return True


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        # Static settings
        ({"users": 0}, ["env.users", "0", "[1, 100000]"]),
        ({"servers": -3}, ["env.servers", "-3", "[1, 100000]"]),
        ({"slots": 0}, ["env.slots", "0", "[1, 1000000]"]),
        ({"candidates": 0}, ["env.candidates", "0", "[1, 100000]"]),
        ({"candidates": 46}, ["env.candidates", "46", "[1, 45]"]),
        ({"servers": 3, "candidates": 4}, ["env.candidates", "4", "[1, 3]"]),
        ({"beta_levels": ()}, ["env.beta_levels", "()", "(0, 1]"]),
        ({"beta_levels": (0.5, 1.5)}, ["env.beta_levels", "1.5", "(0, 1]"]),
        ({"beta_levels": (0.0,)}, ["env.beta_levels", "0.0", "(0, 1]"]),
        ({"beta_levels": (0.5, 0.5, 1.0)}, ["env.beta_levels", "(0.5, 0.5, 1.0)", "each at most once"]),
        ({"beta_levels": (float("nan"),)}, ["env.beta_levels", "nan", "(0, 1]"]),
        ({"equations": "fixed"}, ["equations =", "'fixed'", "repaired", "printed"]),
        ({"mobility": "brownian"}, ["mobility =", "'brownian'", "waypoint", "gauss-markov", "trace"]),
        ({"access": 1}, ["access =", "1", "nearest", "direct"]),
        ({"coverage": "none"}, ["coverage =", "'none'", "soft", "hard"]),
        ({"spectrum": "own"}, ["spectrum =", "'own'", "link", "shared"]),
        ({"pathloss": "UMi"}, ["pathloss =", "'UMi'", "power", "umi"]),
        ({"energy": ""}, ["energy =", "''", "power_time", "cmos"]),
        ({"combine": None}, ["equations.combine", "None", "max", "sum"]),
        ({"cycles_per": "KB"}, ["equations.cycles_per", "'KB'", "byte", "kilobyte", "bit"]),
        ({"credit": "shapley"}, ["credit =", "'shapley'", "user", "team", "difference"]),
        ({"preset": "printed", "credit": Difference()}, ["credit = 'difference'", "'printed' has 'team'"]),
        # Numbers
        ({"bandwidth": 0}, ["physics.bandwidth", "0", "MHz", "[1e-06, 1e+06]"]),
        ({"correlation": 1.01}, ["physics.correlation", "1.01", "[0, 1]"]),
        ({"sync_energy": -1}, ["physics.sync_energy", "-1", "mJ", "[0, 1e+06]"]),
        ({"noise": float("nan")}, ["physics.noise", "nan", "W"]),
        ({"w1": float("inf")}, ["physics.w1", "inf", "1/s"]),
        ({"side": "3000"}, ["physics.side", "'3000'", "number", "m"]),
        ({"coverage": "hard", "radius": True}, ["coverage.radius", "True", "number"]),
        ({"radius": 100}, ["radius", "unknown"]),
        ({"exponent": 2, "mobility": "trace"}, ["mobility", "file"]),
        ({"queuing": None}, ["physics.queuing", "None", "number", "ms"]),
        ({"backhaul": [1.0]}, ["access.backhaul", "[1.0]", "number"]),
        # Numbers that contradict each other
        ({"power_min": 0.5, "power_max": 0.4}, ["physics.power_min", "0.5", "physics.power_max", "0.4"]),
        ({"data_min": 900}, ["physics.data_min", "900", "physics.data_max", "800"]),
        ({"speed_min": 61}, ["mobility.speed_min", "61", "mobility.speed_max", "60"]),
        ({"server_max": 7}, ["physics.server_min", "8", "physics.server_max", "7"]),
        ({"slowdown_spread": 1.0}, ["physics.slowdown_spread", "[0, 1)", "0.5", "stand still"]),
        ({"slowdown_mean": 0.6}, ["physics.slowdown_spread", "0.8", "[0, 0.666667)", "0.6"]),
        ({"latency_full": 150}, ["physics.latency_full", "150", "physics.deadline_min"]),
        # Names
        ({"user": 3}, ["user", "unknown", "users"]),
        ({"band_width": 3}, ["band_width", "unknown", "bandwidth"]),
        ({"qqqq": 3}, ["qqqq", "unknown", "known are"]),
        # Choices of `make`
        ({"preset": "citty"}, ["preset", "'citty'", "city", "printed"]),
        ({"knowledge": "oracle"}, ["knowledge", "'oracle'", *KNOWLEDGE]),
        ({"mobility": "trace"}, ["mobility =", "'trace'", "file"]),
        ({"sites": np.zeros((5, 3))}, ["sites", "[servers, 2]", "(5, 3)"]),
        ({"sites": np.zeros(4)}, ["sites", "[servers, 2]", "(4,)"]),
        ({"sites": np.full((5, 2), np.nan)}, ["sites", "finite"]),
        ({"sites": np.zeros((3, 2))}, ["env.candidates", "4", "[1, 3]"]),
    ],
)
def test_refused(settings, words):
    try:
        with pytest.raises(UserError) as error:
            make(**settings)
    except TypeError:
        if annotations_checked():
            pytest.skip("refused by its annotation")
        raise
    message = str(error.value)
    assert "\n" not in message
    for word in words:
        assert word in message, message


HALVES = {"slowdown_mean": np.array([0.3, 0.9]), "slowdown_spread": np.array([0.9, 0.05])}
RANGES = {"data_min": np.array([100.0, 900.0]), "data_max": np.array([200.0, 1000.0])}


def test_numbers_that_are_set_agree_with_the_others():
    params = EnvParams.of()
    for values, said in (
        ({"slowdown_mean": 0.9}, r"physics\.slowdown_spread = 0\.8: must lie in \[0, 0\.111111\) at .* = 0\.9"),
        ({"latency_full": 300}, r"physics\.latency_full = 300 ms: must be below physics\.deadline_min = 150 ms"),
        ({"data_min": 900}, r"physics\.data_min = 900: must be at most physics\.data_max = 800"),
        ({"deadline_max": np.array([200.0, 100.0])}, r"physics\.deadline_min = 150: must be at most .*_max = 100"),
        ({"mobility.speed_min": 70}, r"mobility\.speed_min = 70: must be at most mobility\.speed_max = 60"),
        ({**HALVES, "slowdown_spread": 0.9}, r"physics\.slowdown_spread = 0\.9: .* at slowdown_mean = 0\.9"),
        ({**RANGES, "data_max": np.array([1000.0, 200.0])}, r"physics\.data_min = 900: .*data_max = 200"),
        ({**RANGES, "data_max": np.array([1000.0, 200.0, 950.0])}, r"physics\.data_min = 900: .*data_max = 200"),
    ):  # fmt: skip
        with pytest.raises(UserError, match=said):
            params.set(**values)
    for sound in ({"data_min": 900, "data_max": 1000}, HALVES, RANGES, HALVES | RANGES, {"coverage": Hard(radius=1)}):
        params.set(**sound)


def test_equations_that_are_set_have_the_parts_that_they_prescribe():
    with pytest.raises(UserError, match="credit = 'difference': equations = 'printed' has 'team'"):
        EnvParams.of().set(equations=Printed())
    assert EnvParams.of().set(equations=Printed(), credit=Team()).credit.name == "team"


def test_a_number_that_is_traced_agrees_with_the_others():
    params = EnvParams.of()
    means = jax.vmap(lambda mean: params.set(slowdown_mean=mean, data_max=900).slowdown_mean)(HALVES["slowdown_mean"])
    np.testing.assert_allclose(means, HALVES["slowdown_mean"], rtol=1e-6)
    with pytest.raises(UserError, match=r"physics\.latency_full = 300 ms"):
        jax.vmap(lambda energy: params.set(sync_energy=energy, latency_full=300).side)(np.ones(2))
    assert jax.tree.map(lambda leaf: None, params).set(sync_energy=5).side is None


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("users", "3"),
        ("users", 3.5),
        ("users", True),
        ("slots", None),
        ("beta_levels", 0.5),
        ("beta_levels", ("half",)),
    ],
)
def test_wrong_types_of_static_settings(field, value):
    if annotations_checked():
        pytest.skip("refused by its annotation")
    with pytest.raises(UserError, match=rf"env\.{field}"):
        make(**{field: value})


def test_a_list_of_levels_becomes_hashable():
    if annotations_checked():
        pytest.skip("refused by its annotation")
    for levels in ([0.5, 1], np.array([0.5, 1])):
        assert hash(make(beta_levels=levels)[0]) == hash(make(beta_levels=(0.5, 1.0))[0])


def test_unknown_parameter_of_the_physics():
    with pytest.raises(UserError, match=r"physics\.sigma_sync: unknown setting"):
        EnvParams.of(sigma_sync=1)
    with pytest.raises(UserError, match="did you mean sync_error"):
        EnvParams.of(sync_eror=1)


def short_trace(length):
    shape = (1, length)
    two = np.zeros((*shape, 2), np.float32)
    one = np.zeros(shape, np.float32)
    return {
        "position": two, "last_fix": two, "previous_fix": two, "last_age": one, "previous_age": one + 60,
        "fixes": np.full(shape, 2), "length": np.array([length]), "slot_s": 5.0, "side_m": 3000.0,
    }  # fmt: skip


def test_a_trace_must_hold_an_episode():
    # Five slots show six positions.
    with pytest.raises(UserError, match="longest segment has 5 slots, an episode needs 6"):
        make(users=2, slots=5, trace=short_trace(5))
    _, params = make(users=2, slots=5, trace=short_trace(6))
    assert params.mobility.name == "trace"
    with pytest.raises(UserError, match=r"trace: length is of shape \(0,\), expected \(1,\)"):
        make(users=2, slots=5, trace={**short_trace(6), "length": np.array([], int)})


@pytest.mark.parametrize("preset", PRESETS)
def test_presets_are_valid(preset):
    env, params = make(preset)
    for name, value in PRESETS[preset].items():
        if hasattr(env.config, name):
            assert getattr(env.config, name) == value
    assert len(sites(env.config, params)) == env.config.servers


def test_defaults_are_those_of_the_table():
    config, params = EnvConfig(), EnvParams.of()
    assert (config.users, config.servers, config.candidates, config.slots) == (30, 45, 4, 60)
    assert config.beta_levels == (0.25, 0.5, 0.75, 1.0)
    si = {
        "bandwidth": 20e6, "queuing": 2e-3, "data_min": 600e3 * 8, "data_max": 800e3 * 8, "deadline_max": 0.25,
        "device_max": 2.5e9, "service_max": 8e6, "migration_time": 1e-8,
        "placement_time": 5e-9, "twin_energy": 1e-3, "sync_energy": 20e-3, "placement_energy": 10e-3,
        "qoe_latency": 0.7, "latency_full": 0.05, "noise": 2e-12, "replica_slots": 2, "correlation": 0.95,
    }  # fmt: skip
    for name, value in si.items():
        np.testing.assert_allclose(getattr(params, name), value, rtol=1e-6, err_msg=name)
    parts = (params.mobility.speed_max, params.pathloss.reference_gain, params.access.backhaul)
    np.testing.assert_allclose(parts, (60 / 3.6, 10**-9.8, 1e9), rtol=1e-6)
    assert make("city")[0].config.users == 188
    assert float(make("city")[1].replica_slots) == 8
    assert (make("sparse")[0].config.users, make("sparse")[0].config.servers) == (10, 100)


def test_every_parameter_is_within_its_range_and_described():
    for name, spec in EnvParams.specs().items():
        assert spec.low <= spec.default <= spec.high, name
        assert spec.doc, name
        assert spec.source in ("paper", "assumed", "TR 38.901"), name


def test_bounds_are_allowed():
    for name, spec in EnvParams.specs().items():
        if not name.endswith(("_min", "_max")) and not name.startswith(("slowdown", "latency_full")):
            assert np.isfinite(float(getattr(EnvParams.of(**{name: spec.low}), name)))


def test_settings_are_frozen():
    with pytest.raises(dataclasses.FrozenInstanceError):
        EnvConfig().users = 3


def test_a_trace_in_every_form(tmp_path):
    """A file, what `load` gives, and the arrays by name are the same trace."""
    arrays, file = short_trace(6), tmp_path / "trace.npz"
    types = {"fixes": np.int8, "length": np.int32, "slot_s": np.float64, "side_m": np.float64}
    typed = {name: np.asarray(value, types.get(name, np.float32)) for name, value in arrays.items()}
    about = {"taxi": np.zeros(1, np.int64), "start_s": np.zeros(1, np.int64), "centre": np.zeros(2)}
    store.save(
        file, store.Traces(**typed, **about, format_version=np.array(store.FORMAT_VERSION), report=np.array("{}"))
    )
    forms = (file, str(file), store.load(file), arrays)
    made = [make(users=2, slots=5, trace=trace)[1].mobility.trace for trace in forms]
    for other in made[1:]:
        for mine, theirs in zip(made[0], other, strict=True):
            np.testing.assert_array_equal(mine, theirs)
    for wrong in (3, [1, 2], {"position": 1}):
        with pytest.raises(UserError, match="trace: "):
            make(users=2, slots=5, trace=wrong)
    with pytest.raises(UserError, match=r"missing\.npz"):
        make(users=2, slots=5, trace=tmp_path / "missing.npz")


@pytest.mark.parametrize(("name", "value"), [("slot", 1.0), ("side", 500), ("mobility", "waypoint")])
def test_a_trace_is_not_overruled(name, value):
    with pytest.raises(UserError, match=rf"^{name} = .*the trace decides it"):
        make(users=2, slots=5, trace=short_trace(6), **{name: value})
    agreed = {"slot": 5, "side": 3000, "mobility": "trace"}
    _, params = make(users=2, slots=5, trace=short_trace(6), **agreed)
    assert (params.mobility.name, float(params.slot), float(params.side)) == ("trace", 5.0, 3000.0)
