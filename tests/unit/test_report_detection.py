import pandas as pd
import pytest

import report_pages
from cxrnoise.report import pages
from cxrnoise.report.sections import detection as section_of
from detections import (
    NONE,
    READERS,
    SCORES,
    parts,
    reviews_of,
    rows_of,
)


@pytest.fixture
def files(tmp_path):
    """`files(rows, reviews)`: the three tables of detection."""

    def made(rows, reviews):
        tables = {
            "detection": pd.DataFrame(rows),
            "reviews": pd.DataFrame(reviews),
            "readers": pd.DataFrame(columns=READERS),
        }
        for name, table in tables.items():
            pages.write_csv(table, tmp_path / f"{name}.csv")
        return {name: f"{tmp_path}/{name}.csv" for name in tables}

    return made


def answer(*rows):
    return section_of.answer(parts([row for several in rows for row in several]))


def test_in_one_setting_the_best_score_is_named_with_its_difference_to_cleanlabs():
    assert answer(rows_of(scores=SCORES)) == (
        "“nearest neighbours” has the highest average precision, 0.900 [0.890 to 0.910]. That is "
        "better than cleanlab’s self-confidence by 0.020 [0.010 to 0.030]."
    )


def test_of_several_settings_the_best_are_counted_and_the_differences_have_bounds():
    margin = {"self_confidence": (0.7, NONE), "margin": (0.8, (0.03, -0.01, 0.07))}
    small = SCORES | {"neighbours": (0.9, (0.011, 0.005, 0.02))}
    settings = {"8": SCORES, "16": margin, "32": small}
    said = answer(*(rows_of(scores=scores, noise=noise) for noise, scores in settings.items()))
    assert said == (
        "By average precision it is “nearest neighbours” in 2, “margin” in 1 of 3 settings. "
        "In 2 of them it is clearly better than cleanlab’s self-confidence; the difference is from "
        "+0.011 [+0.005 to +0.020] to +0.030 [−0.010 to +0.070]."
    )


def test_where_cleanlabs_is_always_the_best_no_difference_is_said():
    own = {"self_confidence": (0.7, NONE)}
    assert answer(rows_of(scores=own), rows_of(scores=own, noise="32")) == (
        "By average precision it is “self-confidence (cleanlab)” in 2 of 2 settings."
    )


def test_where_one_of_several_settings_can_be_ranked_it_is_named():
    none = {"noise": "32", "scores": {}}
    said = answer(rows_of(scores=SCORES), rows_of(**none))
    assert said.startswith("In one of 2 settings (8 % symmetric noise; test images; truth: the tru")
    assert answer(rows_of(scores={}), rows_of(**none)) == (
        "In none of 2 settings has a score an average precision."
    )


def test_where_no_label_is_wrong_the_answer_says_so():
    assert answer(rows_of(scores={}, wrong=0)).endswith("So there is nothing to find.")


def test_the_page_folds_its_tables_and_each_task_has_a_question(files):
    rows = rows_of(scores=SCORES) + rows_of(scores=SCORES, task="mass")
    section = section_of.section(
        files(rows, reviews_of(SCORES) + reviews_of(SCORES, task="mass")), report_pages.study()
    )
    html = report_pages.page("detection", section)
    assert html.count("<details>") == 3
    assert html.count("<details open>") == 1  # the section itself
    assert 'href="#part-2"' in html and 'id="part-2"' in html
    assert [found.question for found in section.answers] == [
        "Which score finds wrong labels of the task situs best?",
        "Which score finds wrong labels of the task mass best?",
    ]
    assert "<figcaption>How many of all labels" in html


def test_only_tasks_with_images_are_phantoms(files):
    tasks = {"situs": {"kind": "situs"}, "theirs": {"kind": "predictions"}}
    study = report_pages.study({"tasks": tasks}, phantom=True)
    rows = rows_of(scores=SCORES) + rows_of(scores=SCORES, task="theirs")
    curves = reviews_of(SCORES) + reviews_of(SCORES, task="theirs")
    section = section_of.section(files(rows, curves), study)
    assert section.warnings == ""
    html = report_pages.page("detection", section)
    assert html.count("<figcaption>PHANTOM: How many") == 1
    alone = section_of.section(files(rows_of(scores=SCORES), reviews_of(SCORES)), study)
    assert alone.warnings == "PHANTOM: "
