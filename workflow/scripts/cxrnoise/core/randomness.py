"""Random numbers that depend on what they are for and on whom, never on row order.

Every draw is keyed by (seed, purpose, key). Adding an image, a noise level or a seed
therefore changes no other draw.
"""

import hashlib
from collections.abc import Iterable

import numpy as np


def generator(seed: int, purpose: str, *key: object) -> np.random.Generator:
    """Return the NumPy generator of (seed, purpose, key)."""
    return np.random.default_rng(int.from_bytes(_digest(seed, purpose, *key), "little"))


def uniform(seed: int, purpose: str, keys: Iterable[object]) -> np.ndarray:
    """Draw one number per key, uniform on [0, 1).

    Returns
    -------
    float64 array (len(keys),); a key always gets the same number for one seed and purpose.
    """
    words = (int.from_bytes(_digest(seed, purpose, key)[:8], "little") for key in keys)
    return np.fromiter((word >> 11 for word in words), dtype=np.float64) / 2**53


def token(digits: int, seed: int, purpose: str, *key: object) -> str:
    """Return hex digits, at most 32, that stand for (seed, purpose, key)."""
    return _digest(seed, purpose, *key).hex()[:digits]


def _digest(*parts: object) -> bytes:
    text = "\x1f".join(str(part) for part in parts)
    return hashlib.blake2b(text.encode(), digest_size=16).digest()
