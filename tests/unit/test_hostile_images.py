"""Archives and images that are made to harm: named, in little memory, and nothing is written."""

import gzip
import os
import resource
import struct
import subprocess
import sys
import tarfile
import zlib

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydicom import uid

import whole
from cxrnoise.core.errors import Unreadable, UserError
from cxrnoise.datasets import folders, index
from cxrnoise.images import packing, radiographs
from tiny import dicom, jpeg, png, write_archive

GREY = np.arange(256, dtype=np.uint8).reshape(16, 16)
PNG = png(GREY)
LENGTH = len(PNG)
MEMORY = 2**29  # bytes that a hostile file may take, which would unpack to far more


def packed(folder, *members, end=b"\0" * 1024):
    """Write an archive of `TarInfo`s, or of their raw bytes, and return its path."""
    parts = []
    for member in members:
        parts.append(member if isinstance(member, bytes) else header(member) + padded(PNG))
    (folder / "images_01.tar.gz").write_bytes(gzip.compress(b"".join(parts) + end))
    return folder / "images_01.tar.gz"


def padded(data):
    return data + b"\0" * (-len(data) % tarfile.BLOCKSIZE)


def header(member):
    return member.tobuf(tarfile.PAX_FORMAT)


def member(name, size=LENGTH, **values):
    made = tarfile.TarInfo(name)
    made.size = size
    for key, value in values.items():
        setattr(made, key, value)
    return made


def listed(archive):
    """List an archive; nothing may appear beside it."""
    before = sorted(os.listdir(archive.parent))
    found = folders.listing("images_01", archive, archive.parent)
    assert sorted(os.listdir(archive.parent)) == before
    return dict(zip(found["path"], found["problem"], strict=True))


# Members


@pytest.mark.parametrize("name", ["../../etc/a.png", "images/../../a.png", "/etc/cron.d/a.png"])
def test_a_member_that_points_outside_is_read_and_nothing_is_written(tmp_path, name):
    assert listed(packed(tmp_path, member(name))) == {name: ""}


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE])
def test_a_link_in_an_archive_is_listed_as_unreadable_and_the_others_are_read(tmp_path, kind):
    link = header(member("a.png", 0, type=kind, linkname="/etc/passwd"))
    found = listed(packed(tmp_path, link, member("images/good.png")))
    assert found == {
        "a.png": "unreadable: a link in the archive and no file",
        "images/good.png": "",
    }


@pytest.mark.parametrize("style", [tarfile.PAX_FORMAT, tarfile.GNU_FORMAT])
def test_long_names_folders_and_odd_files_that_are_no_images_do_no_harm(tmp_path, style):
    name = "/".join(["x" * 200] * 5) + "/a.png"
    long = member(name).tobuf(style) + padded(PNG)
    others = [
        member("./", 0, type=tarfile.DIRTYPE),
        member("album.png", 0, type=tarfile.DIRTYPE),
        member("latest.txt", 0, type=tarfile.SYMTYPE, linkname="/etc/passwd"),
        member("line\nbreak.txt", 0),
    ]
    archive = packed(tmp_path, *map(header, others), long, member("./b.png"))
    assert listed(archive) == {name: "", "./b.png": ""}


def test_a_member_that_claims_to_be_huge_is_not_read(tmp_path):
    with pytest.raises(UserError, match="images_01.tar.gz is truncated or damaged"):
        listed(packed(tmp_path, header(member("images/a.png", 2**30))))


@given(st.lists(st.tuples(st.integers(0, 1535), st.integers(1, 255)), min_size=1, max_size=8))
def test_a_tar_with_any_wrong_bytes_is_read_or_refused(tmp_path_factory, changes):
    folder = tmp_path_factory.mktemp("tar")
    data = bytearray(header(member("a.png", pax_headers={"comment": "x"})) + padded(PNG))
    for place, change in changes:
        data[place] ^= change
    for block in range(0, 1536, 512):  # their checksums put right
        data[block + 148 : block + 156] = b" " * 8
        data[block + 148 : block + 156] = b"%06o\0 " % sum(data[block : block + 512])
    try:
        listed(packed(folder, bytes(data)))
    except UserError as error:
        assert "images_01.tar.gz" in str(error)


# Images: each is read in a process of its own, which may not take more than `MEMORY`.


def limited(code, path, memory=MEMORY):
    """Run code on `path` with little memory and return what it prints or raises."""
    program = f"import sys; sys.path.insert(0, 'workflow/scripts'); path = sys.argv[1]; {code}"
    done = subprocess.run(
        [sys.executable, "-c", program, str(path)],
        capture_output=True,
        text=True,
        env={**os.environ, "OPENBLAS_NUM_THREADS": "1"},
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_DATA, (memory, memory)),
    )
    assert done.returncode in (0, 1) and "MemoryError" not in done.stderr, done.stderr
    return (done.stdout + done.stderr).strip().splitlines()[-1]


def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def with_size(width, height):
    """A PNG of this size by its header, all of it zeros, as far as it goes."""
    parts = [PNG[:8], chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0))]
    packer = zlib.compressobj(1)
    pixels = b"".join(packer.compress(bytes(2**20)) for _ in range(100)) + packer.flush()
    return b"".join([*parts, chunk(b"IDAT", pixels), chunk(b"IEND", b"")])


def with_chunk(kind, before):
    """A PNG with a chunk of text or of a profile that unpacks to 100 MB."""
    bomb = chunk(kind, before + zlib.compress(bytes(100 * 2**20)))
    return PNG[:33] + bomb + PNG[33:]


def jpeg_of(width, height):
    data = jpeg(GREY)
    frame = data.index(b"\xff\xc0") + 5
    return data[:frame] + struct.pack(">HH", height, width) + data[frame + 4 :]


HUGE = {
    "a.png": with_size(50_000, 50_000),
    "b.jpg": jpeg_of(50_000, 50_000),
    "c.dcm": dicom(GREY, uid.RLELossless, Rows=50_000, Columns=50_000),
    "d.dcm": dicom(GREY, uid.JPEGBaseline8Bit, Rows=50_000, Columns=50_000),
    "e.dcm": dicom(GREY, Rows=50_000, Columns=50_000),
}


@pytest.mark.parametrize("layout", ["folder", "archive"])
def test_images_of_absurd_size_are_in_the_report_by_name(tmp_path, layout):
    (tmp_path / "images").mkdir()
    if layout == "archive":
        write_archive(tmp_path / "images/images_01.tar.gz", HUGE)
    else:
        for name, data in HUGE.items():
            (tmp_path / "images" / name).write_bytes(data)
    rows = "".join(f"{name},1,0\n" for name in HUGE)
    (tmp_path / "labels.csv").write_text("image,patient,label\n" + rows)
    _, report = whole.index(tmp_path / "labels.csv", tmp_path / "images", kind="table")
    problems = dict(zip(report["image"], report["problem"], strict=True))
    assert set(problems) == set(HUGE)
    expected = "unreadable: 50000×50000 pixels, sides of 1 to 10000 are accepted"
    assert set(problems.values()) == {expected}


@pytest.mark.parametrize("name", ["a.png", "b.jpg", "c.dcm", "text.png", "profile.png"])
def test_an_image_that_unpacks_to_far_more_is_refused_in_little_memory(tmp_path, name):
    made = HUGE | {
        "text.png": with_chunk(b"zTXt", b"note\0\0"),
        "profile.png": with_chunk(b"iCCP", b"name\0\0"),
    }
    (tmp_path / name).write_bytes(made[name])
    code = (
        "from cxrnoise.images import radiographs; radiographs.decode(radiographs.read_file(path))"
    )
    assert "Unreadable: " in limited(code, tmp_path / name)


@pytest.mark.parametrize("kind", [b"iCCP", b"gAMA", b"acTL", b"IHDR"])
def test_a_png_with_an_empty_chunk_of_a_kind_that_has_content_is_unreadable(kind):
    end = PNG.index(b"IEND") - 4
    with pytest.raises(Unreadable):
        radiographs.decode(PNG[:end] + chunk(kind, b"") + PNG[end:])


def test_a_shard_names_the_image_that_unpacks_to_far_more(tmp_path):
    path = tmp_path / "a.png"
    path.write_bytes(with_chunk(b"zTXt", b"note\0\0"))
    wanted = pd.DataFrame({"image": ["a.png"], "path": [str(path)]})
    with (
        pytest.raises(UserError, match=r"Image a\.png cannot be used"),
        packing.writing(tmp_path / "000.h5", 8, "lanczos", "{}", images=1) as writer,
    ):
        packing.pack_files(wanted, writer)


# Files


def test_a_file_that_would_fill_the_memory_is_listed_as_unreadable(tmp_path):
    with (tmp_path / "d.png").open("wb") as file:
        file.truncate(2**38)
    found = folders.listing("images", tmp_path, tmp_path)
    assert list(found["problem"]) == [
        f"unreadable: {2**38} bytes, at most {radiographs.LARGEST_FILE} are accepted",
    ]


def test_a_file_whose_name_is_not_utf_8_is_listed_as_unreadable(tmp_path):
    path = os.path.join(os.fsencode(tmp_path), b"no utf-8 \xff.png")
    with open(path, "wb") as file:
        file.write(PNG)
    found = folders.listing("images", tmp_path, tmp_path)
    assert found["file"].tolist() == ["no utf-8 \\udcff.png"]
    assert found["problem"].tolist() == ["unreadable: its name is not UTF-8, rename it"]


def test_no_name_in_the_report_is_a_formula_to_a_spreadsheet(tmp_path):
    names = ["=HYPERLINK(1).png", "+1.png", "-1.png", "@a.png", "a,'b;\".png"]
    (tmp_path / "images").mkdir()
    for name in names:
        (tmp_path / "images" / name).write_bytes(PNG)
    (tmp_path / "labels.csv").write_text("image,patient\n=gone.png,1\n")
    _, report = whole.index(tmp_path / "labels.csv", tmp_path / "images", kind="table")
    index.write_report(report, tmp_path / "report.csv")
    written = pd.read_csv(tmp_path / "report.csv")
    assert not written.map(lambda cell: str(cell).startswith(("=", "+", "-", "@"))).any(axis=None)
    assert set(written["image"]) == {"'=gone.png", *(f"'{name}" for name in names[:4]), names[4]}
