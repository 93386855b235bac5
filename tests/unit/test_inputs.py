import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cxrnoise.core import manifests
from cxrnoise.core.errors import UserError
from cxrnoise.networks import inputs
from cxrnoise.tasks import orientations


def test_mirroring_comes_before_the_central_crop(labelled_shard):
    labels, _, shards, pixels = labelled_shard
    backwards = labels[::-1]
    radiographs = inputs.Radiographs(backwards, shards, crop=8)
    batch = radiographs.batch(np.arange(len(labels)))
    assert batch.dtype == np.uint8
    for position, mirrored in enumerate(backwards["mirrored"]):
        whole = pixels[backwards.index[position]]
        expected = (whole[:, ::-1] if mirrored else whole)[4:12, 4:12]
        np.testing.assert_array_equal(batch[position, :, :, 0], expected)


def test_nothing_but_the_manifest_mirrors_an_image(labelled_shard):
    labels, _, shards, pixels = labelled_shard
    unmirrored = inputs.Radiographs(labels.assign(mirrored=False), shards, crop=16)
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
    labels, _, shards, pixels = labelled_shard
    nothing = inputs.Augmentation(rotation=0, scale=1, aspect=1)
    images = inputs.Radiographs(labels.assign(mirrored=False), shards, 16, variation=nothing)
    shown, target = images.training_batch(np.arange(24), 0, range(24))
    np.testing.assert_array_equal(shown[..., 0], pixels)
    np.testing.assert_array_equal(target, labels["given_label"])


@pytest.mark.parametrize("variation", [INCEPTION, inputs.Turning()])
def test_varied_batches_are_the_same_wherever_the_stream_is_continued(labelled_shard, variation):
    labels, _, shards, _ = labelled_shard
    images = inputs.Radiographs(labels, shards, 12, variation=variation)
    whole = list(inputs.training_batches(images, 4, 0, 0).take(5).as_numpy_iterator())
    later = list(inputs.training_batches(images, 4, 0, 3).take(2).as_numpy_iterator())
    for (x, y), (same_x, same_y) in zip(whole[3:], later, strict=True):
        np.testing.assert_array_equal(x, same_x)
        np.testing.assert_array_equal(y, same_y)
    assert not np.array_equal(whole[0][0], whole[1][0])


def source(labelled_shard, kind, augmentation=None, **changed):
    """The source of a task of this kind; `changed` are columns of its labels."""
    labels, path, shards, pixels = labelled_shard
    labels = labels.assign(mirrored=False, **changed)
    manifests.write(labels, path, "labels", "{}")
    return inputs.Source(path, shards, kind, 16, augmentation), pixels


def test_the_training_images_of_situs_are_never_varied_nor_repeated(labelled_shard):
    run, pixels = source(labelled_shard, "situs")
    images = run.training(seed=0)
    assert len(images) == 24
    np.testing.assert_array_equal(
        images.training_batch(np.arange(24), 0, range(24))[0][..., 0], pixels
    )


def test_a_finding_is_balanced_and_varied_for_training_alone(labelled_shard):
    rare = (np.arange(24) < 3).astype(np.int8)
    augmentation = {"rotation": 7, "scale": 0.7, "aspect": 4 / 3}
    known = {"true_label": rare, "reported_label": rare, "given_label": rare}
    run, pixels = source(labelled_shard, "finding", augmentation, **known)
    training, evaluated = run.training(seed=0), run.evaluated(["train"])
    assert np.bincount(training.target).tolist() == [21, 21]
    first = training.training_batch(np.arange(4), 0, range(4))[0]
    assert not np.array_equal(first, training.batch(np.arange(4)))
    assert evaluated.target.tolist() == rare.tolist()
    np.testing.assert_array_equal(evaluated.batch(np.arange(24))[..., 0], pixels)


def test_of_several_findings_an_image_has_a_target_each_with_the_unknown_kept(findings_shard):
    target, path, shards, _ = findings_shard
    run = inputs.Source(path, shards, "findings", 8, None)
    training = run.training(seed=0)
    assert run.names() == ["Effusion", "Mass", "Nodule"]
    assert training.target.shape == (24, 3) and training.target.dtype == np.int32
    np.testing.assert_array_equal(training.target, target)
    assert (training.target == -1).any()
    assert len(set(training.image)) == len(training) == 24
    x, y = next(inputs.evaluation_batches(training, 5).as_numpy_iterator())
    assert x.shape == (5, 8, 8, 1)
    np.testing.assert_array_equal(y, target[:5])


def test_the_target_of_orientation_is_the_orientation_that_is_shown(labelled_shard):
    run, pixels = source(labelled_shard, "orientation")
    shown, target = run.training(seed=0).training_batch(np.arange(24), 0, range(24))
    np.testing.assert_array_equal(shown[..., 0], orientations.apply(pixels, target))
    later = run.training(seed=0).training_batch(np.arange(24), 0, range(24, 48))[1]
    assert not np.array_equal(target, later)  # drawn anew each epoch
    assert len(set(target) | set(later)) > 8 and set(target) <= set(range(16))
    evaluated = run.evaluated(["train"])
    np.testing.assert_array_equal(evaluated.batch(np.arange(24))[..., 0], pixels)  # as filed


def test_the_orientation_of_a_validation_image_follows_from_its_name(labelled_shard):
    run, _ = source(labelled_shard, "orientation", split="val")
    labels = manifests.read(run.labels, "labels")
    every = run.validation()
    some = inputs.Radiographs(labels[::-2], run.shards, 16, variation=inputs.Turning())
    first, second = (
        np.concatenate([target for _, target in inputs.evaluation_batches(images, 5, seed=0)])
        for images in (every, some)
    )
    assert second.tolist() == first[::-2].tolist()
    assert len(set(first)) > 4


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
    labels, _, shards, _ = labelled_shard
    radiographs = inputs.Radiographs(labels, shards, crop=8)
    batches = list(inputs.evaluation_batches(radiographs, 5))
    given = np.concatenate([label for _, label in batches])
    np.testing.assert_array_equal(given, labels["given_label"])
    assert batches[0][0].dtype == np.float32


def test_no_more_than_a_buffer_of_batches_is_read_ahead(labelled_shard):
    labels, _, shards, _ = labelled_shard
    radiographs = inputs.Radiographs(labels, shards, crop=8)
    read, training_batch = [], radiographs.training_batch

    def counted(positions, *others):
        read.append(len(positions) / 4)
        return training_batch(positions, *others)

    radiographs.training_batch = counted
    batches = inputs.training_batches(radiographs, 4, seed=0, first_step=0)
    most = inputs.PREFETCHED + 3 * inputs.BATCHES_PER_READ  # some are on their way
    for count, _ in enumerate(itertools.islice(batches, 300), start=1):
        assert count <= sum(read) <= count + most


def test_an_image_that_is_in_no_shard_is_refused(labelled_shard):
    labels, _, shards, _ = labelled_shard
    with pytest.raises(UserError, match="Image other.png is in no shard"):
        inputs.Radiographs(labels.replace("00000007_000.png", "other.png"), shards, crop=8)
