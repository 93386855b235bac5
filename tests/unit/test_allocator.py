"""The allocator that jobs get: which one, where it applies, and that it changes no bit."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import cxrnoise
from cxrnoise.core import allocator

LIBRARY = str(Path(cxrnoise.__file__).parents[1])
ABSENT = {"libabsent.so.1": {}}
PRESENT = {**ABSENT, "libm.so.6": {"SPEED": "high"}}  # can be preloaded everywhere

TRAINING = """
import hashlib, sys
import numpy as np
from cxrnoise.core import allocator
if sys.argv[1:] == ["keep"]:
    allocator.keep_memory()
from cxrnoise.networks import architectures, runtime

runtime.start(threads=1, seed=3)
model = architectures.build("small", 24, 0.9)
model.compile("sgd", "sparse_categorical_crossentropy")
images = np.random.default_rng(0).uniform(0, 255, (8, 24, 24, 1)).astype("float32")
for _ in range(5):
    model.train_on_batch(images, np.arange(8) % 2)
print(hashlib.sha256(b"".join(w.tobytes() for w in model.get_weights())).hexdigest())
"""
SNAKEFILE = """
import sys
sys.path.insert(0, {library!r})
from cxrnoise.core import allocator
allocator.LIBRARIES = {libraries!r}
shell.prefix(allocator.shell_prefix())
rule all:
    output: "environment.json"
    script: "script.py"
"""
SCRIPT = """
import json, os
with open(snakemake.output[0], "w") as file:
    json.dump(dict(os.environ), file)
"""

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="for Linux only")


@pytest.fixture(autouse=True)
def nothing_set(monkeypatch):
    for name in ("LD_PRELOAD", "MALLOC_CONF"):
        monkeypatch.delenv(name, raising=False)


def test_the_first_library_that_can_be_preloaded_is_taken(monkeypatch):
    monkeypatch.setattr(allocator, "LIBRARIES", PRESENT)
    assert allocator.variables() == {"LD_PRELOAD": "libm.so.6", "SPEED": "high"}


def test_what_the_user_preloads_is_kept(monkeypatch):
    monkeypatch.setattr(allocator, "LIBRARIES", PRESENT)
    monkeypatch.setenv("LD_PRELOAD", "libc.so.6")
    assert allocator.variables() == {"LD_PRELOAD": "libm.so.6:libc.so.6", "SPEED": "high"}


def test_a_user_s_own_allocator_is_left_alone(monkeypatch):
    monkeypatch.setattr(allocator, "LIBRARIES", PRESENT)
    monkeypatch.setenv("LD_PRELOAD", "/opt/libmimalloc.so")
    assert allocator.variables() == {}
    assert allocator.shell_prefix() == "set -euo pipefail; "


@pytest.mark.parametrize("libraries", [PRESENT, ABSENT])
def test_the_job_has_the_allocator_and_snakemake_has_not(tmp_path, libraries):
    text = SNAKEFILE.format(library=LIBRARY, libraries=libraries)
    (tmp_path / "Snakefile").write_text(text)
    (tmp_path / "script.py").write_text(SCRIPT)
    command = [sys.executable, "-m", "snakemake", "--cores", "1", "all"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    environment = json.loads((tmp_path / "environment.json").read_text())
    preloaded = environment.get("LD_PRELOAD"), environment.get("SPEED")
    assert preloaded == (("libm.so.6", "high") if libraries == PRESENT else (None, None))


def test_a_path_with_braces_or_spaces_reaches_the_shell_as_it_is(monkeypatch):
    monkeypatch.setattr(allocator, "variables", lambda: {"LD_PRELOAD": "/a {b}/lib'c.so"})
    command = allocator.shell_prefix().format() + 'printf %s "$LD_PRELOAD"'
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True)
    assert done.stdout == "/a {b}/lib'c.so"


AGAIN = """
import logging, resource, sys
from cxrnoise.core import allocator
logging.basicConfig(level=logging.INFO)
if sys.argv[1] == "keep":
    allocator.keep_memory()
import numpy
for step in range(50):
    numpy.ones(2**23)
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt)
"""


@pytest.fixture(params=["glibc", *allocator.LIBRARIES])
def variables(request):
    if request.param == "glibc":
        return {}
    if not allocator.can_be_preloaded(request.param):
        pytest.skip(f"{request.param} is not installed")
    return {"LD_PRELOAD": request.param}


def test_kept_memory_is_used_again_without_the_kernel(variables):
    faults = int(printed(AGAIN, variables, "keep").stdout)
    assert faults < 100_000  # 64 MiB are 16,384 pages; 50 times as many would be 800,000


DECAY = """
import ctypes, json
from cxrnoise.core import allocator
allocator.keep_memory()
process, found, size = ctypes.CDLL(None), ctypes.c_ssize_t(), ctypes.c_size_t(8)
for name in (b"arenas.dirty_decay_ms", b"arena.0.dirty_decay_ms", b"arena.0.muzzy_decay_ms"):
    process.mallctl(name, ctypes.byref(found), ctypes.byref(size), None, 0)
    print(found.value)
"""


def test_jemalloc_never_gives_memory_back_unless_its_user_says_so():
    if not allocator.can_be_preloaded("libjemalloc.so.2"):
        pytest.skip("libjemalloc.so.2 is not installed")
    variables = {"LD_PRELOAD": "libjemalloc.so.2"}
    assert printed(DECAY, variables, "").stdout.split() == ["-1", "-1", "-1"]
    variables["MALLOC_CONF"] = "dirty_decay_ms:500,muzzy_decay_ms:0"
    assert printed(DECAY, variables, "").stdout.split() == ["500", "500", "0"]


def test_without_a_library_the_log_says_what_would_be_faster(variables):
    said = "install libjemalloc2" in printed(AGAIN, variables, "keep").stderr
    assert said == (not variables)


@pytest.fixture(scope="module")
def plain():
    """The weights of a network that was trained without any of this."""
    return printed(TRAINING, {}, "").stdout


def test_the_allocator_changes_no_bit_of_a_network(variables, plain):
    assert printed(TRAINING, variables, "keep").stdout == plain


def printed(program, variables, argument):
    """Run a program in a process of its own, with an allocator."""
    environment = os.environ | variables | {"PYTHONPATH": LIBRARY}
    done = subprocess.run(
        [sys.executable, "-c", program, argument], env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return done
