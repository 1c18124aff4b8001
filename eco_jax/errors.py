"""The one error that a user can cause."""


class UserError(ValueError):
    """Bad input. Its message is one line: what is wrong, where, and what is allowed.

    The command line prints it without a traceback and exits with code 2.
    """


class FailedSeedsError(RuntimeError):
    """Agents whose numbers were no longer finite. Its message is one line: which, at which update, and what.

    What they were before is on disk, and the results of the others. The command line exits with code 3.
    """
