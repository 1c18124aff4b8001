"""The notation of settings: what is declared, what is checked, and what is said of it."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from eco_jax.env.parts import GaussMarkov, PowerLaw, Waypoint
from eco_jax.errors import UserError
from eco_jax.parts import Part
from eco_jax.settings import (
    UNITS,
    check,
    choice,
    form,
    number,
    numbers,
    similar,
    specs,
    switch,
    text,
    to_si,
    whole,
)  # fmt: skip


class Oven(Part):
    """A setting of each kind."""

    kind = "oven"
    heat_min: Any = number(2, "km/h", 0, 100, "h", "assumed", "least heat")
    heat_max: Any = number(36, "km/h", 0, 100, "H", "assumed", "most heat")
    pause: Any = number(3, "slots", 1, 50, "", "assumed", "slots between two loaves")
    loaves: int = whole(4, 1, 10**6, "loaves")
    fan: bool = switch(False, "whether the fan is on")
    bread: str = choice("rye", ("rye", "wheat"), "which bread")
    name_of_it: str = text("Otto", "what it is called")
    levels: tuple[float, ...] = numbers((0.5, 1.0), 0, 1, "levels")


def test_what_is_declared_is_known():
    known = specs(Oven)
    assert list(known) == ["heat_min", "heat_max", "pause", "loaves", "fan", "bread", "name_of_it", "levels"]
    assert [known[name].kind for name in known] == [float, float, float, int, bool, str, str, tuple]
    assert [name for name in known if known[name].static] == ["loaves", "fan", "bread", "name_of_it", "levels"]
    assert [name for name in known if known[name].whole] == ["pause", "loaves"]
    assert known["heat_max"][:7] == (36, "km/h", 0, 100, "H", "assumed", "most heat")


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("heat_min", "0 to 100"), ("loaves", "1 to 1000000"), ("fan", "true or false"), ("bread", "one of rye, wheat"),
        ("name_of_it", "a text"), ("levels", "numbers in (0, 1]"),
    ],
)  # fmt: skip
def test_what_is_allowed_is_said_in_words(name, said):
    assert specs(Oven)[name].allowed == said


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"heat_min": -1}, "oven.heat_min = -1 km/h: must lie in [0, 100]"),
        ({"heat_min": 100.5}, "oven.heat_min = 100.5 km/h: must lie in [0, 100]"),
        ({"heat_min": float("nan")}, "oven.heat_min = nan km/h: must lie in [0, 100]"),
        ({"heat_min": "warm"}, "oven.heat_min = 'warm': must be a number in km/h"),
        ({"heat_min": True}, "oven.heat_min = True: must be a number in km/h"),
        ({"heat_min": None}, "oven.heat_min = None: must be a number in km/h"),
        ({"heat_min": 50}, "oven.heat_min = 50: must be at most oven.heat_max = 36"),
        ({"pause": 2.5}, "oven.pause = 2.5 slots: must be a whole number"),
        ({"pause": 99}, "oven.pause = 99 slots: must lie in [1, 50]"),
        ({"loaves": 0}, "oven.loaves = 0: must lie in [1, 1000000]"),
        ({"loaves": 1.5}, "oven.loaves = 1.5: must be a whole number"),
        ({"loaves": float("inf")}, "oven.loaves = inf: must lie in [1, 1000000]"),
        ({"loaves": 16**5000}, "oven.loaves = a huge int: must lie in [1, 1e+06]"),
        ({"loaves": [4]}, "oven.loaves = [4]: must be a whole number"),
        ({"fan": 1}, "oven.fan = 1: must be true or false"),
        ({"bread": "oat"}, "oven.bread = 'oat': must be one of rye, wheat"),
        ({"bread": ["rye"]}, "oven.bread = ['rye']: must be one of rye, wheat"),
        ({"name_of_it": 3}, "oven.name_of_it = 3: must be a text"),
        ({"levels": 0.5}, "oven.levels = 0.5: must be a list of numbers in (0, 1]"),
        ({"levels": []}, "oven.levels = []: must be a list of numbers in (0, 1]"),
        ({"levels": [True]}, "oven.levels = [True]: must be a list of numbers in (0, 1]"),
        ({"levels": [0.0, 1.0]}, "oven.levels = [0.0, 1.0]: each must lie in (0, 1], at least one"),
        ({"heat_mni": 3}, "oven.heat_mni: unknown setting; did you mean heat_min"),
        ({"zzzzz": 3}, "oven.zzzzz: unknown setting; known are heat_min, heat_max, pause, loaves, fan, bread"),
    ],
)
def test_what_is_not_allowed_is_one_line_that_names_it(values, said):
    makers = [lambda: check(Oven, "oven", values), lambda: Oven(**values)]
    if set(values) <= set(specs(Oven)):  # Python refuses other names of a dataclass itself
        makers.append(lambda: form(Oven)(**values))
    for make in makers:
        with pytest.raises(UserError) as error:
            make()
        assert str(error.value).startswith(said)


def test_a_row_of_numpy_is_a_list():
    assert check(Oven, "oven", {"levels": np.array([0.25, 1])})["levels"] == (0.25, 1.0)
    with pytest.raises(UserError, match="must be a list of numbers"):
        check(Oven, "oven", {"levels": np.array([[0.25, 1]])})


def test_what_is_left_out_has_its_default_and_every_value_its_type():
    full = check(Oven, "oven", {"heat_min": np.float32(1.5), "loaves": np.int64(7), "levels": [1], "pause": 3})
    assert full == {
        "heat_min": 1.5, "heat_max": 36.0, "pause": 3.0, "loaves": 7, "fan": False, "bread": "rye",
        "name_of_it": "Otto", "levels": (1.0,),
    }  # fmt: skip
    assert [type(value) for value in full.values()] == [float, float, float, int, bool, str, str, tuple]


def test_what_several_settings_must_do_together_is_asked_of_the_class():
    class Both(Oven):
        @classmethod
        def check_together(cls, values, section):
            if values["fan"] and values["bread"] == "rye":
                raise UserError(f"{section}.fan: not with rye")

    check(Both, "oven", {"fan": True, "bread": "wheat"})
    with pytest.raises(UserError, match=r"oven\.fan: not with rye"):
        check(Both, "oven", {"fan": True})


@pytest.mark.parametrize(
    ("unit", "given", "si"),
    [
        ("km/h", 36, 10.0), ("ms", 5, 5e-3), ("MHz", 20, 2e7), ("GHz", 2, 2e9), ("KB", 1, 8000.0), ("mJ", 3, 3e-3),
        ("dB", -30, 1e-3), ("ns/bit", 4, 4e-9), ("Mbit", 1, 1e6), ("Gbit/s", 1, 1e9), ("-", 0.25, 0.25),
    ],
)  # fmt: skip
def test_units(unit, given, si):
    spec = specs(Oven)["heat_min"]._replace(unit=unit)
    assert UNITS[unit](given) == pytest.approx(si)
    one, several = to_si(spec, given), to_si(spec, np.array([given, given]))
    assert one.dtype == several.dtype == jnp.float32
    assert float(one) == pytest.approx(si, rel=1e-6)
    np.testing.assert_allclose(several, si, rtol=1e-6)


def test_a_setting_of_a_unit_that_there_is_not_is_found_where_it_is_declared():
    with pytest.raises(KeyError, match="furlong"):
        number(1, "furlong", 0, 2, "", "", "")


def test_a_form_holds_what_was_given_in_its_units():
    made = form(Waypoint)(speed_max=30)
    assert (made.speed_min, made.speed_max, made.fix_every) == (5.0, 30.0, 1.0)
    assert isinstance(made.speed_max, float)
    assert form(Waypoint) is form(Waypoint) is not form(GaussMarkov)
    assert made.of is Waypoint
    assert made == form(Waypoint)(speed_max=30.0)
    with pytest.raises(AttributeError):
        made.speed_max = 3.0
    with pytest.raises(UserError, match=r"pathloss\.exponent = 99: must lie in \[1, 10\]"):
        form(PowerLaw)(exponent=99)


def test_a_hint_names_what_is_near_or_all():
    assert similar("bandwith", ["bandwidth", "side"]) == "; did you mean bandwidth?"
    assert similar("zzz", ["bandwidth", "side"]) == "; known are bandwidth, side"


def test_numbers_are_leaves_and_the_rest_is_structure():
    oven = Oven(loaves=2)
    assert len(jax.tree.leaves(oven)) == 3
    assert jax.tree.structure(oven) != jax.tree.structure(Oven(loaves=3))
