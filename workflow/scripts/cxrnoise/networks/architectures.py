"""Networks that predict the labels of a radiograph.

Every network takes raw grey values, float32 (n, size, size, 1) on 0–255, normalises them with a
batch normalisation without scale and centre (paper, section 2.2), and returns a probability for
each output, float32 (n, outputs).
"""

import keras
import tensorflow as tf
from keras import layers

from cxrnoise.core.backbones import OF_ONE_CHANNEL, RESNETS, ResNet
from cxrnoise.core.errors import UserError

EPSILON = 1.001e-5  # of Keras' ResNets; PyTorch has 1e-5, which old versions of cuDNN refuse

# Scale and offset that turn zero mean and unit variance into what pretrained weights expect. The
# grey values of ImageNet have a mean of 116 and a standard deviation of 58.
INPUTS = {
    "torch": (1.0, 0.0),  # zero mean and unit variance
    "caffe": (58.0, 0.0),  # grey values less their mean
    "tf": (58 / 127.5, 116 / 127.5 - 1),  # -1 to 1
    "raw": (58.0, 116.0),  # 0 to 255
    "xrv": (58 / 127.5 * 1024, (116 / 127.5 - 1) * 1024),  # torchxrayvision's -1024 to 1024
}
# What `preprocess_input` of each family of Keras Applications makes. The longest name counts.
KERAS_INPUTS = {
    "ConvNeXt": "raw",
    "DenseNet": "torch",
    "EfficientNetB": "torch",  # its first layers make it from `raw`, see `_features`
    "EfficientNetV2": "raw",
    "Inception": "tf",
    "MobileNet": "tf",
    "MobileNetV3": "raw",
    "NASNet": "tf",
    "ResNet50": "caffe",
    "ResNet101": "caffe",
    "ResNet152": "caffe",
    "ResNet50V2": "tf",
    "ResNet101V2": "tf",
    "ResNet152V2": "tf",
    "VGG": "caffe",
    "Xception": "tf",
}


@keras.saving.register_keras_serializable("cxrnoise")
class FusedBatchNormalization(layers.BatchNormalization):
    """Keras' batch normalisation with TensorFlow's fused kernel, which is faster on a CPU.

    The results differ from Keras' by rounding only. The kernel reports the unbiased variance; the
    moving variance is made from the biased one, as in Keras.
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
    return with_layers(model, layers.BatchNormalization, kind)


def with_layers(
    model: keras.Model, old: type[layers.Layer], new: type[layers.Layer]
) -> keras.Model:
    """Return a copy of `model` with its weights, and with layers of the class `new` for `old`.

    The new layers take the configuration and the weights of the old ones.
    """

    def copied(layer: keras.Layer) -> keras.Layer:
        return (new if isinstance(layer, old) else type(layer)).from_config(layer.get_config())

    copy = keras.models.clone_model(model, clone_function=copied)
    copy.set_weights(model.get_weights())
    return copy


def backbones() -> dict[str, str]:
    """Names that `build` takes, with their names in Keras Applications or an empty text."""
    applications = {
        name.lower(): name
        for name, value in vars(keras.applications).items()
        if callable(value) and name[0].isupper()
    }
    return dict.fromkeys(RESNETS, "") | applications


def expected_input(backbone: str) -> str:
    """The key of `INPUTS` that the usual weights of a backbone expect."""
    application = backbones()[backbone]
    families = [family for family in KERAS_INPUTS if application.startswith(family)]
    return KERAS_INPUTS[max(families, key=len)] if application else "torch"


def build(
    backbone: str,
    size: int,
    batch_norm_decay: float,
    outputs: int = 2,
    activation: str = "softmax",
    expects: str | None = None,
) -> keras.Model:
    """Build an untrained network.

    Parameters
    ----------
    backbone: one of `backbones()`. `resnet50` is version 1 (Keras, Caffe), with the stride of a
        block in its first 1 × 1 convolution; `resnet50v1.5` is torchvision's, with the stride in
        the 3 × 3 convolution.
    size: pixels of a side of the square input.
    batch_norm_decay: share of the old moving average that one training step keeps.
    outputs: number of probabilities.
    activation: `softmax` where the outputs exclude each other, `sigmoid` where each is a finding
        of its own.
    expects: the key of `INPUTS` that says what the pretrained weights expect; None for the usual
        input of the backbone.

    Raises `UserError` for an unknown backbone or an input too small for it.
    """
    if backbone not in backbones():
        raise UserError(
            f"network.backbone is {backbone!r}: choose one of {', '.join(sorted(backbones()))}."
        )
    image = keras.Input((size, size, 1), name="image")
    x = layers.BatchNormalization(scale=False, center=False, name="input_normalization")(image)
    try:
        x = _features(backbone, x, expects or expected_input(backbone))
    except ValueError as error:
        raise UserError(
            f"network.backbone {backbone} cannot take {size} pixels: {error}"
        ) from error
    output = layers.Dense(outputs, activation=activation, dtype="float32", name="classifier")(x)
    model = keras.Model(image, output, name=backbone)
    for layer in batch_normalizations(model):
        layer.momentum = batch_norm_decay
    return model


def batch_normalizations(model: keras.Model) -> list[layers.BatchNormalization]:
    """Return the batch-norm layers, the one of the input included, in order of computation."""
    return [layer for layer in model.layers if isinstance(layer, layers.BatchNormalization)]


def _features(backbone: str, x: keras.KerasTensor, expects: str) -> keras.KerasTensor:
    if backbone not in OF_ONE_CHANNEL:
        x = layers.Concatenate(name="three_channels")([x, x, x])
    scale, offset = INPUTS[expects]
    if backbone.startswith("efficientnetb"):
        # Its first layers divide by 255. ImageNet's mean and deviation, which should follow, are
        # complete only where Keras itself downloads the weights; so they come from here.
        scale, offset = 255 * scale, 255 * offset
    if (scale, offset) != (1, 0):
        x = layers.Rescaling(scale, offset, name="expected_range")(x)
    if backbone in RESNETS:
        return _resnet(x, RESNETS[backbone])
    application = getattr(keras.applications, backbones()[backbone])
    return application(include_top=False, weights=None, input_tensor=x, pooling="avg").output


def _resnet(x: keras.KerasTensor, resnet: ResNet) -> keras.KerasTensor:
    """The features of a residual network, whose layers have torchvision's names."""
    x = _convolution(x, resnet.widths[0], resnet.stem, stride=2, name="conv1", norm="bn1")
    x = layers.ReLU()(x)
    if resnet.stem == 7:
        x = layers.MaxPooling2D(3, 2)(layers.ZeroPadding2D(1)(x))
    for stage, (width, count) in enumerate(zip(resnet.widths, resnet.blocks, strict=True), start=1):
        for block in range(count):
            stride = 2 if stage > 1 and block == 0 else 1
            x = _block(x, width, stride, resnet.bottleneck, name=f"layer{stage}.{block}")
        if resnet.dropout and stage < len(resnet.widths):
            # Neighbours in a channel say nearly the same, so a channel is dropped as a whole
            # (Tompson et al., CVPR 2015).
            whole = {"noise_shape": (None, 1, 1, None), "name": f"dropout{stage}"}
            x = layers.Dropout(resnet.dropout, **whole)(x)
    x = layers.GlobalAveragePooling2D(name="avg_pool")(x)
    return layers.Dropout(resnet.dropout, name="dropout")(x) if resnet.dropout else x


def _block(
    x: keras.KerasTensor, width: int, stride: int, bottleneck: bool, name: str
) -> keras.KerasTensor:
    if bottleneck:
        convolutions = [(width, 1, 1), (width, 3, stride), (4 * width, 1, 1)]
    else:
        convolutions = [(width, 3, stride), (width, 3, 1)]
    shortcut, out = x, convolutions[-1][0]
    if stride > 1 or x.shape[-1] != out:
        names = {"name": f"{name}.downsample.0", "norm": f"{name}.downsample.1"}
        shortcut = _convolution(x, out, kernel=1, stride=stride, **names)
    for number, (filters, kernel, step) in enumerate(convolutions, start=1):
        if number > 1:
            x = layers.ReLU()(x)
        names = {"name": f"{name}.conv{number}", "norm": f"{name}.bn{number}"}
        x = _convolution(x, filters, kernel, step, **names)
    return layers.ReLU(name=name)(layers.Add()([shortcut, x]))


def _convolution(
    x: keras.KerasTensor, width: int, kernel: int, stride: int, name: str, norm: str
) -> keras.KerasTensor:
    """Convolve with the symmetric padding of the published ResNets, then normalise."""
    if kernel > 1:
        x = layers.ZeroPadding2D(kernel // 2)(x)
    x = layers.Conv2D(width, kernel, stride, use_bias=False, name=name)(x)
    return layers.BatchNormalization(epsilon=EPSILON, name=norm)(x)
