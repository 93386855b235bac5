"""The memory allocator of the jobs: jemalloc or tcmalloc where one is installed.

A training step allocates and frees the same memory as the step before, up to gigabytes. glibc's
malloc gives it back to the kernel each time, and the kernel clears every page again: on some
machines half of the CPU time. jemalloc and tcmalloc keep pages for the next step. Networks are the
same to the bit with any of them (docs/performance.md has the speeds).
"""

import ctypes
import logging
import os
import shlex
import subprocess
import sys
from pathlib import Path

log = logging.getLogger(__name__)

# The fastest first, with the variables that it needs: tcmalloc would print a line for every
# gigabyte that it allocates.
QUIET = {"TCMALLOC_LARGE_ALLOC_REPORT_THRESHOLD": str(2**60)}
LIBRARIES = {
    "libjemalloc.so.2": {},
    "libtcmalloc_minimal.so.4": QUIET,
    "libtcmalloc.so.4": QUIET,
}
ADVICE = (
    "this job would be faster with jemalloc: install libjemalloc2 (Debian, Ubuntu) or jemalloc "
    "(Fedora, or conda-forge into Snakemake's own environment), which is then used by itself"
)
# Numbers and values of glibc's mallopt.
_KEEP = (
    (-8, 1),  # M_ARENA_MAX: one heap for all threads
    (-4, 0),  # M_MMAP_MAX: large blocks are in it, too
    (-2, 2**26),  # M_TOP_PAD: it grows by 64 MiB
    (-1, -1),  # M_TRIM_THRESHOLD: it is never cut back
)


def shell_prefix() -> str:
    """Return what the shell does before each job, for `shell.prefix` in the Snakefile.

    The variables are set for the job alone, so a cluster's node does not inherit them from the
    machine where Snakemake runs: it reads the Snakefile itself and may have other libraries.
    """
    exports = " ".join(f"{name}={shlex.quote(value)}" for name, value in variables().items())
    prefix = f"set -euo pipefail; export {exports}; " if exports else "set -euo pipefail; "
    return prefix.replace("{", "{{").replace("}", "}}")  # Snakemake fills in braces


def variables() -> dict[str, str]:
    """Return the environment variables that give a process the fastest allocator installed here.

    None where the user has preloaded an allocator already, and on systems other than Linux.
    """
    preloaded = os.environ.get("LD_PRELOAD", "")
    if sys.platform == "linux" and "malloc" not in preloaded:
        for library, options in LIBRARIES.items():
            for place in (library, str(Path(sys.prefix, "lib", library))):
                if can_be_preloaded(place):
                    return {"LD_PRELOAD": f"{place}:{preloaded}".rstrip(":"), **options}
    return {}


def can_be_preloaded(library: str) -> bool:
    """Ask the system's loader, which knows all places; it prints an error and goes on."""
    environment = os.environ | {"LD_PRELOAD": library}
    done = subprocess.run(["sh", "-c", ":"], env=environment, capture_output=True)
    return done.returncode == 0 and not done.stderr


def keep_memory() -> None:
    """Let this process keep the memory that it has freed, for a job with a network.

    Other jobs give it back (jemalloc after ten seconds), so that many of them fit into a machine.
    Must be called before TensorFlow starts its threads. Logs what would make the job faster.
    """
    if sys.platform != "linux":
        return
    process = ctypes.CDLL(None)  # with what was preloaded
    if hasattr(process, "mallctl"):
        if "MALLOC_CONF" not in os.environ:  # the user's own settings of jemalloc
            _never_purge(process)
    elif "malloc" not in os.environ.get("LD_PRELOAD", ""):
        log.info(ADVICE)
        if hasattr(process, "mallopt"):
            for option, value in _KEEP:
                process.mallopt(option, value)


def _never_purge(jemalloc: ctypes.CDLL) -> None:
    """Set what `MALLOC_CONF=dirty_decay_ms:-1,muzzy_decay_ms:-1` sets at the start of a process."""
    number, size = ctypes.c_uint(), ctypes.c_size_t(ctypes.sizeof(ctypes.c_uint))
    jemalloc.mallctl(b"arenas.narenas", ctypes.byref(number), ctypes.byref(size), None, 0)
    never = ctypes.c_ssize_t(-1)
    for arena in ("arenas", *(f"arena.{index}" for index in range(number.value))):
        for pages in ("dirty", "muzzy"):
            name = f"{arena}.{pages}_decay_ms".encode()  # fails for an arena that is not in use
            jemalloc.mallctl(name, None, None, ctypes.byref(never), ctypes.sizeof(never))
