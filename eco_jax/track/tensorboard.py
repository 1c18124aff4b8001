"""TensorBoard: event files, without TensorFlow."""

import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from eco_jax.parts import register
from eco_jax.track.base import Begun, Row, Tracker, made_folder, plain


@register("tracker", "tensorboard")
class TensorBoard(Tracker):
    """A folder of event files a run; a run that goes on has one more file."""

    package = "tensorboard"

    def begin(self, run: Begun) -> str:
        """Settings as hyperparameters and as text, once."""
        from tensorboard.compat.proto.event_pb2 import SessionLog
        from tensorboard.plugins.hparams.summary_v2 import hparams_pb
        from tensorboard.summary.writer.event_file_writer import EventFileWriter

        self.folder = made_folder(self.place) / (run.id or _free(made_folder(self.place), run.name))
        self.writer = EventFileWriter(str(self.folder))
        if run.id:  # of steps that were written twice, after a sudden end, the later one counts
            self._add(run.done + 1, session_log=SessionLog(status=SessionLog.START))
        else:
            self._add(0, summary=hparams_pb(plain(run.settings), trial_id=run.name))
            rows = [f"| {name} | {value} |" for name, value in plain(run.settings).items()]
            self._text("settings", "\n".join(["| setting | value |", "|---|---|", *rows]))
        self.writer.flush()
        return self.folder.name

    def log(self, rows: Sequence[Row]) -> None:
        """A scalar a series and step."""
        from tensorboard.compat.proto.summary_pb2 import Summary

        for step, values in rows:
            scalars = [Summary.Value(tag=name, simple_value=value) for name, value in values.items()]
            self._add(step, summary=Summary(value=scalars))
        self.writer.flush()

    def members(self, rows: Sequence[Mapping[str, Any]]) -> None:
        """A table as text."""
        names = list(dict.fromkeys(name for row in rows for name in row))
        lines = ["| " + " | ".join(names) + " |", "|" + "---|" * len(names)]
        lines += ["| " + " | ".join(str(row.get(name, "")) for name in names) + " |" for row in rows]
        self._text(f"members from trial {rows[0].get('trial', '')}", "\n".join(lines))
        self.writer.flush()

    def end(self) -> None:
        """Close the file."""
        self.writer.close()

    def told(self) -> str:
        """See `Tracker`."""
        return f"tensorboard --logdir {self.place}"

    def _text(self, tag: str, text: str) -> None:
        from tensorboard.compat.proto.summary_pb2 import Summary, SummaryMetadata
        from tensorboard.compat.proto.tensor_pb2 import TensorProto
        from tensorboard.compat.proto.tensor_shape_pb2 import TensorShapeProto

        shape = TensorShapeProto(dim=[TensorShapeProto.Dim(size=1)])
        tensor = TensorProto(dtype="DT_STRING", string_val=[text.encode()], tensor_shape=shape)
        about = SummaryMetadata(plugin_data=SummaryMetadata.PluginData(plugin_name="text"))
        self._add(0, summary=Summary(value=[Summary.Value(tag=tag, metadata=about, tensor=tensor)]))

    def _add(self, step: int, **what: Any) -> None:
        from tensorboard.compat.proto.event_pb2 import Event

        self.writer.add_event(Event(wall_time=time.time(), step=step, **what))


def _free(folder: Path, name: str) -> str:
    """The name, or the first of `name-2`, `name-3`, ... that no other run has there. Its folder is made."""
    free, number = name, 1
    while True:
        try:
            (folder / free).mkdir()
        except FileExistsError:
            number += 1
            free = f"{name}-{number}"
        else:
            return free
