"""The lock, the conda files and the set-up that `make` does agree and hold what they promise."""

import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement

ROOT = Path(__file__).parents[2]
ENVS = ROOT / "envs"
PYTHONS = ["3.11", "3.12", "3.13"]
LOCKS = {
    "requirements.in": "lock.txt",
    "requirements-dev.in": "lock-dev.txt",
    "requirements-gpu.in": "lock-gpu.txt",
    "requirements-cleanlab.in": "lock-cleanlab.txt",
}
# The lock of a conda file; of the others it is lock.txt.
CONDA_LOCKS = {"training-gpu": "lock-gpu.txt", "cleanlab": "lock-cleanlab.txt"}
TOOLS = {"pytest", "pytest-xdist", "hypothesis", "playwright", "httpx", "ruff", "snakefmt"}


def locked(lock: str, python: str) -> dict[str, str]:
    """Version of each package by its name, on Linux with `python`."""
    machine = {
        "python_version": python,
        "python_full_version": f"{python}.0",
        "sys_platform": "linux",
        "platform_system": "Linux",
        "platform_machine": "x86_64",
        "os_name": "posix",
        "implementation_name": "cpython",
        "platform_python_implementation": "CPython",
    }
    entries = (ENVS / lock).read_text(encoding="utf-8").replace("\\\n", "").splitlines()
    requirements = [Requirement(entry.split("--hash")[0]) for entry in entries]
    return {
        requirement.name: str(requirement.specifier).removeprefix("==")
        for requirement in requirements
        if requirement.marker is None or requirement.marker.evaluate(machine)
    }


def direct(name: str) -> list[Requirement]:
    lines = [line.split("#")[0].strip() for line in (ENVS / name).read_text().splitlines()]
    return [Requirement(line) for line in lines if line and not line.startswith("-r")]


def conda_pins(path: Path) -> dict[str, str]:
    """Version of each package that the file names, conda's and pip's."""
    pins = {}
    for entry in yaml.safe_load(path.read_text(encoding="utf-8"))["dependencies"]:
        for pin in entry["pip"] if isinstance(entry, dict) else [entry]:
            name, _, version = re.sub(r"\[.*\]|=(?==)", "", pin).partition("=")
            pins[name] = version
    del pins["python"]
    pins.pop("pip", None)
    return pins


@pytest.mark.parametrize("lock", LOCKS.values())
def test_the_lock_names_no_index_host_or_file(lock):
    text = (ENVS / lock).read_text(encoding="utf-8")
    assert not re.search(r"://|@|--(?!hash=sha256:)|^/|^\.", text, re.MULTILINE)


@pytest.mark.parametrize("lock", LOCKS.values())
def test_every_entry_of_the_lock_has_an_exact_version_and_a_hash(lock):
    for entry in (ENVS / lock).read_text().replace("\\\n", "").splitlines():
        assert re.match(r"[\w.-]+==[\w.+!-]+ .*--hash=sha256:[0-9a-f]{64}", entry), entry


@pytest.mark.parametrize("python", PYTHONS)
@pytest.mark.parametrize(("requirements", "lock"), LOCKS.items())
def test_the_lock_satisfies_every_direct_dependency(requirements, lock, python):
    versions = locked(lock, python)
    for requirement in direct("requirements.in") + direct(requirements):
        assert versions[requirement.name] in requirement.specifier, requirement


@pytest.mark.parametrize("python", PYTHONS)
def test_the_gpu_lock_only_adds_the_cuda_libraries(python):
    gpu, cpu = locked("lock-gpu.txt", python), locked("lock.txt", python)
    assert {name: gpu[name] for name in cpu} == cpu
    assert {name.split("-")[0] for name in set(gpu) - set(cpu)} == {"nvidia"}


@pytest.mark.parametrize("python", PYTHONS)
def test_the_lock_of_cleanlab_only_adds_cleanlab_and_what_it_needs(python):
    more, run = locked("lock-cleanlab.txt", python), locked("lock.txt", python)
    assert {name: more[name] for name in run} == run
    assert set(more) - set(run) == {"cleanlab", "tqdm"}


@pytest.mark.parametrize("python", PYTHONS)
def test_a_run_installs_no_tool_of_the_developers(python):
    run, dev = locked("lock.txt", python), locked("lock-dev.txt", python)
    assert {name: dev[name] for name in run} == run
    assert set(dev) >= TOOLS and not TOOLS & set(run)


@pytest.mark.parametrize("path", sorted(ENVS.glob("*.yaml")), ids=lambda path: path.stem)
def test_the_conda_file_has_the_versions_of_the_lock(path):
    document = yaml.safe_load(path.read_text(encoding="utf-8"))
    (python,) = [
        entry.removeprefix("python=")
        for entry in document["dependencies"]
        if isinstance(entry, str) and entry.startswith("python=")
    ]
    versions = locked(CONDA_LOCKS.get(path.stem, "lock.txt"), python)
    pins = conda_pins(path)
    assert pins == {name: versions[name] for name in pins}


def test_image_work_needs_no_tensorflow():
    assert "tensorflow" not in conda_pins(ENVS / "images.yaml")


def test_each_conda_file_that_a_rule_names_exists():
    named = {
        name
        for rules in (ROOT / "rules").glob("*.smk")
        for name in re.findall(r"\.\./envs/([\w-]+\.yaml)", rules.read_text(encoding="utf-8"))
    }
    assert named <= {path.name for path in ENVS.glob("*.yaml")}


PYTHON = """#!/bin/sh
case "$*" in
*version_info*) echo {version} ;;
*ensurepip*) exit {without_venv} ;;
*"venv --clear"*) mkdir -p .venv/bin && cp "$0" .venv/bin/python ;;
*"pip install"*) echo "$*" >>installed; exit {failing} ;;
*reading_room.py*) printf '%s\\n' "$0" "$@" ;;
esac
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """Makefile and lock alone, in a folder with a space in its name."""
    folder = tmp_path / "a project"
    (folder / "envs").mkdir(parents=True)
    shutil.copy(ROOT / "Makefile", folder)
    for name in ("venv", "install", "reading-room", *LOCKS.values()):
        shutil.copy(ENVS / name, folder / "envs")
    return folder


def make(project: Path, *arguments: str, version="3.12", without_venv=0, failing=0):
    """Run `make` with a Python that only pretends to make `.venv` and to install."""
    python = project / "python"
    python.write_text(
        PYTHON.format(version=version, without_venv=without_venv, failing=failing),
        encoding="utf-8",
    )
    python.chmod(0o755)
    return subprocess.run(
        ["make", "--no-print-directory", "PYTHON=./python", *arguments],
        cwd=project,
        env={name: value for name, value in os.environ.items() if name != "MAKEFLAGS"},
        capture_output=True,
        text=True,
    )


def test_make_says_what_it_makes_and_does_nothing_the_second_time(project):
    first = make(project, "venv")
    assert first.returncode == 0, first.stderr
    assert "Making .venv with Python 3.12" in first.stdout
    assert "Installing the packages of envs/lock.txt" in first.stdout
    start = time.monotonic()
    second = make(project, "venv")
    assert time.monotonic() - start < 1
    assert "Making" not in second.stdout


def test_the_tools_of_the_developers_come_on_top_once_they_are_needed(project):
    make(project, "venv")
    assert "lock-dev.txt" not in (project / "installed").read_text()
    first = make(project, "format")
    assert "Making .venv" not in first.stdout
    assert "Installing the packages of envs/lock-dev.txt" in first.stdout
    assert "Installing" not in make(project, "format").stdout
    assert "Installing" not in make(project, "venv").stdout


def test_a_lock_that_was_only_touched_installs_nothing(project):
    make(project, "venv")
    (project / "envs/lock.txt").touch()
    assert "Installing" not in make(project, "venv").stdout


def test_a_changed_lock_is_installed_afresh(project):
    make(project, "venv")
    with (project / "envs/lock.txt").open("a", encoding="utf-8") as lock:
        lock.write("another==1.0 --hash=sha256:0\n")
    assert "Installing" in make(project, "venv").stdout


def test_an_install_that_failed_is_done_again(project):
    failed = make(project, "venv", failing=1)
    assert failed.returncode != 0
    assert "The packages could not be installed" in failed.stderr
    assert (project / ".venv/bin/python").exists()
    assert "Installing" in make(project, "venv").stdout


def test_an_environment_with_cuda_stays_one(project):
    assert "envs/lock-gpu.txt" in make(project, "venv", "GPU=1").stdout
    assert "Installing" not in make(project, "venv").stdout


def test_the_reading_room_starts_from_any_folder_in_a_project_that_was_moved(project, tmp_path):
    make(project, "venv")
    (project / ".venv/bin/reading-room").unlink()  # of an environment from before the command
    make(project, "venv")
    moved = project.rename(tmp_path / "moved project")
    (tmp_path / "a link").symlink_to(moved / ".venv/bin/reading-room")
    for command in (moved / ".venv/bin/reading-room", tmp_path / "a link"):
        started = subprocess.run(
            [command, "a study", "--help"], cwd="/", capture_output=True, text=True
        )
        python, program, *arguments = started.stdout.splitlines()
        assert python == f"{moved}/.venv/bin/python"
        assert program == f"{moved}/workflow/scripts/reading_room.py"
        assert arguments == ["a study", "--help"]


def test_the_reading_room_without_an_environment_runs_with_the_active_python(project):
    make(project, "help")
    active = project / "active"
    active.mkdir()
    shutil.copy(project / "python", active / "python3")
    started = subprocess.run(
        [project / "envs/reading-room", "STUDY"],
        env={"PATH": f"{active}:{os.environ['PATH']}"},
        capture_output=True,
        text=True,
    )
    assert started.stdout.splitlines()[0] == f"{active}/python3"


def test_a_python_without_the_packages_of_the_reading_room_is_refused_with_one_sentence():
    program = ROOT / "workflow/scripts/reading_room.py"
    refused = subprocess.run(
        [sys.executable, "-S", program, "--help"], capture_output=True, text=True
    )
    assert refused.returncode == 1
    assert "has no package" in refused.stderr and refused.stderr.count("\n") == 1


def test_no_text_asks_for_a_variable_of_python():
    texts = [*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md"), ROOT / "Makefile"]
    for folder in ("config", "envs", "profiles", "rules", "workflow"):
        texts += [path for path in (ROOT / folder).rglob("*") if path.is_file()]
    texts = [path for path in texts if path.suffix != ".pyc"]
    assert [path for path in texts if b"PYTHONPATH" in path.read_bytes()] == []


def test_snakemake_finds_our_plugins_also_in_a_project_that_was_moved(project, tmp_path):
    plugin = project / "workflow/plugins/a_plugin.py"
    plugin.parent.mkdir(parents=True)
    plugin.touch()
    command = [sys.executable, "-m", "venv", "--without-pip", project / ".venv"]
    subprocess.run(command, check=True)
    shutil.copy(ENVS / "lock.txt", project / ".venv")  # as if it were installed
    assert make(project, "venv").returncode == 0
    moved = project.rename(tmp_path / "moved project")
    command = [moved / ".venv/bin/python", "-c", "import a_plugin; print(a_plugin.__file__)"]
    found = subprocess.run(command, capture_output=True, text=True)
    assert found.stdout.strip() == str(moved / "workflow/plugins/a_plugin.py"), found.stderr


@pytest.mark.parametrize("version", ["2.7", "3.10", "3.14"])
def test_another_python_is_refused_with_one_sentence(project, version):
    refused = make(project, "venv", version=version)
    assert refused.returncode != 0
    assert refused.stderr.startswith(f"./python is Python {version}: name a Python 3.11, 3.12")
    assert not (project / ".venv").exists()


def test_a_python_without_venv_is_refused_with_one_sentence(project):
    refused = make(project, "venv", without_venv=1)
    assert refused.returncode != 0
    assert "has no venv module: install it" in refused.stderr


def test_a_python_that_is_not_there_is_refused_with_one_sentence(project):
    refused = make(project, "venv", "PYTHON=python-that-is-not-there")
    assert refused.returncode != 0
    assert "python-that-is-not-there was not found" in refused.stderr
