"""Which network a file of weights is of, by the names of its arrays. TensorFlow is not needed."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from safetensors import SafetensorError, safe_open

from cxrnoise.core.errors import UserError

SUFFIXES = (".npz", ".safetensors", ".keras", ".h5")
# The layers at the ends of stages 3 and 4, for a ResNet-50 whose last stage is missing.
WITHOUT_THE_LAST_STAGE = {
    "resnet50": ["conv3_block4_out", "conv4_block6_out"],
    "resnet50v1.5": ["layer2.3", "layer3.5"],
}


@dataclass(frozen=True)
class Known:
    """Keys of the configuration that go with a file of weights; None is the default."""

    backbone: str | None = None
    weights_input: str | None = None
    layers: list[str] | None = None


def look(path: str | Path) -> Known:
    """Return what goes with a file of weights, as far as its names say so.

    Raises `UserError` when there is no such file, or it cannot be read.
    """
    if not Path(path).is_file() or Path(path).suffix not in SUFFIXES:
        raise UserError(
            f"WEIGHTS={path} is no file of weights: give one that ends in {', '.join(SUFFIXES)}."
        )
    try:
        shapes = _shapes(Path(path))
    except (OSError, ValueError, SafetensorError) as error:
        raise UserError(f"WEIGHTS={path} cannot be read ({error}): give another file.") from error
    return _known(shapes)


def _shapes(path: Path) -> dict[str, tuple[int, ...]]:
    """Return the shapes of the first layer, () for all others; nothing of Keras' formats."""
    if path.suffix == ".npz":
        with np.load(path, allow_pickle=False) as arrays:
            stems = _stems(arrays.files)
            return dict.fromkeys(arrays.files, ()) | {name: arrays[name].shape for name in stems}
    if path.suffix == ".safetensors":
        with safe_open(path, "numpy") as arrays:
            stems = _stems(arrays.keys())
            shapes = {name: tuple(arrays.get_slice(name).get_shape()) for name in stems}
            return dict.fromkeys(arrays.keys(), ()) | shapes
    return {}


def _stems(names: Iterable[str]) -> list[str]:
    return [name for name in names if name in ("conv1.weight", "features.conv0.weight")]


def _known(shapes: dict[str, tuple[int, ...]]) -> Known:
    grey = any(len(shape) == 4 and shape[1] == 1 for shape in shapes.values())
    weights_input = "xrv" if grey else None
    if any(name.startswith("features.denseblock") for name in shapes):
        return Known("densenet121", weights_input)
    if not any(name.startswith("layer1.0.") for name in shapes):
        return Known()
    backbone = "resnet18"
    if "layer1.0.conv3.weight" in shapes:
        caffe = any(name.endswith("_caffe") for name in shapes)
        backbone = "resnet50" if caffe else "resnet50v1.5"
    last = "layer4.2.conv3.weight"
    cut = backbone in WITHOUT_THE_LAST_STAGE and not {last, f"{last}_caffe"} & shapes.keys()
    return Known(backbone, weights_input, WITHOUT_THE_LAST_STAGE[backbone] if cut else None)
