"""An index of a few thousand images, for tests."""

import numpy as np
import pandas as pd

FINDINGS = ("Effusion", "Emphysema", "Pleural_Thickening")
RATES = (200, 40, 90)  # images of 1,000


def index(patients=1800, seed=5, first=27500):
    """PA and AP images of patients with one to five images and three findings of other rates.

    Every number follows from `seed` by integers alone, so any version of NumPy makes the same.
    """
    words = np.random.default_rng(seed).integers(0, 1000, (patients, 12))
    rows = []
    for number, word in enumerate(words.tolist()):
        for image in range(1 + word[0] % 5):
            draws = [word[2 + 3 * finding + image % 3] for finding in range(3)]
            has = [str(int(draw < rate)) for draw, rate in zip(draws, RATES, strict=True)]
            view = "AP" if (word[1] + image) % 4 == 0 else "PA"
            rows.append([f"{first + number:08d}_{image:03d}.png", str(first + number), view, *has])
    return pd.DataFrame(rows, columns=["image", "patient", "view", *FINDINGS])
