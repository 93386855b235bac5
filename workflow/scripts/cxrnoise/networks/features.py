"""Features of radiographs: pooled outputs of some layers of a network that is not trained further.

Each layer gives the average and the maximum of each of its channels over the image.
"""

import difflib
from collections.abc import Iterator, Sequence

import keras
import numpy as np
from keras import layers

from cxrnoise.core.errors import UserError
from cxrnoise.networks import architectures, weights
from cxrnoise.networks.inputs import central

INPUT = "input_normalization"
# Grey values of ImageNet's photographs. A network of ImageNet then sees radiographs with the grey
# values that they have, whatever else is in the data set: every shard is normalised alike.
GREY_MEAN, GREY_DEVIATION = 116.0, 58.0
LAYERS = 2  # whose outputs are pooled where the configuration names none
NEXT_RESOLUTION = 1.5  # times as many pixels a side, or more


def frozen(backbone: str, crop: int, pretrained: weights.Weights) -> tuple[keras.Model, list[str]]:
    """Return the network with these weights, and the names of what the weights lack.

    An input normalisation that the weights lack is the one for pixels like ImageNet's. The input
    may have another size than the network of the weights had.

    Parameters
    ----------
    backbone, crop: see `architectures.build`.
    pretrained: weights of ImageNet, or of a network that this workflow trained.
    """
    model = architectures.build(backbone, crop, 0.9, expects=pretrained.expects)
    missing = weights.load(model, pretrained)
    if f"{INPUT}/moving_mean" in missing:
        moments = [np.array([GREY_MEAN]), np.array([GREY_DEVIATION**2])]
        model.get_layer(INPUT).set_weights(moments)
    return model, missing


def deepest(model: keras.Model, number: int = LAYERS) -> list[str]:
    """Return the names of the last layers at the `number` deepest resolutions, deepest first.

    A resolution is another one where it has at least 1.5 times as many pixels a side. A layer
    counts if all that comes after it depends on its output alone, as after a block of a ResNet.
    """
    found, side = [], 0.0
    for layer in reversed(_passages(model)):
        if _is_map(layer) and layer.output.shape[1] >= side and len(found) < number:
            found.append(layer.name)
            side = NEXT_RESOLUTION * layer.output.shape[1]
    return found


def extractor(
    model: keras.Model, missing: Sequence[str], names: Sequence[str] | None
) -> keras.Model:
    """Return a network from images to their features, float32 (n, d).

    Parameters
    ----------
    model, missing: of `frozen`.
    names: of the layers that are pooled; None for `deepest`.

    Raises `UserError` when there is no such layer, or the weights of a layer before it are missing.
    """
    outputs = []
    for name in names or deepest(model):
        output = _layer(model, name).output
        outputs.append(layers.GlobalAveragePooling2D(dtype="float32")(output))
        outputs.append(layers.GlobalMaxPooling2D(dtype="float32")(output))
    made = keras.Model(model.inputs, layers.Concatenate(dtype="float32")(outputs))
    _check_complete(made, missing)
    return made


def of_images(
    network: keras.Model, pixels: Sequence[np.ndarray], crop: int, mirrored: bool, batch_size: int
) -> np.ndarray:
    """Return the features of images, float32 (n, d).

    Parameters
    ----------
    network: an `extractor`.
    pixels: uint8 (n, size, size), an array or an HDF5 dataset.
    mirrored: whether the images are mirrored, left to right.
    """
    found = np.empty((len(pixels), network.output_shape[1]), np.float32)
    for part in _parts(len(pixels), batch_size):
        images = pixels[part]
        images = images[:, :, ::-1] if mirrored else images
        found[part] = network.predict_on_batch(central(images, crop).astype(np.float32))
    return found


def _parts(length: int, size: int) -> Iterator[slice]:
    return (slice(start, min(start + size, length)) for start in range(0, length, size))


def _passages(model: keras.Model) -> list[keras.Layer]:
    """Return the layers past which no other connection leads, in order of computation."""
    place = {layer.name: number for number, layer in enumerate(model.layers)}
    found, reach = [], 0  # the farthest layer that is fed by one of the layers so far
    farthest = dict.fromkeys(place, 0)
    for layer in model.layers:
        for node in layer._inbound_nodes:
            for parent in node.parent_nodes:
                farthest[parent.operation.name] = place[layer.name]
    for number, layer in enumerate(model.layers):
        if reach <= number:
            found.append(layer)
        reach = max(reach, farthest[layer.name])
    return found


def _is_map(layer: keras.Layer) -> bool:
    """Whether a layer gives a value for each place of the image, and did not pad or cut it."""
    reshaping = isinstance(layer, layers.ZeroPadding2D | layers.Cropping2D | layers.InputLayer)
    return len(layer.output.shape) == 4 and not reshaping


def _layer(model: keras.Model, name: str) -> keras.Layer:
    maps = {layer.name: layer for layer in model.layers if _is_map(layer)}
    if name not in maps:
        alike = difflib.get_close_matches(name, maps, n=3) or deepest(model, 3)
        raise UserError(
            f"probe.layers names {name}, but network.backbone {model.name} has no such layer of "
            f"features: you may mean {', '.join(alike)}."
        )
    return maps[name]


def _check_complete(network: keras.Model, missing: Sequence[str]) -> None:
    """Raise `UserError` unless all is there but biases, which are 0 in a network without them."""
    needed = {layer.name for layer in network.layers if layer.name != INPUT}
    lacking = [name for name in missing if name.rpartition("/")[0] in needed]
    lacking = [name for name in lacking if not name.endswith("/bias")]
    if lacking:
        raise UserError(
            f"The weights lack {lacking[0]} ({len(lacking)} arrays in all), so the features would "
            "be those of a random network: name layers before it in probe.layers, or set weights "
            "to a file that has them."
        )
