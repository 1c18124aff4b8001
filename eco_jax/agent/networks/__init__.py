"""Networks, one file each: what an agent computes from what its users observe.

A file of a user's own with one class is a network, too: it says `init` and `apply`; with a memory it says in `start`
how an episode begins.
"""

from eco_jax.agent.networks.attention import Attention
from eco_jax.agent.networks.base import Network, Params, where_ended
from eco_jax.agent.networks.gru import GRU, GRUAttention, WithMemory
from eco_jax.agent.networks.mlp import MLP, PRECISIONS

__all__ = ["GRU", "MLP", "PRECISIONS", "Attention", "GRUAttention", "Network", "Params", "WithMemory", "where_ended"]
