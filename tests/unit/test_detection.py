"""How well scores find wrong labels, against scikit-learn and formulas written anew."""

from functools import partial

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score, roc_auc_score

from cxrnoise.statistics import detection, replicates

KEY = ["score", "label", "direction", "measure"]


@pytest.fixture(scope="module", autouse=True)
def few_resamples():
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(replicates, "RESAMPLES", 100)
        yield


def labels(wrong, given=None, label="Effusion", patient=None, **scores):
    n = len(wrong)
    patient = np.arange(n) if patient is None else patient
    return pd.DataFrame(
        {
            "image": [f"{number:04d}.png" for number in range(n)],
            "patient": np.array(patient).astype(str),
            "label": label,
            "given_label": np.arange(n) % 2 if given is None else given,
            "wrong": np.array(wrong, bool),
            **{name: np.array(values, float) for name, values in scores.items()},
        }
    )


def random_labels(seed=0, n=120, findings=("Effusion",), values=8, **scores):
    rng = np.random.default_rng(seed)
    wrong = np.r_[True, False, rng.random(n - 2) < 0.3]
    return labels(
        wrong,
        given=rng.integers(0, 2, n),
        label=np.resize(findings, n),
        patient=np.arange(n) // 2,
        self_confidence=rng.integers(0, values, n) + wrong,
        other=rng.integers(0, values, n) + 2 * wrong,
    ).assign(**scores)


def value(table, measure, score="self_confidence", label="all", direction="any", column="value"):
    return table.set_index(KEY).at[(score, label, direction, measure), column]


def expected_precision(wrong, score, depth):
    """The share of wrong labels among the first, the mean over all orders of equal scores."""
    found, left = 0.0, depth
    for equal in np.unique(score)[::-1]:
        group = wrong[score == equal]
        taken = min(left, len(group))
        found += taken * group.mean()
        left -= taken
    return found / depth


@given(st.integers(0, 10_000))
@settings(max_examples=30, deadline=None)
def test_the_measures_are_those_of_scikit_learn_with_ties(seed):
    table = random_labels(seed)
    wrong, score = table["wrong"], table["self_confidence"]
    found = partial(value, detection.measure([table], True))
    assert found("auroc") == pytest.approx(roc_auc_score(wrong, score))
    assert found("average_precision") == pytest.approx(average_precision_score(wrong, score))
    for depth, name in ((20, "20"), (100, "100"), (wrong.sum(), "wrong")):
        precision = expected_precision(wrong.to_numpy(), score.to_numpy(), depth)
        assert found(f"precision_at_{name}") == pytest.approx(precision)


@pytest.mark.parametrize("seed", range(3))
def test_a_resample_is_measured_as_scikit_learn_measures_weights(seed):
    table = random_labels(seed, n=40)
    drawn, [place] = replicates.draws([table["patient"].to_numpy()], seed=0)
    weight = drawn[:, place].astype(float)
    wrong, score = table["wrong"], table["self_confidence"]
    measured = detection.measure([table], True)
    for name, theirs in (("auroc", roc_auc_score), ("average_precision", average_precision_score)):
        values = [theirs(wrong, score, sample_weight=one) for one in weight]
        low, high = np.quantile(values, [0.025, 0.975])
        assert value(measured, name, column="low") == pytest.approx(low)
        assert value(measured, name, column="high") == pytest.approx(high)


def test_precision_in_a_resample_counts_a_patient_as_often_as_it_is_drawn():
    table = random_labels(n=60)
    drawn, [place] = replicates.draws([table["patient"].to_numpy()], seed=0)
    again = [np.repeat(np.arange(60), weight[place]) for weight in drawn]
    wrong, score = table["wrong"].to_numpy(), table["self_confidence"].to_numpy()
    values = [expected_precision(wrong[rows], score[rows], 20) for rows in again]
    low = value(detection.measure([table], True), "precision_at_20", column="low")
    assert low == pytest.approx(np.quantile(values, 0.025))


@pytest.mark.parametrize(("sign", "auroc", "first"), [(1, 1, 1), (-1, 0, 0)])
def test_a_perfect_ranking_and_a_reversed_one(sign, auroc, first):
    wrong = np.arange(200) < 30
    measured = detection.measure([labels(wrong, self_confidence=-sign * np.arange(200))], True)
    assert value(measured, "auroc") == auroc
    assert value(measured, "precision_at_20") == first
    assert value(measured, "precision_at_wrong") == first
    assert value(measured, "average_precision") == pytest.approx(
        1 if sign > 0 else average_precision_score(wrong, np.arange(200))
    )


@given(st.integers(0, 100))
@settings(max_examples=10, deadline=None)
def test_the_order_of_rows_plays_no_part(seed):
    table = random_labels(seed, findings=("Effusion", "Mass"))
    shuffled = table.sample(frac=1, random_state=seed)
    one, two = (
        detection.measure([part], True).sort_values(KEY, ignore_index=True)
        for part in (table, shuffled)
    )
    pd.testing.assert_frame_equal(one, two)


@given(st.integers(0, 100))
@settings(max_examples=10, deadline=None)
def test_values_and_intervals_stay_in_their_range(seed):
    measured = detection.measure([random_labels(seed, n=30), random_labels(seed + 1, n=30)], True)
    shares = measured[measured["measure"] != "wrong"]
    known = shares[shares["value"].notna()]
    assert known[["value", "low", "high"]].stack().between(0, 1).all()
    compared = known[["difference", "difference_low", "difference_high"]].stack().dropna()
    assert compared.between(-1, 1).all() and len(compared)
    assert (known["low"] <= known["high"]).all()


def test_directions_rank_the_labels_that_are_given_so():
    table = random_labels(n=300)
    measured = detection.measure([table], True)
    for direction, given_label in (("present", 1), ("absent", 0)):
        part = table[table["given_label"] == given_label]
        found = partial(value, measured, direction=direction)
        assert found("auroc", score="other") == pytest.approx(
            roc_auc_score(part["wrong"], part["other"])
        )
        assert found("auroc", column="n") == len(part)
        assert found("wrong", score="") == part["wrong"].sum()
        assert found("prevalence", score="") == pytest.approx(part["wrong"].mean())


def test_labels_of_more_classes_have_no_directions():
    table = random_labels().assign(given_label=np.arange(120) % 3)
    assert set(detection.measure([table], findings=False)["direction"]) == {"any"}


def test_findings_have_rows_of_their_own_and_a_mean_of_those_with_both_kinds_of_labels():
    table = random_labels(n=300, findings=("Effusion", "Mass", "Hernia"))
    table.loc[table["label"] == "Hernia", "wrong"] = False
    measured = detection.measure([table], True)
    assert list(measured["label"].unique()) == ["all", "Effusion", "Mass", "Hernia", "mean"]
    of_each = [value(measured, "auroc", label=name) for name in ("Effusion", "Mass", "Hernia")]
    part = table[table["label"] == "Mass"]
    assert of_each[1] == pytest.approx(roc_auc_score(part["wrong"], part["self_confidence"]))
    assert np.isnan(of_each[2])
    assert value(measured, "auroc", label="mean") == pytest.approx(np.mean(of_each[:2]))
    pooled = roc_auc_score(table["wrong"], table["self_confidence"])
    assert value(measured, "auroc") == pytest.approx(pooled)


def test_a_score_is_measured_where_it_exists_and_compared_where_both_do():
    table = random_labels(n=200)
    table.loc[:49, "other"] = np.nan
    table.loc[150:, "self_confidence"] = np.nan
    measured = detection.measure([table], True)
    own, both = table[50:], table[50:150]
    assert value(measured, "auroc", "other", column="n") == 150
    assert value(measured, "auroc", "other") == pytest.approx(
        roc_auc_score(own["wrong"], own["other"])
    )
    difference = value(measured, "auroc", "other", column="difference")
    assert difference == pytest.approx(
        roc_auc_score(both["wrong"], both["other"])
        - roc_auc_score(both["wrong"], both["self_confidence"])
    )


def test_a_score_does_not_differ_from_one_with_the_same_order():
    table = random_labels(n=200)
    table["other"] = np.exp(table["self_confidence"])
    measured = detection.measure([table], True)
    columns = ["difference", "difference_low", "difference_high"]
    other = measured[(measured["score"] == "other") & measured["value"].notna()]
    assert (other[columns] == 0).all(axis=None)
    assert measured.loc[measured["score"] == "self_confidence", columns].isna().all(axis=None)


def test_paired_differences_are_narrower_than_the_values_let_expect():
    table = random_labels(n=400, values=40)
    table["other"] = table["self_confidence"] + np.arange(400) % 2
    found = partial(value, detection.measure([table], True), "auroc", "other")
    width = found(column="high") - found(column="low")
    assert found(column="difference_high") - found(column="difference_low") < width / 2


def test_several_seeds_become_their_mean_with_the_number_of_seeds():
    tables = [random_labels(seed) for seed in range(3)]
    found = partial(value, detection.measure(tables, True), "auroc")
    values = [value(detection.measure([table], True), "auroc") for table in tables]
    assert found() == pytest.approx(np.mean(values))
    assert (found(column="seeds"), found(column="n")) == (3, 120)
    assert "3 seeds" in found(column="how")


def test_a_seed_without_a_wrong_label_has_no_auroc_and_is_not_counted():
    clean = random_labels(1).assign(wrong=False)
    found = partial(value, detection.measure([random_labels(), clean], True))
    assert found("auroc", column="seeds") == 1
    assert found("auroc") == value(detection.measure([random_labels()], True), "auroc")
    assert found("prevalence", score="", column="seeds") == 2


def test_there_is_no_precision_at_more_labels_than_there_are():
    measured = detection.measure([random_labels(n=60)], True)
    assert np.isnan(value(measured, "precision_at_100"))
    assert not np.isnan(value(measured, "precision_at_20"))


def test_the_columns_are_those_of_the_contract():
    promised = (
        "score, label, direction, measure, value, low, high, n, how, seeds, "
        "difference, difference_low, difference_high"
    )
    assert ", ".join(detection.measure([random_labels()], True)) == promised


def curve(table, score):
    found = detection.reviews([table])
    return found[found["score"] == score].set_index("reviewed")["label_accuracy"]


def test_reviews_start_at_the_accuracy_of_the_labels_and_end_with_all_right():
    table = random_labels(n=250)
    right = 1 - table["wrong"].mean()
    for score in ("self_confidence", "other", "random", "oracle"):
        found = curve(table, score)
        assert list(found.index) == [*range(0, 100, 10), 100, 200, 250]
        assert found.iloc[0] == pytest.approx(right)
        assert found.iloc[-1] == pytest.approx(1)
        assert found.is_monotonic_increasing


def test_reviews_lie_between_a_random_order_and_an_oracle():
    table = random_labels(n=250)
    wrong = table["wrong"]
    score, random, oracle = (curve(table, name) for name in ("other", "random", "oracle"))
    assert ((random <= score + 1e-9) & (score <= oracle + 1e-9)).all()
    assert random[50] == pytest.approx(1 - wrong.mean() * 0.8)
    assert oracle[50] == pytest.approx(1 - (wrong.sum() - 50) / 250)


def test_reviews_are_counted_after_further_numbers_of_them():
    table = random_labels(n=250)
    found = detection.reviews([table], further=(25,)).set_index(["score", "reviewed"])
    expected = detection.reviews([table]).set_index(["score", "reviewed"])
    pd.testing.assert_frame_equal(found.loc[expected.index], expected)
    accuracy = found.loc[("oracle", 25), "label_accuracy"]
    assert accuracy == pytest.approx(1 - (table["wrong"].sum() - 25) / 250)


def test_reviews_of_several_seeds_go_as_far_as_the_largest():
    found = detection.reviews([random_labels(n=60), random_labels(1, n=250)])
    assert found["reviewed"].max() == 250
    assert found.groupby("score")["label_accuracy"].last().to_numpy() == pytest.approx(1)
    assert found[["label_accuracy", "low", "high"]].stack().between(0, 1).all()
