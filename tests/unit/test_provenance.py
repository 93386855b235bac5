import json

import pytest

from cxrnoise import provenance


@pytest.fixture
def package(tmp_path, monkeypatch):
    monkeypatch.setattr(provenance, "PACKAGE", tmp_path)
    (tmp_path / "network.py").write_text('"""Networks."""\nWIDTH = 16\n')
    (tmp_path / "training.py").write_text("from . import network\nfrom .errors import E\n")
    (tmp_path / "errors.py").write_text("E = 1\n")
    return tmp_path


def fingerprint(module="training"):
    provenance.fingerprint.cache_clear()
    provenance._tree.cache_clear()
    return provenance.fingerprint(module)


def test_a_comment_or_a_docstring_changes_no_fingerprint(package):
    before = fingerprint()
    (package / "network.py").write_text('"""Other words."""\n# a comment\nWIDTH  =  16\n')
    assert fingerprint() == before


@pytest.mark.parametrize("module", ["network", "errors", "training"])
def test_code_that_is_imported_changes_the_fingerprint(package, module):
    before = fingerprint()
    with (package / f"{module}.py").open("a") as file:
        file.write("DEPTH = 2\n")
    assert fingerprint() != before


def test_code_that_is_not_imported_does_not(package):
    before = fingerprint("network")
    (package / "training.py").write_text("pass\n")
    assert fingerprint("network") == before


def test_a_description_names_packages_configuration_and_code():
    description = json.loads(provenance.describe({"seed": 3}, "abc"))
    assert description["config"] == {"seed": 3}
    assert description["code"] == "abc"
    assert "numpy" in description["packages"]
