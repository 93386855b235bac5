import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cxrnoise import inputs
from cxrnoise.errors import UserError


def test_mirroring_comes_before_the_central_crop(labelled_shard):
    labels, path, shards, pixels = labelled_shard
    radiographs = inputs.Radiographs(labels, path, shards, crop=8)
    batch = radiographs.batch(np.arange(len(labels)))
    assert batch.dtype == np.uint8
    for position, mirrored in enumerate(labels["mirrored"]):
        whole = pixels[labels["row"][position]]
        expected = (whole[:, ::-1] if mirrored else whole)[4:12, 4:12]
        np.testing.assert_array_equal(batch[position, :, :, 0], expected)


def test_nothing_but_the_manifest_mirrors_an_image(labelled_shard):
    labels, path, shards, pixels = labelled_shard
    unmirrored = inputs.Radiographs(labels.assign(mirrored=False), path, shards, crop=16)
    batches = inputs.training_batches(unmirrored, 4, seed=0, first_step=0).take(24)
    seen = np.concatenate([images for images, _ in batches])
    originals = {image.tobytes() for image in pixels}
    assert all(image.astype(np.uint8).tobytes() in originals for image in seen)


@given(st.integers(1, 40), st.integers(0, 100), st.integers(1, 50), st.integers(0, 3))
def test_a_stream_of_epochs_can_be_continued_anywhere(length, start, count, seed):
    whole = inputs.order(seed, "x", length, 0, start + count)
    np.testing.assert_array_equal(
        inputs.order(seed, "x", length, start, start + count), whole[start:]
    )


@given(st.integers(1, 40), st.integers(1, 4), st.integers(0, 3))
def test_every_epoch_has_every_image_once(length, epochs, seed):
    stream = inputs.order(seed, "x", length, 0, epochs * length).reshape(epochs, length)
    assert (np.sort(stream, axis=1) == np.arange(length)).all()


def test_evaluation_has_every_image_once_in_the_manifests_order(labelled_shard):
    labels, path, shards, _ = labelled_shard
    radiographs = inputs.Radiographs(labels, path, shards, crop=8)
    batches = list(inputs.evaluation_batches(radiographs, 5))
    given = np.concatenate([label for _, label in batches])
    np.testing.assert_array_equal(given, labels["given_label"])
    assert batches[0][0].dtype == np.float32


def test_no_more_than_a_buffer_of_batches_is_read_ahead(labelled_shard):
    labels, path, shards, _ = labelled_shard
    radiographs = inputs.Radiographs(labels, path, shards, crop=8)
    read = []
    batch = radiographs.batch
    radiographs.batch = lambda positions: read.append(positions) or batch(positions)
    batches = inputs.training_batches(radiographs, 4, seed=0, first_step=0)
    for count, _ in enumerate(itertools.islice(batches, 200), start=1):
        assert len(read) <= count + inputs.PREFETCHED + 4  # a few are on their way


def test_labels_of_other_shards_are_refused(labelled_shard):
    labels, path, shards, _ = labelled_shard
    with pytest.raises(UserError, match="does not match the shards"):
        inputs.Radiographs(labels.assign(row=labels["row"][::-1].to_numpy()), path, shards, crop=8)
