"""What corrected labels change, against scikit-learn and by hand."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import recall_score, roc_auc_score

import runs
from cxrnoise.audit import impact
from cxrnoise.core.errors import UserError
from cxrnoise.core.manifests import UNKNOWN
from cxrnoise.report import impact as figures
from cxrnoise.statistics import evaluation, replicates
from cxrnoise.statistics.intervals import wilson

FINDINGS = ["Effusion", "Mass"]


@pytest.fixture(autouse=True)
def _few_resamples(monkeypatch):
    monkeypatch.setattr(replicates, "RESAMPLES", 50)


def truths(n=200, seed=0):
    """What is true and what is given of two findings, (n, 2); a fifth of the given are wrong."""
    rng = np.random.default_rng(seed)
    true = (rng.random((n, 2)) < 0.4).astype(int)
    return true, np.where(rng.random((n, 2)) < 0.2, 1 - true, true)


def run_of(given_label, p, **options):
    return runs.findings(np.full_like(given_label, UNKNOWN), given_label, p, **options)


def predicted(true, seed=1):
    """Probabilities that follow the truth, and not the given labels."""
    return np.clip(np.random.default_rng(seed).normal(0.3 + 0.3 * true, 0.2), 0, 1)


def sample_of(images, stratum="a", rate=1.0, population=None):
    table = pd.DataFrame({"image": images, "stratum": stratum, "rate": rate})
    sizes = table.groupby("stratum")["stratum"].transform("size")
    return table.assign(population=sizes if population is None else population)


def verdicts_of(images, true, names=FINDINGS):
    return pd.DataFrame(
        {
            "image": np.repeat(images, len(names)),
            "label": np.tile(names, len(images)),
            "true_label": np.ravel(true).astype("int8"),
            "votes": 2,
            "readers": 3,
        }
    )


def values(table, label="Effusion", comparison=impact.EVALUATION):
    rows = table[(table["label"] == label) & (table["comparison"] == comparison)]
    return rows.set_index("measure")


def stratified(n=200):
    """Every eighth image of one stratum of an archive and every second of another, read."""
    true, given_label = truths(n)
    run = run_of(given_label, predicted(true))
    stratum = np.where(np.arange(n) % 4 == 0, "a", "b")
    drawn = np.where(stratum == "a", np.arange(n) % 8 == 0, np.arange(n) % 3 == 0)
    sample = sample_of(run.images[drawn], stratum[drawn], 0.5).assign(
        population=pd.Series(stratum[drawn]).map({"a": n // 4, "b": n - n // 4})
    )
    return run, true, given_label, drawn, sample


def test_the_measures_are_those_of_scikit_learn_weighted_by_inclusion():
    run, true, given_label, drawn, sample = stratified()
    table = impact.shift(run, sample, verdicts_of(run.images[drawn], true[drawn]), 0)
    weight = sample["population"] / sample.groupby("stratum")["image"].transform("size")
    for place, name in enumerate(FINDINGS):
        found, p = values(table, name), run.probabilities[:, place].astype(float)
        called = p >= evaluation.youden(evaluation.parts(run)[name])
        for side, label in (("before", given_label), ("after", true)):
            label = label[drawn, place]
            expected = {
                "auc": roc_auc_score(label, p[drawn], sample_weight=weight),
                "sensitivity": recall_score(label, called[drawn], sample_weight=weight),
                "specificity": recall_score(
                    label, called[drawn], sample_weight=weight, pos_label=0
                ),
            }
            assert found[side].to_dict() == pytest.approx(expected)
            assert (found[f"positive_{side}"] == label.sum()).all()
        assert found["difference"].tolist() == pytest.approx(
            (found["after"] - found["before"]).tolist()
        )
        assert (found["images"] == drawn.sum()).all()
    mean, parts = values(table, "mean"), [values(table, name) for name in FINDINGS]
    for side in impact.SIDES:
        expected = np.mean([part[side] for part in parts], axis=0)
        assert mean[side].tolist() == pytest.approx(expected.tolist())
    for column in impact.SIDES:
        assert (table[f"{column}_low"] <= table[column] + 1e-9).all()
        assert (table[column] <= table[f"{column}_high"] + 1e-9).all()


def test_a_classifier_that_follows_the_truth_is_better_than_its_given_labels_say():
    true, given_label = truths(400)
    run = run_of(given_label, predicted(true))
    sample = sample_of(run.images)
    row = values(impact.shift(run, sample, verdicts_of(run.images, true), 0)).loc["auc"]
    assert row["difference_low"] > 0
    assert row["difference_high"] - row["difference_low"] < row["after_high"] - row["before_low"]


def test_nothing_is_shifted_where_readers_confirm_every_label():
    run, _, given_label, drawn, sample = stratified()
    table = impact.shift(run, sample, verdicts_of(run.images[drawn], given_label[drawn]), 0)
    assert (table[["difference", "difference_low", "difference_high"]] == 0).all(axis=None)


def test_images_read_besides_the_sample_take_no_part():
    run, true, _, drawn, sample = stratified()
    read = verdicts_of(run.images[drawn], true[drawn])
    others = run.images[~drawn][:30]
    besides = sample_of(others, rate=np.nan)
    more = pd.concat([read, verdicts_of(others, 1 - true[~drawn][:30])])
    expected = impact.shift(run, sample, read, 0)
    pd.testing.assert_frame_equal(
        impact.shift(run, pd.concat([sample, besides]), more, 0), expected
    )


def test_a_label_without_a_verdict_or_a_given_value_takes_part_on_neither_side():
    true, given_label = truths()
    given_label[:10, 0], said = UNKNOWN, true.copy()
    said[10:30, 0] = UNKNOWN
    run = run_of(given_label, predicted(true))
    table = impact.shift(run, sample_of(run.images), verdicts_of(run.images, said), 0)
    assert values(table, "Effusion").loc["auc", "images"] == 170
    assert values(table, "Mass").loc["auc", "images"] == 200
    row = values(table).loc["auc"]
    p = run.probabilities[30:, 0]
    assert row["before"] == pytest.approx(roc_auc_score(given_label[30:, 0], p))
    assert row["after"] == pytest.approx(roc_auc_score(true[30:, 0], p))


def test_a_stratum_that_was_half_read_keeps_its_weight():
    run, true, _, drawn, sample = stratified()
    images = run.images[drawn]
    read = ~((sample["stratum"] == "a") & (np.arange(len(sample)) % 4 == 0)).to_numpy()
    verdicts = verdicts_of(images[read], true[drawn][read])
    found = impact.Weighted.of_sample(run, sample, verdicts)
    sums = pd.Series(found.weight).groupby(found.stratum).sum()
    assert sums[["a", "b"]].tolist() == pytest.approx([50, 150])


@given(
    st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 9)), min_size=1, max_size=30),
    st.integers(0, 5),
)
def test_resamples_keep_patients_whole_and_strata_as_heavy(images, seed):
    """Of alike weights in a stratum of patients with an image each, the sum stays."""
    stratum, patient = (np.array(column) for column in zip(*images, strict=True))
    patient = np.char.add(stratum, patient.astype(str))
    weighted = impact.Weighted(patient, stratum, np.ones(len(images)))
    resamples = list(weighted.resampled(seed))
    assert (resamples[0] == 1).all()
    for weight in resamples[1:5]:
        frame = pd.DataFrame({"patient": patient, "stratum": stratum, "weight": weight})
        assert (frame.groupby("patient")["weight"].nunique() == 1).all()
        once = frame.drop_duplicates("patient").groupby("stratum")["weight"]
        assert once.sum().to_numpy() == pytest.approx(once.size().to_numpy())


def test_the_mean_is_over_findings_that_both_sides_can_judge():
    true, given_label = truths()
    true[:, 1] = 0  # readers see no mass
    run = run_of(given_label, predicted(true))
    table = impact.shift(run, sample_of(run.images), verdicts_of(run.images, true), 0)
    mass = values(table, "Mass").loc["auc"]
    assert np.isnan(mass["after"]) and np.isnan(mass["difference"]) and mass["before"] > 0
    mean, effusion = values(table, "mean").loc["auc"], values(table).loc["auc"]
    assert mean[["before", "after"]].tolist() == effusion[["before", "after"]].tolist()
    assert figures.draw(table, "x").axes


def test_a_share_of_all_or_none_has_the_interval_of_wilson():
    label = np.arange(40)[:, None] % 4 == 0
    true = np.hstack([label, label]).astype(int)
    run = run_of(true, np.clip(true, 0.1, 0.9))
    table = impact.shift(run, sample_of(run.images), verdicts_of(run.images, true), 0)
    row = values(table).loc["sensitivity"]
    assert row[["before", "before_high"]].tolist() == [1, 1]
    assert row["before_low"] == pytest.approx(wilson(1, 10)[0])
    assert row["how"].endswith("Wilson")


def test_a_finding_that_no_threshold_tells_apart_has_no_sensitivity():
    true, given_label = truths()
    run = run_of(given_label, np.full((200, 2), 0.5))
    table = impact.shift(run, sample_of(run.images), verdicts_of(run.images, true), 0)
    assert values(table).loc[["sensitivity", "specificity"], "before"].isna().all()
    assert values(table).loc["auc", "before"] == 0.5


def test_each_class_is_judged_against_the_others():
    rng = np.random.default_rng(0)
    true = np.arange(150) % 3
    given_label = np.where(rng.random(150) < 0.2, (true + 1) % 3, true)
    softmax = rng.dirichlet(np.ones(3), 150) + np.eye(3)[true]
    softmax /= softmax.sum(axis=1, keepdims=True)
    unknown = np.full(150, UNKNOWN)
    run = runs.exclusive(unknown, given_label, softmax, classes=["a", "b", "c"], label="animal")
    verdicts = verdicts_of(run.images, true, ["animal"])
    table = impact.shift(run, sample_of(run.images), verdicts, 0)
    assert table["label"].unique().tolist() == ["a", "b", "c", "mean"]
    row = values(table, "b")
    assert row.loc["auc", "after"] == pytest.approx(roc_auc_score(true == 1, softmax[:, 1]))
    called = softmax.argmax(axis=1) == 1
    assert row.loc["sensitivity", "after"] == pytest.approx(recall_score(true == 1, called))


def test_two_classifiers_are_judged_by_the_same_corrected_labels():
    true, given_label = truths(400)
    corrected = np.where(np.arange(400)[:, None] % 2, true, given_label)
    worse, better = np.random.default_rng(3).random((400, 2)), predicted(true)
    before, after = run_of(corrected, worse), run_of(corrected, better)
    owns = run_of(given_label, worse), after
    read = sample_of(before.images[1::2]), verdicts_of(before.images[1::2], true[1::2])
    table = impact.retraining(before, after, owns, 0, read)
    row = values(table, comparison=impact.RETRAINING).loc["auc"]
    assert row["before"] == pytest.approx(roc_auc_score(corrected[:, 0], worse[:, 0]))
    assert row["after"] == pytest.approx(roc_auc_score(corrected[:, 0], better[:, 0]))
    assert row["positive_before"] == row["positive_after"] == corrected[:, 0].sum()
    assert row["difference_low"] > 0
    clean = values(table, comparison=impact.ON_READ).loc["auc"]
    assert clean["after"] == pytest.approx(roc_auc_score(true[1::2, 0], better[1::2, 0]))
    alone = impact.retraining(before, after, owns, 0)
    assert alone["comparison"].unique().tolist() == [impact.RETRAINING]


def test_nothing_read_is_one_sentence():
    true, given_label = truths()
    run = run_of(given_label, predicted(true))
    with pytest.raises(UserError, match="read the sample first"):
        impact.shift(run, sample_of(run.images), verdicts_of(["stranger.png"], [[0, 1]]), 0)
