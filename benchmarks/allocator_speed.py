"""Jobs with glibc's malloc, and with the allocators that the workflow would choose.

    python benchmarks/allocator_speed.py

Every measurement is a process of its own, start and imports included; the allocators take turns.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
from pathlib import Path

import turns

from cxrnoise.core import allocator

HERE = Path(__file__).resolve().parent
TURNS = 3
# What is measured, and how often within a process.
WORK = {
    ("training_speed", "small"): 4,
    ("training_speed", "resnet50"): 3,
    ("mcbn_speed", "small"): 4,
    ("mcbn_speed", "resnet50"): 3,
}
AS_IT_IS = "glibc as it is"
# Runs a benchmark without what the workflow does to glibc's malloc.
PLAIN = """
import runpy, sys
from cxrnoise.core import allocator
allocator.keep_memory = lambda: None
del sys.argv[0]
sys.path.insert(0, sys.argv[0].rpartition("/")[0])
runpy.run_path(sys.argv[0], run_name="__main__")
"""


def allocators() -> dict[str, dict[str, str]]:
    """Return the variables of each allocator of this machine."""
    found = {AS_IT_IS: {}, "glibc that keeps its memory": {}}
    for library, options in allocator.LIBRARIES.items():
        if allocator.can_be_preloaded(library):
            found[library] = {"LD_PRELOAD": library, **options}
    return found


def measured(script: str, network: str, repeats: int, name: str) -> dict:
    """Return the median speed of a process, and what the kernel says of the whole of it."""
    plain = ["-c", PLAIN] if name == AS_IT_IS else []
    process = subprocess.Popen(
        [sys.executable, *plain, HERE / f"{script}.py", "ours", network],
        env=turns.PLAIN | allocators()[name],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    process.stdin.write(b"\n" * repeats)
    process.stdin.close()
    speeds = [json.loads(line)["speed"] for line in process.stdout]
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        sys.exit(f"{script}.py ours {network} failed")
    cpu = used.ru_utime + used.ru_stime
    return {
        "speed": statistics.median(speeds),
        "cpu": cpu,
        "kernel": used.ru_stime / cpu,
        "faults": used.ru_minflt,
        "megabytes": used.ru_maxrss / 1024,
    }


def main() -> None:
    argparse.ArgumentParser(description=__doc__.splitlines()[0]).parse_args()
    rows = []
    for (script, network), repeats in WORK.items():
        found = {name: [] for name in allocators()}
        for turn in range(TURNS):
            for name in found:
                found[name].append(measured(script, network, repeats, name))
                print(script, network, turn + 1, name, found[name][-1], file=sys.stderr, flush=True)
        for name, results in found.items():
            medians = {key: statistics.median(row[key] for row in results) for key in results[0]}
            rows.append({"work": script, "network": network, "allocator": name, **medians})
    print(json.dumps(rows, indent=2))


if __name__ == "__main__":
    main()
