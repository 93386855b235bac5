import pandas as pd
import pytest

import disputes
import report_pages
from cxrnoise.core import manifests
from cxrnoise.core.provenance import describe
from cxrnoise.reading import verdicts
from cxrnoise.report import pages, panels, saving, table2
from cxrnoise.report.sections import table2 as section_of

HIGH, LOW = (1, "high", "low"), (1, "low", "high")


def read(readers=("Ann", "Bob", "=Cy"), unsure=()):
    """Six cases of high confidence and six of low; all readers overturn the first five alone."""
    key = disputes.key([HIGH] * 6 + [LOW] * 6)
    said = ["absent"] * 5 + ["present"] * 7
    said = ["unsure" if case in unsure else answer for case, answer in enumerate(said)]
    return key, disputes.answers(key, **dict.fromkeys(readers, said))


@pytest.fixture
def files(tmp_path):
    """`files(figures=True, …)`: those of a Table 2 of the cases of `read`."""

    def made(figures=True, **options):
        key, given = read(**options)
        judged = verdicts.judge(key, given)
        pages.write_csv(verdicts.counted(judged), tmp_path / "table2.csv")
        pages.write_csv(verdicts.statistics(judged, key), tmp_path / "statistics.csv")
        unread = {"confidence": 3, "comment": "", "seconds": 1.0, "answered_at": ""}
        for name, table in {"key": key, "readings": given.assign(**unread)}.items():
            manifests.write(table, tmp_path / f"{name}.parquet", name, describe({}, "c0de"))
        shown = [tmp_path / f"cases-{number}.png" for number in (1, 2, 3)]
        for path in shown:
            saving.save(panels.draw(panels.Plate("a", "b", [])), path, "{}")
        return {
            "table": f"{tmp_path}/table2.csv",
            "statistics": f"{tmp_path}/statistics.csv",
            "key": f"{tmp_path}/key.parquet",
            "readings": f"{tmp_path}/readings.parquet",
            "reads": [],
            "figures": list(map(str, shown)) if figures else [],
            "paper": [],
        }

    return made


def answer(files, **options):
    [found] = section_of.section(files(**options), report_pages.study()).answers
    return found.answer


def test_the_answer_compares_high_with_low_confidence(files):
    assert answer(files) == (
        "The majority of 3 readers says so in 83 % [44–97] of the 6 cases of high confidence, and "
        "in 0 % [0–39] of the 6 of low confidence. The share rises with the confidence "
        "(p = 0.005)."
    )


def test_a_single_reader_is_no_majority(files):
    assert answer(files, readers=["Ann"]).startswith("The reader says so in 83 % [44–97]")


def test_what_the_readers_did_not_decide_is_said(files):
    assert answer(files, unsure=range(6)) == "The readers decided no case of high confidence."
    said = answer(files, unsure=range(6, 12))
    assert said.endswith("6 cases of high confidence; no case of low confidence was decided.")


def test_the_section_has_the_numbers_of_the_page(files, tmp_path):
    section = section_of.section(files(), report_pages.study())
    key, given = read()
    judged = verdicts.judge(key, given)
    setting = table2.Setting("ChestXRay14", "Emphysema", 0, "test-quantiles", 1.0, False, False)
    table, numbers = verdicts.counted(judged), verdicts.statistics(judged, key)
    expected = table2.values(table, numbers, key, None, setting)
    assert {name: section.values[name] for name in expected} == expected
    assert [line["reader"] for line in expected["lines"]] == ["majority", "=Cy", "Ann", "Bob"]


def test_the_figures_are_in_the_page_with_what_they_say_but_without_names_of_images(files):
    html = report_pages.page("table2", section_of.section(files(), report_pages.study()))
    assert html.count('src="data:image/jpeg;base64,') == 3
    assert "<figcaption>Figure 1. Emphysema, label overturned. Test images" in html
    assert 'alt="Radiographs. 1: label present, model absent (p = 0.500); C = 0.300' in html
    assert "000.png" not in html


def test_phantoms_and_simulated_readers_are_named_in_title_and_captions(files):
    study = report_pages.study({"readings": "simulated"}, phantom=True, simulated=True)
    html = report_pages.page("table2", section_of.section(files(), study), study)
    warning = "PHANTOM, SIMULATED READERS: "
    assert html.count(f"<figcaption>{warning}Figure") == 3
    assert f"{warning}</span>Table 2: Emphysema" in html
    assert "NOBODY READ THESE IMAGES" in html


@pytest.mark.parametrize(
    ("pictures", "reason"),
    [(True, "the names of their images are printed on them"), (False, "Pictures are left out")],
)
def test_where_no_figure_is_shown_the_page_says_why(files, pictures, reason):
    study = report_pages.study(pictures=pictures)
    html = report_pages.page("table2", section_of.section(files(figures=False), study), study)
    assert "<img" not in html and reason in html


def test_names_of_readers_and_missing_numbers_are_read_back_as_they_were(tmp_path):
    table = pd.DataFrame({"reader": ["NA", "=Cy"], "n": [1, 2], "share_A": [float("nan"), 0.5]})
    pages.write_csv(table, tmp_path / "table2.csv")
    pd.testing.assert_frame_equal(table2.read(tmp_path / "table2.csv"), table, check_dtype=False)
