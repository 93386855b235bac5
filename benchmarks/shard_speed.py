"""From 1024×1024 PNG to shard: beside a plain Pillow loop, and beside inflating alone.

    python benchmarks/shard_speed.py --images FOLDER

prints milliseconds per image and core, and their ratios, as JSON. The work to be timed is the
same in every column: the files are in the page cache, and the columns take turns.
"""

import argparse
import json
import sys
import tempfile
import time
import zlib
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from itertools import islice
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "workflow" / "scripts"))

from cxrnoise.images import packing  # noqa: E402

SIZE = 240
SYNTHETIC = 32


def main() -> None:
    options = _options()
    with tempfile.TemporaryDirectory() as folder:
        scratch = Path(folder)
        images = options.images or _synthetic(scratch / "images")
        paths = list(islice(sorted(images.glob("*.png")), options.number))
        if len(paths) < 2:
            sys.exit(f"{images} holds fewer than two PNG files.")
        print(json.dumps(measure(paths, options.repeats, scratch), indent=2))


def measure(paths: list[Path], repeats: int, scratch: Path) -> dict[str, float]:
    """Return milliseconds per image and ratios, each column at its best turn."""
    shard = scratch / "000.h5"
    with ProcessPoolExecutor(2) as pool:
        columns = {
            "shard": lambda: make_shard(paths, shard),
            "pillow": lambda: pillow_loop(paths),
            "inflate": lambda: inflate(paths),
            "one_process": lambda: _in_processes(pool, [paths], scratch),
            "two_processes": lambda: _in_processes(pool, [paths[::2], paths[1::2]], scratch),
        }
        for run in columns.values():
            run()
        turns = [{name: _seconds(run) for name, run in columns.items()} for _ in range(repeats)]
    best = {name: min(turn[name] for turn in turns) for name in columns}
    milliseconds = {name: 1000 * seconds / len(paths) for name, seconds in best.items()}
    result = {f"{name}_ms_per_image": milliseconds[name] for name in ("shard", "pillow", "inflate")}
    result |= {
        "shard_over_pillow": best["shard"] / best["pillow"],
        "shard_over_inflate": best["shard"] / best["inflate"],
        "two_processes_over_one": best["one_process"] / best["two_processes"],
    }
    return {"images": len(paths)} | {name: round(value, 3) for name, value in result.items()}


def make_shard(paths: list[Path], shard: Path) -> None:
    """Do what the rule `shard` does with these files."""
    rows = pd.DataFrame({"image": [path.name for path in paths], "path": [*map(str, paths)]})
    with packing.writing(shard, SIZE, "lanczos", "{}", images=len(rows)) as writer:
        packing.pack_files(rows, writer)


def pillow_loop(paths: list[Path]) -> None:
    """Decode and reduce each file, as anyone would, and keep the pixels."""
    pixels = []
    for path in paths:
        with Image.open(path) as image:
            grey = image.convert("L").resize((SIZE, SIZE), Image.Resampling.LANCZOS)
            pixels.append(np.asarray(grey))


def inflate(paths: list[Path]) -> None:
    """Inflate the pixel data of each file: the floor for any decoder of PNG."""
    for path in paths:
        zlib.decompress(_pixel_data(path.read_bytes()))


def _pixel_data(png: bytes) -> bytes:
    parts, position = [], 8
    while position < len(png):
        length = int.from_bytes(png[position : position + 4], "big")
        if png[position + 4 : position + 8] == b"IDAT":
            parts.append(png[position + 8 : position + 8 + length])
        position += length + 12
    return b"".join(parts)


def _in_processes(pool: ProcessPoolExecutor, parts: list[list[Path]], scratch: Path) -> None:
    outputs = [scratch / f"part-{number}.h5" for number in range(len(parts))]
    list(pool.map(make_shard, parts, outputs))


def _seconds(run: Callable[[], None]) -> float:
    started = time.perf_counter()
    run()
    return time.perf_counter() - started


def _synthetic(folder: Path) -> Path:
    """Write PNGs whose files are about as large as those of radiographs."""
    folder.mkdir()
    rng = np.random.default_rng(0)
    for number in range(SYNTHETIC):
        coarse = Image.fromarray(rng.integers(40, 216, (16, 16), dtype=np.uint8))
        smooth = np.asarray(coarse.resize((1024, 1024), Image.Resampling.BICUBIC), np.float32)
        noisy = smooth + rng.normal(0, 1.5, smooth.shape)
        Image.fromarray(noisy.clip(0, 255).astype(np.uint8)).save(folder / f"{number:08d}_000.png")
    return folder


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--images", type=Path, help="folder of PNGs (default: synthetic ones)")
    parser.add_argument("--number", type=int, default=90, help="images at the most")
    parser.add_argument("--repeats", type=int, default=5, help="turns of each column")
    return parser.parse_args()


if __name__ == "__main__":
    main()
