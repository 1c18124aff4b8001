"""Batches on one device, on four, and begun on four and ended on two. Needs four; prints what came of them as JSON."""

import json
import sys
import threading
from pathlib import Path

import jax
import numpy as np
import polars as pl
from test_batch import HALVING, OFTEN, PBT, stopped_after
from test_population import LRS, SMALL

from eco_jax.agent.algorithms import A2C
from eco_jax.agent.networks import MLP
from eco_jax.env import make
from eco_jax.run import setup
from eco_jax.run.folder import Saving
from eco_jax.sweep import population as module
from eco_jax.sweep.population import Group, Population
from eco_jax.sweep.training import Told, train_batch
from eco_jax.train import program
from eco_jax.train.fit import fit
from eco_jax.train.interrupt import Interrupted
from eco_jax.train.loop import Learner

setup.configure()
folder, there = Path(sys.argv[1]), jax.devices()
programs = {count: {} for count in (1, 2, 4)}


def trained(batch, name, count, *given):
    """The batch's tables, as text; None if it did not come to its end."""
    where = folder / name
    batch.write(where) if not where.exists() else None
    try:
        train_batch(where, *(given or (Saving(), None, Told())), programs[count], there[:count])
    except Interrupted:
        return None
    return [pl.read_parquet(where / f"{table}.parquet").write_json() for table in ("results", "curves")]


def moved(batch, name):
    """Ended after three looks on four devices, gone on with on two."""
    told, stop = stopped_after(3)
    assert trained(batch, name, 4, OFTEN, stop, told) is None
    return trained(batch, name, 2)


def packed(most=None):
    """Parameters of a population trained on two devices, the sizes of its parts, their devices, and whether each device
    has a thread of its own. `most`: members that go together, as if no more fitted."""
    worlds = [make("tiny", side=side)[1] for side in (1000, 1000, 500, 2000, 1000)]
    network = MLP(hidden=8, layers=1)
    algorithms = [A2C(network=network, actor_lr=lr) for lr in LRS]
    group = Group(Learner(make("tiny")[0], SMALL), worlds, ("side",), algorithms, list(range(5)))
    threads, run = {}, program.Program.run

    def noted(self, part, start, number=0):
        (device,) = part.state.key.devices()
        threads.setdefault(device.id, set()).add(threading.get_ident())
        return run(self, part, start, number)

    program.Program.run = noted
    population = Population(group, print, devices=there[:2])
    population.most = most or population.most
    population.load(population.begin())
    for look in range(group.looks):
        threads.clear()
        population.advance(look)
    program.Program.run = run
    alone = all(len(own) == 1 for own in threads.values()) and len(set.union(*threads.values())) == len(threads)
    sizes = [len(part.state.key) for part in population.parts]
    where = [next(iter(part.state.key.devices())).id for part in population.parts]
    return jax.tree.leaves(population.state().agent.params), sizes, where, alone


def seeds(devices):
    """Five agents of one world, by `fit`."""
    env, params = make("tiny")
    algorithms = [A2C(network=MLP(hidden=8, layers=1))] * 5
    return fit(Learner(env, SMALL), params, algorithms, [*map(jax.random.key, range(5))], devices=devices).state


def equal(one, other):
    return all(map(np.array_equal, *(map(np.asarray, jax.tree.leaves(state.agent)) for state in (one, other))))


def near(one, other):
    return all(np.allclose(a, b, rtol=2e-4, atol=1e-6) for a, b in zip(one, other, strict=True))


said = {"devices": len(there)}
for batch in (HALVING, PBT):
    kind = batch.strategy["kind"]
    one, four = (trained(batch, f"{kind}{count}", count) for count in (1, 4))
    said[kind] = {"four": one == four, "moved": one == moved(batch, f"{kind}-moved")}
said["compiled"] = sorted(program.devices for known in programs.values() for program in known.values())
said["fit"] = equal(seeds(there[:1]), seeds(there))

# Where they are computed is not where they go.
states, init = [], program._init


def watched(*given):
    start = init(*given)

    def noted(algorithm, keys, params):
        states.append(start(algorithm, keys, params))
        return states[-1]

    return noted


program._init = watched
with jax.default_device(there[3]):
    last = seeds(())
said["begun"] = [device.id for device in jax.tree.leaves(states[0].agent)[0].devices()]
said["trained"] = [device.id for device in jax.tree.leaves(last.agent)[0].devices()]
said["default"] = equal(seeds(there[:1]), last)

whole, *_ = packed()
module.one_by_one = program.one_by_one = lambda device: False  # from here on as on accelerators
for most in (None, 1):
    params, *rest = packed(most)
    said[f"packed {most}"] = [near(whole, params), *rest]
print(json.dumps(said))
