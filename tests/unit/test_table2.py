from pathlib import Path

import pandas as pd
import pytest

import disputes
from cxrnoise.core.provenance import describe
from cxrnoise.reading import verdicts
from cxrnoise.report import pages, table2
from outline import read_html

TEMPLATES = Path(pages.__file__).parent / "templates"
PAPER = Path(__file__).parents[2] / "config" / "paper-table2.csv"
CASES = [
    (given, confidence, uncertainty)
    for given in (0, 1)
    for confidence in ("low", "moderate", "high")
    for uncertainty in ("low", "moderate", "high")
]


def setting(**changed):
    known = {
        "dataset": "ChestXRay14",
        "finding": "Emphysema",
        "seed": 0,
        "groups": "test-quantiles",
        "sd_factor": 1.0,
        "confined": False,
        "simulated": False,
    }
    return table2.Setting(**known | changed)


def results(readers=3):
    key = disputes.key(CASES).assign(weight=10.0)
    said = {
        f"reader {number}": [
            ("present", "absent", "unsure")[(case + number) % 3] for case in range(18)
        ]
        for number in range(readers)
    }
    judged = verdicts.judge(key, disputes.answers(key, **said))
    return verdicts.counted(judged), verdicts.statistics(judged, key), key


def paper():
    return pd.read_csv(PAPER)


def made_by():
    return describe({"dataset": "x"}, "c0de")


def test_the_papers_row_is_printed_as_the_paper_prints_it():
    table, _, _ = results()
    line = table2.printed(table, paper())[-1]
    assert line[:2] == ["paper", "90 (0)"]
    cells = [cell.split(" ")[0] for cell in line[2:]]
    assert cells == ["39/51", "13/22", "10/25", "16/4", "13/22", "11/24", "15/5"]
    assert line[2] == "39/51 43 % [34–54]"


def test_several_readers_have_a_line_each_below_the_majority():
    table, _, _ = results(3)
    names = [line[0] for line in table2.printed(table, None)]
    assert names == ["majority", "reader 0", "reader 1", "reader 2"]


def test_a_single_reader_needs_no_majority():
    table, numbers, key = results(1)
    assert [line[0] for line in table2.printed(table, None)] == ["reader 0"]
    assert [line[0] for line in table2.inferred(numbers)] == ["reader 0"]
    assert table2.agreed(numbers) == []
    assert "ajority" not in table2.caption(table, key, setting())


def test_every_table_of_a_simulated_reader_says_so_in_its_title():
    made = setting(simulated=True)
    markdown = table2.markdown(*results(), None, made)
    page = table2.html(*results(), None, made, TEMPLATES, made_by())
    assert markdown.startswith("**Table 2. SIMULATED READER: Emphysema**")
    assert "<title>Table 2: SIMULATED READER: Emphysema" in page
    assert "<h1>Table 2. SIMULATED READER: Emphysema</h1>" in page
    assert "NOBODY READ THESE IMAGES" in markdown and "NOBODY READ THESE IMAGES" in page


def test_a_table_of_people_does_not_speak_of_simulation():
    assert "imulated" not in table2.markdown(*results(), None, setting()).lower()


def test_the_caption_says_how_the_cases_were_drawn():
    table, _, key = results()
    text = table2.caption(table, key, setting())
    assert "18 of the 180 test images on which" in text
    assert "contradicts the label, drawn at random, read by 3 readers" in text
    confined = table2.caption(table, key, setting(confined=True))
    assert "18 of the 180 images that had been read before on which" in confined
    strata = key.assign(stratum=key["confidence_group"])
    assert "drawn by group" in table2.caption(table, strata, setting())
    whole = table2.caption(table, key.assign(weight=1.0), setting())
    assert "all 18 test images on which the prediction contradicts the label, read by" in whole


def test_a_number_that_was_counted_has_no_interval():
    row = {"estimate": 13.0, "low": 13.0, "high": 13.0, "n": 49}
    assert table2._number(row) == "13 of 49"
    assert table2._number(row | {"low": 9.2, "high": 1700}) == "13 of 49 [9–1,700]"


@pytest.mark.parametrize("readers", [1, 3])
def test_markdown_has_as_many_cells_in_every_line_of_a_table(readers):
    parts = table2.markdown(*results(readers), paper(), setting()).strip().split("\n\n")
    tables = [part for part in parts if part.startswith("|")]
    assert len(tables) == (2 if readers == 1 else 3)
    for part in tables:
        assert len({line.count("|") for line in part.splitlines()}) == 1


@pytest.mark.parametrize("readers", [1, 3])
def test_the_page_is_well_formed_and_its_rows_are_equally_wide(readers):
    page = table2.html(*results(readers), paper(), setting(), TEMPLATES, made_by())
    outline = read_html(page)
    assert outline.open == []
    assert set(outline.rows) == {9, 4}
    assert "<script" not in page and "src=" not in page and "href=" not in page
    assert "c0de" in " ".join(outline.text)


def test_the_agreement_is_named_in_words_and_the_csv_has_identifiers():
    _, numbers, _ = results()
    assert {line[0] for line in table2.agreed(numbers)} == {
        "Fleiss' kappa",
        "Gwet's AC1",
        "Cohen's kappa",
    }
    assert all(name.replace("_", "").isalnum() for name in numbers["statistic"])


def test_awkward_names_break_no_page():
    table, numbers, key = results()
    table["reader"] = table["reader"].replace({"reader 0": "<b> & co"})
    page = table2.html(table, numbers, key, None, setting(finding="<i>"), TEMPLATES, made_by())
    assert "<b> & co" not in page and "<i>" not in page


def test_the_numbers_are_written_with_names_and_read_back(tmp_path):
    table, numbers, _ = results()
    for name, frame in (("table2.csv", table), ("statistics.csv", numbers)):
        pages.write_csv(frame, tmp_path / name)
        back = pd.read_csv(tmp_path / name, keep_default_na=True)
        texts = ["reader", "statistic", "measure", "group"]
        numeric = [column for column in back if column not in texts]
        assert all(pd.api.types.is_numeric_dtype(back[column]) for column in numeric)
        pd.testing.assert_frame_equal(
            back[numeric], frame[numeric], check_dtype=False, rtol=0, atol=5e-7
        )


def test_the_papers_csv_is_written_as_ours_is(tmp_path):
    pages.write_csv(paper(), tmp_path / "paper.csv")
    assert (tmp_path / "paper.csv").read_bytes() == PAPER.read_bytes()
