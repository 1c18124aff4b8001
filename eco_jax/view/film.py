"""An episode as a moving picture: GIF, or MP4 by ffmpeg."""

import shutil
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from eco_jax.env import EcoEnv, EnvParams
from eco_jax.errors import UserError, shown
from eco_jax.files import whole
from eco_jax.view.picture import PAINTS, Picture
from eco_jax.view.players import Played

MARK = b"eco-jax view"
"""Comment in each file, which tells ours."""
GIF_FRAMES, MP4_FRAMES = 2, 8
"""Frames of a slot."""
MOST_FRAMES = 160
"""Of a GIF, as long as each slot has one."""
SLOT_S = 0.4
"""Time that a slot is shown, s."""
HOLD_S = 2.0
"""Time that the last frame of a GIF is shown, s."""
COLOURS = 128
"""Of a GIF."""


def ours(path: Path) -> bool:
    """Whether a file is a moving picture that this module made."""
    try:
        data = path.read_bytes()
    except OSError:
        return False
    return (data[:4] == b"GIF8" or data[4:8] == b"ftyp") and MARK in data


def write(played: Sequence[Played], env: EcoEnv, params: EnvParams, gif: Path | None, mp4: Path | None) -> None:
    """Draw one or two controllers on the same episode.

    Args:
        played: what they did.
        env: the world.
        params: of it.
        gif: file to write.
        mp4: file to write.

    Raises:
        UserError: there is no ffmpeg, or it failed.
    """
    slots = env.config.slots
    picture = Picture(played, env, params)
    if gif is not None:
        each = max(1, min(GIF_FRAMES, MOST_FRAMES // slots))
        _gif(gif, list(_frames(picture, slots, each)), SLOT_S / each)
    if mp4 is not None:
        _mp4(mp4, _frames(picture, slots, MP4_FRAMES), SLOT_S / MP4_FRAMES)


def _frames(picture: Picture, slots: int, each: int) -> Iterator[np.ndarray]:
    """RGB images [height, width, 3] of the whole episode, `each` of a slot."""
    return (picture.at(min(k / each, slots - 1.0)) for k in range((slots - 1) * each + 1))


def _gif(path: Path, frames: Sequence[np.ndarray], frame_s: float) -> None:
    from PIL import Image

    palette = Image.new("P", (1, 1))
    palette.putpalette(_palette(np.stack([frames[i] for i in (0, len(frames) // 2, len(frames) - 1)])))
    images = [Image.fromarray(f).quantize(palette=palette, dither=Image.Dither.NONE) for f in frames]
    duration = [round(1000 * frame_s)] * (len(images) - 1) + [round(1000 * HOLD_S)]
    settings: dict[str, Any] = {"loop": 0, "duration": duration, "comment": MARK, "optimize": False, "disposal": 1}
    with whole(path) as part:
        images[0].save(part, "GIF", save_all=True, append_images=images[1:], **settings)


def _palette(frames: np.ndarray) -> list[int]:
    """The most frequent colours of some frames [..., 3]: one palette for all, so that what stays the same stays so."""
    codes = frames.reshape(-1, 3).astype(np.int32) @ np.array([65536, 256, 1])
    found, counts = np.unique(codes, return_counts=True)
    own = [int(colour[1:], 16) for colour in PAINTS]  # a rare one may be in none of these frames
    paint = np.array([[code >> 16, (code >> 8) & 255, code & 255] for code in own])
    shades = np.concatenate([paint, (2 * paint + 255) // 3, (paint + 510) // 3])
    best = found[np.argsort(-counts, kind="stable")[: COLOURS - len(shades)]]
    frequent = np.stack([best >> 16, (best >> 8) & 255, best & 255], axis=1)
    return [int(x) for x in np.concatenate([shades, frequent]).ravel()]


def ffmpeg() -> str:
    """The program that makes MP4 files.

    Raises:
        UserError: there is none.
    """
    found = shutil.which("ffmpeg")
    if found:
        return found
    try:
        import imageio_ffmpeg

        return str(imageio_ffmpeg.get_ffmpeg_exe())
    except (ImportError, RuntimeError):
        raise UserError('--mp4: needs ffmpeg on the PATH, or `pip install "eco-jax[view]"`') from None


def _mp4(path: Path, frames: Iterator[np.ndarray], frame_s: float) -> None:
    first = next(frames)
    height, width = first.shape[:2]
    with whole(path) as part:
        command = [
            ffmpeg(), "-y", "-loglevel", "error", "-f", "rawvideo", "-pix_fmt", "rgb24", "-s", f"{width}x{height}",
            "-r", f"{1 / frame_s:g}", "-i", "-", "-an", "-c:v", "libx264", "-crf", "20", "-pix_fmt", "yuv420p",
            "-movflags", "+faststart", "-metadata", f"comment={MARK.decode()}", "-f", "mp4", str(part),
        ]  # fmt: skip
        with subprocess.Popen(command, stdin=subprocess.PIPE, stderr=subprocess.PIPE) as process:
            assert process.stdin is not None
            assert process.stderr is not None
            try:
                for frame in (first, *frames):
                    process.stdin.write(frame.tobytes())
                process.stdin.close()
            except BrokenPipeError:
                pass  # what it says is below
            said = process.stderr.read().decode(errors="replace").strip()
        if process.returncode:
            raise UserError(f"--mp4: ffmpeg failed: {shown(said.splitlines()[-1] if said else 'without a word', 200)}")
