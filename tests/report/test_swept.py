"""A sweep's results as lines over a setting."""

import polars as pl
import pytest

from eco_jax.errors import UserError
from eco_jax.metrics import REWARD
from eco_jax.report.figures.swept import lines_of, metrics_in, results_of

ENERGY_OF = "physics.sync_energy"


def table(**more):
    rows = [
        {
            "trial": i, "seed": seed, "status": "done", "cause": None, "updates": 10, "reward": value + seed / 10,
            "energy_j": 0.1, "params_sha256": "ab", ENERGY_OF: value, "knowledge": level, "algorithm.entropy": 0.1,
        } | more
        for i, (value, level) in enumerate((v, k) for v in (20.0, 0.0) for k in ("none", "twin")) for seed in (0, 1)
    ]  # fmt: skip
    return pl.DataFrame(rows)


def test_a_line_for_each_other_setting_that_varies():
    series, remarks = lines_of(table(), ENERGY_OF, None, [REWARD])
    assert [(line.label, list(line.x)) for line in series] == [("twin", [0, 20]), ("none", [0, 20])]
    assert series[0].found[REWARD][1].mean == pytest.approx(20.05)
    assert (series[0].found[REWARD][1].lo, series[0].found[REWARD][1].hi) == pytest.approx((20.0, 20.1))
    assert remarks == []


def test_what_no_line_tells_apart_is_pooled_and_said():
    frame = table().with_columns(pl.Series("algorithm.entropy", [0.1, 0.2] * 4))
    series, remarks = lines_of(frame, ENERGY_OF, ["knowledge"], [REWARD])
    assert len(series) == 2
    assert remarks == ["pooled over algorithm.entropy: intervals hold these, too"]
    assert lines_of(frame, ENERGY_OF, None, [REWARD])[0][0].label == "twin, entropy = 0.1"


@pytest.mark.parametrize(
    ("x", "group", "said"),
    [
        ("physics.sync", None, "--x 'physics.sync': the sweep varies physics.sync_energy, knowledge"),
        ("knowledge", None, r"--x knowledge: holds no numbers; tell lines apart by it"),
        (ENERGY_OF, ["algorithm.entropy"], "--group 'algorithm.entropy': the sweep varies"),
    ],
)
def test_what_the_sweep_does_not_vary_is_refused(x, group, said):
    with pytest.raises(UserError, match=said):
        lines_of(table(), x, group, [REWARD])


def test_too_many_lines_are_refused():
    frame = pl.concat([table(**{"algorithm.entropy": i / 10}) for i in range(9)])
    with pytest.raises(UserError, match="18 lines, more than 8, of knowledge, algorithm.entropy"):
        lines_of(frame, ENERGY_OF, None, [REWARD])


def test_a_sweep_that_is_going_on_is_read_batch_by_batch(tmp_path):
    for name, value in (("0000", 1.0), ("0001", 2.0), ("0002", 3.0)):
        (tmp_path / "batches" / name).mkdir(parents=True)
        (tmp_path / "batches" / name / "batch.json").touch()
        if name != "0002":  # is trained now
            table().with_columns(pl.lit(value).alias("reward")).write_parquet(
                tmp_path / "batches" / name / "results.parquet"
            )
            (tmp_path / "batches" / name / "finished.json").touch()
    assert sorted(results_of(tmp_path)["reward"].unique()) == [1.0, 2.0]


def test_only_what_was_trained_to_its_end_counts(tmp_path):
    with pytest.raises(UserError, match="no batch of the sweep has finished"):
        results_of(tmp_path)
    frame = table().with_columns(
        pl.when(pl.col("seed") == 0).then(pl.lit("pruned")).otherwise(pl.lit("done")).alias("status")
    )
    frame.write_parquet(tmp_path / "results.parquet")
    assert results_of(tmp_path)["seed"].to_list() == [1] * 4
    frame.with_columns(pl.lit("failed").alias("status")).write_parquet(tmp_path / "results.parquet")
    with pytest.raises(UserError, match="no trial was trained to its end"):
        results_of(tmp_path)
    with pytest.raises(UserError, match="--metric 'latency': the sweep reports reward, energy"):
        metrics_in(table(), ["latency"])
