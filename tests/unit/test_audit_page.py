import math
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from audits import audit, counted, counts, shifted
from cxrnoise.core.provenance import describe
from cxrnoise.report import audit as page
from cxrnoise.report import audited, pages
from cxrnoise.report.detection import Cell
from outline import read_html

TEMPLATES = Path(pages.__file__).parent / "templates"


@pytest.fixture
def made(tmp_path):
    """`made(**changes)`: a small audit."""
    return lambda **changes: audit(tmp_path, **changes)


def html(found):
    return page.html(found, TEMPLATES, describe({"dataset": "Chests"}, "c0de"))


def short(found):
    return " ".join(audited.short(found))


def section(found, title):
    return next(part for part in page.parts(found).values() if part.title.startswith(title))


def said(found, title):
    return " ".join(section(found, title).sentences)


# ---- in short


def test_the_first_sentence_is_the_number_with_its_interval(made):
    assert short(made()).startswith(
        "About 80 [60 to 100] of 2,000 labels are wrong: 4.0 % [3.0 % to 5.0 %]. This rests on 100 "
        "labels of 100 images that were drawn at random and read; 12 of these labels are wrong."
    )


def test_it_says_what_an_interval_means(made):
    assert short(made()).endswith(audited.INTERVAL)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({}, "the majority of 3 readers"),
        ({"rule": "unanimous"}, "all of its 3 readers say the same"),
        ({"readers": ["Ann"]}, "There is one reader, so this is disagreement with this reader"),
        ({"readers": [""]}, "the verdict in the file of readings, which names no readers"),
    ],
)
def test_it_says_whose_verdict_it_is(made, changes, words):
    assert words in short(made(**changes))


def test_what_one_reader_contradicts_is_not_called_wrong(made):
    found = made(readers=["Ann"])
    assert "80 [60 to 100] of 2,000 labels contradict a reader" in short(found)
    assert "are wrong" not in short(found)
    assert "Contradict the reader" in section(found, "How many").tables[0].header
    assert "let a second one look" in said(found, "Corrections")


def test_several_readers_of_other_labels_are_single_readers_too(made):
    found = made()
    found = replace(found, verdicts=found.verdicts.assign(readers=1))
    assert "One reader read each label, so this is disagreement" in short(found)


def test_what_readers_did_not_decide_has_its_bounds(made):
    found = made(counts=counts(unsure=7))
    assert (
        "On 7 labels the readers were not sure or did not agree; these are left out. If they were "
        "all right, the interval would begin at 40; if they were all wrong, it would end at 160."
    ) in short(found)
    [table] = section(found, "How many").tables
    assert table.rows[0][-1].value == "40 to 160"
    assert len({len(row) for row in [table.header, *table.rows]}) == 1


def test_a_sample_that_is_read_in_part_says_so(made):
    found = made()
    more = pd.DataFrame({"image": ["a.png"], "role": "sample"})
    found = replace(found, sample=pd.concat([found.sample, more]))
    assert "1 image of the sample is not read yet" in short(found)


# ---- the parts


def test_all_labels_come_first_and_the_count_is_named(made):
    [table] = section(made(), "How many").tables
    assert [cell.value for cell in table.rows[0][:2]] == ["all", "both"]
    assert table.rows[0][2] == Cell("80", "[60 to 100]", key="80")
    methods = [row[0].word for row in table.rows]
    assert methods[:2] == ["difference", "stratified, to compare"]
    assert methods.count("difference") == 3 and methods.count("difference, to compare") == 2
    assert "most is Mass: about 50 [38 to 62]" in said(made(), "How many")


def test_a_finding_that_nobody_read_has_no_number(made):
    row = counted("Mass", wrong=math.nan, wrong_low=0, wrong_high=20, share=math.nan)
    found = made(counts=[*counts(), row])
    [table] = section(found, "How many").tables
    assert table.rows[-1][2] == Cell("–", "[0 to 20]", "none read")
    assert table.rows[-1][3].value == "–"


def test_classes_have_no_directions(made):
    rows = [counted("all", method="difference"), counted("cat"), counted("dog")]
    found = made(counts=rows, classes=["cat", "dog"])
    [table] = section(found, "How many").tables
    assert table.header[:2] == ["Given class", "Wrong labels"] and table.text == 1
    assert [row[3].value for row in section(found, "The first 50").tables[0].rows][0] == "dog"


def test_parts_of_the_archive_stand_open_and_their_findings_folded(made):
    part = section(made(), "Where")
    assert [table.name for table in part.tables] == ["By view"]
    assert [row[0].value for row in part.tables[0].rows] == ["AP", "PA"]
    assert [table.name for table in part.folded] == ["By view and finding"]
    assert len(part.folded[0].rows) == 4


def test_a_column_of_one_value_divides_nothing(made):
    one = section(made(counts=[row for row in counts() if row["value"] != "AP"]), "Where")
    assert not one.tables and not one.folded
    assert "no column that divides the archive" in one.sentences[0]


def test_agreement_of_all_findings_stands_open_and_a_lone_reader_has_none(made):
    part = section(made(), "How far")
    assert [cell.value for cell in part.tables[0].rows[0]][1:4] == ["Fleiss’ kappa", "all", "0.600"]
    assert len(part.folded[0].rows) == 4
    alone = section(made(readers=["Ann"]), "How far")
    assert not alone.tables and "It is not known" in alone.sentences[0]


def test_the_first_labels_are_called_calibrated(made):
    part = section(made(), "What to expect")
    assert "calibrated" in part.sentences[0]
    assert "Among the first 100 labels expect 60 [50 to 70] wrong ones." in part.sentences
    assert [cell.value for cell in part.tables[0].rows[0]] == ["10", "9", "10", "71"]


def test_the_ranking_says_that_nobody_read_most_of_it(made):
    part = section(made(), "The first 50 labels of the ranking")
    assert part.sentences[0].startswith("Nobody has read 40 of these 50 labels")
    assert part.sentences[1] == "No label is ever changed because of what a model says."
    [table] = part.tables
    assert [cell.value for cell in table.rows[0]] == [
        *("1", "000.png", "Effusion", "present", "absent", "wrong", "0.600", "0.900")
    ]
    assert table.rows[20][5].value == "not read"
    assert table.header[-1] == "The model’s, not calibrated"


def test_corrections_are_counted_and_those_outside_the_sample_named(made):
    found = made()
    assert "overturned 3 labels of 2 images" in said(found, "Corrections")
    assert "results/reports/audit/corrections.csv" in said(found, "Corrections")
    role = np.where(found.sample["image"] == "001.png", "suspicious", "sample")
    found = replace(found, sample=found.sample.assign(role=role))
    assert "1 overturned label is of images outside the sample, and in no count" in said(
        found, "Corrections"
    )
    assert "mend labels: 1, of which 1 were read. They are in no count" in said(found, "Which")
    none = made(corrections=found.corrections.head(0))
    assert said(none, "Corrections") == "The readers overturned no label."


def test_the_impact_is_its_mean_before_beside_after(made):
    part = section(made(), "What corrected labels change")
    assert (
        "mean AUC of the same predictions is 0.700 [0.650 to 0.750] by the given labels and 0.800 "
        "[0.750 to 0.850] by the readers; the difference is +0.100 [+0.050 to +0.150]."
    ) in part.sentences[0]
    [table] = part.tables
    assert [row[0].value for row in table.rows] == ["mean of the findings"]
    assert table.rows[0][4].word == "higher"
    assert "set the key corrections to" in part.sentences[2]
    trained = [shifted("mean", "auc"), shifted("mean", "auc", "retraining")]
    part = section(made(impact=trained), "What corrected labels change")
    assert len(part.tables) == 2 and "set the key" not in " ".join(part.sentences)


def test_without_a_mean_the_labels_themselves_are_shown(made):
    part = section(made(impact=[shifted("Mass", "auc")]), "What corrected labels change")
    assert part.tables[0].rows[0][0].value == "Mass"


def test_images_drawn_for_suspicion_are_in_no_count(made):
    assert "No images were drawn besides" in said(made(), "Which")


# ---- the page


def test_phantoms_and_simulated_readers_are_named_in_titles(made):
    found = made(phantom=True, simulated=True)
    title = "PHANTOM, SIMULATED READERS: Which labels are wrong: Chests, reports"
    assert f"<title>{title}</title>" in html(found) and f"<h1>{title}</h1>" in html(found)
    assert page.markdown(found).startswith(f"# {title}\n")
    assert "says nothing about patients: the images are drawn and the readers" in short(found)
    real, _, _ = html(made()).partition("How to read this page")
    assert "PHANTOM" not in real and "SIMULATED" not in real


def test_the_page_is_well_formed_and_its_headings_are_in_order(made):
    text = html(made())
    levels = [int(level) for level in re.findall(r"<h(\d)", text)]
    assert levels[0] == 1 and levels.count(1) == 1
    assert max(np.diff(levels)) <= 1
    assert text.count("<caption>") == text.count("<table>") == 8
    body, _, _ = text.partition("<script>")
    assert read_html(re.sub(r"<img[^>]*>", "", body)).open == ["html", "body", "main"]


def test_the_page_asks_nothing_of_anywhere(made):
    text = html(made())
    assert "//" not in re.sub(r"base64,[A-Za-z0-9+/=]*|(?m:^//.*$)", "", text)
    targets = re.findall(r'(?:src|href)="([^"]*)"', text)
    assert {target[:5] for target in targets} == {"data:"}
    assert "url(" not in text and "@import" not in text and "fetch" not in text


def test_names_cannot_break_the_page_and_stay_as_they_are(made):
    names = ("<i>&|", "=NA")
    found = made(names=names, task="<b>", dataset="<script>")
    text = html(found)
    assert "<i>" not in text and "<b>" not in text and text.count("<script>") == 1
    assert "&lt;i&gt;&amp;|" in text and "'=NA" not in text
    assert {"<i>&|", "=NA"} <= set(found.counts["label"])


def test_markdown_has_every_table(made):
    text = page.markdown(made())
    lines = text.splitlines()
    assert sum(line.startswith("|:") or line.startswith("|-") for line in lines) == 8
    assert "About 80 [60 to 100] of 2,000 labels are wrong" in text
