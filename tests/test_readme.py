"""The file of one's own parts in the README is what it says. Its commands and code are run in `test_documents`."""

import re
from pathlib import Path

import pytest
from outside import command

README = (Path(__file__).parents[1] / "README.md").read_text()
SHORT = ("--preset", "tiny", "--train.updates", "2", "--train.envs", "2", "--train.chunk", "1")


@pytest.mark.wheel
def test_your_own_parts(tmp_path):
    """Every part of the file takes part in a run, and is named where it must be."""
    code = re.search(r"<!-- file: my_parts.py -->\n```python\n(.*?)```", README, flags=re.S).group(1)
    (tmp_path / "my_parts.py").write_text(code)
    kinds = dict(re.findall(r'@register\("(\w+)", "([\w-]+)"\)', code))
    chosen = [word for kind, name in kinds.items() if kind != "rule" for word in (f"--{kind}", name)]
    command(
        tmp_path, "train", "--plugin", "my_parts.py", *SHORT, *chosen, "--mobility.speed", "15", "--out", "runs/mine"
    )
    config = (tmp_path / "runs" / "mine" / "config.toml").read_text()
    for kind, name in kinds.items():
        assert kind == "rule" or f'kind = "{name}"' in config or f"[{kind}.{name}]" in config
    shown = command(
        tmp_path, "evaluate", "--plugin", "my_parts.py", "--checkpoint", "runs/mine", "--episodes", "2", "--rules",
        f"{kinds['rule']},greedy",
    )  # fmt: skip
    assert kinds["rule"] in shown
    assert f"{kinds['algorithm']}-twin" in shown
