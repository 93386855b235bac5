"""The error that is meant for the person who runs the workflow."""


class UserError(Exception):
    """A mistake in the data, the configuration or the machine that its user can mend.

    The message is one sentence: what is wrong, in which file or key, what to do.
    """
