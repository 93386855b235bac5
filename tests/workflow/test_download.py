"""`snakemake download` and `verify`, with a tiny release of four archives from this machine."""

import csv
import fcntl
import hashlib
import json
import signal
import time
from pathlib import Path

import pytest

import loopback
import tiny

IMAGES, METADATA = "data/images", "data/Data_Entry_2017_v2020.csv"
RELEASED = f"""
dataset: {{kind: chestxray14}}
images: {IMAGES}
metadata: {METADATA}
downloads: mirror.csv
"""
ARCHIVES = [f"images_{number:02d}.tar.gz" for number in range(1, 5)]
LISTS = ["train_val_list.txt", "test_list.txt"]
LISTING = "results/images/listings/images_03.parquet"


@pytest.fixture(scope="module")
def release(tmp_path_factory):
    """The files of the release by their names."""
    folder = tmp_path_factory.mktemp("release")
    data = tiny.chestxray14(folder / "data", patients=12)
    images = sorted(data.pngs)
    files = {}
    for number, name in enumerate(ARCHIVES):
        members = {f"images/{image}": data.pngs[image] for image in images[number::4]}
        tiny.write_archive(folder / name, members)
        files[name] = (folder / name).read_bytes()
    files["Data_Entry_2017_v2020.csv"] = data.metadata.read_bytes()
    return files | {name: f"{name}\n".encode() for name in LISTS}


@pytest.fixture
def served(release, monkeypatch):
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    with loopback.serving() as server:
        server.files = release.copy()
        yield server


@pytest.fixture
def project(fresh, served):
    """A project that knows the release's table and has none of its files."""
    fresh.without_phantoms()
    tiny_yaml = fresh.folder / "tiny.yaml"
    settings = tiny_yaml.read_text().split("metadata: results/phantom/Data_Entry_2017_v2020.csv\n")
    tiny_yaml.write_text(RELEASED + settings[1])
    with (fresh.folder / "mirror.csv").open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow(["kind", "file", "url", "bytes", "checksum"])
        for name, content in served.files.items():
            kind = "archive" if name in ARCHIVES else "split list"
            kind = "metadata" if name.startswith("Data") else kind
            checksum = f"md5:{hashlib.md5(content).hexdigest()}"
            table.writerow([kind, name, served.url(name), len(content), checksum])
    return fresh


PLACES = {name: Path(IMAGES, name) for name in ARCHIVES}
PLACES |= {name: Path("data", name) for name in [Path(METADATA).name, *LISTS]}


def path_of(project, name):
    return project.folder / PLACES[name]


def files_of(project):
    paths = (project.folder / "data").rglob("*")
    return {str(path.relative_to(project.folder)) for path in paths if path.is_file()}


def put(project, files):
    """Put the files where a user would."""
    for name, content in files.items():
        path_of(project, name).parent.mkdir(parents=True, exist_ok=True)
        path_of(project, name).write_bytes(content)


def test_a_release_is_downloaded_once_and_then_read(project, served, release):
    printed = project.refuses("--", LISTING)
    assert "The images folder data/images cannot be read" in printed
    assert "`snakemake --cores 4 download` gets ChestXRay14" in printed
    assert "Traceback" not in printed
    assert not (project.folder / "results").exists() and not (project.folder / "data").exists()

    chosen = ["weights=imagenet", "network={backbone: resnet50}"]
    jobs = {"download_file": 7, "imagenet_weights": 1, "download": 1}
    assert project.jobs("--config", *chosen, "--", "download") == jobs

    served.faults = [loopback.late] * 4
    assert project.run("--cores", "9", "--", "download") == {"download_file": 7, "download": 1}
    assert 1 < served.at_once <= 4  # the profile's bound, however many cores there are
    for name, content in release.items():
        assert path_of(project, name).read_bytes() == content
    receipt = json.loads(project.read("results/downloads/images_03.tar.gz.json"))
    assert receipt["url"] == served.url("images_03.tar.gz")
    assert receipt["bytes"] == len(release["images_03.tar.gz"])
    marked = {f"{IMAGES}/DOWNLOADED.txt", "data/DOWNLOADED.txt"}
    assert files_of(project) == marked | {str(PLACES[name]) for name in release}

    served.asked = []
    project.edit("mirror.csv", "/images_01", "/elsewhere/images_01")
    path_of(project, "images_04.tar.gz").unlink()
    receipts = sorted((project.folder / "results/downloads").iterdir())
    again = {"download": 1, "archive": 1}
    assert project.jobs("--", "download", LISTING) == again
    assert sorted((project.folder / "results/downloads").iterdir()) == receipts
    assert project.run("--", "download", LISTING) == again
    assert served.asked == [("images_04.tar.gz", None)]
    assert path_of(project, "images_04.tar.gz").read_bytes() == release["images_04.tar.gz"]


def test_a_killed_download_goes_on_in_the_middle_of_a_file(project, served, release):
    name = "images_03.tar.gz"
    served.pace = 1
    receipt = f"results/downloads/{name}.json"
    run = project.start("--", receipt)
    part = project.folder / IMAGES / f"{name}.part"
    deadline = time.monotonic() + 60
    while not (part.exists() and part.stat().st_size > 100):
        assert run.poll() is None and time.monotonic() < deadline
        time.sleep(0.01)
    run.send_signal(signal.SIGKILL)
    run.wait()
    with part.open() as file:
        fcntl.flock(file, fcntl.LOCK_EX)  # the job ends with its Snakemake
    size = part.stat().st_size
    assert not path_of(project, name).exists()
    served.pace, served.asked = None, []
    assert project.run("--nolock", "--", receipt) == {"download_file": 1}
    assert served.asked == [(name, f"bytes={size}-")]
    assert path_of(project, name).read_bytes() == release[name]


def snapshot(folder):
    return {
        path: (path.stat().st_mtime_ns, path.is_file() and path.read_bytes())
        for path in [folder, *folder.rglob("*")]
    }


def test_a_folder_that_was_there_is_used_verified_and_never_written_to(project, served, release):
    own = {name: release[name] for name in [*ARCHIVES[:2], "Data_Entry_2017_v2020.csv"]}
    flipped = bytearray(own["images_02.tar.gz"])
    flipped[100] ^= 1
    put(project, own | {"images_02.tar.gz": bytes(flipped)})
    before = snapshot(project.folder / "data")
    for folder in (project.folder / "data", project.folder / IMAGES):
        folder.chmod(0o555)

    project.refuses("--keep-going", "--", "download", "verify")
    printed = project.printed
    for folder in ("data/images", "data"):
        assert f"{folder} holds files of yours: it is used as it is" in printed
    assert served.asked == []
    right, wrong = (hashlib.md5(it).hexdigest() for it in (own["images_02.tar.gz"], flipped))
    assert "data/images/images_02.tar.gz is not the file of the table" in printed
    assert f"expected md5:{right}, found md5:{wrong}" in printed
    assert "does not get data/images/images_03.tar.gz, data/images/images_04.tar.gz" in printed
    assert "data/images/images_04.tar.gz is missing: put it there yourself" in printed
    assert "3 files of ChestXRay14 are missing or wrong" in printed
    assert "Traceback" not in printed
    assert snapshot(project.folder / "data") == before

    # what was right is not read again
    for folder in (project.folder / "data", project.folder / IMAGES):
        folder.chmod(0o755)
    put(project, {name: release[name] for name in [*ARCHIVES[2:], "images_02.tar.gz"]})
    assert project.run("--", "verify") == {"verify_file": 3, "verify": 1}


def test_folders_of_images_are_verified_by_reading_them(project, chestxray14_folder):
    data = chestxray14_folder(layout="kaggle")
    truncated = data.images / "images_001/images" / sorted(data.pngs)[0]
    truncated.write_bytes(truncated.read_bytes()[:-20])
    printed = project.refuses(
        "--config", f"images={data.images}", f"metadata={data.metadata}", "--", "verify"
    )
    assert "1 truncated (0 tolerated)" in printed


def test_phantoms_are_not_downloaded(fresh):
    done = fresh.snakemake("--", "download", "verify")
    assert done.returncode == 0
    assert "nothing to download for the data set phantom" in done.stderr
    assert "nothing to verify for the data set phantom" in done.stderr
    assert not (fresh.folder / "results/phantom").exists()
