"""Judging: the claims are written down before, the episodes are played once, and who plays them again says so."""

import json

import pytest

from eco_jax.errors import UserError
from eco_jax.study import judging
from eco_jax.study.core import Study
from eco_jax.study.profile import SMOKE
from eco_jax.train.config import PLAYED


@pytest.fixture(autouse=True)
def machine(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "report").mkdir()
    return tmp_path / "report"


PARTS = ("rules", "evaluation")


def begin(folder, claims="claims", again=False, publication="a paper", parts=PARTS):
    judging.begin(folder, publication, claims, parts, again)


def test_the_claims_are_there_before_the_episodes_are_played(folder):
    begin(folder)
    assert (folder / judging.CLAIMS).read_text() == "claims"
    known = judging.record(folder)
    assert known["key"] == judging.key_of("a paper")
    assert "ended" not in known
    judging.end(folder)
    assert judging.record(folder)["ended"] >= known["began"][0]
    assert "played once" in judging.in_words(judging.record(folder))


def test_judging_twice_is_refused_unless_it_is_said(folder):
    begin(folder)
    judging.end(folder)
    with pytest.raises(UserError, match="--judge 'a paper': its episodes were played on "):
        begin(folder)
    begin(folder, again=True)
    judging.end(folder)
    assert len(judging.record(folder)["began"]) == 2
    assert "played 2 times: this is no longer a judgement" in judging.in_words(judging.record(folder))


def test_it_is_refused_in_another_folder_too(folder, tmp_path):
    begin(folder)
    other = tmp_path / "other"
    other.mkdir()
    with pytest.raises(UserError, match="its episodes were played on "):
        begin(other)
    begin(other, again=True)
    assert len(judging.record(other)["began"]) == 2


def test_what_was_stopped_goes_on_with_the_same_claims(folder):
    begin(folder)
    begin(folder)
    assert len(judging.record(folder)["began"]) == 1
    with pytest.raises(UserError, match="its episodes were played"):
        begin(folder, claims="other claims, after some were seen")
    assert (folder / judging.CLAIMS).read_text() == "claims"


def test_a_part_that_played_to_the_end_is_over_though_the_judging_was_stopped(folder):
    begin(folder)
    judging.over(folder, "rules")
    with pytest.raises(UserError, match="its episodes were played"):
        begin(folder)  # its file is gone, or a setting was changed
    with pytest.raises(UserError, match="its episodes were played"):
        judging.open_or_refuse(folder, "a paper", "claims")  # all of them
    begin(folder, parts=("evaluation",))
    assert "played once" in judging.in_words(judging.record(folder))
    judging.over(folder, "evaluation")
    begin(folder, again=True)
    assert "played 2 times" in judging.in_words(judging.record(folder))
    for part in PARTS:
        judging.over(folder, part)
    judging.end(folder)
    assert "ended" in judging.record(folder)
    assert "open" not in judging.record(folder)


def test_a_part_that_never_played_may_join_and_is_named(folder, monkeypatch):
    times = iter(f"2026-11-2{day}T00:00:00Z" for day in range(10))
    monkeypatch.setattr(judging, "now", lambda: next(times))
    begin(folder)
    judging.end(folder)
    before = judging.in_words(judging.record(folder))
    with pytest.raises(UserError, match="its episodes were played on 2026-11-20"):
        begin(folder, parts=("rules", "played-mine"))  # one of them has played
    with pytest.raises(UserError, match="its episodes were played"):
        begin(folder, claims="other claims", parts=("played-mine",))
    assert judging.in_words(judging.record(folder)) == before
    begin(folder, parts=("played-mine",))
    begin(folder, parts=("played-mine",))  # stopped, and gone on with
    with pytest.raises(UserError, match="its episodes were played"):
        judging.open_or_refuse(folder, "a paper", "claims")  # all of them
    judging.end(folder)
    known = judging.record(folder)
    assert known["began"] == ["2026-11-20T00:00:00Z"]
    assert judging.in_words(known) == f"{before}; `played-mine` joined on {known['parts']['played-mine']}"
    with pytest.raises(UserError, match="its episodes were played"):
        begin(folder, parts=("played-mine",))
    begin(folder, again=True, parts=("played-mine",))
    judging.end(folder)
    known = judging.record(folder)
    assert len(known["began"]) == 2
    assert "joined" not in judging.in_words(known)


def test_a_folder_belongs_to_one_publication(folder):
    begin(folder)
    with pytest.raises(UserError, match="was judged for 'a paper'; choose another folder"):
        begin(folder, publication="another")


def test_without_a_home_the_folder_knows(folder, monkeypatch):
    def none():
        raise RuntimeError("no home")

    monkeypatch.delenv("XDG_STATE_HOME")
    monkeypatch.setattr(judging.Path, "home", none)
    begin(folder)
    judging.end(folder)
    with pytest.raises(UserError, match="its episodes were played"):
        begin(folder)


@pytest.mark.parametrize(
    "damage", ["", "\x00", "[]", "{}", '{"publication": "a"}', '{"publication": "", "began": [], "parts": []}']
)
def test_a_damaged_record_is_said(folder, damage):
    (folder / judging.RECORD).write_text(damage)
    with pytest.raises(UserError, match="judging.json: is no record of a judging"):
        begin(folder)


def test_a_damaged_ledger_is_passed_over(folder):
    begin(folder)
    (entry,) = judging.ledger().iterdir()
    entry.write_text("{")
    begin(folder)
    assert json.loads(entry.read_text())["began"] == judging.record(folder)["began"]


@pytest.mark.parametrize("name", ["", "  ", "a\nb", "x" * 81])
def test_what_is_no_name(name):
    with pytest.raises(UserError, match="--judge .*: must be a name of 1 to 80 letters"):
        judging.check(name)


def test_publications_have_episodes_of_their_own():
    seeds = {Study(None, SMOKE, judge=name).played for name in ("", "a", "b", "eco_jax 1")}
    assert len(seeds) == 4
    assert PLAYED in seeds
    assert all(seed == PLAYED or 10**9 <= seed < 2 * 10**9 for seed in seeds)
