"""The recipes of the containers take what the package is built from, and know no section that there is not."""

import re
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[1]
SECTIONS = {"help", "files", "post", "environment", "runscript", "labels", "test", "setup", "startscript"}


def needed():
    """What the build of the wheel reads."""
    config = tomllib.loads((ROOT / "pyproject.toml").read_text())
    wheel = config["tool"]["hatch"]["build"]["targets"]["wheel"]
    project = config["project"]
    return {"pyproject.toml", project["readme"], *project["license-files"], *wheel["packages"], *wheel["force-include"]}


def test_apptainer_takes_what_the_wheel_is_built_from():
    text = (ROOT / "apptainer.def").read_text()
    sections = re.split(r"^%(\w+)\n", text, flags=re.M)[1:]
    found = dict(zip(sections[::2], sections[1::2], strict=True))
    assert set(found) <= SECTIONS
    taken = dict(line.split() for line in found["files"].splitlines() if line.strip())
    assert set(taken) == needed()
    assert all(target == f"/opt/source/{source}" for source, target in taken.items())
    assert 'exec eco-jax "$@"' in found["runscript"]


def test_docker_takes_what_the_wheel_is_built_from():
    kept = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    assert kept == needed()
    assert all((ROOT / name).exists() for name in kept)


def test_both_are_on_the_same_base_and_take_an_extra_that_there_is():
    docker, apptainer = (ROOT / "Dockerfile").read_text(), (ROOT / "apptainer.def").read_text()
    assert (
        re.search(r"^FROM (\S+)", docker, flags=re.M).group(1) == re.search(r"^From: (\S+)", apptainer, flags=re.M)[1]
    )
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    for text in (docker, apptainer):
        assert re.search(r"/opt/source\[(\w+)\]", text).group(1) in extras
