"""Messages of the command line."""

import logging

from eco_jax.run import messages


def test_a_message_is_one_line_whatever_handlers_the_root_has(capsys):
    """Libraries add handlers of their own to the root logger."""
    root = logging.getLogger()
    own = logging.StreamHandler()
    root.addHandler(own)
    try:
        messages.to_stderr()
        messages.warn("too warm")
        messages.say("goes on")
    finally:
        root.removeHandler(own)
    assert capsys.readouterr().err == "warning: too warm\ngoes on\n"
