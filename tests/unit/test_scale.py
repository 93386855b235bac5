"""From listing to index, 1.8 million images fit into 4 GB."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from cxrnoise.core import manifests
from tiny import png

FEW, MANY = 4_000, 40_000
BYTES_AN_IMAGE = 2**32 / 1_800_000
STEPS = """
import json
import sys
from pathlib import Path

import pandas as pd

from cxrnoise.core import manifests
from cxrnoise.datasets import folders, index
from cxrnoise.datasets.registry import DATASETS

folder = Path(sys.argv[1])


def listing():
    found = folders.listing("images", folder / "images", folder / "images")
    manifests.write(found, folder / "listing.parquet", "listing", "{}")


def indexed():
    entries = DATASETS["chestxray14"].read(folder / "metadata.csv")
    files = manifests.read(folder / "listing.parquet", "listing")
    table, report = index.index(entries, files, ["PA"], 64)
    index.check(report, dict.fromkeys(index.PROBLEMS, 0), "report.csv")
    index.check_views(table, ["PA"])
    index.digest(table), index.contents(table, 64)
    manifests.write(table.drop(columns="sha256"), folder / "index.parquet", "index", "{}")


peaks = {}
for step in (listing, indexed):
    Path("/proc/self/clear_refs").write_text("5")  # the peak is that from here on
    step()
    status = Path("/proc/self/status").read_text()
    peaks[step.__name__] = 1024 * int(status.split("VmHWM:")[1].split()[0])
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
        "Image Index": names,
        "Patient ID": range(images),
        "Finding Labels": ["Mass|Effusion" if n % 9 == 0 else "No Finding" for n in range(images)],
        "View Position": "PA",
        "Patient Age": 50,
    }
    pd.DataFrame(table).to_csv(folder / "metadata.csv", index=False)
    library = Path(manifests.__file__).parents[2]
    command = [sys.executable, "-c", STEPS, folder]
    done = subprocess.run(command, env={"PYTHONPATH": str(library)}, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.skipif(not Path("/proc/self/clear_refs").exists(), reason="needs Linux")
def test_no_step_before_the_shards_needs_much_memory_for_an_image(tmp_path):
    few, many = peaks(tmp_path / "few", FEW), peaks(tmp_path / "many", MANY)
    growth = {step: (many[step] - few[step]) / (MANY - FEW) for step in few}
    assert max(growth.values()) < BYTES_AN_IMAGE, growth
