"""The ImageNet weights of Keras Applications: downloaded, and saved as a network."""

from pathlib import Path

import keras

from cxrnoise.core.errors import UserError
from cxrnoise.core.files import replacing
from cxrnoise.datasets import downloads
from cxrnoise.networks.architectures import backbones


def fetch(backbone: str, table: str | Path, path: str | Path) -> None:
    """Download the ImageNet weights of a network of Keras Applications.

    Writes the network without its classifier as a `.keras` file, and beside it the `.h5` file that
    was downloaded. An `.h5` file that is there already is checked and used.

    Parameters
    ----------
    table: the table of `downloads`, which has them as `BACKBONE-imagenet.h5`.

    Raises `UserError` when there are no such weights, or they cannot be downloaded whole.
    """
    name = backbones().get(backbone)
    if not name:
        raise UserError(
            f"there are no ImageNet weights for the backbone {backbone}: set weights to none or "
            "to a file."
        )
    downloaded = Path(path).with_suffix(".h5")
    file = downloads.read(table).get(downloaded.name)
    if file is None:
        raise UserError(
            f"the table of downloads {table} has no {downloaded.name}: add its row, or set weights "
            "to none or to a file."
        )
    downloads.fetch(file, downloaded)
    model = getattr(keras.applications, name)(include_top=False, weights=str(downloaded))
    with replacing(path) as temporary:
        model.save(temporary)
