"""Errors: a user's mistake, and a file that is no image."""


class UserError(Exception):
    """A mistake in the data, the configuration or the machine that the user can correct.

    The message is one sentence: what is wrong, in which file or key, what to do.
    """


class Unreadable(Exception):
    """The file is not a whole radiograph; the message is the reason, in a few words."""


class Truncated(Unreadable):
    """The end of the radiograph is missing."""
