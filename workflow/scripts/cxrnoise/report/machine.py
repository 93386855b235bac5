"""The machine and the programs that a process runs with, in words. It names no host."""

import os
import platform
import re
import subprocess
from collections.abc import Iterable
from pathlib import Path

from cxrnoise.report.audited import of

GPUS = Path("/proc/driver/nvidia/gpus")


def described() -> str:
    """Return the system, the processors, the memory and the GPUs of this machine."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    parts = [
        f"{platform.system()} on {platform.machine()}",
        f"{of(os.cpu_count() or 1, 'CPU')}{_processor()}",
        f"{memory:.0f} GB of memory",
        ", ".join(_named(GPUS.glob("*/information"), "Model")) or "no NVIDIA GPU",
    ]
    return "; ".join(parts)


def python() -> str:
    """Return the version of Python."""
    return platform.python_version()


def commit(folder: Path) -> str | None:
    """Return the git commit of a folder, with `-dirty` where files differ from it; else None."""
    command = ["git", "-C", str(folder), "describe", "--always", "--dirty", "--exclude=*"]
    try:
        done = subprocess.run([*command, "--abbrev=12"], capture_output=True, text=True)
    except OSError:  # no git
        return None
    return done.stdout.strip() or None


def _processor() -> str:
    models = _named([Path("/proc/cpuinfo")], "model name")
    return f" ({models[0]})" if models else ""


def _named(files: Iterable[Path], name: str) -> list[str]:
    """Return what stands behind a name in files such as /proc/cpuinfo, of those that exist."""
    texts = [path.read_text() for path in files if path.exists()]
    return [found for text in texts for found in re.findall(rf"^{name}\s*:\s*(.+)$", text, re.M)]
