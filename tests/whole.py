"""What the library reads and makes in frames, as whole frames."""

import pandas as pd

from cxrnoise.datasets import chestxray14


def metadata(path):
    """All entries of a metadata file."""
    return pd.concat(chestxray14.metadata(path))


def listings(images):
    """What is in all folders or archives of a data set, one frame after the other."""
    for source, path in chestxray14.sources(images).items():
        yield from chestxray14.listing(source, path)


def index(metadata, images, images_per_shard):
    """The index of a data set and the report."""
    entries = chestxray14.metadata(metadata)
    table, report = chestxray14.index(entries, listings(images), images_per_shard)
    return table.whole(), report
