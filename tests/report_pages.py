"""A study as a report has it, and its sections as a page, for tests of the sections."""

import re
from pathlib import Path

import numpy as np

from cxrnoise.report import pages, whole
from cxrnoise.report.privacy import Names
from cxrnoise.report.sections.section import Study
from outline import read_html

TEMPLATES = Path(pages.__file__).parent / "templates"
CONFIG = {
    "seeds": [0],
    "uncertainty": {"samples": 100, "batch_size": 16},
    "measures": {"confidence": "softmax", "groups": "test-quantiles", "sd_factor": 1.0},
    "tasks": {"situs": {"kind": "situs", "noise_models": ["symmetric"]}},
    "finding": "Emphysema",
    "readings": "room",
}


def study(config=None, **changed):
    """Return a study of ChestXRay14 that people read; config: keys that differ."""
    known = {
        "dataset": "ChestXRay14",
        "phantom": False,
        "simulated": False,
        "config": CONFIG | (config or {}),
        "pictures": True,
        "names": Names(),
        "first": 100,
    }
    return Study(**known | changed)


def page(name, section, of=None):
    """Return the report of one section as HTML, checked to be well formed."""
    html = whole.html({name: section}, of or study(), TEMPLATES)
    bare = re.sub(r"<img[^>]*>", "", html.partition("<script>")[0])
    assert read_html(bare).open == ["html", "body", "main"]
    levels = [int(level) for level in re.findall(r"<h(\d)", html)]
    assert levels[0] == 1 and levels.count(1) == 1 and max(np.diff(levels)) <= 1
    assert {target[:5] for target in re.findall(r'src="([^"]*)"', html)} <= {"data:"}
    assert all(re.findall(r'<img [^>]*alt="([^"]*)"', html))
    named = re.findall(r'aria-label="([^"]*)"', html)
    assert len(named) == len(set(named))
    return html


def text_of(html):
    """Return what a page says, on one line."""
    return " ".join(" ".join(read_html(re.sub(r"<img[^>]*>", "", html)).text).split())
