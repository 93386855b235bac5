"""From folders, archives and metadata to the index and the report."""

import gzip
import io
import logging
import os
import tarfile

import numpy as np
import pandas as pd
import pytest

import whole
from cxrnoise.core import manifests
from cxrnoise.core.errors import Unreadable, UserError
from cxrnoise.datasets import folders, views
from cxrnoise.datasets import index as indexed
from cxrnoise.images import packing, shards
from tiny import dicom, jpeg, png, write_archive

LAYOUTS = ["folder", "kaggle", "archives"]
NONE_TOLERATED = dict.fromkeys(indexed.PROBLEMS, 0)
GREY = np.arange(256, dtype=np.uint8).reshape(16, 16)
PNG = png(GREY)


def index(data, number=4):
    return whole.index(data.metadata, data.images, number)


def problems(report):
    return dict(zip(report["image"], report["problem"], strict=True))


@pytest.fixture
def own(tmp_path):
    """Write files and a table of one's own; return the index and the report."""

    def own(files, table, **options):
        for name in files:
            path = tmp_path / "images" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(PNG)
        (tmp_path / "labels.csv").write_text(table)
        return whole.index(tmp_path / "labels.csv", tmp_path / "images", kind="table", **options)

    return own


def table_of(*images):
    return "image,patient,Mass\n" + "".join(f"{image},{image},0\n" for image in images)


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
    assert list(folders.sources(data.images)) == names


def test_folders_without_an_inner_images_folder_are_found(chestxray14_folder):
    data = chestxray14_folder(layout="kaggle")
    for part in data.images.iterdir():
        for image in (part / "images").iterdir():
            image.rename(part / image.name)
        (part / "images").rmdir()
    assert sorted(index(data)[0]["image"]) == sorted(data.pngs)


def test_the_folder_that_holds_the_images_folder_will_do(chestxray14_folder):
    data = chestxray14_folder()
    assert folders.sources(data.images.parent) == {"images": str(data.images)}


def test_other_folders_are_searched_with_all_that_is_below(own):
    table, report = own(["a/1.png", "a/b/2.png", ".cache/3.png"], table_of("1.png", "2.png"))
    assert table["image"].tolist() == ["1.png", "2.png"] and report.empty


def test_images_beside_folders_of_images_are_found_too(own):
    table, report = own(["images_1/1.png", "2.png"], table_of("1.png", "2.png"))
    assert table["image"].tolist() == ["1.png", "2.png"] and report.empty


def test_a_file_that_is_twice_in_an_archive_is_doubled(tmp_path):
    path = tmp_path / "images" / "part.tar.gz"
    path.parent.mkdir()
    with tarfile.open(path, "w:gz") as archive:
        for _ in range(2):
            member = tarfile.TarInfo("a.png")
            member.size = len(PNG)
            archive.addfile(member, io.BytesIO(PNG))
    found = whole.listings(tmp_path / "images")
    manifests.write(found, tmp_path / "listing.parquet", "listing", "{}")
    assert len(manifests.read(tmp_path / "listing.parquet", "listing")) == 2
    (tmp_path / "labels.csv").write_text(table_of("a.png"))
    _, report = whole.index(tmp_path / "labels.csv", tmp_path / "images", kind="table")
    assert set(report["problem"]) == {"doubled"}


def test_no_images_found_is_one_clear_sentence_that_says_what_is_there(tmp_path):
    with pytest.raises(UserError, match=f"No images found in {tmp_path}"):
        folders.sources(tmp_path)
    (tmp_path / "chest.zip").touch()
    with pytest.raises(UserError, match=r"it holds 1 \.zip"):
        folders.sources(tmp_path)


def test_folders_without_any_image_are_said_to_have_none(own, tmp_path):
    (tmp_path / "images" / "train").mkdir(parents=True)
    with pytest.raises(UserError, match="No PNG, JPEG or DICOM file was found: set `images`"):
        own([], table_of("a.png"))


def test_an_images_folder_that_does_not_exist_is_named(tmp_path):
    with pytest.raises(UserError, match="nowhere cannot be read"):
        folders.sources(tmp_path / "nowhere")


def test_the_plan_opens_no_file_and_lists_one_level(chestxray14_folder, monkeypatch):
    data = chestxray14_folder(layout="kaggle")
    scanned = []
    monkeypatch.setattr(
        os, "scandir", lambda path, scan=os.scandir: scanned.append(path) or scan(path)
    )
    monkeypatch.setattr("builtins.open", None)
    assert len(folders.sources(data.images)) == 2
    assert scanned == [data.images]


def test_hidden_archives_are_passed_over(tmp_path):
    for name in ("images_01.tar.gz", "._images_01.tar.gz"):
        (tmp_path / name).touch()
    assert list(folders.sources(tmp_path)) == ["images_01"]


@pytest.mark.parametrize("name", ["images_{x}", "images\n1", "images\udcff"])
@pytest.mark.parametrize("packed", [False, True])
def test_sources_with_names_that_snakemake_cannot_have_are_named(tmp_path, name, packed):
    if packed:
        name += ".tar.gz"
        (tmp_path / name).touch()
    else:
        (tmp_path / name).mkdir()
    with pytest.raises(UserError) as error:
        folders.sources(tmp_path)
    assert f"The images folder {tmp_path} has {name!r}, a name with " in str(error.value)
    assert str(error.value).isprintable()


# Listing


@pytest.mark.parametrize("layout", LAYOUTS)
def test_every_layout_lists_the_same_images(chestxray14_folder, layout):
    data = chestxray14_folder(layout=layout)
    found = whole.listings(data.images)
    found = found.set_index(found["file"].str.rpartition("/")[2])
    assert sorted(found.index) == sorted(data.pngs)
    assert (found["problem"] == "").all()
    assert (found[["width", "height"]] == 32).all(axis=None)
    assert found["bytes"].to_dict() == {image: len(png) for image, png in data.pngs.items()}


def test_each_whole_image_is_handed_over_once_with_its_bytes(chestxray14_folder):
    data = chestxray14_folder(layout="archives")
    kept = {}
    for source, path in folders.sources(data.images).items():
        folders.listing(source, path, data.images, keep=kept.__setitem__)
    assert {path.removeprefix("images/"): content for path, content in kept.items()} == data.pngs


def test_an_image_that_cannot_be_kept_is_listed_as_unreadable(chestxray14_folder):
    def refuse(image, data):
        raise Unreadable("no pixels")

    data = chestxray14_folder()
    found = folders.listing("images", data.images, data.images, refuse)
    assert set(found["problem"]) == {"unreadable: no pixels"}


def test_a_file_that_cannot_be_opened_is_listed_as_unreadable(chestxray14_folder):
    data = chestxray14_folder()
    (data.images / "00000009_000.png").symlink_to("gone.png")
    found = whole.listings(data.images).set_index("file")
    assert found.loc["00000009_000.png", "problem"] == "unreadable: No such file or directory"


def test_only_images_of_an_archive_are_listed_and_others_are_counted(tmp_path, caplog):
    caplog.set_level(logging.INFO)
    members = {"./x/a.png": PNG, "b.png": PNG, "notes.txt": b"", "images/._a.png": b""}
    write_archive(tmp_path / "images_01.tar.gz", members)
    found = folders.listing("images_01", tmp_path / "images_01.tar.gz", tmp_path)
    assert found["file"].tolist() == ["b.png", "x/a.png"]
    assert found["path"].tolist() == ["b.png", "./x/a.png"]
    assert "other files, not read: 1 .txt, 1 .png" in caplog.text
    assert [path.name for path in tmp_path.iterdir()] == ["images_01.tar.gz"]


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
    found = whole.listings(tmp_path)
    assert list(found["file"]) == list(MIXED)
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
    (tmp_path / "labels.csv").write_text(table_of(*bad))
    _, report = whole.index(tmp_path / "labels.csv", tmp_path / "images", kind="table")
    assert list(report["image"]) == list(bad)
    for problem, (_, expected) in zip(report["problem"], bad.values(), strict=True):
        assert problem.startswith(expected)


@pytest.mark.parametrize("share", [0, 0.1, 0.5, 0.9, 0.999])
def test_a_truncated_archive_is_named(chestxray14_folder, share):
    data = chestxray14_folder(layout="archives")
    archive = data.images / "images_001.tar.gz"
    content = archive.read_bytes()
    archive.write_bytes(content[: int(share * len(content))])
    with pytest.raises(UserError, match="images_001.tar.gz is truncated or damaged"):
        whole.listings(data.images)


def test_a_damaged_archive_is_named(chestxray14_folder):
    data = chestxray14_folder(layout="archives")
    archive = data.images / "images_001.tar.gz"
    content = bytearray(archive.read_bytes())
    content[len(content) // 2] ^= 255
    archive.write_bytes(content)
    with pytest.raises(UserError, match="images_001.tar.gz is truncated or damaged"):
        whole.listings(data.images)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_originals_are_found_again_by_the_index(chestxray14_folder, layout):
    data = chestxray14_folder(layout=layout)
    table, _ = index(data)
    found = dict(folders.originals(table.tail(5), folders.sources(data.images)))
    assert found == {image: data.pngs[image] for image in table["image"].tail(5)}
    gone = table.tail(1).assign(path="gone.png")
    with pytest.raises(UserError, match=r"no longer holds|cannot be read \(No such file"):
        list(folders.originals(gone, folders.sources(data.images)))


# Metadata


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("", ""),
        ("Patient Gender", "Patient Sex"),
        ("OriginalImage[Width,Height]", '"OriginalImage[Width,Height]"'),
        ("[x,y]", "[x,y],"),
        ("Image Index", "\ufeffImage Index"),
        ("Image Index", "image index "),
    ],
    ids=["released", "sex", "quoted", "trailing comma", "byte-order mark", "spelling"],
)
def test_every_spelling_of_the_header_is_read(chestxray14_folder, old, new):
    data = chestxray14_folder()
    expected = whole.metadata(data.metadata)
    text = data.metadata.read_text()
    data.metadata.write_text(text.replace(old, new, 1), encoding="utf-8")
    found = whole.metadata(data.metadata)
    pd.testing.assert_frame_equal(found.rename(columns={"Patient Sex": "Patient Gender"}), expected)
    assert list(expected["image"]) == list(data.pngs)
    row = expected.iloc[0]
    assert row[["image", "patient", "view"]].tolist() == ["00000001_000.png", "1", "PA"]
    assert row[["OriginalImage[Width", "Height]", "y]"]].tolist() == ["32", "32", "0.14"]


def test_compressed_metadata_is_read(chestxray14_folder, tmp_path):
    data = chestxray14_folder()
    (tmp_path / "m.csv.gz").write_bytes(gzip.compress(data.metadata.read_bytes()))
    expected = whole.metadata(data.metadata)
    pd.testing.assert_frame_equal(whole.metadata(tmp_path / "m.csv.gz"), expected)


def test_metadata_that_lack_a_column_are_refused_by_file_and_column(chestxray14_folder):
    data = chestxray14_folder()
    data.metadata.write_text(data.metadata.read_text().replace("View Position", "View"))
    with pytest.raises(UserError, match=r"metadata.csv has no column for the view"):
        whole.metadata(data.metadata)


def test_the_phantoms_have_the_layout_of_chestxray14(chestxray14_folder):
    data = chestxray14_folder()
    expected = whole.metadata(data.metadata)
    pd.testing.assert_frame_equal(whole.metadata(data.metadata, "phantom"), expected)


def test_the_real_metadata_have_67310_pa_images_of_28868_patients(nih):
    entries = whole.metadata(nih / "Data_Entry_2017_v2020.csv.gz")
    pa = entries[entries["view"] == "PA"]
    assert (len(entries), len(pa), pa["patient"].nunique()) == (112_120, 67_310, 28_868)
    assert (pa["Emphysema"] == "1").sum() == 1_499
    assert len(entries.attrs["classes"]) == 14
    published = pa[pa["patient"].astype(int) < 28868]
    assert (len(published), (published["Emphysema"] == "1").sum()) == (64_154, 1_378)


# Names


@pytest.mark.parametrize("where", ["CheXpert/", "", "below/CheXpert/"])
def test_an_image_of_a_table_with_paths_is_known_by_its_path(own, where):
    names = [f"p{patient}/view1.png" for patient in range(5)]
    table, report = own(
        [where + name for name in names], table_of(*(f"CheXpert/{name}" for name in names))
    )
    assert table["image"].tolist() == [where + name for name in names]
    assert report.empty


def test_a_table_may_have_the_paths_of_another_machine(own):
    table, report = own(["train/p1/a.png"], table_of("D:\\data\\x\\train\\p1\\a.png"))
    assert table["image"].tolist() == ["train/p1/a.png"] and report.empty


def test_an_archive_has_paths_too(tmp_path):
    (tmp_path / "images").mkdir()
    members = {f"set/p{number}/a.png": PNG for number in range(3)}
    write_archive(tmp_path / "images/part.tar.gz", members)
    (tmp_path / "labels.csv").write_text(table_of(*members))
    table, report = whole.index(tmp_path / "labels.csv", tmp_path / "images", kind="table")
    assert table["image"].tolist() == list(members) and report.empty


@pytest.mark.parametrize(
    ("named", "file"),
    [
        ("a.png", "a.PNG"),
        ("a.png", "A.png"),
        ("a.png", "a.jpg"),
        ("a", "a.dcm"),
        ("p1/a.png", "p2/a.png"),
        ("my image-1.png", "my_image_1.png"),
        ("p1/my image.png", "q/My_Image.dcm"),
    ],
)
def test_a_missing_image_is_said_to_be_spelled_otherwise(own, named, file):
    _, report = own([file, "other.png"], table_of(named, "else/x.png" if "/" in named else "x.png"))
    rows = report.set_index("image")
    assert rows.loc[named, "where"] == f"metadata: line 2; there is {file}"
    assert rows.loc[named, "what_to_do"].startswith("write the name in the metadata as the file")
    assert rows.loc[file, "problem"] == "unlisted"
    with pytest.raises(UserError, match=rf"{named} \(there is {file}\)"):
        indexed.check(report, NONE_TOLERATED, "report.csv")


def test_a_missing_image_that_nothing_is_like_is_to_be_got(own):
    _, report = own(["b.png"], table_of("b.png", "zzz.png"))
    assert report["where"].tolist() == ["metadata: line 3"]
    assert report["what_to_do"].str.startswith("get the file").all()


# Index


@pytest.mark.parametrize("layout", LAYOUTS)
def test_the_shard_of_an_image_follows_from_its_name(chestxray14_folder, layout, tmp_path):
    data = chestxray14_folder(layout=layout)
    table, report = index(data)
    assert report.empty
    assert table["image"].tolist() == sorted(data.pngs)
    used = table["view"] == "PA"
    assert table.loc[used, "image"].tolist() == sorted(data.pa)
    expected = [shards.number_of(image, 4) for image in sorted(data.pa)]
    assert table.loc[used, "shard"].tolist() == expected
    assert (table.loc[~used, "shard"] == -1).all()
    manifests.write(table, tmp_path / "index.parquet", "index", "{}")
    read = manifests.read(tmp_path / "index.parquet", "index")
    pd.testing.assert_frame_equal(read, table, check_dtype=False)
    assert read["Patient Age"].tolist() == ["50"] * len(table)


def test_views_that_some_task_uses_are_in_shards(chestxray14_folder):
    data = chestxray14_folder()
    table, _ = whole.index(data.metadata, data.images, views=["p.a.", "AP"])
    assert (table["shard"] >= 0).all()
    entries = whole.metadata(data.metadata)
    assert views.wanted(entries, ["PA"]) == set(data.pa)
    assert views.wanted(entries, ["pa", "ap"]) == set(data.pngs)


def test_views_that_no_task_uses_are_counted_in_the_log(own, caplog):
    caplog.set_level(logging.INFO)
    text = "image,patient,view\na.png,1,P.A.\nb.png,1,LL\nc.png,1,\n"
    table, _ = own(["a.png", "b.png", "c.png"], text)
    indexed.check_views(table, ["PA"])
    assert "PA 1, LL 1 (no task uses it), (empty) 1 (no task uses it)" in caplog.text
    with pytest.raises(UserError, match=r"task uses \(AP\): the index has PA 1, LL 1, \(empty\) 1"):
        indexed.check_views(table, ["AP"])


def test_a_bad_image_moves_no_other_image_to_another_shard(chestxray14_folder):
    data = chestxray14_folder()
    before, _ = index(data)
    (data.images / data.pa[0]).unlink()
    after, _ = index(data)
    assert data.pa[0] not in set(after["image"])
    expected = before[before["image"] != data.pa[0]].reset_index(drop=True)
    pd.testing.assert_frame_equal(after, expected)


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
        indexed.check(report, NONE_TOLERATED, "logs/report.csv")
    message = str(error.value)
    assert "1 missing (0 tolerated), 2 doubled (0 tolerated), 1 truncated" in message
    assert "00000001_000.png" in message and "logs/report.csv" in message
    assert "holiday" not in message


def test_a_threshold_lets_the_run_go_on_and_the_log_names_what_is_left_out(
    chestxray14_folder, caplog
):
    data = chestxray14_folder(patients=12, layout="kaggle")
    spoil(data)
    _, report = index(data)
    tolerated = {"missing": 1, "doubled": 2, "truncated": 1, "unreadable": 1}
    indexed.check(report, tolerated, "report.csv")
    assert "1 images, unlisted: holiday.png; see report.csv" in caplog.text
    assert f"1 images, missing: {list(data.pngs)[0]}" in caplog.text
    with pytest.raises(UserError, match="2 doubled"):
        indexed.check(report, tolerated | {"doubled": 1}, "report.csv")


def test_what_is_no_frontal_chest_is_left_out_counted_and_named(own, tmp_path, caplog):
    (tmp_path / "images").mkdir()
    files = {
        "a.dcm": dicom(GREY, ViewPosition="AP"),
        "b.dcm": dicom(GREY, BodyPartExamined="HAND"),
        "c.dcm": dicom(GREY, ViewPosition="LL"),
        "d.dcm": dicom(GREY, Laterality="L"),
    }
    for name, data in files.items():
        (tmp_path / "images" / name).write_bytes(data)
    table, report = own(["e.png"], table_of(*files, "e.png"))
    assert report["image"].tolist() == ["b.dcm", "c.dcm", "d.dcm"]
    assert report["problem"].str.startswith("left out: ").tolist() == [True, True, False]
    assert report["problem"][2] == "remark: Laterality L"
    assert dict(zip(table["image"], table["view"], strict=True)) == {
        "a.dcm": "AP",
        "d.dcm": "PA",
        "e.png": "PA",
    }
    indexed.check(report, NONE_TOLERATED, "report.csv")
    assert "2 images, left out: b.dcm, c.dcm" in caplog.text
    assert "1 images, remark: d.dcm" in caplog.text


@pytest.mark.parametrize(
    ("named", "in_file", "view"),
    [("PA", "AP", "PA"), ("", "AP", "AP"), ("", "", ""), ("LL", "", "LL")],
)
def test_the_view_of_the_metadata_comes_before_that_of_the_file(
    own, tmp_path, named, in_file, view, caplog
):
    (tmp_path / "images").mkdir()
    (tmp_path / "images" / "a.dcm").write_bytes(dicom(GREY, ViewPosition=in_file))
    table, _ = own(["b.png"], f"image,patient,view\na.dcm,1,{named}\nb.png,2,PA\n")
    assert table["view"].tolist() == [view, "PA"]
    assert ("1 files name another view" in caplog.text) == (named == "PA")


def test_dark_images_of_a_shard_are_logged_and_listed(tmp_path, caplog):
    wanted = pd.DataFrame({"image": ["a.png", "b.png"], "source": "images", "path": ["x/a", "x/b"]})
    path = tmp_path / "report.csv"
    with packing.writing(tmp_path / "000.h5", 16, "box", "{}", images=2) as writer:
        writer.append("a.png", b"0" * 64, GREY)
        writer.append("b.png", b"0" * 64, GREY // 16)
    packing.write_remarks(writer.remarks, wanted, path)
    [row] = pd.read_csv(path).to_dict("records")
    assert (row["image"], row["where"]) == ("b.png", "images: x/b")
    assert row["problem"].startswith("remark: dark: 16 grey levels")
    assert "Image b.png is dark" in caplog.text
    packing.write_remarks({}, wanted, path)
    assert not path.exists()


def test_the_report_is_a_csv_file(chestxray14_folder, tmp_path):
    data = chestxray14_folder(patients=12, layout="kaggle")
    spoil(data)
    _, report = index(data)
    indexed.write_report(report, tmp_path / "logs" / "report.csv")
    columns = ["image", "problem", "where", "what_to_do"]
    pd.testing.assert_frame_equal(pd.read_csv(tmp_path / "logs" / "report.csv"), report[columns])


# What changes when something changes


def digests(data, number=4, kind="chestxray14"):
    table, _ = indexed.index(
        whole.metadata(data.metadata, kind), whole.listings(data.images), ["PA"], number
    )
    return indexed.digest(table), indexed.contents(table, number)


def test_other_files_or_another_way_to_write_the_metadata_change_nothing(chestxray14_folder):
    data = chestxray14_folder()
    before = digests(data)
    (data.images / "notes.txt").touch()
    text = data.metadata.read_text()
    data.metadata.write_bytes(text.replace("\n", "\r\n").replace(",PA,", ", pa ,").encode("utf-16"))
    assert digests(data) == before


def test_a_copied_folder_changes_nothing(chestxray14_folder):
    data = chestxray14_folder()
    before = digests(data)
    data.images = data.images.rename(data.images.parent / "moved")
    assert digests(data) == before


def test_a_new_image_changes_its_shard_alone(chestxray14_folder):
    data = chestxray14_folder()
    index_before, before = digests(data)
    (data.images / "new.png").write_bytes(PNG)
    row = data.metadata.read_text().splitlines()[1].replace("00000001_000", "new")
    with data.metadata.open("a") as file:
        file.write(row + "\n")
    index_after, after = digests(data)
    assert index_after != index_before
    changed = [shard for shard in range(4) if before[shard] != after[shard]]
    assert changed == [shards.number_of("new.png", 4)]


def test_other_pixels_change_their_shard_and_not_the_index(chestxray14_folder):
    data = chestxray14_folder()
    index_before, before = digests(data)
    (data.images / data.pa[0]).write_bytes(png(255 - GREY))
    index_after, after = digests(data)
    assert index_after == index_before
    changed = [shard for shard in range(4) if before[shard] != after[shard]]
    assert changed == [shards.number_of(data.pa[0], 4)]


def test_an_image_of_a_view_that_no_task_uses_changes_no_shard(chestxray14_folder):
    data = chestxray14_folder()
    before = digests(data)[1]
    [lateral, *_] = set(data.pngs) - set(data.pa)
    (data.images / lateral).write_bytes(png(255 - GREY))
    assert digests(data)[1] == before


def test_the_real_sample_is_indexed_among_the_complete_metadata(nih):
    table, report = whole.index(nih / "Data_Entry_2017_v2020.csv.gz", nih / "images-256", 64)
    assert len(table) == 1283
    assert (table["view"] == "PA").sum() == (table["shard"] >= 0).sum() == 1173
    assert (report["problem"] == "missing").all() and len(report) == 112_120 - len(table)
