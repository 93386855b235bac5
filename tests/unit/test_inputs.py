import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cxrnoise.core import manifests
from cxrnoise.core.errors import UserError
from cxrnoise.networks import inputs


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


INCEPTION = inputs.Augmentation(rotation=7, scale=0.7, aspect=4 / 3)


@given(st.lists(st.integers(0, 10**6), min_size=1, max_size=20, unique=True), st.integers(0, 3))
def test_augmentation_cuts_a_part_of_the_asked_shape_out_of_the_image(keys, seed):
    transforms = INCEPTION.transforms(seed, keys, size=240, crop=224)
    across, down = transforms[:, [0, 3]] * 224, transforms[:, [1, 4]] * 224
    width, height = np.hypot(*across.T), np.hypot(*down.T)
    longer, shorter = np.maximum(width, height), np.minimum(width, height)
    np.testing.assert_allclose(longer / shorter, 4 / 3, rtol=1e-4)
    assert (longer >= 0.7 * 240 - 0.01).all() and (longer <= 240.01).all()
    turned = np.degrees(np.arctan2(across[:, 1], across[:, 0]))
    assert (np.abs(turned) <= 7.001).all()
    middle = transforms[:, [2, 5]] + (across + down) * 111.5 / 224 + 0.5
    assert (middle >= np.stack([width, height], 1) / 2 - 0.01).all()
    assert (middle <= 240.01 - np.stack([width, height], 1) / 2).all()


def test_augmentation_that_varies_nothing_is_the_image_itself(labelled_shard):
    labels, path, shards, pixels = labelled_shard
    nothing = inputs.Augmentation(rotation=0, scale=1, aspect=1)
    images = inputs.Radiographs(labels.assign(mirrored=False), path, shards, 16, nothing)
    np.testing.assert_array_equal(
        images.training_batch(np.arange(24), 0, range(24))[..., 0], pixels
    )


def test_augmented_batches_are_the_same_wherever_the_stream_is_continued(labelled_shard):
    labels, path, shards, _ = labelled_shard
    images = inputs.Radiographs(labels, path, shards, 12, INCEPTION)
    whole = [x.numpy() for x, _ in inputs.training_batches(images, 4, 0, 0).take(5)]
    later = [x.numpy() for x, _ in inputs.training_batches(images, 4, 0, 3).take(2)]
    np.testing.assert_array_equal(whole[3:], later)
    assert not np.array_equal(whole[0], whole[1])


def test_the_training_images_of_situs_are_never_varied_nor_mirrored(labelled_shard):
    labels, path, shards, pixels = labelled_shard
    manifests.write(labels.assign(mirrored=False), path, "labels", "{}")
    images = inputs.training_split(path, shards, 16, augmentation=None, seed=0)
    assert len(images) == 24
    np.testing.assert_array_equal(
        images.training_batch(np.arange(24), 0, range(24))[..., 0], pixels
    )


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
