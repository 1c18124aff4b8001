"""What is timed against what. Every suite adds its part to one record."""

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable

import jax

from eco_jax.agent.algorithms import A2C, PPO
from eco_jax.agent.networks import MLP
from eco_jax.bench import programs
from eco_jax.bench.doors import doors
from eco_jax.bench.gpu.suite import gpu
from eco_jax.bench.measure import Contender, Peers, Speed, take_turns, timed
from eco_jax.bench.profile import shares
from eco_jax.bench.record import Record, Size, start_peers
from eco_jax.env import make
from eco_jax.train.config import TrainConfig
from eco_jax.train.loop import Learner


def environment(record: Record, size: Size, peers: Peers, say: Callable[[str], None]) -> None:
    """The environment alone: batch sizes, users, peers, and the machine's limits."""
    env, params = make()
    batch = size.envs[2]

    def program(envs: int, users: int | None = None) -> programs.Program:
        chosen, numbers = (env, params) if users is None else make(users=users)
        say(f"environment: compiling {envs} x {chosen.agents} users")
        slots = min(2000, max(2, size.steps // envs // (chosen.agents // 30 + 1)))
        return programs.environment(chosen, numbers, envs, slots, analyse=users is None and envs == batch)

    by_envs = {envs: program(envs) for envs in dict.fromkeys(size.envs)}
    by_users = {users: program(batch, users) for users in dict.fromkeys(size.users)}
    say("environment: timing batch sizes and users")
    contenders: dict[str, Contender] = {f"envs {n}": timed(p.run) for n, p in by_envs.items()}
    contenders |= {f"users {n}": timed(p.run) for n, p in by_users.items()}
    speeds = take_turns(contenders, size.repeats)
    limits = take_turns(
        {"matmul": timed(programs.matmul(4800, 64, 64).run), "copy": timed(programs.copy(1 << 28).run)}, 3
    )

    def row(speed: Speed, p: programs.Program, users: int) -> dict[str, float]:
        return speed.row(users) | {"compile_s": p.compile_s, "memory_mb": p.memory_bytes / 1e6}

    record.ratio("env.growth_256_to_4096", speeds[f"envs {batch}"], speeds[f"envs {size.envs[4]}"])
    few, many = size.users[1], size.users[3]
    record.ratio(
        "env.growth_per_user_30_to_200", speeds[f"users {few}"].times(few), speeds[f"users {many}"].times(many)
    )
    costs, rate = by_envs[batch].costs, speeds[f"envs {batch}"].median
    record.details["env"] = {
        "envs": [{"envs": n, **row(speeds[f"envs {n}"], p, env.agents)} for n, p in by_envs.items()],
        "users": [{"users": n, **row(speeds[f"users {n}"], p, n)} for n, p in by_users.items()],
        "roofline": {
            "matmul_gflops": limits["matmul"].median / 1e9,
            "copy_gb_per_s": limits["copy"].median / 1e9,
            "flops_per_step": costs["flops"],
            "bytes_per_step": costs["bytes accessed"],
            "flops_share": costs["flops"] * rate / limits["matmul"].median,
            "bytes_share": costs["bytes accessed"] * rate / limits["copy"].median,
        },
        "profile": shares(by_envs[batch]),
    }
    wanted: dict[str, tuple[str, str | None, tuple]] = {
        "env.vs_numpy_single": ("numpy_step.py", None, ("--envs", 1, "--steps", max(10, size.steps // 40))),
        "env.vs_numpy_vectorized": ("numpy_step.py", None, ("--envs", batch, "--steps", size.steps // 2)),
        "env.vs_mobile_env": ("mobile_env.py", "mobile-env", ("--steps", max(2, size.steps // 1000))),
    }
    with start_peers(record, peers, wanted) as found:
        say(f"environment: timing against {', '.join(w.name for w in found.values()) or 'nobody'}")
        against = take_turns({"ours": timed(by_envs[batch].run), **found}, size.repeats)
        for ratio in found:
            record.ratio(ratio, against["ours"], against[ratio])
        record.details["env"]["against"] = {name: speed.row() for name, speed in against.items()}


def training(record: Record, size: Size, peers: Peers, say: Callable[[str], None]) -> None:
    """Training one run: alone, with an idle environment, its network alone, and Stable-Baselines3."""
    env, params = make()
    learner, algorithm = Learner(env, TrainConfig()), A2C()
    c, network = learner.config, algorithm.network
    features = jax.eval_shape(env.reset, jax.random.key(0), params)[0].features.shape[-1]
    idle = Learner(programs.DummyEnv(env, features), c)
    say("training: compiling")
    made = {
        "training": programs.training(learner, algorithm, params, 1, size.updates),
        "idle environment": programs.training(idle, algorithm, {}, 1, size.updates),
        "network alone": programs.network_alone(learner, network, features, size.updates),
        "sampling alone": programs.sampling(learner, size.updates),
        "matmul": programs.matmul(c.envs * c.rollout * env.agents, network.hidden, network.hidden),
    }
    cores = os.cpu_count() or 1
    wanted: dict[str, tuple[str, str | None, tuple]] = {
        "train.vs_sb3": (
            "sb3_a2c.py", "sb3", ("--vec", "batched", "--envs", 128, "--threads", cores, "--steps", size.updates * 100)
        ),
        "train.vs_sb3_stock": (
            "sb3_a2c.py", "sb3",
            ("--vec", "dummy", "--heads", "each", "--envs", 8, "--threads", cores, "--steps", size.updates * 20),
        ),
    }  # fmt: skip
    with start_peers(record, peers, wanted) as found:
        say(f"training: timing{', against Stable-Baselines3' if found else ''}")
        speeds = take_turns({name: timed(p.run) for name, p in made.items()} | dict(found), size.repeats)
    ours = speeds["training"]
    for ratio in found:
        record.ratio(ratio, ours, speeds[ratio])
    record.ratio("train.vs_dummy_env", ours, speeds["idle environment"])
    record.ratio("train.network_share", ours, speeds["network alone"])
    flops = programs.network_flops(learner, network, features)
    record.ratio("train.matmul_share", ours.times(flops), speeds["matmul"])
    per_step = {name: 1e6 / speed.median for name, speed in speeds.items() if name != "matmul"}
    record.details["train"] = {
        **{name: speed.row(env.agents) for name, speed in speeds.items() if name != "matmul"},
        "matmul_gflops": speeds["matmul"].median / 1e9,
        "network_flops_per_step": flops,
        "settings": {
            "envs": c.envs,
            "rollout": c.rollout,
            "hidden": network.hidden,
            "layers": network.layers,
            "env_steps": c.updates * c.envs * c.rollout,
        },
        "memory_mb": made["training"].memory_bytes / 1e6,
        "compile_s": made["training"].compile_s,
        "us_per_step": {
            "environment": per_step["training"] - per_step["idle environment"],
            "network": per_step["network alone"],
            "sampling": per_step["sampling alone"],
            "losses and optimizer": per_step["idle environment"]
            - per_step["network alone"]
            - per_step["sampling alone"],
            "all": per_step["training"],
        },
    }


def population(record: Record, size: Size, peers: Peers, say: Callable[[str], None]) -> None:
    """A population: many runs in one program."""
    env, params = make()
    learner = Learner(env, TrainConfig())
    made = {}
    for members in size.members:
        say(f"population: compiling {members} members")
        made[members] = programs.training(learner, A2C(), params, members, max(1, size.updates // members))
    say("population: timing")
    speeds = take_turns({str(n): timed(p.run) for n, p in made.items()}, size.repeats)
    record.ratio("population.aggregate_vs_single", speeds[str(size.members[-1])], speeds[str(size.members[0])])
    record.details["population"] = [
        {"members": n, **speeds[str(n)].row(env.agents), "compile_s": p.compile_s, "memory_mb": p.memory_bytes / 1e6}
        for n, p in made.items()
    ]


def small_population(record: Record, size: Size, peers: Peers, say: Callable[[str], None]) -> None:
    """The same in a small world, where one run leaves cores idle: the time of a configuration, beside one alone."""
    env, params = make("tiny", slots=16)
    members, *envs = size.small
    found = []
    for name, count in zip(("16x16", "256x16"), envs, strict=True):
        learner = Learner(env, TrainConfig(envs=count, rollout=16))
        say(f"small population: compiling {count} environments x 16 slots")
        updates = max(1, 4 * size.updates // count)
        made = {n: programs.training(learner, A2C(), params, n, updates) for n in (1, members)}
        speeds = take_turns({str(n): timed(p.run) for n, p in made.items()}, size.repeats)
        record.ratio(f"population.time_{name}", speeds["1"], speeds[str(members)])
        found += [
            {"members": n, "envs": count, **speeds[str(n)].row(env.agents), "compile_s": p.compile_s}
            for n, p in made.items()
        ]
    record.details["small_population"] = found


def compilation(record: Record, size: Size, peers: Peers, say: Callable[[str], None]) -> None:
    """From the start of `eco-jax train` to the end of its first update, with an empty cache and with a full one."""
    command = [sys.executable, "-c", "from eco_jax.cli.main import main; main()", "train", "--train.updates", "1"]
    with tempfile.TemporaryDirectory() as folder:
        for name in ("cold", "warm"):
            say(f"compilation: {name} start")
            started = time.perf_counter()
            process = subprocess.Popen(
                [*command, "--out", f"{folder}/{name}"], text=True, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
                env={**os.environ, "ECO_JAX_CACHE": f"{folder}/cache"},
            )  # fmt: skip
            assert process.stderr is not None
            line = ""
            for line in process.stderr:
                if "update 1/1" in line:
                    record.seconds[f"compile.{name}"] = time.perf_counter() - started
            if process.wait() != 0:
                raise RuntimeError(f"eco-jax train stopped: {line.strip() or 'it said nothing'}")


def cartpole(record: Record, size: Size, peers: Peers, say: Callable[[str], None]) -> None:
    """PPO on gymnax's CartPole with equal network, environments and steps, against rejax and PureJaxRL."""
    from eco_jax.adapters.gymnax import GymnaxEnv

    env = GymnaxEnv("CartPole-v1")
    envs, rollout = 64, 64
    updates = max(1, size.cartpole_steps // (envs * rollout))
    config = TrainConfig(updates=updates, envs=envs, rollout=rollout)
    algorithm = PPO(network=MLP(hidden=64, layers=2), epochs=4, minibatches=4, normalise=True)
    say("cartpole: compiling")
    ours = programs.training(Learner(env, config), algorithm, env.default_params, 1, updates)
    options = ("--envs", envs, "--rollout", rollout, "--steps", size.cartpole_steps, "--activation", "relu")
    wanted: dict[str, tuple[str, str | None, tuple]] = {"cartpole.vs_rejax": ("rejax_ppo.py", "rejax", options)}
    if peers.purejaxrl is None:
        record.missing["cartpole.vs_purejaxrl"] = "no --purejaxrl DIR"
    else:
        wanted["cartpole.vs_purejaxrl"] = ("purejaxrl_ppo.py", "rejax", (*options, "--purejaxrl", peers.purejaxrl))
    with start_peers(record, peers, wanted) as found:
        say(f"cartpole: timing against {', '.join(w.name for w in found.values()) or 'nobody'}")
        speeds = take_turns({"ours": timed(ours.run), **found}, size.repeats)
        record.details["cartpole"] = {"ours": speeds["ours"].row() | {"compile_s": ours.compile_s}}
        for ratio, worker in found.items():
            record.ratio(ratio, speeds["ours"], speeds[ratio])
            compile_s = worker.about["compile_s"]
            record.details["cartpole"][worker.name] = speeds[ratio].row() | {"compile_s": compile_s}
            steps = updates * envs * rollout
            mine, theirs = (
                seconds + steps / speed.median
                for seconds, speed in ((ours.compile_s, speeds["ours"]), (compile_s, speeds[ratio]))
            )
            record.ratios[f"{ratio}_with_compile"] = theirs / mine
    for ratio in ("cartpole.vs_rejax", "cartpole.vs_purejaxrl"):
        if ratio in record.missing:
            record.missing[f"{ratio}_with_compile"] = record.missing[ratio]


def populations(record: Record, size: Size, peers: Peers, say: Callable[[str], None]) -> None:
    """Both populations."""
    population(record, size, peers, say)
    small_population(record, size, peers, say)


SUITES: dict[str, Callable[[Record, Size, Peers, Callable[[str], None]], None]] = {
    "env": environment,
    "train": training,
    "sweep": populations,
    "compile": compilation,
    "peers": cartpole,
    "doors": doors,
    "gpu": gpu,
}
"""By the name that `--suite` takes."""


def usual() -> tuple[str, ...]:
    """The suites of `--suite all`: `gpu` is among them where there is one."""
    return tuple(name for name in SUITES if name != "gpu" or jax.default_backend() == "gpu")
