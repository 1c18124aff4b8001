"""The one error that a user can cause."""


class UserError(ValueError):
    """Bad input. Its message is one line: what is wrong, where, and what is allowed.

    The command line prints it without a traceback and exits with code 2.
    """
