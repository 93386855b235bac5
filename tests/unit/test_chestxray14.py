import gzip
import math

import numpy as np
import pandas as pd
import pytest

import whole
from cxrnoise.core import manifests
from cxrnoise.core.errors import UserError
from cxrnoise.datasets import chestxray14
from cxrnoise.images.radiographs import Unreadable
from tiny import dicom, jpeg, png, write_archive

LAYOUTS = ["folder", "kaggle", "archives"]
NONE_TOLERATED = dict.fromkeys(chestxray14.PROBLEMS, 0)


def index(data, images_per_shard=4):
    return whole.index(data.metadata, data.images, images_per_shard)


def problems(report):
    return dict(zip(report["image"], report["problem"], strict=True))


# Sources


@pytest.mark.parametrize(
    ("layout", "names"),
    [
        ("folder", ["images"]),
        ("kaggle", ["images_001", "images_002"]),
        ("archives", ["images_001", "images_002"]),
    ],
)
def test_each_layout_is_recognised(chestxray14_folder, layout, names):
    data = chestxray14_folder(layout=layout)
    assert list(chestxray14.sources(data.images)) == names


def test_folders_without_an_inner_images_folder_are_found(chestxray14_folder):
    data = chestxray14_folder(layout="kaggle")
    for part in data.images.iterdir():
        for image in (part / "images").iterdir():
            image.rename(part / image.name)
        (part / "images").rmdir()
    assert sorted(pd.concat(whole.listings(data.images))["image"]) == sorted(data.pngs)


def test_the_folder_that_holds_the_images_folder_will_do(chestxray14_folder):
    data = chestxray14_folder()
    assert chestxray14.sources(data.images.parent) == {"images": str(data.images)}


def test_no_images_found_is_one_clear_sentence(tmp_path):
    with pytest.raises(UserError, match=f"No images found in {tmp_path}"):
        chestxray14.sources(tmp_path)


def test_an_images_folder_that_does_not_exist_is_named(tmp_path):
    with pytest.raises(UserError, match="nowhere cannot be read"):
        chestxray14.sources(tmp_path / "nowhere")


# Listing


@pytest.mark.parametrize("layout", LAYOUTS)
def test_every_layout_lists_the_same_images(chestxray14_folder, layout):
    data = chestxray14_folder(layout=layout)
    found = pd.concat(whole.listings(data.images)).set_index("image")
    assert sorted(found.index) == sorted(data.pngs)
    assert (found["problem"] == "").all()
    assert (found[["width", "height"]] == 32).all(axis=None)
    assert found["bytes"].to_dict() == {image: len(png) for image, png in data.pngs.items()}


def test_each_whole_image_is_handed_over_once_with_its_bytes(chestxray14_folder):
    data = chestxray14_folder(layout="archives")
    kept = {}
    for source, path in chestxray14.sources(data.images).items():
        chestxray14.listing(source, path, keep=kept.__setitem__)
    assert kept == data.pngs


def test_an_image_that_cannot_be_kept_is_listed_as_unreadable(chestxray14_folder):
    def refuse(image, data):
        raise Unreadable("no pixels")

    data = chestxray14_folder()
    found = chestxray14.listing("images", data.images, refuse).whole()
    assert set(found["problem"]) == {"unreadable: no pixels"}


def test_a_file_that_cannot_be_opened_is_listed_as_unreadable(chestxray14_folder):
    data = chestxray14_folder()
    (data.images / "00000009_000.png").symlink_to("gone.png")
    found = chestxray14.listing("images", data.images).whole().set_index("image")
    assert found.loc["00000009_000.png", "problem"] == "unreadable: No such file or directory"


def test_only_images_of_an_archive_are_listed_and_by_their_base_name(tmp_path):
    pixels = png(np.zeros((2, 2), np.uint8))
    members = {"./x/a.png": pixels, "b.png": pixels, "notes.txt": b"", "images/._a.png": b""}
    write_archive(tmp_path / "images_01.tar.gz", members)
    found = chestxray14.listing("images_01", tmp_path / "images_01.tar.gz").whole()
    assert list(found["image"]) == ["a.png", "b.png"]
    assert [path.name for path in tmp_path.iterdir()] == ["images_01.tar.gz"]


def test_hidden_archives_are_passed_over(tmp_path):
    for name in ("images_01.tar.gz", "._images_01.tar.gz"):
        (tmp_path / name).touch()
    assert list(chestxray14.sources(tmp_path)) == ["images_01"]


@pytest.mark.parametrize("name", ["images_{x}", "images\n1", "images\udcff"])
@pytest.mark.parametrize("packed", [False, True])
def test_folders_and_archives_with_names_that_snakemake_cannot_have_are_named(
    tmp_path, name, packed
):
    if packed:
        name += ".tar.gz"
        (tmp_path / name).touch()
    else:
        (tmp_path / name).mkdir()
        (tmp_path / name / "a.png").touch()
    with pytest.raises(UserError) as error:
        chestxray14.sources(tmp_path)
    assert f"The images folder {tmp_path} has {name!r} with " in str(error.value)
    assert str(error.value).isprintable()


GREY = np.arange(256, dtype=np.uint8).reshape(16, 16)
MIXED = {
    "a.PNG": png(GREY),
    "b.jpg": jpeg(GREY),
    "c.Jpeg": jpeg(GREY),
    "d.dcm": dicom(GREY),
    "e.dcm": png(GREY),
}


@pytest.mark.parametrize("layout", ["folder", "archive"])
def test_png_jpeg_and_dicom_files_are_listed_by_suffix_and_read_by_content(tmp_path, layout):
    members = MIXED | {"notes.txt": b"", "f.dicomdir": b"", ".g.dcm": b""}
    if layout == "archive":
        write_archive(tmp_path / "images_01.tar.gz", members)
    else:
        for name, data in members.items():
            (tmp_path / name).write_bytes(data)
    ((source, path),) = chestxray14.sources(tmp_path).items()
    found = chestxray14.listing(source, path).whole()
    assert list(found["image"]) == list(MIXED)
    assert (found["problem"] == "").all()
    assert (found[["width", "height"]] == 16).all(axis=None)


def test_bad_jpeg_and_dicom_files_are_in_the_report_by_name(tmp_path):
    bad = {
        "a.jpg": (jpeg(GREY)[:-2], "truncated"),
        "b.dcm": (dicom(GREY)[:-50], "truncated"),
        "c.dcm": (dicom(GREY, NumberOfFrames=3), "unreadable: 3 frames: split the file into"),
    }
    (tmp_path / "images").mkdir()
    for name, (data, _) in bad.items():
        (tmp_path / "images" / name).write_bytes(data)
    rows = "".join(f"{name},1,0\n" for name in bad)
    (tmp_path / "labels.csv").write_text("image,patient,label\n" + rows)
    _, report = whole.index(tmp_path / "labels.csv", tmp_path / "images", 4)
    assert list(report["image"]) == list(bad)
    for problem, (_, expected) in zip(report["problem"], bad.values(), strict=True):
        assert problem.startswith(expected)


@pytest.mark.parametrize("share", [0, 0.1, 0.5, 0.9, 0.999])
def test_a_truncated_archive_is_named(chestxray14_folder, share):
    archive = chestxray14_folder(layout="archives").images / "images_001.tar.gz"
    data = archive.read_bytes()
    archive.write_bytes(data[: int(share * len(data))])
    with pytest.raises(UserError, match="images_001.tar.gz is truncated or damaged"):
        chestxray14.listing("images_001", archive)


def test_a_damaged_archive_is_named(chestxray14_folder):
    archive = chestxray14_folder(layout="archives").images / "images_001.tar.gz"
    data = bytearray(archive.read_bytes())
    data[len(data) // 2] ^= 255
    archive.write_bytes(data)
    with pytest.raises(UserError, match="images_001.tar.gz is truncated or damaged"):
        chestxray14.listing("images_001", archive)


# Metadata


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("", ""),
        ("Patient Gender", "Patient Sex"),
        ("OriginalImage[Width,Height]", '"OriginalImage[Width,Height]"'),
        ("[x,y]", "[x,y],"),
        ("Image Index", "\ufeffImage Index"),
    ],
    ids=["released", "sex", "quoted", "trailing comma", "byte-order mark"],
)
def test_every_spelling_of_the_header_is_read(chestxray14_folder, old, new):
    data = chestxray14_folder()
    expected = whole.metadata(data.metadata)
    text = data.metadata.read_text()
    data.metadata.write_text(text.replace(old, new, 1), encoding="utf-8")
    pd.testing.assert_frame_equal(whole.metadata(data.metadata), expected)
    assert list(expected["image"]) == list(data.pngs)
    assert expected.loc[0].to_dict() == {
        "image": "00000001_000.png",
        "patient": "1",
        "view": "PA",
        "findings": "No Finding",
    }


def test_compressed_metadata_is_read(chestxray14_folder, tmp_path):
    data = chestxray14_folder()
    (tmp_path / "m.csv.gz").write_bytes(gzip.compress(data.metadata.read_bytes()))
    expected = whole.metadata(data.metadata)
    pd.testing.assert_frame_equal(whole.metadata(tmp_path / "m.csv.gz"), expected)


def test_metadata_that_lack_a_column_are_refused_by_file_and_column(chestxray14_folder):
    data = chestxray14_folder()
    data.metadata.write_text(data.metadata.read_text().replace("View Position", "View"))
    with pytest.raises(UserError, match=r"metadata.csv has no column View Position"):
        whole.metadata(data.metadata)


@pytest.mark.parametrize("content", [None, b"", b"\x89PNG\r\n\x1a\n\xff\xfe"])
def test_a_file_that_is_no_metadata_is_named(tmp_path, content):
    if content is not None:
        (tmp_path / "m.csv").write_bytes(content)
    with pytest.raises(UserError, match="m.csv"):
        whole.metadata(tmp_path / "m.csv")


def test_pa_images_are_counted_each_once(chestxray14_folder):
    data = chestxray14_folder()
    lines = data.metadata.read_text().splitlines()
    data.metadata.write_text("\n".join([*lines, lines[1]]))
    assert chestxray14.count_pa(data.metadata) == len(data.pa)


def test_the_real_metadata_have_67310_pa_images_of_28868_patients(nih):
    entries = whole.metadata(nih / "Data_Entry_2017_v2020.csv.gz")
    assert len(entries) == 112_120
    assert len(chestxray14.pa_images([entries])) == 67_310
    assert entries.loc[entries["view"] == "PA", "patient"].nunique() == 28_868


# Index


@pytest.mark.parametrize("layout", LAYOUTS)
def test_pa_images_fill_the_shards_in_the_order_of_their_names(
    chestxray14_folder, layout, tmp_path
):
    data = chestxray14_folder(layout=layout)
    table, report = index(data)
    assert report.empty
    assert sorted(table["image"]) == sorted(data.pngs)
    pa = table[table["view"] == "PA"]
    assert list(pa["image"]) == sorted(data.pa)
    assert list(pa["shard"] * 4 + pa["row"]) == list(range(len(data.pa)))
    assert (table.loc[table["view"] != "PA", ["shard", "row"]] == -1).all(axis=None)
    manifests.write(table, tmp_path / "index.parquet", "index", "{}")
    pd.testing.assert_frame_equal(
        manifests.read(tmp_path / "index.parquet", "index"), table, check_dtype=False
    )


def test_a_bad_image_moves_no_other_image_to_another_shard(chestxray14_folder):
    data = chestxray14_folder()
    before, _ = index(data)
    (data.images / data.pa[0]).unlink()
    after, _ = index(data)
    assert data.pa[0] not in set(after["image"])
    shards = before.set_index("image")["shard"]
    assert (after["shard"] == shards[after["image"]].to_numpy()).all()
    for _, shard in after[after["shard"] >= 0].groupby("shard"):
        assert list(shard["row"]) == list(range(len(shard)))


def spoil(data):
    """Spoil one image in every way that the report knows; return what it should say."""
    missing, truncated, unreadable, doubled, entered = list(data.pngs)[:5]
    (data.images / "images_001" / "images" / missing).unlink()
    for image, content in [
        (truncated, data.pngs[truncated][:-20]),
        (unreadable, b"GIF89a no radiograph"),
    ]:
        (data.images / "images_001" / "images" / image).write_bytes(content)
    (data.images / "images_002" / "images" / doubled).write_bytes(data.pngs[doubled])
    (data.images / "images_002" / "images" / "holiday.png").write_bytes(data.pngs[doubled])
    lines = data.metadata.read_text().splitlines()
    data.metadata.write_text("\n".join([*lines, lines[5]]))
    return {
        missing: "missing",
        truncated: "truncated",
        unreadable: "unreadable: neither PNG, JPEG nor DICOM",
        doubled: "doubled",
        entered: "doubled",
        "holiday.png": "unlisted",
    }


def test_every_bad_image_is_in_the_report_by_name_and_out_of_the_index(chestxray14_folder):
    data = chestxray14_folder(patients=12, layout="kaggle")
    expected = spoil(data)
    table, report = index(data)
    assert problems(report) == expected
    assert sorted(table["image"]) == sorted(set(data.pngs) - set(expected))
    assert (report["what_to_do"] != "").all()


def test_the_report_says_where_each_bad_image_is(chestxray14_folder):
    data = chestxray14_folder(patients=12, layout="kaggle")
    spoil(data)
    _, report = index(data)
    where = report.groupby("image")["where"].apply(list)
    missing, truncated, _, doubled, entered = list(data.pngs)[:5]
    first, second = (data.images / part / "images" for part in ("images_001", "images_002"))
    assert where[missing] == ["metadata: line 2"]
    assert where[truncated] == [f"images_001: {first / truncated}"]
    assert where[doubled] == [f"images_001: {first / doubled}", f"images_002: {second / doubled}"]
    assert where[entered] == ["metadata: line 6", f"metadata: line {len(data.pngs) + 2}"]


def test_bad_images_stop_the_run_with_counts_names_and_the_report(chestxray14_folder):
    data = chestxray14_folder(patients=12, layout="kaggle")
    spoil(data)
    _, report = index(data)
    with pytest.raises(UserError) as error:
        chestxray14.check(report, NONE_TOLERATED, "logs/report.csv")
    message = str(error.value)
    assert "1 missing (0 tolerated), 2 doubled (0 tolerated), 1 truncated" in message
    assert "00000001_000.png" in message and "logs/report.csv" in message
    assert "holiday" not in message


def test_a_threshold_lets_the_run_go_on_without_them(chestxray14_folder):
    data = chestxray14_folder(patients=12, layout="kaggle")
    spoil(data)
    _, report = index(data)
    tolerated = {"missing": 1, "doubled": 2, "truncated": 1, "unreadable": 1}
    chestxray14.check(report, tolerated, "report.csv")
    with pytest.raises(UserError, match="2 doubled"):
        chestxray14.check(report, tolerated | {"doubled": 1}, "report.csv")


def test_the_report_is_a_csv_file(chestxray14_folder, tmp_path):
    data = chestxray14_folder(patients=12, layout="kaggle")
    spoil(data)
    _, report = index(data)
    chestxray14.write_report(report, tmp_path / "logs" / "report.csv")
    columns = ["image", "problem", "where", "what_to_do"]
    pd.testing.assert_frame_equal(pd.read_csv(tmp_path / "logs" / "report.csv"), report[columns])


def test_the_digest_tells_of_a_change_of_the_index(chestxray14_folder):
    data = chestxray14_folder()
    table, _ = index(data)
    again, _ = index(data)
    assert chestxray14.digest([table]) == chestxray14.digest([again])
    (data.images / data.pa[0]).unlink()
    changed, _ = index(data)
    assert chestxray14.digest([table]) != chestxray14.digest([changed])


def test_the_real_sample_is_indexed_among_the_complete_metadata(nih):
    metadata = nih / "Data_Entry_2017_v2020.csv.gz"
    table, report = whole.index(metadata, nih / "images-256", 1024)
    found = pd.concat(whole.listings(nih / "images-256"))
    assert (found["problem"] == "").all()
    assert len(table) == len(found)
    assert (table["view"] == "PA").sum() == (table["row"] >= 0).sum()
    assert table["shard"].max() < math.ceil(67_310 / 1024)
    assert (report["problem"] == "missing").all() and len(report) == 112_120 - len(found)
