"""What is known of a radiograph before its pixels are used."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Description:
    """What a file says of its radiograph.

    Attributes
    ----------
    width, height: of the decoded picture, after it was turned upright.
    view: "PA", "AP", or "" when the file does not say.
    left_out: why this is no frontal chest, in a few words; "" when it is one or the file does
        not say.
    remarks: what else a user should know, each in a few words.
    """

    width: int
    height: int
    view: str = ""
    left_out: str = ""
    remarks: tuple[str, ...] = ()
