"""One run on many devices is the run on one."""

import json
import os
import subprocess
import sys
from pathlib import Path

import jax
import pytest

from eco_jax.errors import UserError
from eco_jax.train.program import mesh_of


@pytest.mark.long
def test_eight_devices_train_as_one(tmp_path):
    flags = {
        **os.environ,
        "XLA_FLAGS": os.environ.get("XLA_FLAGS", "") + " --xla_force_host_platform_device_count=8",
    }
    script = Path(__file__).with_name("eight_devices.py")
    done = subprocess.run([sys.executable, script, tmp_path / "kept"], env=flags, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout.splitlines()[-1])
    assert said["devices"] == said["spread"] == 8
    assert said["first"][0]
    assert said["first"][1] < 1e-5
    for name in ("state", "resumed"):  # six updates later
        assert said[name][0], name
        assert said[name][1] < 1e-3, name
    assert said["updates"] == 3


def test_environments_that_cannot_be_shared_out():
    with pytest.raises(UserError, match="train.envs = 20: must be a multiple of the 8 devices, 16 or 24"):
        mesh_of(jax.devices() * 8, 20)
    with pytest.raises(UserError, match="train.envs = 3: must be a multiple of the 8 devices, 8$"):
        mesh_of(jax.devices() * 8, 3)
    assert mesh_of(jax.devices()[:1], 3) is None
