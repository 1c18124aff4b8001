"""Mangled sources and prepared traces: a result whose counts add up, or one line; no traceback, no hang.

A few of each in every run; ten thousand and a thousand with `make test-mangle`.
"""

import os
import shutil
import signal
from contextlib import contextmanager

import jax
import numpy as np
import pytest
from mangle import mangle_bytes, mangle_format, mangle_lines, mangle_prepared, mangle_source, rows_in

from eco_jax.cli.main import main
from eco_jax.data import load, prepare, read_sites, read_workload
from eco_jax.env.parts.mobility.replay import as_trace
from eco_jax.env.parts.tasks import as_workload
from eco_jax.env.sites import as_sites
from eco_jax.errors import UserError

LIMIT_S = 5


def few_or(many, few):
    return pytest.mark.parametrize("cases", [few, pytest.param(many, marks=pytest.mark.mangle)])


@contextmanager
def in_time(seed):
    def stop(*_):
        raise TimeoutError(f"seed {seed}: over {LIMIT_S} s")

    before = signal.signal(signal.SIGALRM, stop)
    signal.alarm(LIMIT_S)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def is_one_line(error):
    text = str(error)
    assert text.isprintable(), text
    assert 0 < len(text) < 600, text


def everything(folder):
    """Names, kinds and bytes below a folder."""
    found = {}
    for where, folders, names in os.walk(folder):
        for path in (os.path.join(where, name) for name in folders + names):
            link = os.readlink(path) if os.path.islink(path) else None
            plain = link is None and os.path.isfile(path)
            found[path] = link, open(path, "rb").read() if plain else None  # noqa: SIM115
    return found


def one_source(seed, folder, out, capsys):
    """Whether a source gave a result."""
    rng = np.random.default_rng([seed, 1])
    source = mangle_source(rng, folder)
    before = everything(folder)
    with in_time(seed):
        if seed % 10 == 0:
            code = main(["data", "prepare", "--source", str(source), "--out", str(out), "--min-slots", "3"])
            error = capsys.readouterr().err
            assert (code, error.count("\n"), error.isascii()) in [(0, 0, True), (2, 1, error.isascii())], error
        else:
            try:
                report = prepare(source, out, min_slots=3)
            except UserError as error:
                is_one_line(error)
            else:
                assert report.rows == report.fixes + sum(report.dropped.values())
                assert report.rows == (rows_in(source) or report.rows)
                assert str(report).isascii()
                assert str(report).replace("\n", "").isprintable()
    assert everything(folder) == before
    if out.exists():
        load(out)  # which checks it all
        out.unlink()
        return True
    return False


@few_or(10_000, few=60)
def test_mangled_sources(tmp_path, cases, capsys):
    results = 0
    for seed in range(cases):
        folder = tmp_path / "case"
        folder.mkdir()
        try:
            results += one_source(seed, folder, tmp_path / "out.npz", capsys)
        except BaseException as error:
            error.add_note(f"seed {seed}")
            raise
        shutil.rmtree(folder)
    assert [path.name for path in tmp_path.iterdir()] == []
    with capsys.disabled():
        print(f" [{results} of {cases:,} sources prepared]", end="")
    assert 0.3 < results / cases < 0.9


@few_or(10_000, few=60)
def test_mangled_formats(tmp_path, cases, capsys):
    """Every other format: a result whose counts add up, or one line."""
    results = 0
    for seed in range(cases):
        folder, out = tmp_path / "case", tmp_path / "out.npz"
        folder.mkdir()
        try:
            source, form, settings = mangle_format(np.random.default_rng([seed, 3]), folder)
            with in_time(seed):
                report = prepare(source, out, format=form, min_slots=3, **settings)
            assert report.rows == report.fixes + sum(report.dropped.values())
            assert str(report).isascii()
            load(out)
            out.unlink()
            results += 1
        except UserError as error:
            is_one_line(error)
        except BaseException as error:
            error.add_note(f"seed {seed}")
            raise
        shutil.rmtree(folder)
    with capsys.disabled():
        print(f" [{results} of {cases:,} sources prepared]", end="")
    assert 0.3 < results / cases < 0.9


TABLES = {
    "sites": ["lat,lon,cpu_ghz,coverage_m,cache_slots", *(f"41.{k},12.{k},{8 + k},{k + 100},{k}" for k in range(6))],
    "metres": ["x,y", *(f"{100 * k},{200 * k}" for k in range(1, 6))],
    "workload": ["data_kb,cycles_per_bit,deadline_ms", *(f"{100 + k},{20 + k},{90 + k}" for k in range(6))],
}  # fmt: skip


@few_or(20_000, few=200)
def test_mangled_tables_of_sites_and_tasks(tmp_path, cases):
    results = 0
    for seed in range(cases):
        rng = np.random.default_rng([seed, 4])
        name, path = list(TABLES)[seed % 3], tmp_path / "table.csv"
        path.write_bytes(mangle_bytes(rng, "\n".join(mangle_lines(rng, TABLES[name])).encode("utf-8", "replace")))
        try:
            if name == "workload":
                found = as_workload(read_workload(path))
                assert all(np.isfinite(values).all() for values in found.values())
            else:
                sites = as_sites(read_sites(path))
                assert np.isfinite(sites.position).all()
                assert all(len(values) == len(sites.position) for values in sites.own.values())
            results += 1
        except UserError as error:
            is_one_line(error)
        except BaseException as error:
            error.add_note(f"seed {seed}")
            raise
    assert 0.1 < results / cases < 0.9


@few_or(1_000, few=40)
def test_mangled_prepared_traces(folder, crossing, tmp_path, cases, capsys):
    good = tmp_path / "good.npz"
    prepare(folder({"1.txt": crossing}), good, min_slots=20, max_slots=60)
    arrays, path = load(good)._asdict(), tmp_path / "mangled.npz"
    results = 0
    for seed in range(cases):
        mangle_prepared(np.random.default_rng([seed, 2]), arrays, path)
        try:
            with in_time(seed):
                traces = load(path)
                made = as_trace(traces._asdict(), 20), as_trace(traces._asdict(), 20, together=1)
        except UserError as error:
            is_one_line(error)
        except BaseException as error:
            error.add_note(f"seed {seed}")
            raise
        else:
            results += 1
            assert all(np.isfinite(np.asarray(leaf)).all() for leaf in jax.tree.leaves(made))
            assert all(array.dtype.isnative for array in traces)
            where = np.arange(traces.fixes.shape[1]) < traces.length[:, None]
            assert traces.position[where].min() >= 0
            assert traces.position[where].max() <= traces.side_m
    with capsys.disabled():
        print(f" [{results} of {cases:,} traces loaded]", end="")
    assert 0.02 < results / cases < 0.9
