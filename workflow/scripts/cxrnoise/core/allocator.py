"""The memory allocator of the jobs: jemalloc or tcmalloc where one is installed.

A training step allocates and frees the same memory as the step before, up to gigabytes. glibc's
malloc gives it back to the kernel each time, and the kernel clears every page again: on some
machines half of the CPU time. jemalloc and tcmalloc keep the pages for the next step. Where
neither is installed, glibc is told to keep them, which is nearly as good. The networks are the
same to the bit (docs/performance.md has the speeds).
"""

import os
import shlex
import subprocess
import sys
from pathlib import Path

# In the order of their speed. The variables keep jemalloc from giving back pages while it works,
# and tcmalloc from printing a line for every gigabyte that it allocates.
LIBRARIES = {
    "libjemalloc.so.2": {"MALLOC_CONF": "dirty_decay_ms:-1,muzzy_decay_ms:-1"},
    "libtcmalloc_minimal.so.4": {"TCMALLOC_LARGE_ALLOC_REPORT_THRESHOLD": str(2**60)},
    "libtcmalloc.so.4": {"TCMALLOC_LARGE_ALLOC_REPORT_THRESHOLD": str(2**60)},
}
# One heap for all threads that grows by 64 MiB and never shrinks, and nothing outside of it.
GLIBC = (
    "glibc.malloc.arena_max=1:glibc.malloc.mmap_max=0:"
    "glibc.malloc.top_pad=67108864:glibc.malloc.trim_threshold=1099511627776"
)
ADVICE = (
    "jobs with a network would be faster with jemalloc: install the package libjemalloc2 (Debian, "
    "Ubuntu) or jemalloc (Fedora; conda-forge, where Snakemake is installed); it is found by itself"
)


def shell_prefix() -> str:
    """Return what the shell does before each job, for `shell.prefix` in the Snakefile.

    It sets the allocator for the job's process alone, so nothing is carried to a cluster's node,
    where other libraries may be installed: there the Snakefile is read again.
    """
    exports = " ".join(f"{name}={shlex.quote(value)}" for name, value in variables().items())
    prefix = f"set -euo pipefail; export {exports}; " if exports else "set -euo pipefail; "
    return prefix.replace("{", "{{").replace("}", "}}")  # Snakemake fills in braces


def variables() -> dict[str, str]:
    """Return the environment variables that give a process the best allocator of this machine.

    None where the user has chosen an allocator or its settings, and on systems other than Linux.
    """
    preloaded, tunables = os.environ.get("LD_PRELOAD", ""), os.environ.get("GLIBC_TUNABLES", "")
    if sys.platform != "linux" or "malloc" in preloaded + tunables:
        return {}
    for library, options in LIBRARIES.items():
        for place in (library, str(Path(sys.prefix, "lib", library))):
            if can_be_preloaded(place):
                unset = {name: text for name, text in options.items() if name not in os.environ}
                return {"LD_PRELOAD": f"{place}:{preloaded}".rstrip(":"), **unset}
    return {"GLIBC_TUNABLES": f"{tunables}:{GLIBC}".lstrip(":")}


def advice() -> str | None:
    """Return what would make this job faster, or None where it has an allocator of its own."""
    own = "malloc" in os.environ.get("LD_PRELOAD", "")
    return None if own or sys.platform != "linux" else ADVICE


def can_be_preloaded(library: str) -> bool:
    """Ask the system's loader, which knows all places; it prints an error and goes on."""
    environment = os.environ | {"LD_PRELOAD": library}
    done = subprocess.run(["sh", "-c", ":"], env=environment, capture_output=True)
    return done.returncode == 0 and not done.stderr
