"""Archives and images that are made to harm: refused by name, in little memory, nothing written."""

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

from cxrnoise.core.errors import Unreadable, UserError
from cxrnoise.datasets import chestxray14
from cxrnoise.images import radiographs, shards
from tiny import dicom, jpeg, png, write_archive

GREY = np.arange(256, dtype=np.uint8).reshape(16, 16)
PNG = png(GREY)
LENGTH = len(PNG)
MEMORY = 2**29  # bytes that a hostile file may take, which would unpack to far more
PARTS = 12  # of headers, 2 MB each


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


def refusal(archive):
    before = sorted(os.listdir(archive.parent))
    with pytest.raises(UserError) as caught:
        chestxray14.listing("images_01", archive)
    assert sorted(os.listdir(archive.parent)) == before
    text = str(caught.value)
    assert str(archive) in text and "\n" not in text
    return text


# Members


@pytest.mark.parametrize(
    ("name", "values", "fault"),
    [
        ("../../etc/a.png", {}, "which points outside"),
        ("images/../../a.png", {}, "which points outside"),
        ("/etc/cron.d/a.png", {}, "which points outside"),
        ("../notes.txt", {}, "which points outside"),
        ("/etc", {"type": tarfile.DIRTYPE}, "which points outside"),
        ("a.png", {"type": tarfile.SYMTYPE, "linkname": "/etc/passwd"}, "which is a link or a"),
        ("a.png", {"type": tarfile.LNKTYPE, "linkname": "b.png"}, "which is a link or a device"),
        ("a.png", {"type": tarfile.FIFOTYPE}, "which is a link or a device"),
        ("a.png", {"type": tarfile.CHRTYPE}, "which is a link or a device"),
        ("a\nb.png", {}, "whose name has a control character"),
        ("images\x1b[2J/a.png", {}, "whose name has a control character"),
        ("x" * 300 + ".png", {}, "whose name has more than 255 characters"),
    ],
)
def test_a_member_that_no_archive_of_images_has_is_named(tmp_path, name, values, fault):
    odd = member(name, 0, **values)
    text = refusal(packed(tmp_path, member("images/good.png"), header(odd)))
    assert f"has the member {name[:255]!r}, {fault}" in text
    assert "pack its images anew" in text


@pytest.mark.parametrize("style", [tarfile.PAX_FORMAT, tarfile.GNU_FORMAT])
def test_long_names_folders_and_odd_files_that_are_no_images_do_no_harm(tmp_path, style):
    long = member("/".join(["x" * 200] * 5) + "/a.png").tobuf(style) + padded(PNG)
    others = [
        member("./", 0, type=tarfile.DIRTYPE),
        member("album.png", 0, type=tarfile.DIRTYPE),
        member("latest.txt", 0, type=tarfile.SYMTYPE, linkname="/etc/passwd"),
        member("line\nbreak.txt", 0),
    ]
    archive = packed(tmp_path, *map(header, others), long, member("./b.png"))
    assert list(chestxray14.listing("images_01", archive).column("image")) == ["a.png", "b.png"]


def test_a_member_that_claims_to_be_huge_is_named_before_it_is_read(tmp_path):
    text = refusal(packed(tmp_path, header(member("images/a.png", 100 * 2**30))))
    assert f"has the member 'images/a.png', of {100 * 2**30} bytes" in text


def test_a_sparse_member_that_would_be_huge_is_named(tmp_path):
    sparse = member("a.png", LENGTH)
    sparse.pax_headers = {
        "GNU.sparse.major": "0",
        "GNU.sparse.minor": "1",
        "GNU.sparse.map": f"{2**37},{LENGTH}",
        "GNU.sparse.size": str(2**38),
    }
    assert f"'a.png', of {2**38} bytes" in refusal(packed(tmp_path, sparse))


def test_a_second_archive_after_the_end_of_the_first_is_not_passed_over(tmp_path):
    first = packed(tmp_path, member("a.png")).read_bytes()
    archive = packed(tmp_path, member("b.png"))
    archive.write_bytes(first + archive.read_bytes())
    assert "damaged (more data after its end)" in refusal(archive)


def test_a_member_whose_end_never_comes_is_refused_and_not_waited_for(tmp_path):
    endless = member("notes.txt", 2**60).tobuf(tarfile.GNU_FORMAT)
    assert "too few, after 'notes.txt'" in refusal(packed(tmp_path, endless))


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
        chestxray14.listing("images_01", packed(folder, bytes(data)))
    except UserError as error:
        assert "images_01.tar.gz" in str(error)


# Bombs: each is read in a process of its own, which may not take more than `MEMORY`.


def zeros(path, before, bytes_):
    """Write a .gz of `before` and of this many zeros."""
    with gzip.open(path, "wb", compresslevel=1) as file:
        file.write(before)
        for _ in range(bytes_ // 2**20):
            file.write(bytes(2**20))


def long_name():
    """The header of a name of a gigabyte."""
    return header(member("././@LongLink", 2**30, type=tarfile.GNUTYPE_LONGNAME))


@pytest.mark.parametrize("kind", [tarfile.XHDTYPE, tarfile.GNUTYPE_LONGNAME])
def test_headers_of_headers_are_refused(tmp_path, kind):
    data = b"15 comment=xyz\n" if kind == tarfile.XHDTYPE else b"a.png\0"
    nested = header(member("x", len(data), type=kind)) + padded(data)
    assert "is truncated or damaged (maximum recursion" in refusal(packed(tmp_path, nested * 2000))


@pytest.mark.parametrize("kind", [tarfile.XHDTYPE, tarfile.XGLTYPE], ids=["one", "many"])
def test_millions_of_records_in_headers_take_little_memory(tmp_path, kind):
    parts = [
        b"".join(b"16 key%08d=\n" % number for number in range(part * 2**17, (part + 1) * 2**17))
        for part in range(PARTS)
    ]
    with gzip.open(tmp_path / "images_01.tar.gz", "wb", compresslevel=1) as file:
        for data in parts if kind == tarfile.XGLTYPE else [b"".join(parts)]:
            file.write(header(member("x", len(data), type=kind)) + padded(data))
            file.write(header(member("a.png")) + padded(PNG))
        file.write(bytes(1024))
    code = "from cxrnoise.datasets import chestxray14; print(len(chestxray14.listing('a', path).whole()))"
    said = limited(code, tmp_path / "images_01.tar.gz", MEMORY // 2)
    assert said == str(PARTS) if kind == tarfile.XGLTYPE else "too many bytes" in said


def test_what_is_no_regular_file_is_refused_and_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "images_01.tar.gz")
    assert "damaged (no regular file)" in refusal(tmp_path / "images_01.tar.gz")
    (tmp_path / "images_01.tar.gz").unlink()
    (tmp_path / "images_01.tar.gz").mkdir()
    assert "damaged (no regular file)" in refusal(tmp_path / "images_01.tar.gz")


@pytest.mark.parametrize(
    ("before", "said"),
    [
        (
            header(member("a.png")) + padded(PNG) + bytes(1024),
            "too many bytes, or too few, after its end",
        ),
        (header(member("notes.txt", 2**33)), "too many bytes, or too few, after 'notes.txt'"),
        (long_name(), "too many bytes, or too few, after its beginning"),
    ],
    ids=["after the end", "other member", "name"],
)
def test_an_archive_that_unpacks_without_end_is_refused_in_little_memory(tmp_path, before, said):
    zeros(tmp_path / "images_01.tar.gz", before, 320 * 2**20)
    code = "from cxrnoise.datasets import chestxray14; chestxray14.listing('a', path)"
    assert said in limited(code, tmp_path / "images_01.tar.gz")


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
    ((source, path),) = chestxray14.sources(tmp_path / "images").items()
    found = chestxray14.listing(source, path)
    _, report = chestxray14.index(chestxray14.metadata(tmp_path / "labels.csv"), found, 4)
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
        shards.writing(tmp_path / "000.h5", 8, "lanczos", "{}") as writer,
    ):
        shards.pack_files(wanted, writer)


# Files


def test_a_folder_or_a_file_that_would_fill_the_memory_is_listed_as_unreadable(tmp_path):
    (tmp_path / "c.png").mkdir()
    with (tmp_path / "d.png").open("wb") as file:
        file.truncate(2**38)
    found = chestxray14.listing("images", tmp_path).whole()
    assert list(found["problem"]) == [
        "unreadable: Is a directory",
        f"unreadable: {2**38} bytes, at most {radiographs.LARGEST_FILE} are accepted",
    ]


@pytest.mark.parametrize("name", [b"line\nbreak.png", b"escape\x1b[2J.png", b"no utf-8 \xff.png"])
def test_a_file_whose_name_has_a_control_character_is_named(tmp_path, name):
    path = os.path.join(os.fsencode(tmp_path), name)
    with open(path, "wb") as file:
        file.write(PNG)
    with pytest.raises(UserError) as caught:
        chestxray14.listing("images", tmp_path)
    assert f"has the file {os.fsdecode(name)!r}, whose name has a control" in str(caught.value)
    str(caught.value).encode()


def test_no_name_in_the_report_is_a_formula_to_a_spreadsheet(tmp_path):
    names = ["=HYPERLINK(1).png", "+1.png", "-1.png", "@a.png", "a,'b;\".png"]
    for name in names:
        (tmp_path / name).write_bytes(PNG)
    entries = pd.DataFrame({"image": ["=gone.png"], "patient": "1", "view": "PA", "findings": "x"})
    _, report = chestxray14.index([entries], chestxray14.listing("images", tmp_path), 4)
    chestxray14.write_report(report, tmp_path / "report.csv")
    written = pd.read_csv(tmp_path / "report.csv")
    assert not written.map(lambda cell: str(cell).startswith(("=", "+", "-", "@"))).any(axis=None)
    assert set(written["image"]) == {"'=gone.png", *(f"'{name}" for name in names[:4]), names[4]}
