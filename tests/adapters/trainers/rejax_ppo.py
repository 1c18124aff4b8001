"""rejax trains PPO on the form of five values (gymnax 0.0.9), and so does a loop as PureJaxRL has it."""

import sys

import jax
import jax.numpy as jnp
import optax
import rejax
from gymnax.wrappers.purerl import FlattenObservationWrapper, LogWrapper

from eco_jax.adapters.to_gymnax import eco_gymnax

WORLD = {"preset": "tiny", "users": 2, "candidates": 2, "slots": 4, "others": "local", "five": True}


def rejax_ppo():
    env, params = eco_gymnax(**WORLD)
    algorithm = rejax.PPO.create(
        env=env, env_params=params, num_envs=4, num_steps=16, num_epochs=1, num_minibatches=2, total_timesteps=256,
        eval_freq=256, skip_initial_evaluation=True, agent_kwargs={"hidden_layer_sizes": (16,)},
    )  # fmt: skip
    algorithm = algorithm.replace(eval_callback=lambda algorithm, state, key: ())  # compilation is most of the time
    state, _ = jax.jit(algorithm.train)(jax.random.PRNGKey(0))
    assert int(state.global_step) == 256
    leaves = jax.tree.leaves((state.actor_ts.params, state.critic_ts.params))
    assert all(jnp.isfinite(leaf).all() for leaf in leaves)
    start = algorithm.init_state(jax.random.PRNGKey(0))
    assert not jnp.array_equal(jax.tree.leaves(start.actor_ts.params)[0], jax.tree.leaves(state.actor_ts.params)[0])
    print(f"rejax PPO: {int(state.global_step)} steps", flush=True)


def purejaxrl_loop():
    """Five values through PureJaxRL's wrappers, a rollout in a scan over vmapped environments, a gradient step."""
    env, params = eco_gymnax(**WORLD)
    env = LogWrapper(FlattenObservationWrapper(env))
    envs, steps, updates = 4, 16, 4
    optimizer = optax.adam(3e-3)
    weights = jnp.zeros((env.observation_space(params).shape[0], env.action_space(params).n))

    def update(carry, _):
        def slot(carry, _):
            observation, state, key = carry
            key, act, step = jax.random.split(key, 3)
            action = jax.random.categorical(act, observation @ weights)
            keys = jax.random.split(step, envs)
            after, state, reward, done, info = jax.vmap(env.step, in_axes=(0, 0, 0, None))(keys, state, action, params)
            told = info["returned_episode"], info["returned_episode_returns"]
            return (after, state, key), (observation, action, reward, done, *told)

        weights, moments, rolling = carry
        rolling, (seen, action, reward, done, ended, returned) = jax.lax.scan(slot, rolling, None, steps)

        def loss(weights):
            log = jax.nn.log_softmax(seen @ weights)
            chosen = jnp.take_along_axis(log, action[..., None], axis=-1)[..., 0]
            return -jnp.mean(chosen * (reward - reward.mean()))

        change, moments = optimizer.update(jax.grad(loss)(weights), moments)
        carry = optax.apply_updates(weights, change), moments, rolling
        return carry, (done, ended, jnp.where(ended, returned, 0.0))

    key = jax.random.PRNGKey(1)
    observation, state = jax.vmap(env.reset, in_axes=(0, None))(jax.random.split(key, envs), params)
    train = jax.jit(lambda carry: jax.lax.scan(update, carry, None, updates))
    (after, *_), (done, ended, returned) = train((weights, optimizer.init(weights), (observation, state, key)))
    assert jnp.isfinite(after).all()
    assert (after != weights).any()
    assert int(done.sum()) == int(ended.sum()) == envs * steps * updates // 4
    assert jnp.isfinite(returned).all()
    assert (returned != 0).any()
    print(f"five-value loop: {envs * steps * updates} steps", flush=True)


if __name__ == "__main__":
    rejax_ppo()
    purejaxrl_loop()
    sys.exit(0)
