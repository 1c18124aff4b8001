"""Weights & Biases, offline where nobody is logged in."""

import netrc
import os
from collections.abc import Mapping, Sequence
from typing import Any

from eco_jax.parts import register
from eco_jax.track.base import Begun, Row, Tracker, made_folder, plain


@register("tracker", "wandb")
class Wandb(Tracker):
    """A run of W&B. `WANDB_MODE` decides where it is set; else it is online where a key is known, offline elsewhere."""

    package = "wandb"

    def begin(self, run: Begun) -> str:
        """Begin a run, or go on with it."""
        import wandb

        mode: Any = os.environ.get("WANDB_MODE") or ("online" if _key_is_known() else "offline")
        self.run = wandb.init(
            project=self.project, name=run.name, id=run.id or None, resume="allow" if run.id else None,
            dir=str(made_folder(self.place)), config=plain(run.settings), mode=mode,
            settings=wandb.Settings(console="off", silent=True, init_timeout=60),
        )  # fmt: skip
        self.run.define_metric("updates", hidden=True)
        self.run.define_metric("*", step_metric="updates")
        self.offline = mode == "offline"
        return str(self.run.id)

    def log(self, rows: Sequence[Row]) -> None:
        """A line of the history a step; of a sweep's later batches, whose steps begin anew, the next free one."""
        for step, values in rows:
            self.run.log({"updates": step, **values}, step=step if step >= self.run.step else None)

    def members(self, rows: Sequence[Mapping[str, Any]]) -> None:
        """A table."""
        import wandb

        names = list(dict.fromkeys(name for row in rows for name in row))
        cells = [["" if row.get(name) is None else str(row[name]) for name in names] for row in rows]
        self.run.log({f"members from trial {rows[0].get('trial', '')}": wandb.Table(columns=names, data=cells)})

    def end(self) -> None:
        """Wait until it is written."""
        self.run.finish()

    def told(self) -> str:
        """See `Tracker`."""
        return f"offline: wandb sync {self.place}/wandb/offline-run-*" if self.offline else str(self.run.url)


def _key_is_known() -> bool:
    """Whether W&B would not have to ask for a key."""
    if os.environ.get("WANDB_API_KEY"):
        return True
    try:
        return netrc.netrc().authenticators("api.wandb.ai") is not None
    except (OSError, netrc.NetrcParseError):
        return False
