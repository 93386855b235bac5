"""Ours and the peer take short turns, because the machine is never quiet.

Each side is a process of its own that measures once for every line that it gets, and waits in
between, so that other work on the machine slows down both sides. Both have the memory allocator
that the workflow gives to its jobs.
"""

import json
import os
import statistics
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

SCRIPTS = Path(__file__).resolve().parents[1] / "workflow" / "scripts"
sys.path.append(str(SCRIPTS))

from cxrnoise.core import allocator  # noqa: E402

PLAIN = os.environ | {"PYTHONPATH": str(SCRIPTS), "TF_CPP_MIN_LOG_LEVEL": "3"}
ENVIRONMENT = PLAIN | allocator.variables()
SIDES = ("ours", "peer")


def alone(script: str | Path, *arguments: object) -> dict:
    """Return what a benchmark with these arguments prints, in a fresh process."""
    done = subprocess.run(
        _command(script, arguments), env=ENVIRONMENT, stdout=subprocess.PIPE, check=True
    )
    return json.loads(done.stdout)


def compare(script: str | Path, what: str, target: float, turns: int, *arguments: object) -> dict:
    """Return the medians of `turns` turns of each side, and of the ratios turn by turn.

    `script` is called with "ours" or "peer" and `arguments`, and must call `serve`. What it
    measures besides the speed is in the result as ours_… and peer_….
    """
    with _side(script, "ours", *arguments) as ours, _side(script, "peer", *arguments) as peer:
        rows = []
        for turn in range(turns):
            rows.append({"ours": ours(), "peer": peer()})
            print(f"{what}, turn {turn + 1}: {rows[-1]}", file=sys.stderr, flush=True)
    row = {
        side if key == "speed" else f"{side}_{key}": statistics.median(r[side][key] for r in rows)
        for side in SIDES
        for key in rows[0][side]
    }
    ratios = [r["ours"]["speed"] / r["peer"]["speed"] for r in rows]
    ratio = statistics.median(ratios)
    spread = {"lowest": min(ratios), "highest": max(ratios)}
    return {"what": what, **row, "ratio": ratio, **spread, "target": target, "met": ratio >= target}


def serve(measure: Callable[[], dict]) -> None:
    """Warm up, then print what `measure` returns as JSON for every line on standard input."""
    measure()
    for _ in sys.stdin:
        print(json.dumps(measure()), flush=True)


@contextmanager
def _side(script: str | Path, *arguments: object) -> Iterator[Callable[[], dict]]:
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    with subprocess.Popen(_command(script, arguments), env=ENVIRONMENT, **pipes) as process:

        def measured() -> dict:
            process.stdin.write("\n")
            process.stdin.flush()
            return json.loads(process.stdout.readline())

        yield measured
        process.stdin.close()


def _command(script: str | Path, arguments: tuple) -> list[str]:
    return [sys.executable, str(script), *map(str, arguments)]
