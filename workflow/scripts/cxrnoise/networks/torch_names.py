"""Names of layers in files of PyTorch, and what our networks call the same layers.

- torchvision, timm and torchxrayvision: `layer1.0.conv1` of a ResNet, and
  `features.denseblock1.denselayer1.conv1` (in old files `conv.1`) of a DenseNet.
- Hugging Face transformers: `encoder.stages.0.layers.0.layer.0.convolution` of a ResNet.

Our ResNets have torchvision's names, the DenseNets those of Keras Applications. A program that
wraps the network puts a prefix before all names, such as `model.`, `module.` or `resnet.`.
"""

import re
from collections.abc import Mapping

import numpy as np

STEM = re.compile(
    r"((?:(?!layer\d|denseblock)\w+\.)*?)"
    r"(?:conv1|features\.conv0|embedder\.embedder\.convolution)\.weight"
)
RESNET = re.compile(r"layer(\d)\.(\d+)\.(?:(conv|bn)(\d)|downsample\.([01]))")
DENSE_LAYER = re.compile(r"features\.denseblock(\d)\.denselayer(\d+)\.(norm|conv)\.?([12])")
DENSE_PARTS = {"norm1": "0_bn", "conv1": "1_conv", "norm2": "1_bn", "conv2": "2_conv"}
DENSE_TRANSITION = re.compile(r"features\.transition(\d)\.(norm|conv)")
DENSE_ENDS = {"conv0": "conv1_conv", "norm0": "conv1_bn", "norm5": "bn"}
TRANSFORMERS = re.compile(
    r"encoder\.stages\.(\d)\.layers\.(\d+)\.(?:layer\.(\d)|shortcut)\.(convolution|normalization)"
)
TRANSFORMERS_STEM = {
    "embedder.embedder.convolution": "conv1",
    "embedder.embedder.normalization": "bn1",
}


def without_prefix(arrays: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Return the arrays of a file, without the prefix that its first convolution shows."""
    stems = [match[1] for name in arrays if (match := STEM.fullmatch(name))]
    prefix = min(stems, key=len, default="")
    return {name.removeprefix(prefix): array for name, array in arrays.items()}


def ours(layer: str, version1: bool) -> str:
    """Return our name of a layer.

    Parameters
    ----------
    layer: its name in the file, without a prefix.
    version1: whether it is of a ResNet of version 1, which has the names of Keras Applications.
    """
    if layer == "classifier":  # of other labels than ours, whose layer has this name
        return "fc"
    if layer.startswith("features."):
        return _of_densenet(layer)
    layer = _of_transformers(layer)
    return _of_version1(layer) if version1 else layer


def _of_densenet(layer: str) -> str:
    if match := DENSE_LAYER.fullmatch(layer):
        block, number, kind, part = match.groups()
        return f"conv{int(block) + 1}_block{number}_{DENSE_PARTS[kind + part]}"
    if match := DENSE_TRANSITION.fullmatch(layer):
        return f"pool{int(match[1]) + 1}_{match[2].replace('norm', 'bn')}"
    return DENSE_ENDS.get(layer.removeprefix("features."), layer)


def _of_transformers(layer: str) -> str:
    """Return torchvision's name of a layer of a ResNet of Hugging Face transformers."""
    if match := TRANSFORMERS.fullmatch(layer):
        stage, block, number, kind = match.groups()
        is_norm = kind == "normalization"
        part = f"downsample.{int(is_norm)}"
        if number:
            part = f"{'bn' if is_norm else 'conv'}{int(number) + 1}"
        return f"layer{int(stage) + 1}.{block}.{part}"
    return TRANSFORMERS_STEM.get(layer, layer)


def _of_version1(layer: str) -> str:
    """Return the name in Keras Applications of a layer with torchvision's name."""
    if match := RESNET.fullmatch(layer):
        stage, block, kind, number, shortcut = match.groups()
        part = f"{number}_{kind}" if kind else f"0_{('conv', 'bn')[int(shortcut)]}"
        return f"conv{int(stage) + 1}_block{int(block) + 1}_{part}"
    return {"conv1": "conv1_conv", "bn1": "conv1_bn"}.get(layer, layer)
