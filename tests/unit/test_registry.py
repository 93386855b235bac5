"""Registries: a module per entry, imported when it is asked for."""

import subprocess
import sys
from pathlib import Path

import pytest

from cxrnoise.core import registry
from cxrnoise.core.errors import UserError
from cxrnoise.core.registry import Registry
from cxrnoise.datasets.registry import DATASETS
from cxrnoise.scores.registry import SCORES
from cxrnoise.tasks.noise.registry import MODELS
from cxrnoise.tasks.registry import KINDS

ALL = {"datasets": DATASETS, "scores": SCORES, "noise models": MODELS, "tasks": KINDS}
LIBRARY = Path(registry.__file__).parents[2]


def test_an_unknown_name_is_one_sentence_with_the_choices():
    fruits = Registry("fruits", "fruit", "apple", "pear")
    with pytest.raises(UserError) as caught:
        fruits["plum"]
    assert str(caught.value) == "There is no fruit 'plum': choose one of apple, pear."


def test_a_registry_is_a_mapping_in_the_order_of_its_names():
    fruits = Registry("fruits", "fruit", "pear", "apple")
    assert list(fruits) == ["pear", "apple"] and len(fruits) == 2
    assert "apple" in fruits and "plum" not in fruits


@pytest.mark.parametrize("kind", ALL)
def test_every_entry_is_a_module_of_its_name_that_says_what_it_is(kind):
    for name, module in ALL[kind].items():
        assert module.__name__.split(".")[-1] == name
        assert module.__doc__


def test_an_entry_is_imported_only_when_it_is_asked_for():
    code = """
import sys
from cxrnoise.scores.registry import SCORES

assert "confidence" in SCORES and list(SCORES)
assert "cxrnoise.scores.confidence" not in sys.modules
module = SCORES["confidence"]
assert sys.modules["cxrnoise.scores.confidence"] is module
assert "cxrnoise.scores.uncertainty" not in sys.modules
"""
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={"PYTHONPATH": str(LIBRARY)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
