"""Signals end the work where it may end, or the process if it cannot."""

import os
import signal
import subprocess
import sys
import threading
import time

import pytest

from eco_jax.train.interrupt import SIGNALS, Interrupted, interruptible


def test_the_value_and_the_error_come_through():
    assert interruptible(lambda stop: 3, print) == 3
    with pytest.raises(ZeroDivisionError):
        interruptible(lambda stop: 1 / 0, print)


@pytest.mark.parametrize("number", SIGNALS)
def test_a_signal_ends_the_work_where_it_looks(number):
    before, said, looks = signal.getsignal(number), [], []

    def work(stop):
        os.kill(os.getpid(), number)
        while True:
            looks.append(0)
            stop.check()
            time.sleep(0.01)

    with pytest.raises(Interrupted, match=signal.Signals(number).name) as caught:
        interruptible(work, said.append)
    assert caught.value.code == 128 + number
    assert said == [signal.Signals(number).name]
    assert looks
    assert signal.getsignal(number) == before


def test_work_that_cannot_end_is_ended():
    code = (
        "import os, signal, time; from eco_jax.train.interrupt import interruptible\n"
        "def work(stop):\n    os.kill(os.getpid(), signal.SIGTERM)\n    time.sleep(60)\n"
        "interruptible(work, lambda name: print(name, flush=True), grace_s=0.3)"
    )
    started = time.monotonic()
    ended = subprocess.run([sys.executable, "-c", code], check=False, capture_output=True, text=True)
    assert ended.returncode == 128 + signal.SIGTERM
    assert ended.stdout == "SIGTERM\n"
    assert time.monotonic() - started < 30


def test_outside_the_main_thread_signals_stay_with_others():
    found = []
    thread = threading.Thread(target=lambda: found.append(interruptible(lambda stop: stop.number, print)))
    thread.start()
    thread.join()
    assert found == [0]
