"""A run's folder: what may be begun, replaced and gone on with; what is refused is left as it was."""

import errno
import json
import shutil

import pytest
from made_up_run import CONFIG, SEEDS, contents, finished

from eco_jax import files
from eco_jax.cli.main import main
from eco_jax.errors import FailedSeedsError, UserError
from eco_jax.run import settings
from eco_jax.run.folder import check_inputs_outside, locked, prepare_folder, run
from eco_jax.run.summary import check_failed


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    return finished(tmp_path_factory.mktemp("made") / "run")


@pytest.fixture
def there(made, tmp_path):
    """A finished run of one's own."""
    return shutil.copytree(made, tmp_path / "run")


def refused(out, said, **options):
    before = contents(out)
    with pytest.raises(UserError, match=said) as caught:
        run(CONFIG, out, SEEDS, **options)
    assert "\n" not in str(caught.value)
    assert contents(out) == before


def test_a_finished_run_is_read(there):
    assert run(CONFIG, there, SEEDS, resume=True)["updates"] == 6


def test_what_is_begun_is_said_once_the_folder_holds_the_run(there):
    said = []
    run(CONFIG, there, SEEDS, resume=True, begun=lambda: said.append((there / "config.toml").is_file()))
    assert said == [True]


def test_force_removes_what_a_tracker_left(there):
    (there / "tracker" / "run").mkdir(parents=True)
    (there / "tracker" / "run" / "events").touch()
    (there / "tracker.json").write_text("{}")
    prepare_folder(there, force=True)
    assert sorted(path.name for path in there.iterdir()) == ["config.toml"]


def test_failed_seeds_are_an_error_of_their_own(there):
    path = there / "summary.json"
    summary = json.loads(path.read_text())
    summary["members"][1] = {"seed": 4, "params_sha256": "ab", "failed": "update 1: reward not finite"}
    path.write_text(json.dumps(summary))
    with pytest.raises(FailedSeedsError, match="1 of 2 failed: seed 4, update 1: reward not finite"):
        check_failed(run(CONFIG, there, SEEDS, resume=True))
    assert main(["train", "--out", str(there), "--resume"]) == 3


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("seed = 3\n", 'seed = "x"\n', r"config.toml: \[run\] seed = 'x': must be an integer"),
        ("seed = 3\n", "seed = -1\n", r"config.toml: \[run\]: seed -1: must lie in"),
        ("seed = 3\n", "seed = true\n", r"config.toml: \[run\] seed = True: must be an integer"),
        ("seed = 3\n", "", r"config.toml: \[run\] seed: is missing"),
        ("seeds = 2\n", "seeds = -1\n", r"config.toml: \[run\]: seeds -1: must be at least 1"),
        ("seeds = 2\n", "seeds = 1.5\n", r"config.toml: \[run\] seeds = 1.5: must be an integer"),
        ("seeds = 2\n", "", r"config.toml: \[run\] seeds: is missing"),
        ('id = "', 'id = 3 # "', r"config.toml: \[run\] id = 3: must be a text"),
        ("[run]", "[[run]]", "config.toml: run = .*: must be a table"),
        ("[run]", "[run", "config.toml: not a TOML file"),
        ("users = 3", "users = 4", "config.toml: env.users = 4 there, 3 here"),
        ("users = 3", "users = 0", "config.toml: env.users = 0: must lie in"),
        ("knowledge", "\xff", "config.toml: not a TOML file"),
        ("seed = 3\n", "seed = 5\n", "config.toml: seed = 5 there, 3 here"),
    ],
)
def test_a_damaged_config_is_one_line(there, capsys, old, new, said):
    path = there / "config.toml"
    text = path.read_text()
    assert old in text
    path.write_bytes(text.replace(old, new, 1).encode("latin-1"))
    refused(there, said, resume=True)
    capsys.readouterr()
    assert main(["train", "--out", str(there), "--resume"]) == 2  # without flags what it says is the run's
    line = capsys.readouterr().err
    assert line.count("\n") == 1
    assert str(path) in line


@pytest.mark.parametrize(
    ("harm", "said"),
    [
        (lambda data: b"", "is no summary of a run"),
        (lambda data: b"\xff", "is no summary of a run"),
        (lambda data: b"[" * 100_000, "is no summary of a run"),
        (lambda data: b"[]", "is no summary of a run"),
        (lambda data: b"{}", "params_sha256 is missing, or no text"),
        (lambda data: data.replace(b'"qoe"', b'"qos"', 1), "qoe is missing, or no number"),
        (lambda data: data.replace(b"0.5", b'"x"', 1), "reward is missing, or no number"),
        (lambda data: data.replace(b'"updates": 6', b'"updates": 7'), "updates = 7, not 6"),
        (lambda data: data.replace(b'"members"', b'"others"'), "members is missing, or no list of agents"),
        (lambda data: data.replace(b'"seed": 4', b'"seed": 5'), "is not of the seeds 3, 4"),
        (lambda data: data[::-1].replace(b'"eoq"', b'"soq"', 1)[::-1], "seed 4: qoe is missing, or no number"),
    ],
)
def test_a_damaged_summary_is_one_line(there, harm, said):
    path = there / "summary.json"
    path.write_bytes(harm(path.read_bytes()))
    refused(there, f"summary.json: {said}; remove it, and --resume makes it again", resume=True)


def test_a_folder_in_the_summarys_place_is_one_line(there):
    (there / "summary.json").unlink()
    (there / "summary.json").mkdir()
    refused(there, "summary.json: cannot be read: Is a directory", resume=True)


def with_sites(tmp_path, folder="."):
    path = tmp_path / folder / "sites.txt"
    path.write_text("".join(f"{100 * i},{100 * i}\n" for i in range(1, 5)))
    return path, CONFIG.but(sites=path)


def test_a_changed_input_is_found_wherever_it_lies(tmp_path):
    path, config = with_sites(tmp_path)
    out = finished(tmp_path / "run", config)
    assert settings.recorded(out / "config.toml")["sites_sha256"] == files.sha256(path)
    assert run(config, out, SEEDS, resume=True)["updates"] == 6
    moved = path.rename(tmp_path / "moved.txt")
    assert run(config.but(sites=moved), out, SEEDS, resume=True)["updates"] == 6
    moved.write_text(moved.read_text().replace("0", "1", 1))
    with pytest.raises(UserError, match="moved.txt: is not the file that .*config.toml was made with"):
        run(config.but(sites=moved), out, SEEDS, resume=True)
    with pytest.raises(UserError, match=r"sites = .*sites.txt there, None here"):
        run(config.but(sites=None), out, SEEDS, resume=True)


# What may be replaced.


def test_force_removes_the_run_and_its_settings_last(there):
    (there / "config.toml.123.part").write_text("")
    (there / "last-finite" / "0" / "state").mkdir(parents=True)
    prepare_folder(there, True)
    assert sorted(path.name for path in there.iterdir()) == ["config.toml"]


@pytest.mark.parametrize(
    "name",
    ["thesis.tex", "notes/a.txt", "checkpoint/notes.txt", "checkpoint/best/x", "checkpoint/6/mine", "last-finite/x"],
)
def test_force_removes_nothing_that_is_not_the_runs(there, name):
    (there / name).parent.mkdir(exist_ok=True)
    (there / name).write_text("precious")
    refused(there, "is no part of the run", force=True)


def link_summary(there, aside):
    (there / "summary.json").rename(aside)
    (there / "summary.json").symlink_to(aside)


def link_checkpoint(there, aside):
    (there / "checkpoint").rename(aside)
    (there / "checkpoint").symlink_to(aside)


@pytest.mark.parametrize("link", [link_summary, link_checkpoint])
def test_force_follows_no_link(there, tmp_path, link):
    link(there, tmp_path / "aside")
    refused(there, "is no part of the run", force=True)
    (tmp_path / "alias").symlink_to(there)
    refused(tmp_path / "alias", f"alias: is a link to {there}; --force needs the folder itself", force=True)


def test_force_replaces_no_other_programs_config(tmp_path):
    (tmp_path / "config.toml").write_text("[server]\nport = 80\n")
    refused(tmp_path, "config.toml: was not written by a run", force=True)


def test_force_removes_nothing_for_an_algorithm_that_cannot_learn_here(there):
    before = contents(there)
    config = CONFIG.but(algorithm="ppo").but(algorithm={"minibatches": 7})
    with pytest.raises(UserError, match=r"algorithm.minibatches = 7: must divide the rollout"):
        run(config, there, SEEDS, force=True)
    assert contents(there) == before


def test_force_loses_no_input(there, tmp_path):
    (there / "inputs").mkdir()
    path, config = with_sites(there, "inputs")
    with pytest.raises(UserError, match="sites.txt: --sites lies in .*run, which --force replaces"):
        run(config, there, SEEDS, force=True)
    assert path.exists()
    (tmp_path / "alias").symlink_to(there)
    with pytest.raises(UserError, match="--sites lies in"):
        check_inputs_outside(CONFIG.but(sites=tmp_path / "alias" / "inputs" / "sites.txt"), there)


def test_the_config_of_the_run_that_is_replaced_is_never_missing(there, monkeypatch):
    """`--config runs/a/config.toml --out runs/a --force`, on a disk that is full."""
    before = (there / "config.toml").read_bytes()

    def full(path, data):
        raise OSError(errno.ENOSPC, "No space left on device", str(path))

    monkeypatch.setattr("eco_jax.run.folder.write_whole", full)
    assert main(["train", "--out", str(there), "--config", str(there / "config.toml"), "--force"]) == 2
    assert (there / "config.toml").read_bytes() == before


def test_what_a_full_disk_left_does_not_count(tmp_path, capsys, monkeypatch):
    replace = files.os.replace

    def full(source, target):
        raise OSError(errno.ENOSPC, "No space left on device", str(source))

    monkeypatch.setattr(files.os, "replace", full)
    flags = ["--preset", "tiny", "--train.updates", "2", "--train.rollout", "6"]
    assert main(["train", "--out", str(tmp_path), *flags]) == 2
    said = capsys.readouterr().err
    assert "config.toml" in said
    assert "No space left on device" in said
    assert [path.name for path in tmp_path.iterdir()] == [".lock"]  # the half-written file is gone
    monkeypatch.setattr(files.os, "replace", replace)
    (tmp_path / "config.toml.part").write_text("")  # as a process leaves it that is killed then
    (tmp_path / "config.toml.77.part").write_text("")
    prepare_folder(tmp_path, False)


def test_a_folder_that_is_refused_is_not_even_locked(tmp_path):
    (tmp_path / "thesis.tex").write_text("precious")
    with pytest.raises(UserError, match="is not empty and holds no run"):
        run(CONFIG, tmp_path, SEEDS, resume=True)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.tex"]


def test_the_lock_empties_no_file(tmp_path):
    (tmp_path / "mine").write_text("precious")
    (tmp_path / ".lock").symlink_to(tmp_path / "mine")
    with locked(tmp_path):
        pass
    assert (tmp_path / "mine").read_text() == "precious"


@pytest.mark.parametrize("seeds", [[-1], [2**32], [2**32 - 1, 2**32]])
def test_seeds_that_are_none_write_nothing(tmp_path, seeds):
    with pytest.raises(UserError, match="--seed "):
        run(CONFIG, tmp_path / "run", seeds)
    assert not (tmp_path / "run").exists()


def test_two_machines_write_one_file_side_by_side(tmp_path, monkeypatch):
    monkeypatch.setattr("os.getpid", lambda: 1)  # as in a container
    with files.whole(tmp_path / "a") as one, files.whole(tmp_path / "a") as two:
        assert one != two
        one.write_text("one")
        two.write_text("two")
    assert [(path.name, path.read_text()) for path in tmp_path.iterdir()] == [("a", "one")]  # the last to end
