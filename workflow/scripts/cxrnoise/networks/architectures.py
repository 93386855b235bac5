"""Residual networks that tell the classes of a radiograph apart.

Every network takes raw grey values, float32 (n, size, size, 1) on 0–255, normalises them
with a batch normalisation without scale and centre (paper, section 2.2) and returns the
softmax over the classes, float32 (n, classes).
"""

import keras
import tensorflow as tf
from keras import layers

from cxrnoise.core.errors import UserError

SMALL = {"widths": (16, 32, 64), "blocks": (1, 1, 1)}
RESNET18 = {"widths": (64, 128, 256, 512), "blocks": (2, 2, 2, 2)}

IMAGENET_STD = 58.0  # grey levels of 255, mean over the channels
IMAGENET_MEAN = 116.0
_RAW_GREY = ("ConvNeXt", "EfficientNet", "MobileNetV3")
_CENTRED_GREY = ("ResNet50", "ResNet101", "ResNet152", "VGG16", "VGG19")
_STANDARDISED = ("DenseNet",)


@keras.saving.register_keras_serializable("cxrnoise")
class FusedBatchNormalization(layers.BatchNormalization):
    """Keras' layer of images, with TensorFlow's fused kernel: faster on a CPU, equal but for bits.

    The moving variance is Keras', that of the biased variance; the kernel reports the unbiased.
    """

    def call(self, inputs, training=None, mask=None) -> tf.Tensor:
        inputs = tf.cast(inputs, tf.float32)
        if not training:
            return self.normalise(inputs, self.moving_mean, self.moving_variance)
        scale, offset = self._scale_and_offset()
        fused = tf.raw_ops.FusedBatchNormV3(
            x=inputs,
            scale=scale,
            offset=offset,
            mean=[],
            variance=[],
            epsilon=self.epsilon,
            is_training=True,
        )
        values = tf.cast(tf.size(inputs) / tf.size(scale), tf.float32)
        biased = fused.batch_variance * (1 - 1 / values)
        _move(self.moving_mean, fused.batch_mean, self.momentum)
        _move(self.moving_variance, biased, self.momentum)
        return tf.cast(fused.y, self.compute_dtype)

    def normalise(self, inputs: tf.Tensor, mean: tf.Tensor, variance: tf.Tensor) -> tf.Tensor:
        """Return float32 `inputs` (n, rows, columns, channels) normalised with given statistics."""
        scale, offset = self._scale_and_offset()
        fused = tf.raw_ops.FusedBatchNormV3(  # with the convolution before it, in one pass
            x=inputs,
            scale=scale,
            offset=offset,
            mean=mean,
            variance=variance,
            epsilon=self.epsilon,
            is_training=False,
        )
        return tf.cast(fused.y, self.compute_dtype)

    def _scale_and_offset(self) -> tuple[tf.Tensor, tf.Tensor]:
        return (
            tf.ones_like(self.moving_mean) if self.gamma is None else self.gamma,
            tf.zeros_like(self.moving_mean) if self.beta is None else self.beta,
        )


def _move(average: keras.Variable, value: tf.Tensor, decay: float) -> None:
    average.assign(average * decay + value * (1 - decay))


def with_batch_norm(model: keras.Model, kind: type[layers.BatchNormalization]) -> keras.Model:
    """Return a copy of `model` with its weights, and with batch-norm layers of the class `kind`."""

    def copied(layer: keras.Layer) -> keras.Layer:
        is_norm = isinstance(layer, layers.BatchNormalization)
        return (kind if is_norm else type(layer)).from_config(layer.get_config())

    copy = keras.models.clone_model(model, clone_function=copied)
    copy.set_weights(model.get_weights())
    return copy


def backbones() -> dict[str, str]:
    """Return the names that `build` takes, with the Keras Applications function behind each."""
    own = {"small": "", "resnet18": ""}
    return own | {
        name.lower(): name
        for name, value in vars(keras.applications).items()
        if callable(value) and name[0].isupper()
    }


def build(backbone: str, size: int, batch_norm_decay: float, classes: int = 2) -> keras.Model:
    """Return an untrained network.

    Parameters
    ----------
    backbone: `small`, `resnet18` or a network of Keras Applications in lower case.
    size: pixels of a side of the square input.
    batch_norm_decay: share of the old moving average that one training step keeps.

    Raises `UserError` for an unknown backbone or an input too small for it.
    """
    if backbone not in backbones():
        raise UserError(
            f"network.backbone is {backbone!r}: choose one of {', '.join(sorted(backbones()))}."
        )
    image = keras.Input((size, size, 1), name="image")
    normalised = layers.BatchNormalization(scale=False, center=False, name="input_normalization")(
        image
    )
    try:
        features = _features(backbone, normalised)
    except ValueError as error:
        raise UserError(
            f"network.backbone {backbone} cannot take {size} pixels: {error}"
        ) from error
    output = layers.Dense(classes, activation="softmax", dtype="float32", name="classifier")(
        features
    )
    model = keras.Model(image, output, name=backbone)
    for layer in batch_normalizations(model):
        layer.momentum = batch_norm_decay
    return model


def batch_normalizations(model: keras.Model) -> list[layers.BatchNormalization]:
    """Return the batch-norm layers, the one of the input included, in order of computation."""
    return [layer for layer in model.layers if isinstance(layer, layers.BatchNormalization)]


def _features(backbone: str, x: keras.KerasTensor) -> keras.KerasTensor:
    if backbone == "small":
        x = _convolution(x, SMALL["widths"][0], kernel=3, stride=2, name="conv1")
        return _residual_stages(layers.ReLU()(x), **SMALL)
    x = layers.Concatenate(name="three_channels")([x, x, x])
    if backbone == "resnet18":
        x = layers.ReLU()(_convolution(x, 64, kernel=7, stride=2, name="conv1"))
        x = layers.MaxPooling2D(3, 2)(layers.ZeroPadding2D(1)(x))
        return _residual_stages(x, **RESNET18)
    name = backbones()[backbone]
    application = getattr(keras.applications, name)
    base = application(
        include_top=False, weights=None, input_tensor=_expected_range(name, x), pooling="avg"
    )
    return base.output


def _expected_range(application: str, x: keras.KerasTensor) -> keras.KerasTensor:
    """Scale unit variance to what the ImageNet weights of this application were trained with."""
    if application.startswith(_RAW_GREY):
        return layers.Rescaling(IMAGENET_STD, IMAGENET_MEAN, name="expected_range")(x)
    if application in _CENTRED_GREY:
        return layers.Rescaling(IMAGENET_STD, name="expected_range")(x)
    if application.startswith(_STANDARDISED):
        return x
    return layers.Rescaling(IMAGENET_STD / 127.5, name="expected_range")(x)


def _residual_stages(x: keras.KerasTensor, widths: tuple, blocks: tuple) -> keras.KerasTensor:
    for stage, (width, count) in enumerate(zip(widths, blocks, strict=True), start=2):
        for block in range(1, count + 1):
            stride = 2 if stage > 2 and block == 1 else 1
            x = _basic_block(x, width, stride, name=f"conv{stage}_block{block}")
    return layers.GlobalAveragePooling2D(name="avg_pool")(x)


def _basic_block(x: keras.KerasTensor, width: int, stride: int, name: str) -> keras.KerasTensor:
    shortcut = x
    if stride > 1 or x.shape[-1] != width:
        shortcut = _convolution(x, width, kernel=1, stride=stride, name=f"{name}_0")
    x = layers.ReLU()(_convolution(x, width, kernel=3, stride=stride, name=f"{name}_1"))
    x = _convolution(x, width, kernel=3, stride=1, name=f"{name}_2")
    return layers.ReLU(name=f"{name}_out")(layers.Add()([shortcut, x]))


def _convolution(
    x: keras.KerasTensor, width: int, kernel: int, stride: int, name: str
) -> keras.KerasTensor:
    """Convolve with the symmetric padding of the published ResNets, then normalise."""
    if kernel > 1:
        x = layers.ZeroPadding2D(kernel // 2)(x)
    x = layers.Conv2D(width, kernel, stride, use_bias=False, name=f"{name}_conv")(x)
    return layers.BatchNormalization(epsilon=1.001e-5, name=f"{name}_bn")(x)
