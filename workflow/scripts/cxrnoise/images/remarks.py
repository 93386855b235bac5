"""Which reduced radiographs are dark, bright or flat."""

from collections.abc import Iterable
from pathlib import Path

import pandas as pd

from cxrnoise.images import radiographs, shards


def of_shards(paths: Iterable[str | Path]) -> pd.DataFrame:
    """Return image and remark of the images in shards of which `radiographs.remark` has one."""
    found = []
    for path in paths:
        with shards.opened(path) as file:
            images = file["image"].asstr()[:]
            remarks = [radiographs.remark(pixels) for pixels in file["pixels"]]
        found += [pair for pair in zip(images, remarks, strict=True) if pair[1]]
    return pd.DataFrame(found, columns=["image", "remark"])
