"""The networks of `network.backbone` in data, for the rules: they never import TensorFlow."""

from dataclasses import dataclass


@dataclass(frozen=True)
class ResNet:
    """A residual network as torchvision builds it: a block's stride is in its 3 × 3 convolution."""

    widths: tuple[int, ...]
    blocks: tuple[int, ...]
    stem: int = 7  # pixels of a side of the first kernel; 7 is followed by a pooling
    bottleneck: bool = False
    dropout: float = 0.0  # rate, of whole channels after each stage and of the features


RESNETS = {
    "small": ResNet((16, 32, 64), (1, 1, 1), stem=3),
    "small-dropout": ResNet((16, 32, 64), (1, 1, 1), stem=3, dropout=0.2),
    "resnet18": ResNet((64, 128, 256, 512), (2, 2, 2, 2)),
    "resnet50v1.5": ResNet((64, 128, 256, 512), (3, 4, 6, 3), bottleneck=True),
}
OF_ONE_CHANNEL = ("small", "small-dropout")  # the others are built for the colours of ImageNet
# Networks of Keras Applications whose names begin so have dropout in their blocks.
KERAS_DROPOUT = "efficientnet"


def has_dropout(backbone: str) -> bool:
    """Return whether a backbone has dropout layers, from which samples can be drawn."""
    if backbone in RESNETS:
        return RESNETS[backbone].dropout > 0
    return backbone.startswith(KERAS_DROPOUT)
