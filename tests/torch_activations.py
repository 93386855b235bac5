"""What programs of PyTorch compute with networks and given weights: `torch_activations.npz`.

Made once, with torch 2.13.0, torchvision 0.28.0, transformers 5.24.0 and torchxrayvision 1.5.7:

    python tests/torch_activations.py tests/data/torch_activations.npz

It holds, by network, the features of two images and the names and shapes of the state dict. The
weights themselves are drawn by name, so that no file of them is needed.
"""

import json
import sys
import tempfile
import zlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np

EVERY = 16  # of the features is kept


@dataclass(frozen=True)
class Network:
    """How a network of PyTorch is used here, and what its input is of x with variance 1.

    backbone, weights_input: keys of the configuration; input: scale and offset of x.
    """

    backbone: str
    weights_input: str = "auto"
    input: tuple[float, float] = (1.0, 0.0)


GREY = (58.0, 116.0)  # of ImageNet's photographs: x in grey values of 0 to 255
XRV = (2 * 1024 * GREY[0] / 255, (2 * GREY[1] / 255 - 1) * 1024)
NETWORKS = {
    "torchvision resnet50": Network("resnet50v1.5"),
    "torchvision resnet50 version 1": Network("resnet50", "caffe", (58.0, 0.0)),
    "torchvision resnet18": Network("resnet18"),
    "torchvision densenet121": Network("densenet121"),
    "transformers resnet50": Network("resnet50v1.5"),
    "transformers resnet18": Network("resnet18"),
    "torchxrayvision resnet50": Network("resnet50v1.5", "xrv", XRV),
    "torchxrayvision densenet121": Network("densenet121", "xrv", XRV),
}


def images() -> np.ndarray:
    """Two images of zero mean and unit variance, float32 (2, 64, 64, 1)."""
    return np.random.RandomState(0).standard_normal((2, 64, 64, 1)).astype(np.float32)


def state_dict(network: str, file: np.lib.npyio.NpzFile) -> dict[str, np.ndarray]:
    """The weights of a network, with the names of its program."""
    shapes = json.loads(str(file[f"{network} shapes"]))
    return {name: array(name, shape) for name, shape in shapes.items()}


def array(name: str, shape: list[int]) -> np.ndarray:
    """The values of an entry of a state dict: float32, or int64 for counters of batches."""
    random = np.random.RandomState(zlib.crc32(name.encode()))
    if name.endswith("num_batches_tracked"):
        return np.array(1)
    if len(shape) > 1:
        # As small as this, a batch norm of the variances below depends on its epsilon.
        values = random.standard_normal(shape) * 0.1 / np.sqrt(np.prod(shape[1:]))
    elif name.endswith("running_var"):
        values = random.uniform(0.001, 0.02, shape)
    else:
        low, high = (0.2, 0.8) if name.endswith("weight") else (-0.1, 0.1)
        values = random.uniform(low, high, shape)
    return values.astype(np.float32)


def of_torchvision(name: str):
    """Return a network of torchvision, and a function from its input to the features."""
    import torch
    from torchvision import models

    model = getattr(models, name.split()[0])()
    if name.endswith("version 1"):
        for stage in (model.layer2, model.layer3, model.layer4):
            stage[0].conv1.stride, stage[0].conv2.stride = (2, 2), (1, 1)
    last = "classifier" if name.startswith("densenet") else "fc"

    def features(x):
        setattr(model, last, torch.nn.Identity())
        return model(x.expand(-1, 3, -1, -1))

    return model, features


def of_transformers(name: str):
    """Return a classifier of Hugging Face transformers, and a function to its features."""
    from transformers import ResNetConfig, ResNetForImageClassification

    basic = {"layer_type": "basic", "hidden_sizes": [64, 128, 256, 512], "depths": [2, 2, 2, 2]}
    model = ResNetForImageClassification(ResNetConfig(**basic if name == "resnet18" else {}))
    return model, lambda x: model.resnet(x.expand(-1, 3, -1, -1)).pooler_output.flatten(1)


def of_torchxrayvision(name: str):
    """Return a network of torchxrayvision with one channel, and a function to its features."""
    import torch
    import torchxrayvision
    from torchvision import models

    if name == "densenet121":
        model = torchxrayvision.models.DenseNet()
        return model, model.features2
    published = "resnet50-res512-all"
    url = torchxrayvision.models.model_urls[published]["weights_url"]
    plain = models.resnet50(num_classes=18)
    plain.conv1 = torch.nn.Conv2d(1, 64, 7, 2, 3, bias=False)
    with tempfile.TemporaryDirectory() as folder:  # where the published file would be
        torch.save(plain.state_dict(), Path(folder) / Path(url).name)
        model = torchxrayvision.models.ResNet(published, cache_dir=f"{folder}/")

    def features(x):
        model.model.fc = torch.nn.Identity()
        return model.model(x)

    return model, features


def main(path: str) -> None:
    import torch

    made = {
        "torchvision": of_torchvision,
        "transformers": of_transformers,
        "torchxrayvision": of_torchxrayvision,
    }
    kept = {}
    for network, used in NETWORKS.items():
        program, _, name = network.partition(" ")
        model, features = made[program](name)
        shapes = {name: list(value.shape) for name, value in model.state_dict().items()}
        model.load_state_dict(
            {name: torch.from_numpy(array(name, shape)) for name, shape in shapes.items()}
        )
        model.eval()
        scale, offset = used.input
        x = torch.from_numpy(images()).permute(0, 3, 1, 2) * scale + offset
        with torch.no_grad():
            found = features(x).numpy()
        print(network, found.shape, found.mean(), found.std())
        kept[network] = found[:, ::EVERY]
        kept[f"{network} shapes"] = json.dumps(shapes)
    np.savez_compressed(path, **kept)


if __name__ == "__main__":
    main(sys.argv[1])
