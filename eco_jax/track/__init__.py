"""Trackers: programs of others that show runs, fed from what a run writes.

A tracker follows a run's or a sweep's folder in a process of its own (`follow`), which reads the lines that are there
after each chunk. So it can neither delay a run nor change it, and what it missed it reads later.
"""

from eco_jax.track.base import Begun, Row, Tracker
from eco_jax.track.mlflow import Mlflow
from eco_jax.track.tensorboard import TensorBoard
from eco_jax.track.wandb import Wandb

__all__ = ["Begun", "Mlflow", "Row", "TensorBoard", "Tracker", "Wandb"]
