from pathlib import Path

import pandas as pd
import pytest

import report_pages
from cxrnoise.report import comparison, pages
from cxrnoise.report.comparison import Ours
from cxrnoise.report.sections import paper as section_of

CONFIG = Path(__file__).parents[2] / "config"
PAPER = [pd.read_csv(CONFIG / f"paper-{name}.csv") for name in ("table1", "table2", "numbers")]


@pytest.fixture
def files(tmp_path):
    """The comparison of a run with two numbers of its own, one of which agrees."""
    ours = {"situs.train": Ours(25000), "finding.auc": Ours(0.7, 0.69, 0.71)}
    rows = comparison.compare(comparison.numbers(*PAPER), ours)
    pages.write_csv(rows, tmp_path / "paper-vs-ours.csv")
    return {"rows": f"{tmp_path}/paper-vs-ours.csv"}


def test_the_numbers_are_read_back_as_the_page_shows_them(files):
    ours = {"situs.train": Ours(25000), "finding.auc": Ours(0.7, 0.69, 0.71)}
    rows = comparison.compare(comparison.numbers(*PAPER), ours)
    study = report_pages.study()
    section = section_of.section(files, study)
    expected = comparison.values(rows, "ChestXRay14", "Emphysema", simulated=False)
    shown = [
        [
            (line["what"], line["printed"], line["shown"], line["verdict"])
            for lines in part["places"].values()
            for line in lines
        ]
        for values in (section.values, expected)
        for part in values["sections"]
    ]
    half = len(shown) // 2
    assert shown[:half] == shown[half:]


def test_the_answer_counts_what_agrees(files):
    [found] = section_of.section(files, report_pages.study()).answers
    assert found.answer.startswith("Of the numbers that the paper prints, ")
    assert "1 agree, 1 differ" in found.answer


def test_what_cannot_be_compared_is_said_first(files):
    study = report_pages.study({"readings": "simulated"}, dataset="phantom", phantom=True)
    section = section_of.section(files, study)
    assert section.warnings == "PHANTOM, SIMULATED READERS: "
    assert section.answers[0].answer.startswith(
        "That cannot be said, since these are not the paper's radiographs, and nobody read them"
    )


def test_its_tables_are_folded(files):
    html = report_pages.page("paper", section_of.section(files, report_pages.study()))
    assert html.count("<details>") == len(comparison.SECTIONS)
    assert "<summary><h3>Table 1: " in html
