"""Kernels and bytes in the text of compiled programs, counted by hand."""

import jax
import jax.numpy as jnp
import pytest

from eco_jax.bench import hlo

PROGRAM = """HloModule jit_run, is_scheduled=true

%add_one (p.0: f32[8,4], p.1: f32[8,4]) -> f32[8,4] {
  %p.0 = f32[8,4]{1,0} parameter(0)
  %p.1 = f32[8,4]{1,0} parameter(1)
  ROOT %add.0 = f32[8,4]{1,0} add(%p.0, %p.1)
}

%row (q.0: f32[10,4], q.1: s32[]) -> f32[1,4] {
  %q.0 = f32[10,4]{1,0} parameter(0)
  %q.1 = s32[] parameter(1)
  %zero = s32[] constant(0)
  ROOT %cut = f32[1,4]{1,0} dynamic-slice(%q.0, %q.1, %zero), dynamic_slice_sizes={1,4}
}

%put (r.0: f32[10,4], r.1: f32[4], r.2: s32[]) -> f32[10,4] {
  %r.0 = f32[10,4]{1,0} parameter(0)
  %r.1 = f32[4]{0} parameter(1)
  %piece = f32[1,4]{1,0} bitcast(%r.1)
  %r.2 = s32[] parameter(2)
  %none = s32[] constant(0)
  ROOT %set = f32[10,4]{1,0} dynamic-update-slice(%r.0, %piece, %r.2, %none)
}

%body (s: (s32[], f32[8,4], f32[10,4])) -> (s32[], f32[8,4], /*index=2*/f32[10,4]) {
  %s = (s32[], f32[8,4]{1,0}, /*index=2*/f32[10,4]{1,0}) parameter(0)
  %i = s32[] get-tuple-element(%s), index=0
  %x = f32[8,4]{1,0} get-tuple-element(%s), index=1
  %y = f32[10,4]{1,0} get-tuple-element(%s), index=2
  %sum = f32[8,4]{1,0} fusion(%x, %x), kind=kLoop, calls=%add_one, metadata={op_name="jit(run)/add"}
  %cut.1 = f32[1,4]{1,0} fusion(%y, %i), kind=kLoop, calls=%row
  %flat = f32[4]{0} bitcast(%cut.1)
  %put.1 = f32[10,4]{1,0} fusion(%y, %flat, %i), kind=kLoop, calls=%put
  ROOT %out = (s32[], f32[8,4]{1,0}, f32[10,4]{1,0}) tuple(%i, %sum, %put.1)
}

%test (t: (s32[], f32[8,4], f32[10,4])) -> pred[] {
  %t = (s32[], f32[8,4]{1,0}, f32[10,4]{1,0}) parameter(0)
  ROOT %yes = pred[] constant(true)
}

%cheap (c: f32[8,4]) -> f32[8,4] {
  %c = f32[8,4]{1,0} parameter(0)
  ROOT %copy.c = f32[8,4]{1,0} copy(%c)
}

%dear (d: f32[8,4]) -> f32[8,4] {
  %d = f32[8,4]{1,0} parameter(0)
  %copy.d = f32[8,4]{0,1} copy(%d)
  ROOT %copy.e = f32[8,4]{1,0} copy(%copy.d)
}

ENTRY %main (a: s32[], b: f32[8,4], c.1: f32[10,4], k: pred[]) -> f32[8,4] {
  %a = s32[] parameter(0)
  %b = f32[8,4]{1,0} parameter(1)
  %c.1 = f32[10,4]{1,0} parameter(2)
  %k = pred[] parameter(3)
  %start = (s32[], f32[8,4]{1,0}, f32[10,4]{1,0}) tuple(%a, %b, %c.1)
  %loop = (s32[], f32[8,4]{1,0}, f32[10,4]{1,0}) while(%start), condition=%test, body=%body, \
backend_config={"known_trip_count":{"n":"60"}}
  %z = f32[8,4]{1,0} get-tuple-element(%loop), index=1
  %gemm = (f32[8,4]{1,0}, s8[4194304]{0}) custom-call(%z, %b), custom_call_target="__cublas$gemm"
  %w = f32[8,4]{1,0} get-tuple-element(%gemm), index=0
  ROOT %end = f32[8,4]{1,0} conditional(%k, %w, %w), true_computation=%dear, false_computation=%cheap
}
"""
MATRIX = 8 * 4 * 4
"""Bytes of f32[8,4]."""


def test_every_kernel_of_a_program_by_hand():
    found = {(k.name, k.moved, k.times) for k in hlo.kernels(PROGRAM)}
    assert found == {
        ("fusion jit(run)/add", 3 * MATRIX, 60),  # two operands, one result
        ("fusion", 16 + 16 + 4, 60),  # a row read and written, its number read: not the whole of f32[10,4]
        ("fusion", 16 + 16 + 4, 60),  # in place: the row and its number read, the row written
        ("__cublas$gemm", 3 * MATRIX, 1),  # not the 4 MB that the library works in
        ("copy", 2 * MATRIX, 1),  # the cheaper branch
    }
    total = hlo.count(hlo.kernels(PROGRAM))
    assert total.kernels == 3 * 60 + 2
    assert total.moved == 60 * (3 * MATRIX + 2 * 36) + 5 * MATRIX


def test_the_largest_kernels_of_one_name_count_together():
    assert hlo.largest(hlo.kernels(PROGRAM), 2) == [("fusion jit(run)/add", 60, 60 * 3 * MATRIX), ("fusion", 120, 4320)]


def test_the_time_is_the_launch_or_the_bytes():
    card = hlo.Card("a card", bandwidth=1e12, share=0.5, launch=2e-6, overhead=1e-6)
    assert card.seconds(1000) == 2e-6
    assert card.seconds(10**6) == pytest.approx(3e-6)  # 2 us at half a terabyte a second, and 1 us
    two = hlo.count([hlo.Kernel("small", 1000, 3), hlo.Kernel("large", 10**6, 2)], card)
    assert two == (5, 2_003_000, pytest.approx(12e-6))


@pytest.mark.parametrize(
    ("shape", "size"),
    [
        ("f32[16,30]{1,0}", 1920), ("pred[]", 1), ("bf16[7]", 14), ("token[]", 0), ("u64[2,0]", 0),
        ("(s32[], (f32[2], s8[3]))", 15), ("f32[2,2]{1,0:T(4,128)}", 16),
    ],
)  # fmt: skip
def test_bytes_of_a_shape(shape, size):
    assert hlo.nbytes(shape) == size


def test_a_loop_of_unknown_turns_counts_once_and_calls_are_followed():
    text = PROGRAM.replace(', backend_config={"known_trip_count":{"n":"60"}}', "").replace(
        "conditional(%k, %w, %w), true_computation=%dear, false_computation=%cheap", "call(%w), to_apply=%dear"
    )
    assert hlo.count(hlo.kernels(text)).kernels == 3 + 1 + 2


def test_what_is_no_program_is_refused():
    with pytest.raises(ValueError, match="ENTRY"):
        hlo.kernels("no program\n")


def test_a_program_of_xla_itself():
    """Whatever the backend's text is like today: the loop's turns are found, and a product moves what it must."""

    def run(x, w):
        return jax.lax.fori_loop(0, 7, lambda _, x: jnp.tanh(x @ w), x)

    text = jax.jit(run).lower(jnp.ones((64, 32)), jnp.ones((32, 32))).compile().as_text()
    total = hlo.count(hlo.kernels(text))
    least = 7 * 4 * (2 * 64 * 32 + 32 * 32)
    assert total.kernels >= 7
    assert least <= total.moved <= 4 * least
