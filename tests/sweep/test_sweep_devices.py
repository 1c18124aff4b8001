"""A sweep on many devices is the sweep on one."""

import json
import os
import subprocess
import sys
from pathlib import Path

import jax
import pytest

from eco_jax.cli.main import main
from eco_jax.errors import UserError
from eco_jax.train import devices


@pytest.mark.long
def test_four_devices_train_as_one(tmp_path):
    flags = os.environ | {
        "XLA_FLAGS": os.environ.get("XLA_FLAGS", "") + " --xla_force_host_platform_device_count=4",
    }
    script = Path(__file__).with_name("four_devices.py")
    done = subprocess.run([sys.executable, script, tmp_path], env=flags, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout.splitlines()[-1])
    assert said["devices"] == 4
    assert said["compiled"] == [1, 2, 4]
    for strategy in ("halving", "pbt"):
        assert said[strategy] == {"four": True, "moved": True}, strategy
    assert said["fit"]
    assert (said["begun"], said["trained"], said["default"]) == ([0], [3], True)
    # Near, the members of each part, the devices of the parts, and each device in a thread of its own.
    assert said["packed None"] == [True, [3, 3], [0, 1], True]
    assert said["packed 1"] == [True, [1] * 5, [0, 1, 0, 1, 0], True]


def test_more_devices_than_there_are(tmp_path, capsys):
    space = tmp_path / "space.toml"
    space.write_text('[base]\npreset = "tiny"\n[space]\nknowledge = { choice = ["twin", "none"] }\n')
    out = tmp_path / "sweep"
    asked = ["sweep", str(space), "--out", str(out), "--trials", "2", "--devices"]
    assert main([*asked, "9"]) == 2
    assert capsys.readouterr().err == "eco-jax sweep: --devices 9: must lie in [0, 1], the devices that there are\n"
    assert main([*asked, "1", "--launcher", "slurm"]) == 2
    assert "--devices: is for --launcher local" in capsys.readouterr().err
    assert not out.exists()


def test_which_devices():
    four = list("abcd")
    assert devices.chosen(0, four) == four
    assert devices.chosen(3, four) == ["a", "b", "c"]
    for count in (5, -1):
        with pytest.raises(UserError, match=rf"--devices {count}: must lie in \[0, 4\], the devices that there are"):
            devices.chosen(count, four)


def test_without_a_cpu_in_jax_the_host_is_the_default_device(monkeypatch):
    own = jax.local_devices()

    def local_devices(backend=None):
        if backend == "cpu":
            raise RuntimeError("Unknown backend: 'cpu' requested")
        return own

    monkeypatch.setattr(jax, "local_devices", local_devices)
    assert devices.host() == own[0] == devices.default()
