"""How a radiograph may hang: turned, mirrored, inverted. 16 ways, numbered.

number = quarter turns counterclockwise + 4 if mirrored + 8 if the grey values are inverted.
0 is upright, as radiographs are filed. An image is mirrored first, then turned, then inverted.
"""

import numpy as np

NUMBER = 16


def names() -> list[str]:
    """Return the name of each orientation, such as `turned 90, mirrored, inverted`."""
    return [_name(number) for number in range(NUMBER)]


def apply(pixels: np.ndarray, numbers: np.ndarray) -> np.ndarray:
    """Return each image in the orientation of its number.

    Parameters
    ----------
    pixels: uint8 (n, size, size), square images.
    numbers: int (n,), 0 to 15.

    Returns
    -------
    uint8 (n, size, size), a copy.
    """
    oriented = np.empty_like(pixels)
    for number in np.unique(numbers):
        turns, mirrored, inverted = _parts(number)
        here = numbers == number
        images = pixels[here]
        images = images[:, :, ::-1] if mirrored else images
        images = np.rot90(images, turns, axes=(1, 2))
        oriented[here] = 255 - images if inverted else images
    return oriented


def _parts(number):
    return number % 4, number // 4 % 2, number // 8


def _name(number: int) -> str:
    turns, mirrored, inverted = _parts(number)
    said = [f"turned {90 * turns}"] if turns else []
    said += ["mirrored"] if mirrored else []
    said += ["inverted"] if inverted else []
    return ", ".join(said) or "upright"
