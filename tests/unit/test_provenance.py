import ast
import importlib
import json
import re
from pathlib import Path

import pytest

from cxrnoise import provenance

ROOT = Path(__file__).parents[2]
MODULES = sorted(path.stem for path in provenance.PACKAGE.glob("[!_]*.py"))
RULES = re.findall(
    r"^ +code=fingerprint\((.*?)\),\n +script:\n +\"\.\./(.*?)\"",
    "".join(path.read_text() for path in (ROOT / "rules").glob("*.smk")),
    re.MULTILINE,
)
# They log, write and describe a result, or refuse a bad one, and have no part in its values.
PLUMBING = {"errors", "files", "jobs", "manifests", "provenance"}


@pytest.fixture
def package(tmp_path, monkeypatch):
    monkeypatch.setattr(provenance, "PACKAGE", tmp_path)
    (tmp_path / "network.py").write_text('"""Networks."""\nWIDTH = 16\n')
    (tmp_path / "training.py").write_text("from . import network\nfrom .errors import E\n")
    (tmp_path / "errors.py").write_text("E = 1\n")
    yield tmp_path
    forget()


def fingerprint(module="training"):
    forget()
    return provenance.fingerprint(module)


def forget():
    provenance.fingerprint.cache_clear()
    provenance._tree.cache_clear()


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


@pytest.mark.parametrize(
    "imports",
    [
        "from . import layers",
        "from . import errors, layers",
        "from .layers import DEPTH",
        "from .layers import DEPTH as depth",
        "def build():\n    from .layers import DEPTH\n",
        "if True:\n    from . import layers\n",
        "try:\n    from .layers import DEPTH\nexcept ImportError:\n    pass\n",
    ],
)
def test_code_that_is_imported_indirectly_changes_the_fingerprint(package, imports):
    (package / "network.py").write_text(imports)
    (package / "layers.py").write_text("DEPTH = 1\n")
    before = fingerprint()
    (package / "layers.py").write_text("DEPTH = 2\n")
    assert fingerprint() != before


def test_modules_that_import_each_other_have_a_fingerprint(package):
    (package / "network.py").write_text("def build():\n    from . import training\n")
    assert fingerprint("network") == fingerprint("training")


def followed(*modules):
    """The modules whose code is in the fingerprint of these."""
    seen = set()
    for module in modules:
        provenance._imported(module, seen)
    return seen


@pytest.mark.parametrize("module", MODULES)
def test_all_that_a_module_of_the_library_imports_is_in_its_fingerprint(module):
    values = vars(importlib.import_module(f"cxrnoise.{module}")).values()
    homes = {getattr(value, "__module__", None) or "" for value in values}
    homes |= {getattr(value, "__name__", None) or "" for value in values}
    imported = {home.removeprefix("cxrnoise.") for home in homes if home.startswith("cxrnoise.")}
    assert imported & set(MODULES) <= followed(module)


@pytest.mark.parametrize("module", MODULES)
def test_the_library_imports_itself_only_in_the_way_that_is_followed(module):
    for node in ast.walk(ast.parse((provenance.PACKAGE / f"{module}.py").read_text())):
        if isinstance(node, ast.ImportFrom):
            assert node.level == 1 or not (node.module or "").startswith("cxrnoise")
            assert node.level <= 1
        if isinstance(node, ast.Import):
            assert not any(name.name.startswith("cxrnoise") for name in node.names)


@pytest.mark.parametrize(("modules", "script"), RULES)
def test_a_rule_knows_the_code_that_its_script_uses(modules, script):
    tree = ast.parse((ROOT / script).read_text())
    imports = [node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
    used = {alias.name for node in imports if node.module == "cxrnoise" for alias in node.names}
    used |= {node.module.split(".")[1] for node in imports if node.module.startswith("cxrnoise.")}
    assert used - PLUMBING <= followed(*re.findall(r"\w+", modules))


def test_every_rule_but_downloads_and_their_check_has_its_code_among_its_parameters():
    scripts = {path.name for path in (ROOT / "workflow/scripts").glob("*.py")}
    without = {"imagenet_weights", "download", "download_file", "verify", "verify_file"}
    assert scripts - {Path(script).name for _, script in RULES} == {f"{it}.py" for it in without}


def test_a_description_names_packages_configuration_and_code():
    description = json.loads(provenance.describe({"seed": 3}, "abc"))
    assert description["config"] == {"seed": 3}
    assert description["code"] == "abc"
    assert "numpy" in description["packages"]
