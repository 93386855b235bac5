"""The steps from metadata and files to the index, for tests."""

import pandas as pd

from cxrnoise.datasets import folders
from cxrnoise.datasets import index as indexed
from cxrnoise.datasets.registry import DATASETS


def metadata(path, kind="chestxray14"):
    """All entries of a metadata file."""
    return DATASETS[kind].read(path)


def listings(images):
    """What is in all folders or archives of a data set."""
    found = folders.sources(images).items()
    return pd.concat(folders.listing(source, path, images) for source, path in found)


def index(path, images, number=4, kind="chestxray14", views=("PA",)):
    """The index of a data set, as it is written, and the report."""
    table, report = indexed.index(metadata(path, kind), listings(images), list(views), number)
    return table.drop(columns="sha256"), report
