"""Attention over a user's candidates, and over the users: does not depend on their order, nor on their number."""

from collections.abc import Mapping
from itertools import accumulate, count, takewhile
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jaxtyping import Float, PRNGKeyArray

from eco_jax.agent.distribution import Heads
from eco_jax.agent.networks.base import Network, Params
from eco_jax.env.config import KNOWLEDGE, SIGHT
from eco_jax.env.protocol import Inputs
from eco_jax.errors import UserError
from eco_jax.parts import register
from eco_jax.settings import switch, whole

GAINS = {"query": 1.0, "key": 1.0, "value": 1.0, "out": 1.0, "dense": 2.0**0.5}
"""Layers of a block -> the gain of their kernels at the start; the last one's output goes through a ReLU."""


@register("network", "attention")
class Attention(Network):
    """Self-attention over a user's alternatives: a token for itself (to run locally) and one for each candidate.

    Blocks of attention and of one ReLU layer, each added to the tokens, which are normalised before (pre-norm
    transformer: Vaswani et al. 2017; Xiong et al. 2020). The logit of a candidate is the product of its token with a
    query made of the user's own token (pointer network: Vinyals et al. 2015); all others, and the value, come from the
    user's own token. Where the first head does not choose among the candidates, all logits do. Actor and critic have
    parameters of their own, whose shapes tell how many features there are: `apply` needs no layout, and the same
    parameters serve other numbers of candidates and users.
    """

    hidden: int = whole(24, 1, 10**5, "features of a token", source="assumed")
    layers: int = whole(1, 1, 1000, "blocks of attention over the candidates", source="assumed")
    attention_heads: int = whole(1, 1, 1000, "heads of the attention; divide network.hidden", source="assumed")
    users: bool = switch(False, "a block of attention over the users, too; only where knowledge foresees their tasks")

    @classmethod
    def check_together(cls, values: Mapping[str, Any], section: str) -> None:
        """Whether settings agree with each other; see `settings.check`."""
        if values["hidden"] % values["attention_heads"]:
            raise UserError(
                f"{section}.attention_heads = {values['attention_heads']}: must divide {section}.hidden = "
                f"{values['hidden']}"
            )

    def init(self, key: PRNGKeyArray, inputs: Inputs, heads: Heads) -> Params:
        """{"actor": ..., "critic": ...}, each with `own`, `group_0`, ... (embeddings), `block_0`, ..., `users`, `head`.

        The actor has a `pointer`, too, where the first head chooses among the candidates.
        """
        from eco_jax.agent.layers import SCALES  # Flax costs a quarter of a second

        keys = jax.random.split(key)
        points = inputs.candidates > 0 and heads.sizes[0] == 1 + inputs.candidates
        actor = self._init(keys[0], inputs, sum(heads.sizes) - points * inputs.candidates, SCALES["actor"], points)
        return {"actor": actor, "critic": self._init(keys[1], inputs, 1, SCALES["critic"])}

    def _init(self, key: PRNGKeyArray, inputs: Inputs, outputs: int, scale: float, points: bool = False) -> Params:
        """Parameters of the actor or the critic; `scale`: gain of its last layers."""
        first, inner, last = jax.random.split(key, 3)
        orthogonal, hidden = jax.nn.initializers.orthogonal(), self.hidden
        # Each call of `orthogonal` takes long to compile: one for all embeddings, and one in a loop for the blocks.
        sizes = {"own": inputs.own, **{f"group_{i}": size for i, size in enumerate(inputs.groups)}}
        ends = list(accumulate(sizes.values()))
        embeddings = jnp.split(orthogonal(first, (ends[-1], hidden)), ends[:-1])
        blocks = [f"block_{i}" for i in range(self.layers)] + ["users"] * self.users
        keys = jax.random.split(inner, len(blocks) * len(GAINS) + points)
        kernels = iter(jax.lax.map(lambda key: orthogonal(key, (hidden, hidden)), keys))
        params: Params = {name: _layer(kernel) for name, kernel in zip(sizes, embeddings, strict=True)}
        params |= {name: {own: _layer(next(kernels), gain) for own, gain in GAINS.items()} for name in blocks}
        params["head"] = _layer(orthogonal(last, (hidden, outputs)), scale)
        return params | ({"pointer": _layer(next(kernels), scale)} if points else {})

    @jax.named_scope("network")
    def apply(self, params: Params, carry: Any, features: Float[Array, "*batch features"]) -> tuple[Array, Array, Any]:
        """See `Network.apply`; the memory is `()`. With `users` the last axis of the batch is that of the users.

        Raises:
            UserError: so many features are not those of a whole number of candidates.
        """
        *batch, width = features.shape
        rows = features.reshape(-1, width)
        users = batch[-1] if self.users and batch else 1
        actor, critic = params["actor"], params["critic"]
        points = "pointer" in actor
        tokens = self._tokens(actor, rows, users, own_only=not points)
        own = tokens[:, 0]
        logits = dense(actor["head"], own)
        if points:
            towards = jnp.einsum("nkh,nh->nk", tokens[:, 1:], dense(actor["pointer"], own)) * self.hidden**-0.5
            logits = jnp.concatenate([logits[:, :1], towards, logits[:, 1:]], axis=1)
        value = dense(critic["head"], self._tokens(critic, rows, users, own_only=True)[:, 0])
        return logits.reshape(*batch, logits.shape[-1]), value.reshape(batch), carry

    def _tokens(self, params: Params, rows: Array, users: int, own_only: bool = False) -> Array:
        """The tokens after all blocks, [rows, 1 + candidates, hidden], or the user's own one alone."""
        tokens = embedded(params, rows)
        for i in range(self.layers):
            last = i == self.layers - 1
            tokens = block(params[f"block_{i}"], tokens, self.attention_heads, own_only=own_only and last)
        if self.users:
            own = block(params["users"], tokens[:, 0].reshape(-1, users, self.hidden), self.attention_heads)
            tokens = jnp.concatenate([own.reshape(-1, 1, self.hidden), tokens[:, 1:]], axis=1)
        return normalised(tokens)

    def check(self, env: Any, params: Any) -> None:
        """See `Network.check`: over the users only where all levels of knowledge foresee what they will do."""
        foresees = getattr(getattr(params, "knowledge", None), "foresees", True)
        if self.users and not np.all(foresees):
            levels = ", ".join(level for level in KNOWLEDGE if SIGHT[level].foresees)
            raise UserError(
                "network.users = true: an agent would see the other users' present tasks, so knowledge must be one of "
                f"{levels}"
            )

    def check_inputs(self, params: Params, inputs: Inputs) -> None:
        """See `Network.check_inputs`: any number of candidates will do."""
        own, groups = _layout(params["actor"])
        if (own, groups) != (inputs.own, inputs.groups):
            raise UserError(
                f"its network takes {own} features of a user and {sum(groups)} of each candidate, these settings give "
                f"{inputs.own} and {sum(inputs.groups)} (env.beta_levels?)"
            )


def _layer(kernel: Array, gain: float = 1.0) -> Params:
    """A new linear layer."""
    return {"kernel": gain * kernel, "bias": jnp.zeros(kernel.shape[-1])}


def _layout(params: Params) -> tuple[int, tuple[int, ...]]:
    """A user's own features, and those of a candidate in each group, of an actor or a critic (or many, stacked)."""
    names = takewhile(params.__contains__, (f"group_{i}" for i in count()))
    return params["own"]["kernel"].shape[-2], tuple(params[name]["kernel"].shape[-2] for name in names)


def dense(layer: Params, x: Float[Array, "*batch inputs"]) -> Float[Array, "*batch outputs"]:
    """A linear layer, as one product of two matrices.

    XLA's CPU compiler makes no matrix product of a kernel's gradient over several axes: three times the time.
    """
    kernel, bias = layer["kernel"], layer["bias"]
    return (x.reshape(-1, x.shape[-1]) @ kernel + bias).reshape(*x.shape[:-1], kernel.shape[-1])


def normalised(x: Float[Array, "*batch hidden"]) -> Float[Array, "*batch hidden"]:
    """Features of root mean square 1 (RMSNorm: Zhang and Sennrich 2019); the layer after it has a scale of its own."""
    return x * jax.lax.rsqrt(jnp.mean(x * x, axis=-1, keepdims=True) + 1e-6)


def embedded(params: Params, rows: Float[Array, "rows features"]) -> Float[Array, "rows tokens hidden"]:
    """A token of each user, and one of each of its candidates.

    Args:
        params: of the actor or the critic.
        rows: features of users.

    Raises:
        UserError: so many features are not those of a whole number of candidates.
    """
    own, groups = _layout(params)
    rest = rows.shape[-1] - own
    each = sum(groups)
    if rest < 0 or rest % max(1, each) or (rest and not each):
        raise UserError(f"network: takes {own} features of a user and {each} of each candidate, not {rows.shape[-1]}")
    candidates = rest // max(1, each)
    tokens = [dense(params["own"], rows[:, :own])[:, None]]
    start, parts = own, []
    for i, size in enumerate(groups):
        last = start + candidates * size
        parts.append(dense(params[f"group_{i}"], rows[:, start:last].reshape(rows.shape[0], candidates, size)))
        start = last
    return jnp.concatenate([*tokens, *([sum(parts)] if parts else [])], axis=1)


def block(
    params: Params, tokens: Float[Array, "batch tokens hidden"], heads: int, own_only: bool = False
) -> Float[Array, "batch out hidden"]:
    """Attention over the tokens and a ReLU layer, each added to them.

    Args:
        params: of the block.
        tokens: any number of them.
        heads: of the attention.
        own_only: only the first token is wanted.
    """
    seen = normalised(tokens)
    asking = seen[:, :1] if own_only else seen
    query, key, value = (
        dense(params[name], x).reshape(*x.shape[:-1], heads, -1)
        for name, x in (("query", asking), ("key", seen), ("value", seen))
    )
    scores = jnp.einsum("nthd,nshd->nhts", query, key) * query.shape[-1] ** -0.5
    found = jnp.einsum("nhts,nshd->nthd", jax.nn.softmax(scores), value).reshape(asking.shape)
    tokens = (tokens[:, :1] if own_only else tokens) + dense(params["out"], found)
    return tokens + jax.nn.relu(dense(params["dense"], normalised(tokens)))
