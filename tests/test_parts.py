"""Parts: how they get their names, and what they are to JAX."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from eco_jax import parts
from eco_jax.agent.algorithms import A2C
from eco_jax.agent.networks import MLP
from eco_jax.env import make
from eco_jax.env.parts import Cost, Coverage, GaussMarkov, Mobility, PowerLaw, Waypoint
from eco_jax.errors import UserError
from eco_jax.parts import Part, numbers_of, register, registered, variant, with_numbers
from eco_jax.settings import number, switch


@pytest.fixture(autouse=True)
def _names_taken_back():
    before = {kind: dict(known) for kind, known in parts._REGISTERED.items()}
    yield
    parts._REGISTERED.clear()
    parts._REGISTERED.update(before)


def test_a_name_makes_a_variant_known():
    @register("coverage", "half")
    class Half(Coverage):
        """Half of it."""

    assert Half.name == "half"
    assert registered("coverage")["half"] is variant("coverage", "half") is Half
    assert isinstance(make("tiny", coverage="half")[1].coverage, Half)
    parts.forget("coverage", "half")
    assert "half" not in registered("coverage")


def test_a_name_that_is_taken_says_by_whom():
    with pytest.raises(UserError, match=r"waypoint.*test_parts\.py:\d+: the name is taken by .*waypoint\.py:\d+"):

        @register("mobility", "waypoint")
        class Mine(Mobility):
            """Never known."""

    assert registered("mobility")["waypoint"] is Waypoint


@pytest.mark.parametrize("name", ["", "a b", "a.b", "a,b", "a=b", "a'b", 'a"b', "a\tb"])
def test_a_name_that_no_flag_could_say(name):
    with pytest.raises(UserError, match="a name has no space, dot, comma, quote or equals sign"):
        register("coverage", name)(Coverage)


def test_a_kind_that_there_is_not():
    with pytest.raises(UserError, match="no such kind; must be one of .*coverage.*mobility"):
        register("mobilty", "levy")(Waypoint)


@pytest.mark.parametrize("thing", [Coverage, PowerLaw, object, lambda: None])
def test_a_variant_of_something_else(thing):
    with pytest.raises(UserError, match="must be a subclass of Mobility"):
        register("mobility", "mine")(thing)
    assert "mine" not in registered("mobility")


def test_an_unknown_variant_names_those_that_there_are():
    with pytest.raises(UserError, match="coverage = 'hrad': must be one of soft, hard"):
        variant("coverage", "hrad")
    with pytest.raises(UserError, match=r"coverage = \['hard'\]: must be one of soft, hard"):
        variant("coverage", ["hard"])
    with pytest.raises(UserError, match="file = 7: must be one of"):
        variant("coverage", 7, "file")


def test_a_kind_without_variants_says_how_there_will_be_some():
    assert registered("cost") == {}
    with pytest.raises(UserError, match="cost = 'money': there is none; a plug-in"):
        variant("cost", "money")


def test_a_part_holds_si_and_is_made_in_its_units():
    walk = Waypoint(speed_max=36)
    assert float(walk.speed_max) == pytest.approx(10.0)
    assert walk.speed_max.dtype == jnp.float32
    with pytest.raises(UserError, match=r"mobility\.speed_max = 5000 km/h: must lie in \[0, 1000\]"):
        Waypoint(speed_max=5000)
    with pytest.raises(UserError, match=r"mobility\.speed: unknown setting; did you mean"):
        Waypoint(speed=3)
    with pytest.raises(AttributeError):
        walk.speed_max = 3.0


def test_class_and_static_settings_are_structure():
    structure = jax.tree.structure
    assert structure(Waypoint()) == structure(Waypoint(speed_max=20)) != structure(GaussMarkov())
    assert structure(A2C()) == structure(A2C(entropy=0.3))
    assert structure(A2C()) != structure(A2C(normalise=True))
    assert structure(A2C()) != structure(A2C(network=MLP(hidden=8)))
    paths = [jax.tree_util.keystr(path) for path, _ in jax.tree_util.tree_leaves_with_path(Waypoint())]
    assert paths == [".fix_every", ".speed_min", ".speed_max"]


def test_a_tree_is_the_part_again():
    leaves, structure = jax.tree.flatten(A2C(entropy=0.3, network=MLP(hidden=8)))
    again = jax.tree.unflatten(structure, leaves)
    assert isinstance(again, A2C)
    assert (again.network.hidden, again.optimizer) == (8, "adam")
    assert float(again.entropy) == pytest.approx(0.3)
    doubled = jax.tree.map(lambda leaf: 2 * leaf, Waypoint())
    assert float(doubled.speed_max) == pytest.approx(2 * 60 / 3.6)
    assert jax.tree.map(lambda leaf: None, Waypoint()).speed_max is None  # a tree holds anything


def test_one_program_for_many_values_of_a_number():
    traced = []

    @jax.jit
    def speed(walk: Waypoint):
        traced.append(1)
        return walk.speed_max * 2.0

    assert [float(speed(Waypoint(speed_max=v))) for v in (36, 72)] == pytest.approx([20.0, 40.0])
    assert len(traced) == 1
    many = Waypoint().set(speed_max=np.array([18.0, 36.0]))
    axes = jax.tree.map(lambda leaf: 0 if jnp.ndim(leaf) else None, many)
    np.testing.assert_allclose(jax.vmap(speed, in_axes=(axes,))(many), [10.0, 20.0], rtol=1e-6)


def test_a_world_over_the_values_of_a_part_s_number():
    env, params = make("tiny", coverage="hard")
    many = make("tiny", coverage=params.coverage.set(radius=np.array([1.0, 1e4])))[1]
    axes = jax.tree.map(lambda one, two: None if jnp.ndim(one) == jnp.ndim(two) else 0, params, many)
    mask = jax.jit(jax.vmap(lambda p: env.reset(jax.random.key(0), p)[0].mask, in_axes=(axes,)))(many)
    heads = env.heads[0]
    assert not mask[0, :, 1:heads].any()  # nobody within a metre
    assert mask[1, :, 1:heads].all()


def test_parameters_take_another_part():
    params = make("tiny")[1].set(mobility=Waypoint(speed_max=36), sync_energy=5, **{"mobility.speed_min": 18})
    assert float(params.mobility.speed_max) == pytest.approx(10.0)
    assert float(params.mobility.speed_min) == pytest.approx(5.0)
    assert float(params.sync_energy) == pytest.approx(5e-3)
    with pytest.raises(UserError, match="mobility: must be a part of this kind"):
        params.set(mobility=A2C())


def test_set_changes_numbers_alone_and_checks_them():
    walk = Waypoint(speed_min=10)
    other = walk.set(speed_max=72)
    assert (float(other.speed_max), float(other.speed_min)) == pytest.approx((20.0, 10 / 3.6))
    assert float(walk.speed_max) == pytest.approx(60 / 3.6)
    assert jax.tree.structure(other) == jax.tree.structure(walk)
    for values, said in (
        ({"speed_max": -1}, r"mobility\.speed_max = -1 km/h: must lie in"),
        ({"speed_max": np.array([5.0, 2000.0])}, r"mobility\.speed_max = 2000 km/h: must lie in"),
        ({"speed_mux": 5}, r"mobility\.speed_mux: unknown setting; did you mean speed_max"),
        ({"speed_max": 9}, r"mobility\.speed_min = 10: must be at most mobility\.speed_max = 9"),
    ):
        with pytest.raises(UserError, match=said):
            walk.set(**values)
    with pytest.raises(UserError, match=r"algorithm\.normalise: is static; make a new A2C with it"):
        A2C().set(normalise=True)


def test_arrays_agree_with_the_other_numbers():
    assert Waypoint(speed_min=np.array([1.0]), speed_max=2).speed_min.shape == (1,)  # the default is above 2
    with pytest.raises(UserError, match=r"mobility\.speed_min = 70: must be at most mobility\.speed_max = 60"):
        Waypoint(speed_min=np.array([5.0, 70.0]))


def test_numbers_go_out_and_in_again():
    walk = Waypoint(speed_max=36)
    assert set(numbers_of(walk)) == {"fix_every", "speed_min", "speed_max"}
    assert float(with_numbers(walk, {"speed_max": 3.0}).speed_max) == 3.0
    assert float(walk.speed_max) == pytest.approx(10.0)
    with pytest.raises(UserError, match=r"mobility\.speed: no traced number of Waypoint"):
        with_numbers(walk, {"speed": 3.0})


def test_settings_are_inherited_and_other_fields_are_leaves():
    class Toll(Cost):
        """A toll."""

        price: Any = number(2, "mJ", 0, 10, "", "", "price")
        night: bool = switch(False, "at night")
        table: Any = None

    toll = Toll(table=jnp.arange(3.0), night=True)
    assert (float(toll.weight), float(toll.price)) == pytest.approx((1.0, 2e-3))
    assert [jnp.shape(leaf) for leaf in jax.tree.leaves(toll)] == [(), (), (3,)]
    assert isinstance(toll, Part)
