"""Pretrained weights: files of several origins into a network, by the names of its layers.

The names in a file say which architecture it is of, and `weights_input` of the configuration says
what its network expects as input. Where that is `auto`:

- PyTorch's names (`torch_names`): `resnet18`, `resnet50v1.5` or `densenet121`, which expect
  `torch`. Where some names end in `_caffe`, or `weights_input` is `caffe`: the ResNet of version
  1, `resnet50`.
- Keras' names, as in `conv2_block1_1_conv/kernel`: the network that has these layers. One that
  this workflow trained expects what it was trained with; the others expect the usual input of the
  backbone.

A grey image goes into all three channels of a pretrained first layer, so that RGB and BGR weights
compute the same. docs/weights.md says how files of other programs are used.
"""

import logging
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import h5py
import keras
import numpy as np
import safetensors.numpy
from safetensors import SafetensorError

from cxrnoise.core.errors import UserError
from cxrnoise.networks import models, torch_names
from cxrnoise.networks.architectures import INPUTS

log = logging.getLogger(__name__)

REMEDY = "set weights to another file, or to none"
NAMED_AUTOMATICALLY = re.compile(r"(?<=/variable)_\d+$")
BATCH_NORM = {
    "weight": "gamma",
    "bias": "beta",
    "running_mean": "moving_mean",
    "running_var": "moving_variance",
}
OTHERS = {"weight": "kernel", "bias": "bias"}
PICKLED = (".pt", ".pth", ".ckpt", ".bin", ".pkl")  # PyTorch's own files
# A layer that a network has, and one that it lacks and its larger kin have.
SIGNS = {
    "resnet18": ("layer4.1.conv2", "layer1.2.conv1"),
    "resnet50v1.5": ("layer3.5.conv3", "layer3.6.conv1"),
    "resnet50": ("conv4_block6_3_bn", "conv4_block7_1_conv"),
    "densenet121": ("conv5_block16_2_conv", "conv4_block25_2_conv"),
}
MORE = {
    "resnet50v1.5": ", which is torchvision's ResNet-50, or weights_input to caffe if they are of "
    "a ResNet of version 1",
    "resnet50": ", which is the version 1 of Keras and Caffe",
}


@dataclass(frozen=True)
class Weights:
    """The arrays of a file by Keras name, `layer/variable`, and the input that they expect.

    `expects` is a key of `architectures.INPUTS`; None is the usual input of the backbone.
    """

    path: str | Path
    arrays: dict[str, np.ndarray]
    expects: str | None


def read(path: str | Path, stated: str = "auto") -> Weights:
    """Read a file of weights.

    Parameters
    ----------
    path: `.safetensors` or `.npz` (PyTorch's or Keras' names), `.keras` (a saved network) or `.h5`
        (a saved network, or Keras Applications' weights).
    stated: `weights_input` of the configuration, `auto` or a key of `architectures.INPUTS`.

    Raises `UserError` when the file cannot be read, or contradicts `stated`.
    """
    suffix = Path(path).suffix
    if suffix in PICKLED:
        raise UserError(
            f"weights {path}: a {suffix} file may hold code, which is never run here: turn it into "
            ".safetensors as docs/weights.md says."
        )
    reader = _READERS.get(suffix)
    if reader is None:
        raise UserError(f"weights {path}: give a file that ends in {', '.join(_READERS)}.")
    try:
        arrays, expects = reader(Path(path))
    except (*models.UNREADABLE, SafetensorError) as error:
        raise UserError(
            f"weights {path} could not be read ({models.reason(error)}): {REMEDY}."
        ) from error
    if not any("/" in name for name in arrays):
        return _of_torch(path, arrays, stated)
    return Weights(path, arrays, expects if stated == "auto" else stated)


def load(model: keras.Model, weights: Weights) -> list[str]:
    """Copy weights into the layers of `model` with the same names.

    Returns
    -------
    names (`layer/variable`) of the model that the file does not have; they keep their values. A
    classifier with another number of outputs counts as not there.

    Raises `UserError` when the weights are of another architecture: an array has another shape
    than the variable of its name, the network lacks a convolution or a named batch normalisation
    of the file, or the file has fewer than half of the network's convolutions.
    """
    targets = _variables(model)
    _check_architecture(model, weights, targets)
    arrays = {
        name: array
        for name, array in weights.arrays.items()
        if name in targets and not _of_other_outputs(name, array, targets[name])
    }
    for name, array in arrays.items():
        _assign(targets[name], array, name, weights.path)
    missing = sorted(targets.keys() - arrays.keys())
    unused = sorted(weights.arrays.keys() - arrays.keys())
    log.info(
        "pretrained weights %s: %d of %d arrays loaded", weights.path, len(arrays), len(targets)
    )
    log.info("not in the file, left as initialised: %s", ", ".join(missing) or "nothing")
    log.info("in the file, of no use here: %s", ", ".join(unused) or "nothing")
    return missing


def _read_keras(path: Path) -> tuple[dict[str, np.ndarray], str | None]:
    model = models.load(path, REMEDY, compile=False)
    arrays = {name: variable.numpy() for name, variable in _variables(model).items()}
    names = {layer.name for layer in model.layers}
    if "input_normalization" not in names:  # not one of ours
        return arrays, None
    scaling = INPUTS["torch"]
    if "expected_range" in names:
        layer = model.get_layer("expected_range")
        scaling = (layer.scale, layer.offset)
    return arrays, next((name for name, known in INPUTS.items() if known == scaling), None)


def _read_h5(path: Path) -> tuple[dict[str, np.ndarray], None]:
    """Read the format of Keras Applications: groups by layer, each with its `weight_names`."""
    arrays = {}
    with h5py.File(path) as file:
        for layer in file.get("model_weights", file).values():
            if "weight_names" not in layer.attrs:
                raise UserError(
                    f"weights {path} have no names, as files of `save_weights` of Keras 3: save "
                    "the whole network with `save` as a .keras file."
                )
            for name in layer.attrs["weight_names"]:
                text = name.decode() if isinstance(name, bytes) else name
                layer_name, variable = text.split(":")[0].split("/")[-2:]
                arrays[f"{layer_name}/{variable}"] = layer[name][()]
    return arrays, None


def _read_npz(path: Path) -> tuple[dict[str, np.ndarray], None]:
    with np.load(path, allow_pickle=False) as archive:
        return dict(archive), None


def _read_safetensors(path: Path) -> tuple[dict[str, np.ndarray], None]:
    return safetensors.numpy.load_file(path), None


_READERS = {
    ".safetensors": _read_safetensors,
    ".npz": _read_npz,
    ".keras": _read_keras,
    ".h5": _read_h5,
}


def _of_torch(path: str | Path, arrays: dict[str, np.ndarray], stated: str) -> Weights:
    """Give arrays with PyTorch's names and axes those of Keras."""
    caffe = any(name.endswith("_caffe") for name in arrays)
    if caffe and stated not in ("auto", "caffe"):
        raise UserError(
            f"weights {path} are Caffe's and weights_input is {stated}: set weights_input to auto."
        )
    arrays = torch_names.without_prefix(arrays)
    if not any(name.endswith(".running_mean") for name in arrays):
        raise UserError(
            f"weights {path} are of no ResNet or DenseNet with batch normalisation, the networks "
            f"of PyTorch that are known here (the first of {len(arrays)} arrays is "
            f"{next(iter(arrays), 'missing')}): {REMEDY}."
        )
    expects = stated if stated != "auto" else "caffe" if caffe else "torch"
    renamed = {}
    for name, array in arrays.items():
        layer, _, variable = name.removesuffix("_caffe").rpartition(".")
        kind = BATCH_NORM if f"{layer}.running_mean" in arrays else OTHERS
        if variable in kind:
            axes = {2: (1, 0), 4: (2, 3, 1, 0)}.get(array.ndim, range(array.ndim))
            own = torch_names.ours(layer, version1=expects == "caffe")
            renamed[f"{own}/{kind[variable]}"] = array.transpose(axes)
    if stated == "auto" and any(_is_grey_stem(*item) for item in renamed.items()):
        raise UserError(
            f"weights {path} are of a network for one grey channel, whose range is not known: set "
            "weights_input to what it expects, for torchxrayvision to xrv."
        )
    return Weights(path, renamed, expects)


def _is_grey_stem(name: str, array: np.ndarray) -> bool:
    return name in ("conv1/kernel", "conv1_conv/kernel") and array.shape[2] == 1


def _layers(model: keras.Model) -> Iterator[keras.Layer]:
    """Yield the layers of a network, and those of networks within it in their place."""
    for layer in model.layers:
        if isinstance(layer, keras.Model):
            yield from _layers(layer)
        else:
            yield layer


def _variables(model: keras.Model) -> dict[str, keras.Variable]:
    """Return the variables of `model` by Keras name, `layer/variable`.

    Keras numbers a variable without a name (ConvNeXt's layer scale) by how many the process has
    made, `variable_18`; the number is left out. A `Normalization` (EfficientNet's) is left out,
    because Keras computes with a copy of its variables that an assignment does not reach.
    """
    return {
        NAMED_AUTOMATICALLY.sub("", f"{layer.name}/{variable.name}"): variable
        for layer in _layers(model)
        for variable in layer.variables
        if not isinstance(layer, keras.layers.Normalization)
    }


def _check_architecture(model: keras.Model, weights: Weights, targets: Mapping) -> None:
    own = [layer.name for layer in model.layers if isinstance(layer, keras.layers.Conv2D)]
    found = sum(f"{name}/kernel" in weights.arrays for name in own)
    foreign = [
        name.rpartition("/")[0]
        for name, array in weights.arrays.items()
        if name not in targets and _of_backbone(name, array)
    ]
    if found >= len(own) / 2 and not foreign:
        return
    lacks = f", and layers that it lacks, such as {foreign[0]}" if foreign else ""
    raise UserError(
        f"weights {weights.path} are of another architecture than network.backbone {model.name}: "
        f"they have {found} of its {len(own)} convolutions{lacks}: "
        f"{_remedy(model.name, weights.arrays)}."
    )


def _of_backbone(name: str, array: np.ndarray) -> bool:
    """Whether an array is of a convolution, or of a batch normalisation with a name of its own.

    Keras names those that a user puts behind a network `batch_normalization_1`.
    """
    is_norm = name.endswith("/moving_mean") and not name.startswith("batch_normalization")
    return is_norm or array.ndim > 2


def _remedy(backbone: str, arrays: Mapping[str, np.ndarray]) -> str:
    layers = {name.rpartition("/")[0] for name in arrays}
    for name, (present, absent) in SIGNS.items():
        if present in layers and absent not in layers and name != backbone:
            return f"set network.backbone to {name}{MORE.get(name, '')}"
    return "change network.backbone or weights"


def _of_other_outputs(name: str, array: np.ndarray, variable: keras.Variable) -> bool:
    return name.startswith("classifier/") and array.shape != tuple(variable.shape)


def _assign(variable: keras.Variable, array: np.ndarray, name: str, path: str | Path) -> None:
    if array.ndim == 4 and (array.shape[2], variable.shape[2]) == (1, 3):
        array = np.repeat(array, 3, axis=2) / 3  # a grey first layer; the three inputs are equal
    if tuple(variable.shape) != array.shape:
        raise UserError(
            f"weights {path} are of another architecture: {name} is {array.shape} in the file "
            f"and {tuple(variable.shape)} in the network; change network.backbone or weights."
        )
    variable.assign(array)
