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
import hashlib
import numpy as np
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

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="is for Linux alone")


@pytest.fixture(autouse=True)
def nothing_set(monkeypatch):
    for name in ("LD_PRELOAD", "GLIBC_TUNABLES", "MALLOC_CONF"):
        monkeypatch.delenv(name, raising=False)


def test_the_first_library_that_can_be_preloaded_is_taken(monkeypatch):
    monkeypatch.setattr(allocator, "LIBRARIES", PRESENT)
    assert allocator.variables() == {"LD_PRELOAD": "libm.so.6", "SPEED": "high"}


def test_what_the_user_preloads_is_kept(monkeypatch):
    monkeypatch.setattr(allocator, "LIBRARIES", PRESENT)
    monkeypatch.setenv("LD_PRELOAD", "libc.so.6")
    monkeypatch.setenv("SPEED", "low")
    assert allocator.variables() == {"LD_PRELOAD": "libm.so.6:libc.so.6"}


def test_without_a_library_glibc_keeps_its_memory_and_the_log_has_an_advice(monkeypatch):
    monkeypatch.setattr(allocator, "LIBRARIES", ABSENT)
    monkeypatch.setenv("GLIBC_TUNABLES", "glibc.pthread.rseq=0")
    variables = allocator.variables()
    assert variables == {"GLIBC_TUNABLES": f"glibc.pthread.rseq=0:{allocator.GLIBC}"}
    assert "libjemalloc2" in allocator.advice()
    monkeypatch.setenv("LD_PRELOAD", "libjemalloc.so.2")
    assert allocator.advice() is None


@pytest.mark.parametrize(
    ("name", "value"),
    [("LD_PRELOAD", "/opt/libmimalloc.so"), ("GLIBC_TUNABLES", "glibc.malloc.check=3")],
)
def test_a_user_s_own_allocator_or_its_settings_are_left_alone(monkeypatch, name, value):
    monkeypatch.setattr(allocator, "LIBRARIES", PRESENT)
    monkeypatch.setenv(name, value)
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
    if libraries == PRESENT:
        assert (environment["LD_PRELOAD"], environment["SPEED"]) == ("libm.so.6", "high")
    else:
        assert environment["GLIBC_TUNABLES"] == allocator.GLIBC


def test_a_path_with_braces_or_spaces_reaches_the_shell_as_it_is(monkeypatch):
    monkeypatch.setattr(allocator, "variables", lambda: {"LD_PRELOAD": "/a {b}/lib'c.so"})
    command = allocator.shell_prefix().format() + 'printf %s "$LD_PRELOAD"'
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True)
    assert done.stdout == "/a {b}/lib'c.so"


def test_the_allocator_changes_no_bit_of_a_network():
    settings = [{}, {"GLIBC_TUNABLES": allocator.GLIBC}, allocator.variables()]
    assert len({trained(variables) for variables in settings}) == 1


def trained(variables):
    """Return the digest of the weights of a tiny network, trained in a process of its own."""
    environment = os.environ | variables | {"PYTHONPATH": LIBRARY}
    done = subprocess.run(
        [sys.executable, "-c", TRAINING], env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return done.stdout
