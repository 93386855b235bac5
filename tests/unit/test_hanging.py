"""Files that hang wrongly, are there twice, or are unlike all others."""

import io
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from cxrnoise.audit import duplicates, hanging, thumbnails, turning, unlike
from cxrnoise.core import settings
from cxrnoise.core.errors import UserError
from cxrnoise.core.provenance import describe
from cxrnoise.images.shards import Reader
from cxrnoise.report import hanging as page
from cxrnoise.report import pages
from cxrnoise.tasks import orientations
from hung import chests, features_file, shard_file, table

TEMPLATES = Path(pages.__file__).parent / "templates"
UPRIGHT, TURNED, MIRRORED, INVERTED = 0, 1, 4, 8


def sided(images, seed=0):
    """Features of images and of their mirror images: what both share, and what changes sides."""
    random = np.random.default_rng(seed)
    shared = random.normal(0, 1, (len(images), 12))
    side = random.normal(0.2, 0.05, (len(images), 12))
    return shared + side, shared - side


def probabilities(images, **special):
    """A table of probabilities in which all images are upright but some: `place=[numbers]`."""
    found = np.full((len(images), orientations.NUMBER), 0.001)
    found[:, UPRIGHT] = 0.985
    for place, number in special.items():
        found[int(place[1:])] = 0.001
        found[int(place[1:]), number] = 0.985
    return pd.DataFrame(found, columns=orientations.names()).assign(image=images["image"])


def jpeg(pixels):
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, "JPEG", quality=40)
    return np.asarray(Image.open(stream))


def test_turned_and_inverted_files_are_found_among_upright_ones():
    thumbs, images = chests(60), table(60)
    hung = np.zeros(60, int)
    hung[[7, 18, 29, 30]] = 1, 2, 3, 8
    found = turning.turns(orientations.apply(thumbs, hung), images["fold"].to_numpy(), seed=0)
    assert found.sum(1) == pytest.approx(1)
    assert turning.UNMIRRORED[found.argmax(1)].tolist() == hung.tolist()


def test_a_mirrored_file_is_found_by_its_features(tmp_path):
    images = table(60)
    plain, mirrored = sided(images)
    plain[[3]], mirrored[[3]] = mirrored[[3]], plain[[3]]
    files = [
        features_file(tmp_path / name, features, images)
        for name, features in (("plain.h5", plain), ("mirrored.h5", mirrored))
    ]
    found = turning.mirror(*files, images, seed=0)
    assert found.argmax() == 3
    assert found[3] > 0.5 > np.sort(found)[-2]
    assert turning.mirror(*files[::-1], images, seed=0) == pytest.approx(found, abs=1e-6)


def test_all_sixteen_orientations_share_the_probability(tmp_path):
    images = table(30)
    plain, mirrored = (
        features_file(tmp_path / f"{side}.h5", features, images)
        for side, features in enumerate(sided(images))
    )
    found = turning.out_of_fold(chests(30), plain, mirrored, images, seed=0)
    assert found.shape == (30, 16)
    assert found.sum(1) == pytest.approx(1, abs=1e-5)
    assert (found.argmax(1) == UPRIGHT).all()


def test_a_file_is_in_the_list_of_what_was_done_to_it():
    images = table(20)
    turned_too = MIRRORED + TURNED
    found = probabilities(images, _3=MIRRORED, _5=turned_too, _8=MIRRORED + INVERTED)
    lists = hanging.wrongly(found, images, first=2).set_index(["kind", "rank"])
    assert lists.loc[("mirrored", 1), "image"] == "0003.png"
    assert lists.loc[("mirrored", 2), "value"] < 0.01
    assert lists.loc[("turned", 1), ["image", "what"]].tolist() == [
        "0005.png",
        "turned 90, mirrored",
    ]
    assert lists.loc[("inverted", 1), ["image", "what"]].tolist() == [
        "0008.png",
        "mirrored, inverted",
    ]
    assert len(lists) == 6


@pytest.mark.parametrize(
    "change",
    [
        lambda image: image,
        lambda image: (0.7 * image + 60).astype(np.uint8),
        jpeg,
        lambda image: np.asarray(Image.fromarray(image).resize((70, 70)).resize((96, 96))),
    ],
    ids=["none", "brightness", "JPEG", "size"],
)
def test_a_copy_under_another_patients_name_comes_first(change):
    pictures = chests(40, size=96)
    copies = np.concatenate([pictures, change(pictures[11])[np.newaxis]])
    thumbs = np.stack([thumbnails.reduced(picture) for picture in copies])
    pairs = hanging.twice(thumbs, table(41), first=3)
    first = pairs.iloc[0]
    assert (first["image"], first["other_image"]) == ("0011.png", "0040.png")
    assert first["value"] > max(0.96, pairs["value"].iloc[1])


def test_pairs_of_different_patients_come_before_those_of_one():
    thumbs = chests(12)
    thumbs[1], thumbs[3] = thumbs[0], thumbs[2]
    pairs = hanging.twice(thumbs, table(12, [0, 0, 1, 2, *range(3, 11)]), first=2)
    assert pairs["rank"].tolist() == [1, 2, 3]
    assert pairs["what"].tolist() == [hanging.ACROSS, hanging.ACROSS, hanging.WITHIN]
    assert pairs.loc[0, ["patient", "other_patient"]].tolist() == ["1", "2"]
    assert pairs.loc[2, ["image", "other_image"]].tolist() == ["0000.png", "0001.png"]
    assert pairs["value"].iloc[[0, 2]].tolist() == pytest.approx([1, 1], abs=1e-5)


def test_blank_pictures_are_no_copies_of_each_other():
    thumbs = np.full((4, 32, 32), 7, np.uint8)
    assert duplicates.pairs(thumbs, np.array(list("abca")), first=5).empty


def test_pairs_do_not_depend_on_how_many_images_are_compared_at_once(monkeypatch):
    thumbs, patients = chests(30), np.arange(30).astype(str)
    whole = duplicates.pairs(thumbs, patients, first=10)
    monkeypatch.setattr(duplicates, "AT_ONCE", 7)
    parts = duplicates.pairs(thumbs, patients, first=10)
    assert parts[["one", "other"]].equals(whole[["one", "other"]])
    assert parts["value"].to_numpy() == pytest.approx(whole["value"].to_numpy(), abs=1e-5)


def test_an_odd_image_is_found_even_if_its_patient_has_more_of_them(tmp_path):
    random = np.random.default_rng(0)
    features = random.normal(0, 1, (100, 4)) @ random.normal(0, 1, (4, 60))
    features += random.normal(0, 0.1, features.shape)
    features[40:45] = random.normal(0, 3, 60)  # the same oddity five times
    images = table(100, [*range(40), *[40] * 5, *range(45, 100)])
    files = features_file(tmp_path / "plain.h5", features, images)
    values = unlike.remainders(files, images, seed=0)
    assert set(np.argsort(-values)[:5]) == {40, 41, 42, 43, 44}
    assert np.median(values) == pytest.approx(1)
    lists = hanging.odd(files, images, seed=0, first=5)
    assert lists["patient"].tolist().count("40") == 3
    assert set(lists["patient"].iloc[:3]) == {"40"}
    assert lists["what"].iloc[0].endswith(" times the median")


def test_only_images_in_a_shard_are_looked_at_and_a_patient_is_in_one_fold():
    index = pd.DataFrame(
        {
            "image": [f"{place:02d}.png" for place in range(20)][::-1],
            "patient": [f"p{place // 2}" for place in range(20)],
            "shard": [-1, *[0] * 19],
        }
    )
    images = hanging.of_shards(index, seed=0)
    assert images["image"].tolist() == [f"{place:02d}.png" for place in range(19)]
    assert (images.groupby("patient")["fold"].nunique() == 1).all()
    assert set(images["fold"]) == {0, 1, 2, 3, 4}


def test_the_page_shows_each_file_with_a_description(tmp_path):
    pixels, images = chests(20), table(20)
    found = probabilities(images, _3=MIRRORED)
    lists = [
        hanging.wrongly(found, images, first=2),
        hanging.twice(pixels, images, first=2),
    ]
    pages.write_csv(pd.concat(lists), tmp_path / "hanging.csv")
    lists = page.read(tmp_path / "hanging.csv")
    assert lists.columns.tolist() == hanging.COLUMNS
    shards = Reader(shard_file(tmp_path / "000.h5", pixels, images))
    html = page.html(lists, shards, "Chests", True, TEMPLATES, describe({}, "c0de"))
    assert "<h1>PHANTOM: Files that hang wrongly</h1>" in html
    assert html.count("<img ") == 2 * 3 + 2 * 2
    assert html.count('src="data:image/jpeg;base64,') == html.count("<img ")
    assert 'alt="Radiograph 0003.png, number 1 of the list “probably mirrored”"' in html
    assert "1 with a probability above 0.5, 2 shown" in html
    assert "Unlike all others" not in html  # nothing of this kind was listed


def test_who_says_how_files_hang_must_be_the_probe_or_a_task_of_this_kind():
    tasks = {"hangs": {"kind": "orientation"}}
    assert settings.validate({"tasks": tasks, "hanging": {"by": "hangs"}}).tasks["hangs"].folds == 5
    with pytest.raises(UserError, match=r"hanging\.by is situs, but should be probe or .*hangs"):
        settings.validate({"tasks": tasks, "hanging": {"by": "situs"}})
