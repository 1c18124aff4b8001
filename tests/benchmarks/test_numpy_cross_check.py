"""The environment against an independent NumPy implementation of the same text: whole episodes, slot by slot.

Both get the same draws and actions, and run freely but for the motion, which is put back to ours after every slot: the
rounding of fp32, amplified along short remainders of legs, would otherwise choose another nearest server now and then.
Decisions (candidates, loads, migrations, placements) must agree exactly, so that no difference can hide behind a branch
taken differently. So must the choices assumed by the forecast, for they show in the features: of 18,000 observations of
30 users none was seen to hang on the rounding.

Other readings, energy laws and variants, and all of it in float64: `test_numpy_double.py`.
"""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from eco_jax.env import KNOWLEDGE, EcoEnv, core, make
from eco_jax.random import uniform

EPISODES, SLOTS = 8, 60
ENV = EcoEnv()

CLOSE = {"rtol": 1e-5, "atol": 1e-5}
"""Features, reward, s and J, all of order 0.1 to 1: float64 there, fp32 here."""
POSITION = {"rtol": 1e-6, "atol": 1e-3}
"""m, after one slot: fp32 resolves 2e-4 m at the far side, and a few operations round."""

TERMS = {
    "energy_edge": "edge",
    "energy_receive": "receive",
    "energy_local": "local",
    "energy_upload": "uplink",
    "energy_download": "downlink",
    "energy_migration": "migration",
    "energy_placement": "placement",
    "energy_twin": "prediction",
    "energy_sync": "synchronisation",
}
"""Our names of the terms of Eq. (8), by those of the NumPy environment."""


def draws_of(key, params, reset=False):
    """What `reset` or `step` draws from a key, under the names of the NumPy environment. Mirrors `core`'s internals."""
    hardware = {}
    if reset:
        hardware_key, key = jax.random.split(key)
        hardware["hardware"] = uniform(hardware_key, 2 * ENV.config.users + ENV.config.servers)
    draws = core._draw(ENV.config, key, params)
    return hardware | draws._asdict() | {"fading": draws.fading[0, :, 0]}  # one number a link, one link a user


@jax.jit
def play(keys, actions, params):
    """[episodes] keys and [slots, episodes, users, 4] actions: the draws, and everything that comes of them."""
    reset, step = jax.vmap(ENV.reset, (0, None)), jax.vmap(ENV.step, (0, 0, 0, None))
    split = jax.vmap(jax.random.split)

    def slot(carry, action):
        keys, state = carry
        keys, now = jnp.moveaxis(split(keys), 1, 0)
        seen, state, reward, terminated, truncated, info = step(now, state, action, params)
        draws = jax.vmap(lambda key: draws_of(key, params))(now)
        return (keys, state), (draws, seen, state, reward, terminated, truncated, info["outcome"])

    keys, now = jnp.moveaxis(split(keys), 1, 0)
    seen, state = reset(now, params)
    first = jax.vmap(lambda key: draws_of(key, params, reset=True))(now)
    return first, seen, jax.lax.scan(slot, (keys, state), actions)[1]


def follow(other, state, draws):
    """Put the users of the NumPy environment where ours are; its features from there."""
    other.position, other.target, other.speed = (
        np.asarray(leaf, np.float64) for leaf in (state.mobility.position, state.mobility.target, state.mobility.speed)
    )
    other._begin_slot(draws)
    return other._observe()


CASES = [
    *((level, "difference", 1.0) for level in KNOWLEDGE),
    ("twin", "user", 1.0), ("twin", "difference", 0.03), ("none", "difference", 0.4),
]  # fmt: skip


ALWAYS = [("none", "difference", 1.0), ("twin", "difference", 1.0), ("twin", "difference", 0.03)]
"""Part of `make test`; the others are of `make test-numpy`."""


@pytest.mark.parametrize(
    ("level", "credit", "overlap"),
    [case if case in ALWAYS else pytest.param(*case, marks=pytest.mark.numpy) for case in CASES],
)
def test_whole_episodes_agree(numpy_env, level, credit, overlap):
    actions = np.random.default_rng(0).integers(0, ENV.heads, (SLOTS, EPISODES, ENV.agents, len(ENV.heads)))
    keys = jax.random.split(jax.random.key(0), EPISODES)
    played = play(keys, jnp.asarray(actions, jnp.int32), make(knowledge=level, overlap=overlap)[1])
    first, seen, slots = jax.tree.map(np.asarray, played)

    other = numpy_env.NumpyEco(
        EPISODES, knowledge=level, credit=credit, dtype=np.float64, world=numpy_env.World(overlap=overlap)
    )
    features, mask = other.reset(first)
    np.testing.assert_allclose(features, seen.features, **CLOSE)
    np.testing.assert_array_equal(mask, seen.mask)

    counts = dict.fromkeys(("migrated", "spared by a replica", "placed", "shared a server", "turned"), 0)
    counts |= dict.fromkeys(("load foreseen to change", "harm foreseen"), 0)
    for t in range(SLOTS):
        draws, seen, state, reward, terminated, truncated, outcome = jax.tree.map(lambda leaf, t=t: leaf[t], slots)
        draws = {name: np.asarray(value, np.float64) for name, value in draws.items()}
        target, held, last_server = other.target, other.replica, other.last_server
        _, mask, credited, ends, info = other.step(actions[t], draws)
        assert not terminated.any()
        assert (truncated == ends).all()
        assert ends == (t == SLOTS - 1)

        quantities = {name: getattr(outcome, name) for name in ("latency", "energy", "qoe", "reward")}
        quantities |= {name: getattr(outcome.terms, ours) for name, ours in TERMS.items()}
        for name, ours in quantities.items():
            every = np.broadcast_to(ours.reshape(EPISODES, -1), (EPISODES, ENV.agents))  # E_DT is one number
            np.testing.assert_allclose(info[name], every, **CLOSE, err_msg=f"slot {t}: {name}")
        own = outcome.reward if credit == "user" else reward
        np.testing.assert_allclose(credited, own, **CLOSE, err_msg=f"slot {t}: credit")
        np.testing.assert_allclose(other.position, state.place.position, **POSITION, err_msg=f"slot {t}: position")

        features = follow(other, state, draws)
        np.testing.assert_allclose(features, seen.features, **CLOSE, err_msg=f"slot {t}: features")
        belief = state.belief
        for ours, theirs in (
            (np.concatenate([belief.device_mean, belief.server_mean], axis=1), other.mean),
            (np.concatenate([belief.device_variance, belief.server_variance], axis=1), other.variance),
            (np.concatenate([state.x_device, state.x_server], axis=1), other.x),
        ):
            np.testing.assert_allclose(theirs, ours, **CLOSE, err_msg=f"slot {t}: belief")

        decisions = {
            "load": (other.load.reshape(EPISODES, -1), state.memory.load),
            "migrations": (info["migrates"], outcome.migration > 0),
            "placements": (info["placed"], outcome.terms.placement > 0),
            "replica": (other.replica, state.replica),
            "last server": (other.last_server, state.last_server),
            "candidates": (other.candidates, state.place.candidates),
            "predicted server": (other.predicted, state.place.predicted_server),
            "mask": (mask, seen.mask),
        }
        for name, (theirs, ours) in decisions.items():
            np.testing.assert_array_equal(theirs, ours, f"slot {t}: {name}")

        offloaded = info["load"] > 0
        counts["migrated"] += info["migrates"].sum()
        counts["spared by a replica"] += (offloaded & (held == other.last_server) & (last_server != held)).sum()
        counts["placed"] += info["placed"].sum()
        counts["shared a server"] += (info["load"] > 1).sum()
        block = features[..., numpy_env.USER_FEATURES : numpy_env.GAINS].reshape(*mask.shape[:2], -1, 14)
        counts["load foreseen to change"] += (block[..., 6] != block[..., 7]).sum()
        counts["harm foreseen"] += (block[..., 8] > 0.01).sum()
        counts["turned"] += (other.target != target).any(axis=-1).sum()
    if overlap < 0.1:  # then nobody harms anybody
        counts.pop("harm foreseen")
    if level in ("none", "telemetry"):  # nothing is foreseen
        assert counts.pop("load foreseen to change") == counts.pop("harm foreseen", 0) == 0
    # Rare branches were taken, too
    assert min(counts.values()) > 100, counts
