"""What changes the code that Snakemake compares, and what does not."""

import re
import sys
from modulefinder import ModuleFinder
from pathlib import Path

import pytest

from cxrnoise.core import fingerprint as under_test

ROOT = Path(__file__).parents[2]
SCRIPTS = sorted(path.name for path in (ROOT / "workflow/scripts").glob("*.py"))


@pytest.fixture
def code(tmp_path, monkeypatch):
    """Write files with `code(path, text)`; a script `train.py` that uses them is there."""
    monkeypatch.setattr(under_test, "SCRIPTS", tmp_path)

    def write(path, text):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(text)

    write("train.py", "from library.networks import training\n")
    write("library/__init__.py", '"""A library."""\n')
    write("library/networks/__init__.py", "")
    write("library/networks/training.py", "from library.networks import layers\n")
    write("library/networks/layers.py", '"""Layers."""\nWIDTH = 16\n')
    write("library/tables.py", "ROWS = 1\n")
    write("library/scores/entropy.py", "LOG = 2\n")
    yield write
    forget()


def fingerprint(*entries):
    forget()
    return under_test.fingerprint("train.py", *entries)


def forget():
    for cached in (under_test.fingerprint, under_test._tree, under_test._meaning):
        cached.cache_clear()


LAYERS = "library/networks/layers.py"


@pytest.mark.parametrize(
    "text",
    [
        '"""Other words."""\n# a comment\nWIDTH  =  16\n',
        'WIDTH = 16\n"""A text that nobody reads."""\n',
        'WIDTH = 16\nlog.info("%d", WIDTH)\n',
    ],
)
def test_comments_docstrings_formatting_and_log_calls_do_not_count(code, text):
    before = fingerprint()
    code(LAYERS, text)
    assert fingerprint() == before


def test_the_text_of_an_error_does_not_count(code):
    refusal = "def check(size):\n    if size > {}:\n        raise UserError(f'{} {{size}}')\n"
    code(LAYERS, refusal.format(3, "too large:"))
    before = fingerprint()
    code(LAYERS, refusal.format(3, "smaller, please:"))
    assert fingerprint() == before
    code(LAYERS, refusal.format(4, "too large:"))
    assert fingerprint() != before


def test_a_name_in_a_registry_does_not_count(code):
    code(LAYERS, 'WIDTH = 16\nSCORES = Registry("library.scores", "score", "entropy")\n')
    before = fingerprint()
    code(LAYERS, 'WIDTH = 16\nSCORES = Registry("library.scores", "score", "entropy", "other")\n')
    assert fingerprint() == before


def test_of_a_registry_the_chosen_entry_alone_counts(code):
    before, chosen = fingerprint(), fingerprint("library.scores.entropy")
    code("library/scores/entropy.py", "LOG = 10\n")
    assert fingerprint() == before
    assert fingerprint("library.scores.entropy") != chosen


def test_code_that_is_not_imported_does_not_count(code):
    before = fingerprint()
    code("library/tables.py", "ROWS = 2\n")
    assert fingerprint() == before


@pytest.mark.parametrize(
    "imports",
    [
        "from library import tables\n",
        "from library.tables import ROWS as rows\n",
        "import library.tables\n",
        "from .. import tables\n",
        "from ..tables import ROWS\n",
        "def draw():\n    from library import tables\n",
        "if True:\n    from library import tables\n",
    ],
)
def test_code_that_is_imported_in_any_way_counts(code, imports):
    code(LAYERS, imports)
    before = fingerprint()
    code("library/tables.py", "ROWS = 2\n")
    assert fingerprint() != before


def test_a_package_that_is_imported_on_the_way_counts(code):
    before = fingerprint()
    code("library/networks/__init__.py", "DEPTH = 2\n")
    assert fingerprint() != before


def test_modules_that_import_each_other_have_a_fingerprint(code):
    code(LAYERS, "from library.networks import training\n")
    assert re.fullmatch("[0-9a-f]{16}", fingerprint())


@pytest.mark.parametrize("script", SCRIPTS)
def test_all_that_python_finds_for_a_script_is_followed(script):
    """Python's own finder of modules, confined to the project, is the reference."""
    folder = str(ROOT / "workflow/scripts")
    other = [path for path in sys.path if path != folder]
    finder = ModuleFinder([folder], excludes=[])
    finder.path = [folder]
    finder.run_script(str(ROOT / "workflow/scripts" / script))
    expected = {name for name in finder.modules if name.startswith("cxrnoise")}
    seen = {}
    for module in under_test._imported(ROOT / "workflow/scripts" / script, ""):
        under_test._follow(module, seen)
    assert other and expected <= set(seen)


def test_every_rule_names_its_own_script_or_has_no_result_that_code_decides():
    rules = "".join(path.read_text() for path in (ROOT / "rules").glob("*.smk"))
    parts = re.split(r"\n *rule |\n *checkpoint ", rules)[1:]
    named = {}
    for part in parts:
        [script] = re.findall(r"workflow/scripts/(\w+\.py)", part) or [None]
        named[script] = re.findall(r'fingerprint\(\s*"(\w+\.py)"', part)
    without = {script for script, code in named.items() if script and not code}
    assert without == {f"{it}.py" for it in WITHOUT_CODE}
    assert all(code in ([], [script]) for script, code in named.items())


# They fetch and compare files, whose checksums say whether they are right.
WITHOUT_CODE = {"imagenet_weights", "download", "download_file", "verify", "verify_file"}
