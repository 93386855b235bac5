"""Generated data of the sizes that the workflow sees."""

from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image

from cxrnoise.images import packing
from cxrnoise.networks import inputs


def pngs(folder: Path, number: int) -> Path:
    """Write 1024×1024 PNGs whose files are about as large as those of radiographs."""
    folder.mkdir()
    rng = np.random.default_rng(0)
    for image in range(number):
        coarse = Image.fromarray(rng.integers(40, 216, (16, 16), dtype=np.uint8))
        smooth = np.asarray(coarse.resize((1024, 1024), Image.Resampling.BICUBIC), np.float32)
        noisy = smooth + rng.normal(0, 1.5, smooth.shape)
        Image.fromarray(noisy.clip(0, 255).astype(np.uint8)).save(folder / f"{image:08d}_000.png")
    return folder


def radiographs(folder: str | Path, number: int, crop: int) -> inputs.Radiographs:
    """Write images of noise to shards; half of them are mirrored, which is their label.

    As in the paper, the crop is 3/5 of the side of what is stored.
    """
    names = [f"{image:08d}_000.png" for image in range(number)]
    per_shard, side = 1024, crop * 5 // 3
    rng = np.random.default_rng(0)
    paths = []
    for first in range(0, number, per_shard):
        paths.append(Path(folder, f"{len(paths):03d}.h5"))
        own = names[first : first + per_shard]
        with packing.writing(paths[-1], side, "lanczos", "{}", images=len(own)) as writer:
            for name in own:
                pixels = rng.integers(0, 256, (side, side), dtype=np.uint8)
                writer.append(name, b"0" * 64, pixels)
    image = np.arange(number)
    labels = pd.DataFrame(
        {
            "image": names,
            "split": "train",
            "label": "situs",
            "mirrored": image % 2 == 1,
            "given_label": image % 2,
        }
    )
    return inputs.Radiographs(labels, paths, crop)
