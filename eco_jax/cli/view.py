"""`eco-jax view`: play one episode with one or two controllers, and show it as a page, a film or a table."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import tyro

from eco_jax.cli.evaluate import MOST, REFUSED, check_run_inputs
from eco_jax.cli.main import Given, parse, peek, settings_of
from eco_jax.env.config import TWIN
from eco_jax.errors import UserError, in_words, shown
from eco_jax.files import check_apart, check_output, write_whole
from eco_jax.run import settings, setup
from eco_jax.run.config import INPUTS, RunConfig
from eco_jax.run.messages import say, warn
from eco_jax.run.progress import Display
from eco_jax.run.reference import PREFIX, folder_of
from eco_jax.train.config import PLAYED

LARGE = 50e6
"""Bytes of a page from which on a browser may be slow."""


@dataclass(frozen=True)
class Arguments:
    """Play one episode and show it: a page that needs no network, a moving picture, a table. Who plays is the folder of
    a run, or a rule by name, with a level of knowledge behind it if wanted: greedy, foresight-twin; or an agent that
    comes with eco_jax: reference-twin. It comes first; left out, it is the latter at --knowledge.
    """

    what: Annotated[str, tyro.conf.Positional, tyro.conf.arg(metavar="RUN|RULE")] = PREFIX + TWIN
    """Who plays."""
    against: str | None = None
    """Who else plays the same episode: a run or a rule."""
    out: Path = Path("view.html")
    """The page."""
    preset: str | None = None
    """The world by name, instead of a run's or the default one (`eco-jax info` lists them)."""
    config: Path | None = None
    """TOML file of the world, instead of a preset."""
    episode_seed: int = PLAYED
    """Seed of the episodes, - (0 to 4294967295); the default is that of evaluate."""
    episode: int = 0
    """Which of the episodes, - (0 to 999999)."""
    seed: int | None = None
    """Which agent of a run, by its seed (default: the first)."""
    gif: Path | None = None
    """A moving picture too."""
    mp4: Path | None = None
    """A film too; needs ffmpeg on the PATH, or `pip install "eco-jax[view]"`."""
    csv: Path | None = None
    """A table too: a row for each controller, slot and user."""


def main(argv: Sequence[str]) -> int:
    """See the module."""
    given, a, whole_world = _arguments(argv)
    if not 0 <= a.episode < MOST:
        raise UserError(f"--episode {a.episode}: must lie in [0, {MOST - 1}]")
    _check_seed("--episode-seed", a.episode_seed)
    config = given.config()
    runs = _runs(a)
    if a.seed is not None and not runs:
        raise UserError(f"--seed {a.seed}: a rule has no seeds; it is for runs")
    if whole_world is not None:
        check_run_inputs(config, whole_world)
    _check_outputs(a, config, [*runs, *([] if a.config is None else [a.config])])
    setup.configure()
    _show(a, config, given)
    return 0


def _arguments(argv: Sequence[str]) -> tuple[Given, Any, Path | None]:
    """(settings of the world, the command's own arguments, `config.toml` of the run that the world is of)."""
    from eco_jax.study.folders import is_run

    if not {"-h", "--help", "--help-physics"} & set(argv):
        argv = _with_references(argv)
    names = [*argv[:1], peek(argv, "against").get("against", "")]
    run = next((Path(name) / "config.toml" for name in names if name and is_run(name)), None)
    given = settings_of(argv, run)
    for name in given.flags:
        if name.split(".")[0] in REFUSED:
            raise UserError(
                f"--{name}: networks and training are what they were; only the world, knowledge, trace and sites may "
                "be chosen here"
            )
    a = parse(Arguments, given.rest, "eco-jax view", Arguments.__doc__ or "", None, True, REFUSED)
    return given, a, run


def _with_references(argv: Sequence[str]) -> list[str]:
    """The arguments with who plays as the first, and with the folders of agents that came with eco_jax for their names.

    Raises:
        UserError: there is no such agent.
    """
    words = list(argv)
    if not words or words[0].startswith("-"):
        words.insert(0, PREFIX + peek(words, "knowledge").get("knowledge", TWIN))
    words[0] = folder_of(words[0])
    against = peek(words, "against").get("against")
    if against is not None:
        there = folder_of(against)
        words = [{against: there, f"--against={against}": f"--against={there}"}.get(word, word) for word in words]
    return words


def _check_seed(flag: str, seed: int) -> None:
    try:
        settings.check_seeds(seed)
    except UserError as error:
        raise UserError(str(error).replace("--seed", flag)) from None


def _runs(a: Any) -> list[Path]:
    """The folders among those who play; a rule's name is checked.

    Raises:
        UserError: there is no such run or rule.
    """
    from eco_jax.study.folders import is_run
    from eco_jax.view.players import rule_named

    found = []
    for name in (a.what, a.against):
        if name is not None and is_run(name):
            found.append(Path(name))
        elif name is not None:
            rule_named(name)
    return found


def _check_outputs(a: Any, config: RunConfig, read: Sequence[Path]) -> None:
    """Whether all that is asked for may be written.

    Raises:
        UserError: something may not. Nothing has been played yet.
    """
    from eco_jax.view import film, page, rows

    outputs: list[tuple[str, Path | None, Callable[[Path], bool], tuple[str, ...]]] = [
        ("out", a.out, page.ours, (".html", ".htm")), ("gif", a.gif, film.ours, (".gif",)),
        ("mp4", a.mp4, film.ours, (".mp4",)), ("csv", a.csv, rows.ours, (".csv",)),
    ]  # fmt: skip
    reads = [path for name in INPUTS if (path := config.values[name]) is not None]
    reads += [*config.values["plugins"], *read]
    for name, path, ours, _ in outputs:
        if path is None:
            continue
        check_output(path, ours, reads)
        if not path.absolute().parent.is_dir():
            raise UserError(f"--{name} {path}: its folder does not exist")
    check_apart({f"--{name}": path for name, path, _, _ in outputs})
    for name, path, _, endings in outputs:
        if path is not None and path.suffix.lower() not in endings:
            raise UserError(f"--{name} {shown(path, 300)}: must end in {in_words(endings)}")
    if a.mp4 is not None:
        film.ffmpeg()


def _show(a: Any, config: RunConfig, given: Given) -> None:
    """Play, and write all that is asked for."""
    from eco_jax.study.folders import is_run
    from eco_jax.view import film, page, rows
    from eco_jax.view.players import config_of, play, player

    env, params = config.make()
    level = config.knowledge if "knowledge" in given.flags else None
    players = []
    for name in (a.what, a.against):
        if name is None:
            continue
        own = config_of(Path(name)).knowledge if is_run(name) else config.knowledge
        players.append(player(name, env, params, level or own, a.seed))
        if is_run(name):
            _warn_of_another_world(Path(name), config)
    if len({who.name for who in players}) < len(players):
        players = [who._replace(name=f"{who.name} ({n})") for n, who in zip((a.what, a.against), players, strict=True)]
    with Display() as display:
        played = []
        for who in players:
            display.begin(f"playing {who.name}", f"eco-jax view: compiling and playing {who.name}")
            played.append(play(who, env, params, a.episode_seed, a.episode))
        text = page.html(played, env, params, _episode(config, a))
        write_whole(a.out, text)
        _wrote(a.out)
        if len(text) > LARGE:
            warn(f"{a.out}: is large; browsers may be slow with it (fewer users, servers or slots make it smaller)")
        if a.csv is not None:
            write_whole(a.csv, rows.table(played, params))
            _wrote(a.csv)
        if a.gif is not None or a.mp4 is not None:
            display.begin("drawing", "eco-jax view: drawing the film")
            film.write(played, env, params, a.gif, a.mp4)
            for path in (a.gif, a.mp4):
                if path is not None:
                    _wrote(path)


def _wrote(path: Path) -> None:
    size = path.stat().st_size
    say(f"{shown(path, 300)}: {size / 1e6:.2f} MB" if size >= 1e5 else f"{shown(path, 300)}: {size / 1e3:.0f} kB")


def _episode(config: RunConfig, a: Any) -> str:
    """The episode in words."""
    world, side = config.env, float(config.values["physics.side"])
    slot = float(config.values["physics.slot"])
    area = f"{side / 1000:g} km" if side >= 1000 else f"{side:g} m"
    moved = f"{config.values['mobility']} mobility"
    many = f"{world.users} user{'s' * (world.users != 1)}, {world.servers} edge server{'s' * (world.servers != 1)}"
    return (
        f"{many}, {area} x {area}, {moved}; {world.slots} slots of {slot:g} s. Episode {a.episode} of seed "
        f"{a.episode_seed}; {config.values['equations']} equations."
    )


def _warn_of_another_world(folder: Path, config: RunConfig) -> None:
    """Say where a run was trained in another world than the one it plays in."""
    from eco_jax.view.players import config_of

    own, here = config_of(folder).values, config.values
    for name in sorted({*own, *here}):
        if name.split(".")[0] in (*REFUSED, "knowledge", "plugins"):
            continue
        if own.get(name) != here.get(name):
            warn(f"{folder}: was trained with {name} = {own.get(name)}; it plays with {here.get(name)}")
            return
