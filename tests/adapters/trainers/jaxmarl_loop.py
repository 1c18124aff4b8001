"""A loop as JaxMARL's baselines have it, with their wrappers, trains on the users as agents."""

import sys

import jax
import jax.numpy as jnp
import optax
from jaxmarl.environments.multi_agent_env import MultiAgentEnv
from jaxmarl.wrappers.baselines import CTRolloutManager, LogWrapper

from eco_jax.adapters.jaxmarl import EcoMarl

ENVS, STEPS, UPDATES = 4, 16, 4


def main():
    env = EcoMarl("tiny", users=2, candidates=2, slots=4, knowledge="none")
    assert isinstance(env, MultiAgentEnv)
    key = jax.random.PRNGKey(0)
    shown, state = env.reset(key)
    observed, available = jax.jit(env.get_obs)(state), env.get_avail_actions(state)
    for agent in env.agents:
        assert env.observation_space(agent).contains(shown[agent])
        legal = available[agent]
        assert legal.shape == (env.action_space(agent).n,)
        assert bool(legal[0])
        assert not bool(legal[1])  # a synchronisation, below `twin`
        assert jnp.allclose(observed[agent], shown[agent], atol=2e-6)
    assert shown["world_state"].shape == (env.world_state_size,)
    assert env.agent_classes == {"users": env.agents}
    # The last observations are true ones, and the next episode begins by itself.
    one = jax.jit(env.step_env)
    for slot in range(4):
        slot_key, _ = jax.random.split(key)
        actions = dict.fromkeys(env.agents, jnp.int32(2))
        last, *_ = one(slot_key, state, actions)
        shown, state, rewards, dones, infos = env.step(key, state, actions)
        assert jnp.allclose(infos["final_obs"], jnp.stack([last[agent] for agent in env.agents]), atol=2e-6)
        assert bool(dones["__all__"]) == bool(infos["truncated"][0]) == (slot == 3)
    assert int(state.t) == 0

    wrapped = LogWrapper(env)
    optimizer = optax.adam(3e-3)
    size = env.observation_space(env.agents[0]).shape[0]
    weights = jnp.zeros((size, env.action_space(env.agents[0]).n))

    def stacked(tree):
        return jnp.stack([tree[agent] for agent in env.agents], axis=1)

    def update(carry, _):
        def slot(carry, _):
            shown, state, key = carry
            key, act, step = jax.random.split(key, 3)
            seen = stacked(shown)
            legal = stacked(jax.vmap(env.get_avail_actions)(state.env_state))
            logits = jnp.where(legal, seen @ weights, -1e9)
            action = jax.random.categorical(act, logits)
            chosen = {agent: action[:, i] for i, agent in enumerate(env.agents)}
            shown, state, rewards, dones, info = jax.vmap(wrapped.step)(jax.random.split(step, ENVS), state, chosen)
            return (shown, state, key), (seen, legal, action, stacked(rewards), dones["__all__"], info)

        weights, moments, rolling = carry
        rolling, (seen, legal, action, reward, done, info) = jax.lax.scan(slot, rolling, None, STEPS)

        def loss(weights):
            log = jax.nn.log_softmax(jnp.where(legal, seen @ weights, -1e9))
            chosen = jnp.take_along_axis(log, action[..., None], axis=-1)[..., 0]
            return -jnp.mean(chosen * (reward - reward.mean()))

        change, moments = optimizer.update(jax.grad(loss)(weights), moments)
        return (optax.apply_updates(weights, change), moments, rolling), (done, info["returned_episode"])

    shown, state = jax.vmap(wrapped.reset)(jax.random.split(key, ENVS))
    train = jax.jit(lambda carry: jax.lax.scan(update, carry, None, UPDATES))
    (after, *_), (done, returned) = train((weights, optimizer.init(weights), (shown, state, key)))
    assert jnp.isfinite(after).all()
    assert (after != weights).any()
    assert int(done.sum()) == ENVS * STEPS * UPDATES // 4
    assert int(returned.sum()) == env.num_agents * int(done.sum())
    print(f"JaxMARL loop: {ENVS * STEPS * UPDATES} steps", flush=True)

    manager = CTRolloutManager(env, batch_size=2)
    observations, states = manager.batch_reset(key)
    actions = {agent: manager.batch_sample(key, agent) for agent in env.agents}
    observations, states, rewards, *_ = manager.batch_step(key, states, actions)
    assert observations["__all__"].shape == (2, env.world_state_size)
    assert rewards["__all__"].shape == (2,)
    print("CTRolloutManager: ok", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
