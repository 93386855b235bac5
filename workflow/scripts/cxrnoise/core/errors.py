"""Errors: the one for the person who runs the workflow, and those of a file that is no image."""


class UserError(Exception):
    """A mistake in the data, the configuration or the machine that its user can mend.

    The message is one sentence: what is wrong, in which file or key, what to do.
    """


class Unreadable(Exception):
    """A file that is no whole radiograph; the message is the reason, in a few words."""


class Truncated(Unreadable):
    """A radiograph whose end is missing."""
