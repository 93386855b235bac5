"""Ours and the peer take turns, each in a process of its own, for the machine is never quiet."""

import json
import os
import statistics
import subprocess
import sys
from pathlib import Path

SCRIPTS = Path(__file__).resolve().parents[1] / "workflow" / "scripts"
ENVIRONMENT = os.environ | {"PYTHONPATH": str(SCRIPTS), "TF_CPP_MIN_LOG_LEVEL": "3"}


def alone(script: str | Path, *arguments: object) -> dict:
    """Return what a benchmark with these arguments prints, in a fresh process."""
    command = [sys.executable, str(script), *map(str, arguments)]
    done = subprocess.run(command, env=ENVIRONMENT, stdout=subprocess.PIPE, check=True)
    return json.loads(done.stdout)


def compare(script: str | Path, what: str, target: float, turns: int, *arguments: object) -> dict:
    """Return the medians of `turns` turns and the ratio of ours to the peer's.

    `script` prints {"speed": …} when it is called with "ours" or "peer" and `arguments`; what
    else it prints is in the result as ours_… and peer_….
    """
    measured: dict[str, list[dict]] = {"ours": [], "peer": []}
    for turn in range(turns):
        for side, results in measured.items():
            results.append(alone(script, side, *arguments))
            print(f"{what}, turn {turn + 1}, {side}: {results[-1]}", file=sys.stderr, flush=True)
    row = {
        side if key == "speed" else f"{side}_{key}": statistics.median(r[key] for r in results)
        for side, results in measured.items()
        for key in results[0]
    }
    ratio = row["ours"] / row["peer"]
    return {"what": what, **row, "ratio": ratio, "target": target, "met": ratio >= target}
