"""PureJaxRL's PPO on CartPole-v1 as a peer of the speed comparison (see `worker` for the protocol).

PureJaxRL is no package: `--purejaxrl` names a checkout of https://github.com/luchris429/purejaxrl (tried at 31756b1).
The environment of `requirements-rejax.txt` has what its `ppo.py` needs, gymnax's older step of five values too.
"""

import hashlib
import sys
from collections.abc import Callable
from pathlib import Path
from unittest import mock

import cartpole_ppo as shared
from worker import serve, versions

WIDTH, LAYERS = 64, 2  # written into PureJaxRL's network

# Its wrappers import these for environments other than gymnax's; CartPole never reaches them.
UNUSED = ("brax", "brax.envs", "brax.envs.wrappers", "brax.envs.wrappers.training", "navix")


def prepare() -> tuple[Callable[[], int], dict]:
    """Compile the training."""
    sys.path.insert(0, str(source.parent))
    sys.modules.update({name: mock.MagicMock() for name in UNUSED})
    import ppo

    for name in UNUSED:
        del sys.modules[name]

    train = ppo.make_train(
        {
            "ENV_NAME": shared.ENVIRONMENT,
            "ACTIVATION": options.activation,
            "NUM_ENVS": options.envs,
            "NUM_STEPS": options.rollout,
            "UPDATE_EPOCHS": options.epochs,
            "NUM_MINIBATCHES": options.minibatches,
            "TOTAL_TIMESTEPS": options.steps,
            "LR": shared.LEARNING_RATE,
            "ANNEAL_LR": False,
            "GAMMA": shared.DISCOUNT,
            "GAE_LAMBDA": shared.GAE_LAMBDA,
            "CLIP_EPS": shared.CLIP,
            "ENT_COEF": shared.ENTROPY_WEIGHT,
            "VF_COEF": shared.VALUE_WEIGHT,
            "MAX_GRAD_NORM": shared.MAX_GRADIENT,
            "DEBUG": False,  # it would print every episode from within the training
        }
    )
    repeat, compile_s = shared.compiled(train, options)
    checkout = {"purejaxrl/ppo.py": "sha256:" + hashlib.sha256(source.read_bytes()).hexdigest()[:12]}
    return repeat, {
        "compile_s": compile_s,
        "versions": versions("gymnax", "jax", "jaxlib", "flax", "optax", "distrax") | checkout,
        "settings": shared.settings(
            options,
            activation=options.activation,
            initialization="orthogonal",
            adam_epsilon=1e-5,
            gradient_bound="global norm over actor and critic",
            optimizers="one for both networks",
            advantages="normalised in each minibatch",
            value_loss="clipped",
            shuffling="transitions, anew each epoch",
            truncation="as termination",
            returned="the final state and the episode statistics of every step",
        ),
    }


if __name__ == "__main__":
    parser = shared.arguments("PureJaxRL's PPO on CartPole-v1")
    parser.add_argument("--purejaxrl", type=Path, required=True, metavar="DIR", help="a checkout of PureJaxRL")
    parser.add_argument("--activation", choices=("tanh", "relu"), default="tanh", help="tanh is PureJaxRL's default")
    options = shared.parsed(parser)
    source = options.purejaxrl.resolve() / "purejaxrl" / "ppo.py"
    if not source.is_file():
        parser.error(f"--purejaxrl: {options.purejaxrl} has no purejaxrl/ppo.py")
    if (options.hidden, options.layers) != (WIDTH, LAYERS):
        parser.error(f"PureJaxRL's network is fixed: --hidden {WIDTH} --layers {LAYERS}")
    serve(prepare)
