"""The memory of the steps before training does not grow with the number of images."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from cxrnoise.core import ondisk
from tiny import png

FEW, MANY = 4_000, 40_000
BYTES_AN_IMAGE = 500  # of growth; whole tables in frames took some 1,000
STEPS = """
import json
import sys
from pathlib import Path

from cxrnoise.core import ondisk

ondisk.ROWS = 1000  # so that there are several frames of either number

from cxrnoise.core import manifests
from cxrnoise.datasets import chestxray14
from cxrnoise.tasks import cohorts, noise

folder = Path(sys.argv[1])
shares = {"train": 0.6, "val": 0.2, "test": 0.2}


def frames(kind):
    return manifests.frames(folder / f"{kind}.parquet", kind)


def metadata():
    return chestxray14.metadata(folder / "metadata.csv")


makers = {
    "listing": lambda: chestxray14.listing("images", folder / "images"),
    "index": lambda: chestxray14.index(metadata(), frames("listing"), 1000)[0],
    "cohort of situs": lambda: cohorts.situs(frames("index"), shares, 0),
    "cohort": lambda: cohorts.finding(frames("index"), "Mass", "all", shares, shares, 0),
    "labels": lambda: noise.labels(frames("cohort"), frames("index"), 8, ["train"], 0),
}
peaks = {}
for step, make in makers.items():
    Path("/proc/self/clear_refs").write_text("5")  # the peak is that from here on
    kind = step.split()[0]
    manifests.write(make(), folder / f"{kind}.parquet", kind, "{}")
    if kind == "index":
        chestxray14.digest(frames("index"))
        assert len(chestxray14.pa_images(metadata())) == int(sys.argv[2])
    status = Path("/proc/self/status").read_text()
    peaks[step] = 1024 * int(status.split("VmHWM:")[1].split()[0])
print(json.dumps(peaks))
"""


def peaks(folder, images):
    """Peak memory of each step in bytes, in a process of its own."""
    (folder / "images").mkdir(parents=True)
    names = [f"{number:08d}_000.png" for number in range(images)]
    (folder / "one.png").write_bytes(png(np.zeros((1, 1), np.uint8)))
    for name in names:
        (folder / "images" / name).symlink_to(folder / "one.png")
    table = {
        "image": names,
        "patient": range(images),
        "Mass": [int(n % 9 == 0) for n in range(images)],
    }
    pd.DataFrame(table).to_csv(folder / "metadata.csv", index=False)
    library = Path(ondisk.__file__).parents[2]
    command = [sys.executable, "-c", STEPS, folder, str(images)]
    done = subprocess.run(command, env={"PYTHONPATH": str(library)}, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.skipif(not Path("/proc/self/clear_refs").exists(), reason="needs Linux")
def test_no_step_before_training_needs_more_memory_for_more_images(tmp_path):
    few, many = peaks(tmp_path / "few", FEW), peaks(tmp_path / "many", MANY)
    growth = {step: (many[step] - few[step]) / (MANY - FEW) for step in few}
    assert max(growth.values()) < BYTES_AN_IMAGE, growth
