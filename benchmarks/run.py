"""Run all benchmarks and write docs/performance.md.

    python benchmarks/run.py [--metadata FILE] [NAME …]

runs those that are named (default: all) and keeps the results of each in results/benchmarks/,
from which the page is made.
"""

import argparse
import json
import os
import platform
import sys
from collections.abc import Iterable
from importlib.metadata import version
from pathlib import Path

import turns

HERE = Path(__file__).resolve().parent
RESULTS = HERE.parent / "results" / "benchmarks"
PAGE = HERE.parent / "docs" / "performance.md"
BY_HAND = "## The demo, the plan and the full cohort\n"  # from here on the page is left as it is

INTRODUCTION = """\
# Performance

Made by `python benchmarks/run.py`. Ours and the peer take short turns on the same machine, each in
a process of its own that waits while the other one works. Both have the memory allocator that the
workflow gives to its jobs. A ratio is the median of the ratios of all turns, with the lowest and
the highest; speeds are medians.
"""
SPEEDS = {
    "input_speed": (
        "Training input",
        "Images/s of shuffled 144×144 crops from 240×240 shards; the peer decodes and resizes the "
        "1024×1024 PNGs at each epoch, with `tf.io.decode_png` and `tf.image.resize` in a "
        "parallel `tf.data` map.",
    ),
    "training_speed": (
        "Training",
        "Images/s in batches of 16; ours trains from shards as the workflow does, the peer is "
        "`keras.Model.fit` of the same network on arrays in memory.",
    ),
    "mcbn_speed": (
        "Monte Carlo batch normalisation",
        "Images × samples/s; the peer sets momentum 0, calls the model in training mode on the "
        "batch of a sample, then `model.predict`. The share is the arithmetic of the "
        "convolutions against `tf.matmul` of 2048×2048 in the same process.",
    ),
}
SHARDS = {
    "shard_over_pillow": ("time beside a plain Pillow loop", 1.05),
    "two_processes_over_one": ("speed of two processes beside one", 1.8),
    "shard_over_inflate": ("time beside inflating the PNG data alone (the floor)", None),
}
NAMES = ("shard_speed", *SPEEDS, "allocator_speed", "scale")
LARGEST_PEAK = 4096  # MB, with the most images
UNTIMED = ("training input", "mcbn")  # whose work in scale.py is a number of batches


def page(results: dict) -> str:
    """Return docs/performance.md."""
    parts = [INTRODUCTION, f"Machine: {_machine()}.\n"]
    if "shard_speed" in results:
        parts.append(_shards(results["shard_speed"]))
    parts += [_speeds(name, results[name]) for name in SPEEDS if name in results]
    if "allocator_speed" in results:
        parts.append(_allocators(results["allocator_speed"]))
    if "scale" in results:
        parts += [_scale(results["scale"]["steps"]), _dags(results["scale"]["dags"])]
    return "\n".join(parts)


def _shards(result: dict) -> str:
    rows = []
    for key, (what, target) in SHARDS.items():
        ratio = result[key]
        met = target and (ratio >= target if key == "two_processes_over_one" else ratio <= target)
        sign = "≥" if key == "two_processes_over_one" else "≤"
        goal = f"{sign} {target}" if target else "–"
        rows.append([what, f"{ratio:.2f}", goal, _verdict(met) if target else "–"])
    times = ", ".join(
        f"{name} {result[f'{name}_ms_per_image']:.1f} ms" for name in ("shard", "pillow", "inflate")
    )
    text = f"Time of an image and core, from 1024×1024 PNG to shard ({times})."
    return _section("PNG to shard", text, ["", "ratio", "target", ""], rows)


def _speeds(name: str, results: list[dict]) -> str:
    title, text = SPEEDS[name]
    header = ["", "ratio", "lowest to highest", "target", "", "ours", "peer"]
    shares = "ours_share" in results[0]
    rows = [
        [
            row["what"],
            f"{row['ratio']:.2f}",
            f"{row['lowest']:.2f}–{row['highest']:.2f}",
            f"≥ {row['target']}",
            _verdict(row["met"]),
            f"{row['ours']:.0f}",
            f"{row['peer']:.0f}",
        ]
        + ([f"{row['ours_share']:.0%}", f"{row['peer_share']:.0%}"] if shares else [])
        for row in results
    ]
    if shares:
        header += ["ours, of the peak", "peer, of the peak"]
    return _section(title, text, header, rows)


def _allocators(results: list[dict]) -> str:
    rows = [
        [
            f"{row['work'].removesuffix('_speed')}, {row['network']}",
            row["allocator"],
            f"{row['speed']:.0f}",
            f"{row['cpu']:.1f}",
            f"{row['kernel']:.0%}",
            f"{row['faults'] / 1e6:.2f}",
            f"{row['megabytes']:.0f}",
        ]
        for row in results
    ]
    text = (
        "Whole processes, start and imports included, with glibc's malloc as it is, with the "
        "settings that the workflow gives it where there is no other, and with the libraries that "
        "are installed. The weights are the same to the bit (`test_allocator.py`)."
    )
    header = ["", "allocator", "images/s", "CPU s", "in the kernel", "million page faults", "MB"]
    return _section("Memory allocator", text, header, rows)


def _scale(steps: list[dict]) -> str:
    sizes = sorted({row["images"] for row in steps if row["step"] == "index"})
    rows = []
    for step in dict.fromkeys(row["step"] for row in steps):
        at = [row for row in steps if row["step"] == step]
        timed = step not in UNTIMED
        peak = at[-1]["megabytes"]
        rows.append(
            [step]
            + [f"{row['seconds']:.1f}" if timed else "–" for row in at]
            + [f"{1e6 * row['seconds'] / row['done']:.0f}" if timed else "–" for row in at]
            + [f"{row['megabytes']:.0f}" for row in at]
            + [_verdict(peak <= LARGEST_PEAK)]
        )
    text = (
        "The metadata of ChestXRay14 once, 4 times and 16 times over, with other patients, and as "
        "many links to tiny PNGs in twelve folders, in 64 shards. Seconds, microseconds "
        "an image, and peak resident megabytes (`ru_maxrss`) of each step, a process of its own; "
        f"target ≤ {LARGEST_PEAK} MB. `shard` is two of the shards. "
        "`dry run` is `snakemake -n -- results/table1.csv`. Cohort of the finding, labels, "
        "training input and mcbn have all PA images, small ones; what a network's activations "
        "take is not in it.\n\n![Time and peak memory against images](images/scale.svg)\n\n"
        "The numbers: [scale.csv](images/scale.csv)."
    )
    header = ["", *(f"{what}, {size:,}" for what in ("s", "µs", "MB") for size in sizes)]
    return _section("Scale", text, [*header, ""], rows)


def _dags(dags: list[dict]) -> str:
    rows = [
        [f"{row['shards']:,}", f"{row['jobs']:,}", f"{row['seconds']:.1f}"]
        + [f"{row['megabytes']:.0f}"]
        for row in dags
    ]
    text = "`snakemake -n -- results/table1.csv` with the most images, in more and smaller shards."
    return _section("Dry run", text, ["shards", "jobs", "s", "MB"], rows)


def _section(title: str, text: str, header: list[str], rows: Iterable[list[str]]) -> str:
    lines = [header, ["---"] * len(header), *rows]
    table = "\n".join(f"| {' | '.join(line)} |" for line in lines)
    return f"## {title}\n\n{text}\n\n{table}\n"


def _verdict(met: bool) -> str:
    return "met" if met else "**missed**"


def _machine() -> str:
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    packages = ", ".join(f"{name} {version(name)}" for name in ("tensorflow", "keras", "pillow"))
    return (
        f"{_processor()}, {os.cpu_count()} cores, {memory:.0f} GiB of memory, "
        f"Python {platform.python_version()}, {packages}"
    )


def _processor() -> str:
    information = Path("/proc/cpuinfo")
    if information.exists():
        for line in information.read_text().splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.processor() or platform.machine()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(NAMES))
    parser.add_argument("--metadata", help="ChestXRay14's, for scale; else one like it is made")
    options = parser.parse_args()
    names = options.names
    metadata = ("--metadata", options.metadata) if options.metadata else ()
    unknown = sorted(set(names) - set(NAMES))
    if unknown:
        sys.exit(f"{unknown[0]} is no benchmark: choose from {', '.join(NAMES)}.")
    RESULTS.mkdir(parents=True, exist_ok=True)
    for name in names or NAMES:
        result = turns.alone(HERE / f"{name}.py", *(metadata if name == "scale" else ()))
        (RESULTS / f"{name}.json").write_text(json.dumps(result, indent=2) + "\n")
    results = {
        name: json.loads((RESULTS / f"{name}.json").read_text())
        for name in NAMES
        if (RESULTS / f"{name}.json").exists()
    }
    _, heading, by_hand = PAGE.read_text().partition(BY_HAND)
    PAGE.write_text(f"{page(results)}\n{heading}{by_hand}")
    print(f"written: {PAGE}")


if __name__ == "__main__":
    main()
