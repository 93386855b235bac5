"""What PyTorch computes with networks of torchvision and given weights: `torch_activations.npz`.

Made once, with torch 2.13.0 and torchvision 0.28.0:

    python tests/torch_activations.py tests/data/torch_activations.npz

It holds, by network, the features of two images and the names and shapes of the state dict. The
weights themselves are drawn by name, so that no file of them is needed.
"""

import json
import sys
import zlib

import numpy as np

NETWORKS = ("resnet50v1.5", "resnet50", "resnet18", "densenet121")
SCALES = {"resnet50": 58.0}  # Caffe's input; the others take unit variance
EVERY = 16  # of the features is kept


def images() -> np.ndarray:
    """Two images of zero mean and unit variance, float32 (2, 64, 64, 1)."""
    return np.random.RandomState(0).standard_normal((2, 64, 64, 1)).astype(np.float32)


def state_dict(network: str, file: np.lib.npyio.NpzFile) -> dict[str, np.ndarray]:
    """The weights of a network, with PyTorch's names."""
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


def main(path: str) -> None:
    import torch
    from torchvision import models

    kept = {}
    for network in NETWORKS:
        model = getattr(models, network.removesuffix("v1.5"))().eval()
        if network == "resnet50":  # version 1
            for stage in (model.layer2, model.layer3, model.layer4):
                stage[0].conv1.stride, stage[0].conv2.stride = (2, 2), (1, 1)
        shapes = {name: list(value.shape) for name, value in model.state_dict().items()}
        model.load_state_dict(
            {name: torch.from_numpy(array(name, shape)) for name, shape in shapes.items()}
        )
        last = "classifier" if network == "densenet121" else "fc"
        setattr(model, last, torch.nn.Identity())
        grey = torch.from_numpy(images()).permute(0, 3, 1, 2) * SCALES.get(network, 1.0)
        with torch.no_grad():
            features = model(grey.expand(-1, 3, -1, -1)).numpy()
        print(network, features.shape, features.mean(), features.std())
        kept[network] = features[:, ::EVERY]
        kept[f"{network} shapes"] = json.dumps(shapes)
    np.savez_compressed(path, **kept)


if __name__ == "__main__":
    main(sys.argv[1])
