"""What is read of runs' folders: curves while they are written, agents, and whether worlds are the same."""

import logging

import jax
import numpy as np
import pytest
from made_up_agents import recorded, trained, write_curves

import eco_jax
from eco_jax.cli.evaluate import evaluate_run
from eco_jax.errors import UserError
from eco_jax.run import settings
from eco_jax.study.folders import check_same_world, open_run, recorded_curves
from eco_jax.view.players import config_of


def test_curves_over_updates_steps_and_seconds(tmp_path):
    recorded(tmp_path / "run")
    found = {x: recorded_curves(tmp_path / "run", x) for x in ("updates", "steps", "seconds")}
    assert found["updates"][0].tolist() == [1, 2, 3, 4, 5, 6]
    assert found["steps"][0].tolist() == [24, 48, 72, 96, 120, 144]  # 4 environments x 6 slots
    assert found["seconds"][0].tolist() == [0.75, 1.5, 2.25, 3.0, 3.75, 4.5]  # 1.5 s for two updates
    np.testing.assert_allclose(found["steps"][1]["reward"][:, 1], np.arange(6) + 0.5)


def test_a_run_that_is_going_on_is_read_up_to_its_last_whole_update(tmp_path):
    recorded(tmp_path / "run")
    path = tmp_path / "run" / "metrics.jsonl"
    path.write_bytes(path.read_bytes()[:-3])  # the second seed of the last update is being written
    assert len(recorded_curves(tmp_path / "run", "updates")[0]) == 5
    times = tmp_path / "run" / "times.jsonl"
    times.write_text(times.read_text().splitlines(keepends=True)[0])  # and only the first chunk's time is there
    x, values = recorded_curves(tmp_path / "run", "seconds")
    assert x.tolist() == [0.75, 1.5]
    assert values["reward"].shape == (2, 2)


def test_nothing_recorded_yet_is_one_line(tmp_path):
    recorded(tmp_path / "run")
    (tmp_path / "run" / "metrics.jsonl").write_text("")
    with pytest.raises(UserError, match="run: no update is recorded there yet"):
        recorded_curves(tmp_path / "run", "updates")
    (tmp_path / "run" / "times.jsonl").unlink()
    write_curves(tmp_path / "run", (3, 4), {"reward": np.zeros((2, 2))})
    (tmp_path / "run" / "times.jsonl").unlink()
    with pytest.raises(UserError, match="begun by a version that recorded none"):
        recorded_curves(tmp_path / "run", "seconds")


@pytest.mark.parametrize(
    ("text", "said"), [("garbage", "line 1 is no"), ("{}\n[]\n", "line 2 is no"), ('{"update": 0', "no update")]
)
def test_a_file_without_a_sound_update_says_what_is_wrong(tmp_path, text, said):
    recorded(tmp_path / "run")
    (tmp_path / "run" / "metrics.jsonl").write_text(text)
    with pytest.raises(UserError, match=said):
        recorded_curves(tmp_path / "run", "updates")


def test_a_setting_that_a_run_cannot_have_is_named_with_its_file(tmp_path):
    trained(tmp_path / "run")
    path = tmp_path / "run" / "config.toml"
    path.write_text(path.read_text().replace("users = ", "users = -"))
    for opened in (open_run, config_of):
        with pytest.raises(UserError, match=r"config.toml: env.users = -\d+: must lie in"):
            opened(tmp_path / "run")


def test_a_seed_that_failed_is_left_out_with_a_warning(tmp_path, caplog, monkeypatch):
    values = np.arange(12.0).reshape(6, 2)
    values[4, 0] = np.nan
    trained(tmp_path / "run", values={"reward": values, "energy": np.ones((6, 2))})
    with caplog.at_level(logging.WARNING, "eco_jax"):
        _, found = recorded_curves(tmp_path / "run", "updates")
    assert found["reward"].tolist() == values[:, 1:].tolist()
    assert "seed 3, update 4: reward not finite; left out" in caplog.text
    assert open_run(tmp_path / "run").seeds == (4,)
    caplog.clear()
    run = eco_jax.load(tmp_path / "run")
    assert "seed 3, update 4: reward not finite; left out" in caplog.text
    assert (run.seeds, len(jax.tree.leaves(run.agents)[0])) == ((4,), 1)
    assert run.metrics["reward"].tolist() == values[:, 1:].tolist()
    played = []
    monkeypatch.setattr("eco_jax.study.play.play_agents", lambda *given, **more: played.append(given) or [{}, {}])
    caplog.clear()
    evaluate_run(settings.from_toml(tmp_path / "run" / "config.toml"), tmp_path / "run", 2, 1, {})
    assert "seed 3, update 4: reward not finite; left out" in caplog.text
    ((_, _, agents, worlds, *_),) = played
    assert (len(jax.tree.leaves(agents)[0]), len(worlds)) == (1, 1)


def test_a_run_of_no_sound_seed_is_refused(tmp_path):
    trained(tmp_path / "run", values={"reward": np.full((6, 2), np.nan)})
    with pytest.raises(UserError, match="run: no seed stayed finite"):
        eco_jax.load(tmp_path / "run")


def test_runs_of_other_worlds_are_refused_by_the_setting_that_differs(tmp_path):
    one = open_run(trained(tmp_path / "one"))
    other = open_run(trained(tmp_path / "other", knowledge="none", physics={"sync_energy": 5.0}))
    check_same_world([one, one], {}, False)
    said = r"other: trained with physics\.sync_energy = 5\.0, .*one with 20\.0; .*--physics\.sync-energy"
    with pytest.raises(UserError, match=said):
        check_same_world([one, other], {}, False)
    check_same_world([one, other], {"physics.sync_energy": 20.0}, False)  # what they differ in is given
    check_same_world([one, other], {}, True)  # all is given
