"""rejax's PPO on CartPole-v1 as a peer of the speed comparison (see `worker` for the protocol).

It needs an environment of its own, `requirements-rejax.txt`: rejax takes gymnax's older step of five values.
"""

from collections.abc import Callable

import cartpole_ppo as shared
from worker import serve, versions


def prepare() -> tuple[Callable[[], int], dict]:
    """Compile the training."""
    import rejax

    algorithm = rejax.PPO.create(
        env=shared.ENVIRONMENT,
        agent_kwargs={"activation": options.activation, "hidden_layer_sizes": (options.hidden,) * options.layers},
        num_envs=options.envs,
        num_steps=options.rollout,
        num_epochs=options.epochs,
        num_minibatches=options.minibatches,
        total_timesteps=options.steps,
        learning_rate=shared.LEARNING_RATE,
        gamma=shared.DISCOUNT,
        gae_lambda=shared.GAE_LAMBDA,
        clip_eps=shared.CLIP,
        ent_coef=shared.ENTROPY_WEIGHT,
        vf_coef=shared.VALUE_WEIGHT,
        max_grad_norm=shared.MAX_GRADIENT,
        normalize_observations=False,
        normalize_rewards=False,
        # rejax alternates training and evaluation. One period as long as the training leaves a single evaluation,
        # at the end, and the callback below, which does nothing, removes that one too: only training is timed.
        eval_freq=options.steps,
        skip_initial_evaluation=True,
    ).replace(eval_callback=lambda algorithm, state, key: ())
    repeat, compile_s = shared.compiled(algorithm.train, options)
    return repeat, {
        "compile_s": compile_s,
        "versions": versions("rejax", "gymnax", "jax", "jaxlib", "flax", "optax", "distrax"),
        "settings": shared.settings(
            options,
            activation=options.activation,
            initialization="LeCun normal",
            adam_epsilon=1e-8,
            gradient_bound="each element, actor and critic apart",
            optimizers="one for the actor, one for the critic",
            advantages="normalised in each minibatch",
            value_loss="clipped",
            shuffling="transitions, anew each epoch",
            truncation="as termination",
            returned="the final state",
        ),
    }


if __name__ == "__main__":
    parser = shared.arguments("rejax's PPO on CartPole-v1")
    parser.add_argument("--activation", default="swish", help="a function of flax.linen; swish is rejax's default")
    options = shared.parsed(parser)
    serve(prepare)
