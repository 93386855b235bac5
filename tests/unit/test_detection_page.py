import math
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cxrnoise.core.provenance import describe
from cxrnoise.report import detected, detection, pages, reviews
from cxrnoise.report.detected import Number, compared, noise_name, sentences, truth_name
from detections import (
    BETTER,
    NONE,
    READERS,
    SCORES,
    UNCLEAR,
    WORSE,
    parts,
    readers_of,
    reviews_of,
    rows_of,
)
from outline import read_html

TEMPLATES = Path(pages.__file__).parent / "templates"
FINDINGS = {"task": "three", "noise": "0", "by": "probe", "truth": "majority-unanimous"}


def said(**changes):
    """The sentences of one part whose rows have these changes."""
    [part] = parts(rows_of(**{"scores": SCORES} | changes))
    return " ".join(sentences(part))


def findings(**changes):
    """Rows of two findings, pooled and their mean, against readers."""
    place = FINDINGS | changes
    rows = rows_of(scores=SCORES, **place)
    rows += rows_of("mean", scores={"self_confidence": (0.5, NONE)}, **place)[2:]
    for label in ("Mass", "Nodule"):
        for direction in ("any", "present", "absent"):
            rows += rows_of(label, direction, SCORES, wrong=20, n=200, **place)
    return rows


def html(*args, **options):
    made_by = describe({"dataset": "Chests"}, "c0de")
    return detection.html(parts(*args, **options), "Chests", TEMPLATES, made_by)


# ---- sentences


def test_the_first_sentence_says_how_many_labels_are_wrong_of_how_many():
    assert said().startswith("80 of 1,000 labels are wrong (8.0 %).")


def test_means_over_seeds_are_called_so():
    assert said(seeds=5, wrong=80.4).startswith(
        "On average over 5 seeds, 80.4 of 1,000 labels are wrong (8.0 %)."
    )


def test_labels_that_are_left_out_are_counted_and_the_reasons_are_said():
    counts = {"without_truth": 10_703, "undecided": 12.5}
    place = rows_of()[0] | {"n": 16_394}
    rows = [place | {"measure": name, "value": value} for name, value in counts.items()]
    page = html(rows_of(scores=SCORES) + rows)
    assert (
        "Left out of 16,394 labels are 10,703 of which the truth is not known and 12.5 on which "
        "the readers are divided."
    ) in page
    assert "Left out of" not in html()
    one = html(rows_of(scores=SCORES) + rows[:1] + [rows[1] | {"value": 0}])
    assert "16,394 labels are 10,703 of which the truth is not known." in one


def test_a_finding_of_which_no_truth_is_known_has_no_row_of_dashes():
    place = rows_of("Hernia", **FINDINGS)[0] | {"measure": "without_truth", "value": 100}
    [part] = parts([*findings(), place], reviews_of(SCORES, **FINDINGS))
    [table] = detection.places_tables(part)
    assert "Hernia" not in {row[0].value for row in table.rows}


def test_a_score_whose_interval_lies_above_0_is_better():
    text = said()
    assert "“nearest neighbours” has the highest average precision, 0.900 [0.890 to 0.910]." in text
    assert "better than cleanlab’s self-confidence by 0.020 [0.010 to 0.030]." in text


def test_a_score_whose_interval_holds_0_is_no_better():
    text = said(scores=SCORES | {"neighbours": (0.9, UNCLEAR)})
    assert "no better than cleanlab’s self-confidence" in text
    assert "0.020 [−0.010 to 0.050], and its interval holds 0" in text


def test_a_score_whose_interval_lies_below_0_is_worse():
    text = said(scores=SCORES | {"neighbours": (0.9, WORSE)})
    assert "worse than cleanlab’s self-confidence by −0.020 [−0.030 to −0.010]." in text


def test_cleanlabs_may_be_the_best_itself_and_equal_scores_are_named():
    text = said(scores=SCORES | {"neighbours": (0.6, WORSE)})
    assert "Cleanlab’s self-confidence has the highest average precision, 0.700" in text
    assert "no other score does better" in text
    assert "“margin” has the same numbers." in text


def test_without_cleanlabs_numbers_nothing_is_called_better():
    text = said(scores={"neighbours": (0.9, NONE)})
    assert "cannot be compared with cleanlab’s self-confidence" in text
    assert "better than" not in text


@given(st.tuples(*[st.floats(-1, 1)] * 3).map(sorted))
def test_better_and_worse_are_said_only_of_intervals_without_0(bounds):
    low, value, high = bounds
    text = compared(Number(0.5, 0.4, 0.6, 10, value, low, high))
    assert ("is better" in text) == (low > 0)
    assert ("is worse" in text) == (high < 0)


def test_a_user_learns_what_100_reviews_find_against_chance():
    assert (
        "Of the 100 labels that it ranks first, 90 are wrong; of 100 drawn at random, about 8"
    ) in said()
    assert "Who reviews as many labels as are wrong finds 90 % of them." in said()


def test_fewer_than_100_labels_are_judged_by_the_first_20():
    rows = [row for row in rows_of(scores=SCORES) if row["measure"] != "precision_at_100"]
    [part] = parts(rows)
    assert "Of the 20 labels that it ranks first, 18 are wrong" in " ".join(sentences(part))


def test_where_no_label_is_wrong_nothing_is_called_best():
    assert said(wrong=0, scores={}) == (
        "0 of 1,000 labels are wrong (0.0 %). So there is nothing to find."
    )


def test_pooled_and_within_findings_are_two_sentences():
    [part] = parts(findings(), reviews_of(SCORES, **FINDINGS))
    text = " ".join(sentences(part))
    assert "Pooled over the findings, “nearest neighbours” has the highest" in text
    assert "Within findings, on average, cleanlab’s self-confidence has the highest" in text


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("8", "8 % symmetric noise"),
        ("0", "labels as they are"),
        ("class_conditional-12.5", "12.5 % class conditional noise"),
    ],
)
def test_noise_is_named_in_words(path, words):
    assert noise_name(path) == words


@pytest.mark.parametrize(
    ("truth", "words"),
    [
        ("labels", "the true labels"),
        ("majority-of-three", "majority of three"),
    ],
)
def test_the_truth_is_named_in_words(truth, words):
    assert truth_name(truth) == words


# ---- tables


def test_a_score_has_one_row_and_scores_with_the_same_numbers_share_it():
    [table, *_] = detection.scores_tables(parts()[0])
    assert [row[0].value for row in table.rows] == [
        "nearest neighbours",
        "self-confidence (cleanlab)",
        "uncertainty U (the paper)",
    ]
    assert table.rows[1][0].word == "same numbers: margin"


def test_the_difference_is_in_words_too():
    [table, *_] = detection.scores_tables(parts()[0])
    differences = [(row[-1].value, row[-1].word) for row in table.rows]
    assert differences == [("+0.020", "better"), ("reference", ""), ("−0.020", "worse")]


def test_a_missing_measure_is_a_dash_that_sorts_last():
    rows = [
        row
        for row in rows_of(scores=SCORES)
        if not (row["score"] == "neighbours" and row["measure"] == "precision_at_100")
    ]
    [table, *_] = detection.scores_tables(parts(rows)[0])
    assert table.rows[0][4] == detection.Cell("–")
    assert "–" in html(rows)


def test_a_score_of_some_labels_says_so_and_is_never_the_best():
    rows = rows_of(scores=SCORES) + rows_of(scores={"forgetting": (0.99, BETTER)}, n=900)[2:]
    [part] = parts(rows)
    [table, *_] = detection.scores_tables(part)
    assert part.best() == ["neighbours"]
    assert table.rows[0][0][:3] == ("forgetting events", "", "ranks 900 of 1,000 labels")


def test_single_readers_are_rows_with_precision_and_recall():
    [part] = parts(readers=readers_of())
    [*_, table] = detection.tables(part)
    assert table.name == "Single readers"
    assert [[one.value for one in row] for row in table.rows] == [
        ["Ann", "0.800", "0.600", "12"],
        ["Bob", "0.500", "0.850", "12"],
    ]
    assert "“nearest neighbours” has a precision and recall of 0.900" in table.caption


def test_pooled_and_within_finding_numbers_stand_apart_and_are_called_so():
    [part] = parts(findings(), reviews_of(SCORES, **FINDINGS))
    names = [
        table.name for table in [*detection.scores_tables(part), *detection.places_tables(part)]
    ]
    assert names == ["Every score, pooled", "Every score, within findings", "Within each finding"]


def test_each_finding_and_direction_has_a_row():
    [part] = parts(findings(), reviews_of(SCORES, **FINDINGS))
    [table] = detection.places_tables(part)
    places = [(row[0].value, row[1].value) for row in table.rows]
    assert places[:3] == [
        ("Mass", "both"),
        ("Mass", "given present, but absent"),
        ("Mass", "given absent, but present"),
    ]
    assert len(places) == 6


def test_directions_of_one_label_need_no_column_of_findings():
    rows = rows_of(scores=SCORES) + rows_of(direction="present", scores=SCORES)
    [table] = detection.places_tables(parts(rows)[0])
    assert table.name == "Each direction of error"
    assert table.header[0] == "Error" and len(table.rows) == 1


# ---- curves


def test_the_curves_are_told_in_words_and_numbers():
    [part] = parts()
    names, rows = reviews.lines(part)
    assert names == [
        "nearest neighbours",
        "self-confidence (cleanlab)",
        "uncertainty U (the paper)",
        "random order",
        "oracle",
    ]
    assert rows[0] == ["0", *["0.9200"] * 5]
    words = reviews.in_words(part)
    assert (
        "Without a review it is 0.9200. After 80 reviews it is 0.9920 (nearest neighbours)" in words
    )
    assert "0.9264 (random order), 1.0000 (oracle)" in words


def test_the_figure_has_a_panel_for_each_part_and_warns_in_its_title():
    truths = ("labels", "simulated-majority")
    rows = [row for truth in truths for row in rows_of(scores=SCORES, truth=truth)]
    curves = [row for truth in truths for row in reviews_of(SCORES, truth=truth)]
    figure = reviews.panels(parts(rows, curves), "Chests")
    titles = [axes.get_title(loc="left") for axes in figure.axes]
    assert len(titles) == 2
    assert titles[0].startswith("PHANTOM: situs")
    assert titles[1].startswith("PHANTOM, SIMULATED READERS: situs")


def test_cleanlabs_line_looks_the_same_whoever_is_the_best():
    looks = set()
    for value in (0.6, 0.9):
        scores = SCORES | {"neighbours": (value, BETTER)}
        figure = reviews.panel(parts(rows_of(scores=scores), reviews_of(scores))[0])
        [line] = [
            line
            for line in figure.axes[0].lines
            if line.get_label() == "self-confidence (cleanlab)"
        ]
        looks.add((line.get_color(), line.get_linestyle()))
    assert len(looks) == 1


# ---- the page


def test_the_page_is_well_formed_and_its_headings_are_in_order():
    page = html(findings(), reviews_of(SCORES, **FINDINGS), phantoms=())
    levels = [int(level) for level in re.findall(r"<h(\d)", page)]
    assert levels[0] == 1 and levels.count(1) == 1
    assert max(np.diff(levels)) <= 1
    assert page.count("<caption>") == page.count("<table>") == 4
    body, _, _ = page.partition("<script>")
    assert read_html(re.sub(r"<img[^>]*>", "", body)).open == ["html", "body", "main"]


def test_the_page_asks_nothing_of_anywhere():
    page = html()
    assert "//" not in re.sub(r"base64,[A-Za-z0-9+/=]*|(?m:^//.*$)", "", page)
    targets = re.findall(r'(?:src|href)="([^"]*)"', page)
    assert {target[:5] for target in targets} <= {"data:", "#part"}
    assert "url(" not in page and "@import" not in page and "fetch" not in page


def test_phantoms_and_simulated_readers_are_named_in_titles():
    place = {"truth": "simulated-majority"}
    page = html(rows_of(scores=SCORES, **place), reviews_of(SCORES, **place))
    assert "<title>PHANTOM, SIMULATED READERS: How well" in page
    assert "<h1>PHANTOM, SIMULATED READERS: How well" in page
    assert "<h2>PHANTOM: situs</h2>" in page


def test_real_radiographs_are_called_neither():
    page, _, _ = html(phantoms=()).partition("How to read this page")
    assert "PHANTOM" not in page and "SIMULATED" not in page


def test_the_page_counts_where_a_score_is_better():
    unclear = SCORES | {"neighbours": (0.9, UNCLEAR)}
    rows = rows_of(scores=SCORES) + rows_of(scores=unclear, noise="32")
    curves = reviews_of(SCORES) + reviews_of(SCORES, noise="32")
    assert "In 1 of them is the best score better" in html(rows, curves)
    assert "In none of them is the best score better" in html(rows_of(scores=unclear))


def test_names_cannot_break_the_page():
    page = html(rows_of(scores=SCORES, task="<i>&"), reviews_of(SCORES, task="<i>&"))
    assert "<i>" not in page and "&lt;i&gt;&amp;" in page


def test_markdown_has_the_sentences_and_tables_of_equally_wide_rows():
    text = detection.markdown(parts())
    assert "80 of 1,000 labels are wrong" in text
    lines = [line for line in text.splitlines() if line.startswith("|")]
    assert len({line.count("|") for line in lines}) == 1
    assert any("+0.020 [+0.010 to +0.030] (better)" in line for line in lines)


# ---- the files


def test_names_and_noises_of_the_files_stay_text(tmp_path):
    rows = rows_of("None", scores={"self_confidence": (0.7, NONE)}, noise="08", task="NA")
    pages.write_csv(pd.DataFrame(rows), tmp_path / "detection.csv")
    pages.write_csv(pd.DataFrame(reviews_of(SCORES)), tmp_path / "reviews.csv")
    pages.write_csv(pd.DataFrame(columns=READERS), tmp_path / "readers.csv")
    names = ("detection", "reviews", "readers")
    numbers, curves, people = (detected.read(tmp_path / f"{name}.csv") for name in names)
    [part] = detected.parts(numbers, curves, people, [])
    assert (part.task, part.noise) == ("NA", "08")
    found = part.of("self_confidence", "auroc", "None")
    assert found.value == 0.7 and math.isnan(found.difference)
    assert curves["reviewed"].dtype == int and curves["noise"].tolist()[0] == "8"
