from pathlib import Path

import pandas as pd
import pytest

import report_pages
from cxrnoise.report import pages, table1
from cxrnoise.report.sections import table1 as section_of
from cxrnoise.scores.verdict import verdict

PAPER = Path(__file__).parents[2] / "config" / "paper-table1.csv"
SVG = '<svg xmlns="http://www.w3.org/2000/svg"/>'


def verdicts(right):
    """Verdicts on 100 images with right labels; the prediction of the first `right` is right."""
    images = [f"{number:08d}_000.png" for number in range(100)]
    predicted = pd.Series([0] * right + [1] * (100 - right)).to_numpy()
    return pd.DataFrame(
        {
            "image": images,
            "patient": images,
            "true_label": 0,
            "given_label": 0,
            "flipped": False,
            "predicted": predicted,
            "mc_predicted": predicted,
            "confidence_group": "high",
            "uncertainty_group": "low",
            "verdict": verdict(predicted, predicted * 0, predicted * 0),
        }
    )


@pytest.fixture
def files(tmp_path):
    """`files(level=right, …)`: those of one Table 1, with so many right predictions of 100."""

    def made(rights, paper=()):
        judged = [(float(noise), 0, verdicts(right)) for noise, right in rights.items()]
        found = {"by_seed": table1.by_seed(judged), "intervals": table1.intervals(judged)}
        for name, table in found.items():
            pages.write_csv(table, tmp_path / f"{name}.csv")
        (tmp_path / "situs.svg").write_text(SVG)
        paths = {name: [f"{tmp_path}/{name}.csv"] for name in found}
        return paths | {"figures": [f"{tmp_path}/situs.svg"], "paper": paper}

    return made


def answer(files, **changed):
    [found] = section_of.section(files, report_pages.study(**changed)).answers
    return found.answer


def test_the_answer_is_how_far_the_accuracy_falls_with_its_interval(files):
    said = answer(files({0: 98, 32: 60}))
    assert said.startswith(
        "Yes: with 32 % of the labels wrong the accuracy against the truth falls by 0.380 [0.27"
    )
    assert "from 0.980 [" in said and "to 0.600 [" in said


def test_a_fall_whose_interval_holds_0_is_called_unclear(files):
    assert answer(files({0: 90, 8: 89})).startswith("Not clearly: with 8 % of the labels wrong")


def test_an_accuracy_that_rises_is_no_yes(files):
    said = answer(files({0: 60, 8: 98}))
    assert said.startswith(
        "No: with 8 % of the labels wrong the accuracy against the truth changes"
    )
    assert "by +0.380 [+0.27" in said


def test_with_the_level_0_alone_nothing_is_compared(files):
    assert answer(files({0: 90})).endswith("no run with wrong labels to compare it with.")


def test_without_a_run_at_0_nothing_is_compared(files):
    said = answer(files({40: 90}))
    assert "is 0.900 [" in said and "no run without noise" in said


def test_the_figure_has_its_numbers_in_words_and_is_in_the_page(files):
    section = section_of.section(files({0: 98, 8: 90}), report_pages.study())
    html = report_pages.page("table1", section)
    assert (
        'alt="Plots against the percentage of wrong labels: 0, 8. The accuracy is 0.980, 0.900 '
        "against the ground truth and 0.980, 0.900 against the noisy labels. At 8 % the share of "
        "label errors among the disagreements is none (low confidence), none (moderate "
        "confidence), 0.000 (high confidence)" in html
    )
    assert "data:image/svg+xml;base64," in html
    assert "PHANTOM" not in html


def test_the_figure_of_phantoms_says_so_in_its_caption(files):
    study = report_pages.study(phantom=True)
    html = report_pages.page("table1", section_of.section(files({0: 98}), study), study)
    assert "<figcaption>PHANTOM: Accuracy" in html


def test_each_noise_model_has_tables_and_a_sentence_and_only_symmetric_noise_the_papers(files):
    both = files({0: 98, 8: 60})
    both = {name: paths * 2 for name, paths in both.items()} | {"paper": str(PAPER)}
    models = {"situs": {"kind": "situs", "noise_models": ["symmetric", "class_conditional"]}}
    study = report_pages.study({"tasks": models})
    section = section_of.section(both, study)
    html = report_pages.page("table1", section)
    assert "<h3>Symmetric noise</h3>" in html and "<h3>Class conditional noise</h3>" in html
    first, _, second = html.partition("<h3>Class conditional noise</h3>")
    assert 'class="paper"' in first and 'class="paper"' not in second
    assert "Yes: with 8 % class conditional noise the accuracy" in section.answers[0].answer
