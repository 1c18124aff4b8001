"""How users move, one model a file."""

from eco_jax.env.parts.mobility.base import Mobility, Synthetic
from eco_jax.env.parts.mobility.gauss_markov import GaussMarkov
from eco_jax.env.parts.mobility.replay import Replay
from eco_jax.env.parts.mobility.waypoint import Waypoint

__all__ = ["GaussMarkov", "Mobility", "Replay", "Synthetic", "Waypoint"]
