"""Tiny radiographs, and data sets in the layout of ChestXRay14, for tests."""

import csv
import io
import tarfile
from types import SimpleNamespace

import numpy as np
from PIL import Image
from pydicom import Dataset, FileMetaDataset, uid
from pydicom.encaps import encapsulate

from cxrnoise.images import radiographs

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
    return _saved(pixels, "PNG", **options)


def jpeg(pixels, **options):
    """Return the bytes of a JPEG of an array or an image."""
    return _saved(pixels, "JPEG", **options)


def dicom(pixels, syntax=uid.ExplicitVRLittleEndian, **elements):
    """Return the bytes of a DICOM file of a grey or RGB array.

    It has as many bits as the array; `elements` are set last, by their keywords, or left out
    where they are None.
    """
    file = Dataset()
    file.file_meta = FileMetaDataset()
    file.file_meta.TransferSyntaxUID = syntax
    file.SOPClassUID, file.SOPInstanceUID = uid.DigitalXRayImageStorageForPresentation, "1.2.3"
    bits = 8 * pixels.dtype.itemsize
    file.Rows, file.Columns = pixels.shape[:2]
    file.SamplesPerPixel = 1 if pixels.ndim == 2 else 3
    file.PhotometricInterpretation = "MONOCHROME2" if pixels.ndim == 2 else "RGB"
    file.BitsAllocated, file.BitsStored, file.HighBit = bits, bits, bits - 1
    file.PixelRepresentation = int(pixels.dtype.kind == "i")
    if pixels.ndim == 3:
        file.PlanarConfiguration = 0
    if syntax == uid.RLELossless:
        file.file_meta.TransferSyntaxUID = uid.ExplicitVRLittleEndian
        file.PixelData = pixels.tobytes()
        file.compress(uid.RLELossless)
    elif syntax in COMPRESSED:
        file.PixelData = encapsulate([COMPRESSED[syntax](pixels)])
    else:
        big = syntax == uid.ExplicitVRBigEndian
        data = (pixels.byteswap() if big else pixels).tobytes()
        file.PixelData = data + b"\0" * (len(data) % 2)
    file["PixelData"].VR = "OB" if bits == 8 or syntax.is_compressed else "OW"
    for keyword, value in elements.items():
        if value is None:
            delattr(file, keyword)
        else:
            setattr(file, keyword, value)
    stream = io.BytesIO()
    file.save_as(stream, enforce_file_format=True)
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


def _saved(pixels, kind, **options):
    image = pixels if isinstance(pixels, Image.Image) else Image.fromarray(pixels)
    stream = io.BytesIO()
    image.save(stream, kind, **options)
    return stream.getvalue()


COMPRESSED = {
    uid.JPEGBaseline8Bit: lambda pixels: jpeg(pixels, quality=100),
    uid.JPEG2000Lossless: lambda pixels: _saved(pixels, "JPEG2000", no_jp2=True),
    uid.JPEGLSLossless: lambda pixels: b"\xff\xd8\xff\xf7 pixels \xff\xd9",
}


def size(data: bytes) -> tuple[int, int]:
    """Return (width, height) of the image in a file."""
    described = radiographs.describe(data)
    return described.width, described.height
