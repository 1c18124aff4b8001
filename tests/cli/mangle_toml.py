"""TOML files of settings, mangled at random: number n is the same file everywhere."""

import random
import re

WHOLE = """knowledge = "twin"
preset = "tiny"
trace = "taxis.npz"
sites = "sites.csv"
cost = ["toll"]
credit = "difference"

[equations]
kind = "repaired"
combine = "max"

[env]
users = 3
servers = 6
candidates = 4
slots = 12
beta_levels = [0.5, 1.0]

[physics]
side = 1000.0
slot = 5.0
bandwidth = 20
slowdown_mean = 0.5

[mobility]
kind = "waypoint"
speed_min = 5.0
speed_max = 60.0
fix_every = 1

[train]
updates = 2
envs = 2
rollout = 6

[algorithm]
kind = "ppo"
minibatches = 4
normalise = true
actor_lr = 4e-3
discount = 0.9
ratio_limit = 0.2

[network]
hidden = 8

[run]
seed = 0
seeds = 1
versions = { jax = "0.10" }
"""

VALUES = [
    "nan", "-nan", "inf", "-inf", "0", "-1", "1e400", "-0.0", "1e-320", "9" * 30, "9" * 400, "9" * 5000,
    "0x" + "f" * 40, "0x" + "f" * 5000, "true", "false", "''", "'x'", "'''a\nb'''", '"\\u0000"', '"\\u001b[31m"',
    "'" + "long " * 500 + "'", "[]", "[1]", "[1, 'a']", "[[1]]", "[true]", "[nan]", "{}", "{a = 1}",
    "{users = {a = 1}}", "2008-02-02", "12:30:00", "2008-02-02T12:30:00Z", "[" * 40 + "]" * 40,
    "[" * 3000 + "]" * 3000, "1_000", "0b11", "'ü🚕'", "+5", "3.0", "2.5", "'~nobody-here/x'", "'waypoint'", "'trace'",
    "'printed'", "'a2c'", "['toll']", "{kind = 'waypoint'}", "12", "7", "'tiny'",
]  # fmt: skip
PIECES = [
    b"\x00", b"\xff", b"\xef\xbb\xbf", b"\r", b"\n", b"=", b"[", b"]", b"'", b'"', b"#", b"\\", b".", b"[env]\n",
    b"[[env]]\n", b"env = 3\n", b"[physics.side]\n", b"[mobility]\n", b"[cost.toll]\n",
    b"\xe2\x80\xa8", b"{", b"}", b",", b"\x1b", b"-",
]  # fmt: skip


def mangled(number: int) -> bytes:
    """File number so and so: one to four things done to a good one, of which some lines were left out before."""
    draw = random.Random(number)
    rare = ("trace", "sites", "servers", "cost")  # most files shall not depend on others, and may be good
    lines = [
        line
        for line in WHOLE.splitlines()
        if line.startswith("[") or draw.random() < (0.15 if line.startswith(rare) else 0.6)
    ]
    for _ in range(draw.choice([0, 1, 1, 2, 3])):
        lines = draw.choice([_value, _value, _value, _name, _swap, _double])(draw, lines) or [""]
    data = "\n".join(lines).encode()
    for _ in range(draw.choice([0, 0, 0, 1, 2])):
        data = draw.choice([_bytes, _cut, _encoded])(draw, data)
    return data


def _value(draw, lines):
    at = [i for i, line in enumerate(lines) if "=" in line]
    if not at:
        return lines
    i = draw.choice(at)
    return [*lines[:i], f"{lines[i].split('=')[0]}= {draw.choice(VALUES)}", *lines[i + 1 :]]


def _name(draw, lines):
    i = draw.randrange(len(lines))
    other = draw.choice(
        ["x", "users", "'" + "n" * 3000 + "'", '"\\u0007"', "''", "env", "a.b.c", "train", "mobility", "kind"]
    )
    return [*lines[:i], re.sub(r"\w+", lambda _: other, lines[i], count=1), *lines[i + 1 :]]


def _swap(draw, lines):
    lines = list(lines)
    i, j = draw.randrange(len(lines)), draw.randrange(len(lines))
    lines[i], lines[j] = lines[j], lines[i]
    return lines


def _double(draw, lines):
    lines = list(lines)
    lines.insert(draw.randrange(len(lines) + 1), draw.choice(lines))
    return lines


def _bytes(draw, data):
    at = draw.randrange(len(data) + 1)
    return data[:at] + draw.choice(PIECES) + data[at + draw.choice([0, 1]) :]


def _cut(draw, data):
    return data[: draw.randrange(len(data) + 1)]


def _encoded(draw, data):
    return data.decode(errors="replace").encode(draw.choice(["utf-16", "utf-16-le", "utf-8-sig", "utf-32"]))
