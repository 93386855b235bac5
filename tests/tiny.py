"""Tiny data sets in the layout of ChestXRay14, for tests."""

import csv
import io
import tarfile
from types import SimpleNamespace

import numpy as np
from PIL import Image

HEADER = (
    "Image Index,Finding Labels,Follow-up #,Patient ID,Patient Age,Patient Gender,View Position,"
    "OriginalImage[Width,Height],OriginalImagePixelSpacing[x,y]"
)


def chestxray14(root, patients=6, size=32, layout="folder"):
    """Write a tiny ChestXRay14 into the folder `root` and return its paths.

    Patient p has p % 3 + 1 images: PA and AP in turn. `layout` is folder, kaggle or archives.
    """
    (root / "images").mkdir(parents=True)
    entries = list(_entries(patients))
    pngs = {entry[0]: png(_noise(number, size)) for number, entry in enumerate(entries)}
    _write_metadata(root / "metadata.csv", entries)
    half = len(pngs) // 2
    parts = {"images_001": list(pngs)[:half], "images_002": list(pngs)[half:]}
    if layout == "folder":
        for image, data in pngs.items():
            (root / "images" / image).write_bytes(data)
    for part, images in parts.items():
        if layout == "kaggle":
            folder = root / "images" / part / "images"
            folder.mkdir(parents=True)
            for image in images:
                (folder / image).write_bytes(pngs[image])
        if layout == "archives":
            archive = root / "images" / f"{part}.tar.gz"
            write_archive(archive, {f"images/{image}": pngs[image] for image in images})
    return SimpleNamespace(
        images=root / "images",
        metadata=root / "metadata.csv",
        pngs=pngs,
        pa=[entry[0] for entry in entries if entry[6] == "PA"],
    )


def png(pixels, **options):
    """Return the bytes of a PNG of an array or an image."""
    image = pixels if isinstance(pixels, Image.Image) else Image.fromarray(pixels)
    stream = io.BytesIO()
    image.save(stream, "PNG", **options)
    return stream.getvalue()


def write_archive(path, members):
    """Write a .tar.gz of a folder and these members, {name: bytes}."""
    with tarfile.open(path, "w:gz") as archive:
        folder = tarfile.TarInfo("images")
        folder.type = tarfile.DIRTYPE
        archive.addfile(folder)
        for name, data in members.items():
            member = tarfile.TarInfo(name)
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))


def _entries(patients):
    for patient in range(1, patients + 1):
        for follow_up in range(patient % 3 + 1):
            image = f"{patient:08d}_{follow_up:03d}.png"
            view = "AP" if follow_up % 2 else "PA"
            yield [image, "No Finding", follow_up, patient, 50, "F", view, 32, 32, 0.14, 0.14]


def _write_metadata(path, entries):
    with path.open("w", newline="") as file:
        file.write(HEADER + "\n")
        csv.writer(file, lineterminator="\n").writerows(entries)


def _noise(number, size):
    return np.random.default_rng(number).integers(0, 256, (size, size), dtype=np.uint8)
