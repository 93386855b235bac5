"""The real Snakefile on tiny phantoms: run once, then asked what it would do again."""

import shutil
from pathlib import Path

import pytest

from project import Project, copy_project


@pytest.fixture
def fresh(tmp_path) -> Project:
    """A project in which nothing has run."""
    return copy_project(tmp_path / "project")


@pytest.fixture(scope="session")
def pristine(tmp_path_factory) -> Path:
    """A project in which everything has run; its copy at the same path is `finished`."""
    folder = tmp_path_factory.mktemp("workflow") / "project"
    copy_project(folder).run()
    kept = folder.with_name("pristine")
    shutil.copytree(folder, kept)
    return folder


@pytest.fixture
def finished(pristine) -> Project:
    """A project in which everything has run; what a test changes is undone before the next."""
    shutil.rmtree(pristine)
    shutil.copytree(pristine.with_name("pristine"), pristine)
    return Project(pristine)
