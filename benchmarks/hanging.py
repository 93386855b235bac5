"""Plant files that hang wrongly among real radiographs, and count how many are found.

Five of each kind are planted: mirrored, turned, inverted, half a chest and no chest in place of
a radiograph, and copies with small changes under the names of further patients.

    python benchmarks/hanging.py measure --images DIR --metadata FILE --weights FILE --draws 10
    python benchmarks/hanging.py copies --images DIR --metadata FILE
    python benchmarks/hanging.py plant --images DIR --metadata FILE --into planted
    snakemake ... --config images=planted/images metadata=planted/metadata.csv -- hanging
    python benchmarks/hanging.py judge --lists results/hanging.csv --planted planted/planted.csv

`measure` calls the library as the rules do, once for each draw; `copies` asks which changes of a
copy are found; `plant` writes the first draw as a data set, for other engines.
"""

import argparse
import io
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image, ImageOps
from sklearn.datasets import load_sample_images

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "workflow" / "scripts"))

from cxrnoise.audit import duplicates, hanging, thumbnails, turning  # noqa: E402
from cxrnoise.core.features import write_features  # noqa: E402
from cxrnoise.core.randomness import generator  # noqa: E402
from cxrnoise.images import radiographs  # noqa: E402
from cxrnoise.tasks import orientations  # noqa: E402

EACH = 5  # planted of each kind
SIDE = 256  # pixels of the radiographs that are planted
SHARD_SIDE, CROP = 240, 144  # as `hanging` takes them
LAYERS = ["conv3_block4_out", "conv4_block6_out"]
FIRST = 50  # of each list
LIST_OF = {"half a chest": "unlike", "no chest": "unlike"}  # the others have their own


def main() -> None:
    options = _options()
    options.run(options)


def measure(options: argparse.Namespace) -> None:
    """Print for each kind how many of the planted files are among the first 10, 20 and 50."""
    pixels, table = _real(options)
    network = _network(options)
    found = {side: _features(network, _reduced(pixels), side) for side in (False, True)}
    judged = []
    for draw in range(options.draws):
        images, changed, planted = _planted(pixels, table, draw)
        started = time.perf_counter()
        lists = _lists(images, changed, planted, found, network, draw)
        judged.append(_places(lists, planted).assign(draw=draw))
        print(f"draw {draw}: {time.perf_counter() - started:.0f} s", flush=True)
    _print(pd.concat(judged))


def copies(options: argparse.Namespace) -> None:
    """Print for each change how many of the changed copies are among the first 50 pairs."""
    pixels, table = _real(options)
    shown = _reduced(pixels)
    thumbs = np.stack([thumbnails.reduced(image) for image in shown])
    real = hanging.twice(thumbs, table, FIRST)
    last = real.loc[real["what"] == hanging.ACROSS, "value"].min()
    rows = generator(0, "copied").choice(len(table), COPIED, replace=False)
    texture = duplicates.textures(thumbs)[rows]
    for how, change in COPIES.items():
        changed = _reduced(np.stack([change(Image.fromarray(pixels[row])) for row in rows]))
        copied = duplicates.textures(np.stack([thumbnails.reduced(image) for image in changed]))
        alike = (texture * copied).sum(1)
        print(f"{how}: {(alike > last).mean():.0%} found, correlation {np.median(alike):.2f}")


def plant(options: argparse.Namespace) -> None:
    """Write the first draw as a data set of its own, with `planted.csv` beside it."""
    pixels, table = _real(options)
    images, changed, planted = _planted(pixels, table, 0)
    (options.into / "images").mkdir(parents=True)
    for row in images.itertuples():
        Image.fromarray(changed[row.Index]).save(options.into / "images" / row.image)
    images[["image", "patient"]].assign(view="PA").to_csv(
        options.into / "metadata.csv", index=False
    )
    planted.to_csv(options.into / "planted.csv", index=False)


def judge(options: argparse.Namespace) -> None:
    """Print the same of the lists that a run made of the data set of `plant`."""
    lists = pd.read_csv(options.lists, dtype={"patient": str, "other_patient": str})
    _print(_places(lists, pd.read_csv(options.planted, dtype=str)))


def _lists(images, changed, planted, found, network, draw) -> pd.DataFrame:
    """Return the lists as the rules make them; only what was planted needs new features."""
    shown = _reduced(changed)
    new = images["image"].isin(planted["image"]).to_numpy()
    index = images.assign(shard=0)
    rows = hanging.of_shards(index, draw)
    order = pd.Index(images["image"]).get_indexer(rows["image"])
    with tempfile.TemporaryDirectory() as folder:
        paths = {}
        for side in (False, True):
            features = np.empty((len(images), network.output_shape[1]), np.float32)
            features[: len(found[side])] = found[side]
            features[new] = _features(network, shown[new], side)
            paths[side] = [Path(folder) / f"{side}.h5"]
            write_features(paths[side][0], features, images["image"], "{}")
        thumbs = np.stack([thumbnails.reduced(shown[place]) for place in order])
        probabilities = turning.out_of_fold(thumbs, paths[False], paths[True], rows, draw)
        predictions = pd.DataFrame(probabilities, columns=orientations.names())
        predictions.insert(0, "image", rows["image"])
        return pd.concat(
            [
                hanging.wrongly(predictions, rows, FIRST),
                hanging.twice(thumbs, rows, FIRST),
                hanging.odd(paths[False], rows, draw, FIRST),
            ]
        )


def _planted(
    pixels: np.ndarray, table: pd.DataFrame, draw: int
) -> tuple[pd.DataFrame, np.ndarray, pd.DataFrame]:
    """Return image and patient of all files, their pixels, and what was planted."""
    random = generator(draw, "planted")
    kinds = ["mirrored", "turned", "inverted", "half a chest", "no chest", "duplicate"]
    chosen = random.choice(len(table), EACH * len(kinds), replace=False).reshape(len(kinds), EACH)
    changed, names, planted = pixels.copy(), table.copy(), []
    for kind, rows in zip(kinds, chosen, strict=True):
        for number, row in enumerate(rows):
            how, image = CHANGES[kind](pixels[row], number, random)
            name, original = table["image"][row], ""
            if kind == "duplicate":
                original, name = name, f"copy_{number}.png"
                names.loc[len(names)] = [name, f"copy_{number}"]
                changed = np.concatenate([changed, image[np.newaxis]])
            else:
                changed[row] = image
            planted.append({"kind": kind, "image": name, "how": how, "original": original})
    return names, changed, pd.DataFrame(planted)


def _mirrored(image: np.ndarray, number: int, random) -> tuple[str, np.ndarray]:
    return "mirrored", image[:, ::-1]


def _turned(image: np.ndarray, number: int, random) -> tuple[str, np.ndarray]:
    turns = (1, 2, 3, 2, 1)[number]
    return f"turned by {90 * turns} degrees", np.rot90(image, turns)


def _inverted(image: np.ndarray, number: int, random) -> tuple[str, np.ndarray]:
    return "inverted", 255 - image


def _copied(image: np.ndarray, number: int, random) -> tuple[str, np.ndarray]:
    picture = Image.fromarray(image)
    half = (SIDE // 2, SIDE // 2)
    if number == 0:
        return "half the size", _square(picture.resize(half, Image.Resampling.BILINEAR))
    if number == 1:
        return "brighter, less contrast", (0.7 * image + 60).clip(0, 255).astype(np.uint8)
    if number == 2:
        stream = io.BytesIO()
        picture.save(stream, "JPEG", quality=30)
        return "JPEG of quality 30", np.asarray(Image.open(stream))
    if number == 3:
        marked = (255 * (image / 255) ** 1.5).astype(np.uint8)
        marked[12:40, 200:240] = 255
        return "another gamma, a marker", marked
    border = SIDE // 50
    inside = (border, border, SIDE - border, SIDE - border)
    return "turned by 1 degree, 2 % cut off", _square(picture.rotate(1).crop(inside))


def _halved(image: np.ndarray, number: int, random) -> tuple[str, np.ndarray]:
    half = SIDE // 2
    moved = np.zeros_like(image)
    if number == 0:
        moved[:, half:] = image[:, :half]
        return "one half, moved aside", moved
    if number == 1:
        moved[half:] = image[half:]
        return "upper half missing", moved
    if number == 2:
        return "one half, made wide", _square(Image.fromarray(image[:, :half]))
    if number == 3:
        return "lower half, made high", _square(Image.fromarray(image[half:]))
    noise = random.normal(20, 4, image.shape).clip(0, 255).astype(np.uint8)
    noise[:, :half] = image[:, half:]
    return "one half, the rest noise", noise


def _empty(image: np.ndarray, number: int, random) -> tuple[str, np.ndarray]:
    if number == 0:
        black = np.zeros_like(image)
        black[20:45, 200:240] = 230
        return "black, with a marker", black
    if number == 1:
        return "blank", random.normal(200, 5, image.shape).clip(0, 255).astype(np.uint8)
    if number == 2:
        photograph = Image.fromarray(load_sample_images().images[0]).convert("L")
        return "a photograph", _square(photograph)
    if number == 3:
        return "a grey wedge", np.tile(np.arange(SIDE, dtype=np.uint8), (SIDE, 1))
    return "a shoulder, magnified", _square(Image.fromarray(image[:80, :80]))


CHANGES = {
    "mirrored": _mirrored,
    "turned": _turned,
    "inverted": _inverted,
    "duplicate": _copied,
    "half a chest": _halved,
    "no chest": _empty,
}


def _cut(share: float):
    border = round(SIDE * share)
    inside = (border, border, SIDE - border, SIDE - border)
    return lambda picture: _square(picture.crop(inside))


def _shifted(share: float):
    shift = (0, 0, round(SIDE * share), 0)
    return lambda picture: np.asarray(ImageOps.expand(picture, shift))[:, -SIDE:]


COPIED = 60  # images, each with every change
COPIES = {
    "equalised histogram": lambda picture: np.asarray(ImageOps.equalize(picture)),
    "an eighth of the size": lambda picture: _square(picture.resize((SIDE // 8, SIDE // 8))),
    "turned by 2 degrees": lambda picture: np.asarray(picture.rotate(2)),
    "turned by 5 degrees": lambda picture: np.asarray(picture.rotate(5)),
    "2 % cut off a side": _cut(0.02),
    "3 % cut off a side": _cut(0.03),
    "5 % cut off a side": _cut(0.05),
    "moved by 2 %": _shifted(0.02),
    "moved by 5 %": _shifted(0.05),
    "mirrored": lambda picture: np.asarray(ImageOps.mirror(picture)),
    "inverted": lambda picture: np.asarray(ImageOps.invert(picture)),
}


def _square(picture: Image.Image) -> np.ndarray:
    return np.asarray(picture.resize((SIDE, SIDE), Image.Resampling.BILINEAR))


def _places(lists: pd.DataFrame, planted: pd.DataFrame) -> pd.DataFrame:
    """Return what was planted with its `place` in the list of its kind, infinite if not there."""
    places = []
    for row in planted.itertuples():
        rows = lists[lists["kind"] == LIST_OF.get(row.kind, row.kind)]
        if row.kind == "duplicate":
            pair = {row.image, row.original}
            names = rows[["image", "other_image"]].to_numpy()
            here = [pair == {*both} for both in names]
        else:
            here = rows["image"] == row.image
        places.append(rows["rank"][here].min() if np.any(here) else np.inf)
    return planted.assign(place=places)


def _print(judged: pd.DataFrame) -> None:
    shares = pd.DataFrame(
        {
            f"first {first}": judged.assign(found=judged["place"] <= first)
            .groupby("kind", sort=False)["found"]
            .agg(lambda found: f"{found.sum()} of {len(found)}")
            for first in (5, 10, 20, FIRST)
        }
    )
    print(shares.to_string())
    missed = judged[judged["place"] > FIRST]
    print("not found:", missed[["kind", "how"]].value_counts().to_dict())


def _real(options: argparse.Namespace) -> tuple[np.ndarray, pd.DataFrame]:
    """Return the PA images of a folder, uint8 (n, SIDE, SIDE), and their image and patient."""
    table = pd.read_csv(options.metadata, dtype=str)
    table = table[table["View Position"] == "PA"].sort_values("Image Index")
    there = [(options.images / name).exists() for name in table["Image Index"]]
    table = table.loc[there, ["Image Index", "Patient ID"]].reset_index(drop=True)
    pixels = [
        radiographs.decode_resized((options.images / name).read_bytes(), SIDE, "lanczos")
        for name in table["Image Index"]
    ]
    return np.stack(pixels), table.set_axis(["image", "patient"], axis=1)


def _reduced(pixels: np.ndarray) -> np.ndarray:
    return np.stack([radiographs.resize(image, SHARD_SIDE, "lanczos") for image in pixels])


def _network(options: argparse.Namespace):
    from cxrnoise.networks import features, runtime, weights

    runtime.start(options.threads, seed=0)
    pretrained = weights.read(options.weights, "auto")
    frozen, missing = features.frozen("resnet50", CROP, pretrained)
    return features.extractor(frozen, missing, options.layers)


def _features(network, pixels: np.ndarray, mirrored: bool) -> np.ndarray:
    from cxrnoise.networks import features

    return features.of_images(network, pixels, CROP, mirrored, 64)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    commands = parser.add_subparsers(required=True)
    for run in (measure, copies, plant):
        command = commands.add_parser(run.__name__, help=run.__doc__)
        command.set_defaults(run=run)
        command.add_argument("--images", type=Path, required=True, help="folder of real PNGs")
        command.add_argument("--metadata", type=Path, required=True, help="their metadata CSV")
        if run is plant:
            command.add_argument("--into", type=Path, required=True, help="a new folder")
        if run is measure:
            command.add_argument("--weights", type=Path, required=True, help="of ResNet-50")
            command.add_argument("--layers", nargs="+", default=LAYERS)
            command.add_argument("--draws", type=int, default=10)
            command.add_argument("--threads", type=int, default=2)
    command = commands.add_parser("judge", help=judge.__doc__)
    command.set_defaults(run=judge)
    command.add_argument("--lists", type=Path, required=True)
    command.add_argument("--planted", type=Path, required=True)
    return parser.parse_args()


if __name__ == "__main__":
    main()
