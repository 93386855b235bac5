import io
import json
import struct
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

import disputes
import runs
import tiny
import whole
from cxrnoise.core import manifests
from cxrnoise.core.errors import UserError
from cxrnoise.datasets import folders
from cxrnoise.reading import study
from cxrnoise.scores import tables, verdict
from readingroom import study as room_study


def drawn(test, seed=0, among=None, **options):
    return study.draw(test, disputes.options(**options), seed, among)


def disagreements(test):
    return set(test.loc[test["predicted"] != test["given_label"], "image"])


def test_what_is_known_of_an_image_is_brought_together_by_its_name():
    probabilities = [[0.9, 0.1], [0.2, 0.8], [0.4, 0.6]]
    samples = [probabilities, [[0.7, 0.3], [0.4, 0.6], [0.4, 0.6]]]
    judged = runs.exclusive([-1] * 3, [1, 1, 0], probabilities, samples)
    predictions = pd.DataFrame(probabilities, columns=["absent", "present"], dtype="float32")
    predictions.insert(0, "image", judged.images)
    found = study.candidates(
        verdict.verdicts(judged),
        predictions[::-1],
        tables.scored(judged, "confidence"),
        tables.scored(judged, "uncertainty")[::-1],
    )
    assert found["image"].tolist() == judged.images.tolist()
    assert found["p1"].tolist() == pytest.approx([0.1, 0.8, 0.6])
    assert found["confidence"].tolist() == pytest.approx([0.4, 0.3, 0.1])
    assert found["uncertainty"].tolist() == pytest.approx([0.01, 0.01, 0], abs=1e-7)
    assert found["confidence_group"].tolist() == ["high", "moderate", "low"]
    assert found["uncertainty_group"].iloc[2] == "low"
    assert disagreements(found) == set(judged.images[[0, 2]])
    assert set(drawn(found, cases=study.ALL)["image"]) == disagreements(found)


@given(st.integers(0, 1000), st.integers(1, 40), st.integers(0, 20), st.integers(0, 20))
def test_no_image_is_drawn_twice_and_each_is_what_its_role_says(seed, cases, controls, repeats):
    test = disputes.run()
    key = drawn(test, seed, cases=cases, controls=controls, repeats=min(repeats, cases))
    first = key[key["role"] != study.REPEAT]
    assert first["image"].is_unique and key["case"].is_unique
    roles = first.groupby("role")["image"].agg(set)
    assert roles[study.DISAGREEMENT] <= disagreements(test)
    assert roles.get(study.CONTROL, set()).isdisjoint(disagreements(test))
    counts = key["role"].value_counts()
    assert counts[study.DISAGREEMENT] == cases
    assert counts.get(study.CONTROL, 0) == controls
    assert counts.get(study.REPEAT, 0) == min(repeats, cases)


@given(st.integers(0, 1000), st.randoms(use_true_random=False))
def test_the_order_of_the_rows_changes_nothing(seed, random):
    test = disputes.run(60)
    order = list(range(60))
    random.shuffle(order)
    options = {"cases": 15, "controls": 5, "repeats": 5}
    pd.testing.assert_frame_equal(
        drawn(test, seed, **options),
        drawn(test.iloc[order], seed, **options),
    )


@given(st.integers(0, 1000))
def test_another_image_changes_no_other_images_case(seed):
    test = disputes.run(100)
    fewer = drawn(test[:80], seed, cases=study.ALL, controls=5)
    more = drawn(test, seed, cases=study.ALL, controls=5)
    both = fewer.merge(more, on="image", suffixes=("", "_more"))
    assert disagreements(test[:80]) <= set(both["image"])
    assert (both["case"] == both["case_more"]).all()


@given(st.integers(0, 1000), st.integers(1, 30), st.integers(0, 10))
def test_a_larger_study_contains_the_smaller_one(seed, cases, more):
    test = disputes.run()
    small = drawn(test, seed, cases=cases)
    large = drawn(test, seed, cases=cases + more)
    assert set(small["case"]) <= set(large["case"])


def test_another_seed_draws_other_images_and_gives_other_cases():
    run = disputes.run()
    one, other = drawn(run, seed=0), drawn(run, seed=1)
    assert set(one["image"]) != set(other["image"])
    assert set(one["case"]).isdisjoint(other["case"])


def test_every_disagreement_is_as_likely_to_be_drawn():
    test = disputes.run(40)
    pool = sorted(disagreements(test))
    counts = dict.fromkeys(pool, 0)
    for seed in range(200):
        for image in drawn(test, seed, cases=5)["image"]:
            counts[image] += 1
    expected = 200 * 5 / len(pool)
    assert max(abs(count - expected) for count in counts.values()) < 4.5 * expected**0.5


def test_a_stratified_draw_has_what_was_asked_for_of_each_group():
    test = disputes.run()
    for by in ("confidence", "uncertainty"):
        key = drawn(test, draw="stratified", by=by)
        counts = key[f"{by}_group"].value_counts().to_dict()
        assert counts == {"low": 3, "moderate": 2, "high": 1}
        assert (key["stratum"] == key[f"{by}_group"]).all()


@pytest.mark.parametrize("draw", ["random", "stratified"])
def test_the_weights_of_a_stratum_add_up_to_its_disagreements(draw):
    test = disputes.run()
    key = drawn(test, draw=draw, controls=4, repeats=4)
    groups = test.loc[test["image"].isin(disagreements(test)), "confidence_group"]
    sizes = groups.value_counts().to_dict() if draw == "stratified" else {"": len(groups)}
    weights = key[key["role"] == study.DISAGREEMENT].groupby("stratum")["weight"].sum()
    assert weights.to_dict() == pytest.approx(sizes)
    assert (key.loc[key["role"] != study.DISAGREEMENT, "weight"] == 0).all()


def test_a_repeat_shows_the_image_of_another_case_under_a_name_of_its_own():
    key = drawn(disputes.run(), repeats=6, controls=6).set_index("case")
    again = key[key["role"] == study.REPEAT]
    assert (again["image"] == key.loc[again["repeats"], "image"].to_numpy()).all()
    assert again["repeats"].is_unique
    assert (key.loc[again["repeats"], "repeats"] == "").all()


def test_a_draw_may_be_confined_to_some_images():
    test = disputes.run()
    among = set(test["image"][::3])
    key = drawn(test, among=among, cases=study.ALL, controls=3)
    assert set(key["image"]) <= among
    assert (key["role"] == study.DISAGREEMENT).sum() == len(among & disagreements(test))


def test_the_key_is_a_manifest(tmp_path):
    key = drawn(disputes.run(), repeats=3, controls=3)
    manifests.write(key, tmp_path / "key.parquet", "key", "{}")
    back = manifests.read(tmp_path / "key.parquet", "key")
    pd.testing.assert_frame_equal(back, key, check_dtype=False)


def test_a_key_with_a_case_twice_is_refused(tmp_path):
    key = drawn(disputes.run())
    manifests.write(pd.concat([key, key[:1]]), tmp_path / "key.parquet", "key", "{}")
    with pytest.raises(UserError, match=f"holds case {key['case'].iloc[0]} twice"):
        manifests.read(tmp_path / "key.parquet", "key")


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"cases": 500}, r"study.cases asks for 500 cases and there are (\d+) disagreements"),
        (
            {"draw": "stratified", "strata": {"low": 1, "moderate": 0, "high": 400}},
            r"study.strata.high asks for 400 cases and there are (\d+) disagreements with high "
            "confidence",
        ),
        ({"controls": 300}, r"study.controls asks for 300 cases and there are (\d+) images with"),
        ({"repeats": 21}, r"study.repeats asks for 21 cases and there are (20) other cases"),
    ],
)
def test_more_cases_than_there_are_is_refused_with_both_numbers(options, sentence):
    with pytest.raises(UserError, match=sentence):
        drawn(disputes.run(), **options)


@pytest.mark.parametrize("strata", [{"low": 0, "moderate": 0, "high": 0}])
def test_a_study_without_a_case_is_refused(strata):
    with pytest.raises(UserError, match="the study has no case"):
        drawn(disputes.run(), draw="stratified", strata=strata)
    with pytest.raises(UserError, match="the study has no case"):
        drawn(disputes.run(), among=set(), cases=study.ALL)


def test_the_readers_side_has_the_cases_and_what_is_looked_for():
    key = drawn(disputes.run(), controls=2)
    side = study.readers_side(key, ["Emphysema"], 7)
    assert side["cases"] == sorted(key["case"])
    assert side["title"] == "Emphysema: 22 radiographs"
    assert (side["finding"], side["seed"]) == ("Emphysema", 7)
    assert len(side["study"]) == 16 and set(side["study"]) <= set("0123456789abcdef")


def test_no_case_is_a_number_to_a_spreadsheet():
    cases = pd.concat([drawn(disputes.run(400), seed, cases=0) for seed in range(100)])["case"]
    assert cases.str.fullmatch("c[0-9a-f]{12}").all()
    like_numbers = cases.str[1:].str.fullmatch(r"\d+(e\d+)?")
    assert len(cases) > 10_000 and like_numbers.any()  # which is why there is the c
    read = pd.read_csv(io.StringIO("\n".join(["case", *cases])))["case"]
    assert read.tolist() == cases.tolist()
    for case in cases:
        with pytest.raises(ValueError):
            float(case)


def test_another_finding_or_other_cases_make_another_study():
    run = disputes.run()
    key = drawn(run)
    assert study.identifier(key, ["Emphysema"]) == study.identifier(key[::-1], ["emphysema"])
    others = {
        study.identifier(key, ["Nodule"]),
        study.identifier(key[1:], ["Emphysema"]),
        study.identifier(drawn(run, cases=21), ["Emphysema"]),
    }
    assert len(others | {study.identifier(key, ["Emphysema"])}) == 4


def test_the_study_of_one_finding_is_the_one_that_it_always_was():
    key = pd.DataFrame({"case": ["c000000000001", "c000000000000"]})
    assert study.identifier(key, ["Pleural Thickening"]) == "5a983a46891ea7e7"


def test_several_findings_or_classes_are_said_to_the_readers_and_make_another_study():
    key = drawn(disputes.run())
    several = study.readers_side(key, ["Mass", "Edema"], 7)
    assert several["findings"] == ["Mass", "Edema"] and "finding" not in several
    assert several["title"] == "2 findings: 20 radiographs"
    classes = study.readers_side(key, ["View"], 7, ["AP", "PA"])
    assert (classes["finding"], classes["classes"]) == ("View", ["AP", "PA"])
    identities = [
        study.identifier(key, ["Mass"]),
        study.identifier(key, ["Mass", "Edema"]),
        study.identifier(key, ["View"]),
        study.identifier(key, ["View"], ["AP", "PA"]),
        study.identifier(key, ["AP", "PA", "View"]),
    ]
    assert len(set(identities)) == 5
    assert study.identifier(key, ["Edema", "Mass"]) == several["study"]


def test_a_larger_sample_of_one_design_is_the_same_study():
    key = drawn(disputes.run())
    first = study.identifier(key[:5], ["Mass", "Edema"], design="first")
    assert study.identifier(key, ["Mass", "Edema"], design="first") == first
    assert study.identifier(key, ["Mass", "Edema"], design="second") != first


def test_a_class_named_like_not_sure_is_refused():
    with pytest.raises(UserError, match="A class is named unsure"):
        study.readers_side(drawn(disputes.run()), ["View"], 7, ["AP", "unsure"])


def test_samples_that_only_move_the_uncertainty_leave_the_study_as_it_is():
    test = disputes.run()
    key = drawn(test)
    again = drawn(test.assign(uncertainty=test["uncertainty"] / 2))
    assert study.identifier(key, ["Emphysema"]) == study.identifier(again, ["Emphysema"])


@settings(max_examples=20)
@given(st.integers(0, 1000))
def test_the_readers_side_tells_nothing_of_label_prediction_score_or_role(seed):
    test = disputes.run(seed=seed)
    options = {"cases": 20, "controls": 20, "repeats": 5}
    key = drawn(test, seed, **options).set_index("case")
    text = json.dumps(study.readers_side(key.reset_index(), ["Emphysema"], seed))
    for image in key["image"]:
        assert image not in text and image.removesuffix(".png") not in text
    for word in ("label", "predict", "confiden", "role", "control", "repeat", "p1", "group"):
        assert word not in text


def test_the_order_of_the_cases_tells_nothing_of_role_or_label():
    test = disputes.run(400)
    places = {role: [] for role in (study.DISAGREEMENT, study.CONTROL, study.REPEAT)}
    for seed in range(60):
        key = drawn(test, seed, cases=30, controls=30, repeats=30)
        ordered = key.set_index("case").loc[study.readers_side(key, ["x"], seed)["cases"]]
        for place, role in enumerate(ordered["role"]):
            places[role].append(place)
    for found in places.values():  # 1,800 places of 0 to 89
        assert np.mean(found) == pytest.approx(44.5, abs=4 * 26 / 1800**0.5)


def test_a_case_cannot_be_computed_without_the_models_output():
    test = disputes.run()
    key = drawn(test, cases=study.ALL)
    other = drawn(test.assign(p1=test["p1"] * 0.999), cases=study.ALL)
    assert set(key["image"]) == set(other["image"])
    assert set(key["case"]).isdisjoint(other["case"])


def written(tmp_path, layout="folder"):
    """Draw from a tiny data set, write its images, return the key, the folder, the PNGs."""
    data = tiny.chestxray14(tmp_path / "data", patients=20, layout=layout)
    found = folders.sources(data.images)
    index, _ = whole.index(data.metadata, data.images, 1000)
    test = disputes.run(len(data.pa))
    test["image"] = data.pa
    key = drawn(test, cases=6, controls=4, repeats=2)
    wanted = index[index["image"].isin(key["image"])]
    study.write_images(key, folders.originals(wanted, found), tmp_path / "images")
    return key, tmp_path / "images", data


def test_the_reading_room_loads_the_readers_side(tmp_path):
    key, folder, _ = written(tmp_path)
    study.write_json(study.readers_side(key, ["Emphysema"], 7), tmp_path / "study.json")
    loaded = room_study.load(tmp_path)
    assert loaded.id == study.identifier(key, ["Emphysema"])
    assert loaded.images == {case: folder / f"{case}.png" for case in sorted(key["case"])}
    assert (list(loaded.asked.findings), loaded.seed) == (["Emphysema"], 7)


@pytest.mark.parametrize("layout", ["folder", "kaggle", "archives"])
def test_every_case_has_the_pixels_of_its_image_wherever_it_lies(tmp_path, layout):
    key, folder, data = written(tmp_path, layout)
    assert {path.name for path in folder.iterdir()} == {f"{case}.png" for case in key["case"]}
    for case, image in zip(key["case"], key["image"], strict=True):
        with Image.open(folder / f"{case}.png") as shown:
            assert shown.mode == "L"
            original = Image.open(io.BytesIO(data.pngs[image]))
            assert np.array_equal(np.asarray(shown), np.asarray(original))


def test_the_files_of_the_images_tell_nothing(tmp_path):
    _, folder, _ = written(tmp_path)
    assert len({path.stat().st_mtime_ns for path in folder.iterdir()}) == 1
    for path in folder.iterdir():
        assert set(chunks(path.read_bytes())) == {b"IHDR", b"IDAT", b"IEND"}
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []


def test_the_files_are_written_in_the_order_of_their_opaque_names(tmp_path, monkeypatch):
    copied, copy = [], study.shutil.copyfile

    def counted(source, target):
        copied.append(source.stem)
        copy(source, target)

    monkeypatch.setattr(study.shutil, "copyfile", counted)
    key, _, _ = written(tmp_path)
    assert copied == sorted(key["case"])


def chunks(data):
    position = 8
    while position < len(data):
        length, kind = struct.unpack_from(">I4s", data, position)
        yield kind
        position += 12 + length


def test_a_file_that_cannot_be_shown_is_named(tmp_path):
    key = drawn(disputes.run())
    originals = [(key["image"].iloc[0], b"no PNG")]
    with pytest.raises(UserError, match=f"image {key['image'].iloc[0]} cannot be shown"):
        study.write_images(key, originals, tmp_path / "images")


@pytest.mark.parametrize(
    ("layout", "sentence"),
    [("folder", "Image {} cannot be read .No such file"), ("archives", "no longer holds {}")],
)
def test_an_original_that_is_gone_is_named(tmp_path, layout, sentence):
    data = tiny.chestxray14(tmp_path, layout=layout)
    found = folders.sources(data.images)
    index, _ = whole.index(data.metadata, data.images, 10)
    wanted = index[:1].assign(path="images/elsewhere.png")
    with pytest.raises(UserError, match=sentence.format(index["image"].iloc[0])):
        list(folders.originals(wanted, found))


def test_an_original_that_can_no_longer_be_read_is_named(tmp_path):
    data = tiny.chestxray14(tmp_path)
    index, _ = whole.index(data.metadata, data.images, 10)
    with Path(index["path"].iloc[0]).open("wb") as file:
        file.truncate(2**38)
    with pytest.raises(UserError, match=f"Image {index['image'].iloc[0]} cannot be read"):
        list(folders.originals(index[:1], folders.sources(data.images)))


def test_an_archive_is_read_once_and_no_further_than_needed(tmp_path, monkeypatch):
    data = tiny.chestxray14(tmp_path, layout="archives")
    found = folders.sources(data.images)
    index, _ = whole.index(data.metadata, data.images, 10)
    opened, read = [], []
    members = folders._members

    def counted(path, passed_over):
        opened.append(path)
        for member in members(path, passed_over):
            read.append(member)
            yield member

    monkeypatch.setattr(folders, "_members", counted)
    first = index[index["source"] == "images_001"].iloc[[0, 1]]
    assert dict(folders.originals(first, found)) == {
        image: data.pngs[image] for image in first["image"]
    }
    assert opened == [found["images_001"]]
    assert len(read) == 2
