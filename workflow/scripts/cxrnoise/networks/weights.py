"""Pretrained weights: files of several origins into a network, by layer name.

The grey image is given to all three channels of a pretrained first layer, so that RGB and
BGR weights compute the same; `network` scales it to the range of the weights' training.
"""

import logging
import re
from collections.abc import Callable
from pathlib import Path

import h5py
import keras
import numpy as np

from cxrnoise.core.errors import UserError
from cxrnoise.core.files import replacing
from cxrnoise.datasets import downloads
from cxrnoise.networks import models
from cxrnoise.networks.architectures import backbones

log = logging.getLogger(__name__)

REMEDY = "set weights to another file, or to none"
_VARIABLES = {
    "conv": {"weight": "kernel", "bias": "bias"},
    "bn": {
        "weight": "gamma",
        "bias": "beta",
        "running_mean": "moving_mean",
        "running_var": "moving_variance",
    },
}
_COUNTED = re.compile(r"(?<=/variable)_\d+$")
_TORCHVISION = re.compile(
    r"(?:layer(?P<stage>\d)\.(?P<block>\d+)\.)?"
    r"(?:(?P<kind>conv|bn)(?P<number>\d)|downsample\.(?P<shortcut>[01]))"
    r"\.(?P<variable>weight|bias|running_mean|running_var)(?:_caffe)?"
)


def load(model: keras.Model, path: str | Path) -> list[str]:
    """Copy the weights in `path` into the layers of `model` with the same names.

    Parameters
    ----------
    path: `.keras` (a saved model), `.h5` (Keras, arrays by layer) or `.npz` (torchvision's
        or Keras' names; torchvision's OIHW kernels are transposed).

    Returns
    -------
    names (`layer/variable`) of the model that the file does not have; they keep their values.

    Raises `UserError` when the file cannot be read, an array has another shape than the
    variable of its name, or fewer than half of the convolutions are in the file.
    """
    weights = read(path)
    targets = _variables(model)
    for name in sorted(weights.keys() & targets.keys()):
        _assign(targets[name], weights[name], name, path)
    missing = sorted(targets.keys() - weights.keys())
    _check_architecture(model, weights, path)
    _report(path, targets, weights, missing)
    return missing


def read(path: str | Path) -> dict[str, np.ndarray]:
    """Return the arrays of a weights file by Keras name, `layer/variable`."""
    reader = _READERS.get(Path(path).suffix)
    if reader is None:
        raise UserError(f"weights {path}: give a file that ends in {', '.join(_READERS)}.")
    try:
        return reader(Path(path))
    except models.UNREADABLE as error:
        raise UserError(
            f"weights {path} could not be read ({models.reason(error)}): {REMEDY}."
        ) from error


def fetch_imagenet(backbone: str, table: str | Path, path: str | Path) -> None:
    """Download the ImageNet weights of a Keras Applications network.

    Writes the network without its classifier as a `.keras` file, and beside it the `.h5` file that
    was fetched; one that is there already is checked and used.

    Parameters
    ----------
    table: the table of `downloads`, which has them as `BACKBONE-imagenet.h5`.

    Raises `UserError` when there are no such weights, or they cannot be fetched whole.
    """
    name = backbones().get(backbone)
    if not name:
        raise UserError(
            f"there are no ImageNet weights for the backbone {backbone}: set weights to none or "
            "to a file."
        )
    fetched = Path(path).with_suffix(".h5")
    file = downloads.read(table).get(fetched.name)
    if file is None:
        raise UserError(
            f"the table of downloads {table} has no {fetched.name}: add its row, or set weights to "
            "none or to a file."
        )
    downloads.fetch(file, fetched)
    model = getattr(keras.applications, name)(include_top=False, weights=str(fetched))
    with replacing(path) as temporary:
        model.save(temporary)


def _read_npz(path: Path) -> dict[str, np.ndarray]:
    with np.load(path, allow_pickle=False) as archive:
        return dict(_keras_name(name, archive[name]) for name in archive.files)


def _keras_name(name: str, array: np.ndarray) -> tuple[str, np.ndarray]:
    """Translate a name of torchvision's ResNets, `layer1.0.conv2.weight`, and its axes."""
    match = _TORCHVISION.fullmatch(name)
    if match is None:
        return name, array
    kind = match["kind"] or ("conv", "bn")[int(match["shortcut"])]
    if match["stage"]:
        block = f"conv{int(match['stage']) + 1}_block{int(match['block']) + 1}"
        layer = f"{block}_{match['number'] or 0}_{kind}"
    else:
        layer = f"conv1_{kind}"
    if array.ndim == 4:
        array = array.transpose(2, 3, 1, 0)
    return f"{layer}/{_VARIABLES[kind][match['variable']]}", array


def _read_keras(path: Path) -> dict[str, np.ndarray]:
    model = models.load(path, REMEDY, compile=False)
    return {name: variable.numpy() for name, variable in _variables(model).items()}


def _read_h5(path: Path) -> dict[str, np.ndarray]:
    """Read the format of Keras Applications: groups by layer, each with its `weight_names`."""
    weights = {}
    with h5py.File(path) as file:
        layers = file.get("model_weights", file)
        for layer in layers.values():
            for name in layer.attrs["weight_names"]:
                text = name.decode() if isinstance(name, bytes) else name
                layer_name, variable = text.split(":")[0].split("/")[-2:]
                weights[f"{layer_name}/{variable}"] = layer[name][()]
    return weights


_READERS: dict[str, Callable[[Path], dict[str, np.ndarray]]] = {
    ".keras": _read_keras,
    ".h5": _read_h5,
    ".npz": _read_npz,
}


def _variables(model: keras.Model) -> dict[str, keras.Variable]:
    """Return the variables of `model` by Keras name, `layer/variable`.

    Keras numbers a variable without a name (ConvNeXt's layer scale) by how many the process has
    made, `variable_18`; the number is left out.
    """
    return {
        _COUNTED.sub("", f"{layer.name}/{variable.name}"): variable
        for layer in model.layers
        for variable in layer.variables
    }


def _assign(variable: keras.Variable, array: np.ndarray, name: str, path: str | Path) -> None:
    if tuple(variable.shape) != array.shape:
        raise UserError(
            f"weights {path} are of another architecture: {name} is {array.shape} in the file "
            f"and {tuple(variable.shape)} in the network; change network.backbone or weights."
        )
    variable.assign(array)


def _check_architecture(model: keras.Model, weights: dict, path: str | Path) -> None:
    convolutions = [layer.name for layer in model.layers if isinstance(layer, keras.layers.Conv2D)]
    found = sum(f"{name}/kernel" in weights for name in convolutions)
    if found < len(convolutions) / 2:
        raise UserError(
            f"weights {path} are of another architecture: they have {found} of the "
            f"{len(convolutions)} convolutions of {model.name}; "
            "change network.backbone or weights."
        )


def _report(path: str | Path, targets: dict, weights: dict, missing: list[str]) -> None:
    unused = sorted(weights.keys() - targets.keys())
    loaded = len(targets) - len(missing)
    log.info("pretrained weights %s: %d of %d arrays loaded", path, loaded, len(targets))
    log.info("not in the file, left as initialised: %s", ", ".join(missing) or "nothing")
    log.info("in the file, of no use here: %s", ", ".join(unused) or "nothing")
