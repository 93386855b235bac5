import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cxrnoise.datasets.phantom.projection import (
    Grid,
    add_ellipsoid,
    add_ellipsoids,
    add_tubes,
    blur,
    stack,
    unite_ellipsoid,
)


def grid(pixels=120, extent=24.0, turn=0.0):
    line = np.linspace(-extent / 2, extent / 2, pixels, dtype=np.float32)
    return Grid(line, line, turn)


def volume(image, on):
    return float(image.sum() * np.prod(on.pitch))


@settings(deadline=None, max_examples=30)
@given(
    axes=st.tuples(*[st.floats(1.5, 5)] * 3),
    tilt=st.floats(-3, 3),
    weight=st.floats(-2, 2),
)
def test_a_shadow_holds_the_volume_of_its_ellipsoid(axes, tilt, weight):
    on = grid()
    image = on.zeros()
    add_ellipsoid(image, on, (1, -2, 3), axes, weight, tilt)
    assert volume(image, on) == pytest.approx(4 / 3 * np.pi * np.prod(axes) * weight, rel=0.03)


def test_the_chord_through_the_middle_of_an_ellipsoid_is_its_depth():
    on = grid(pixels=121)
    image = on.zeros()
    add_ellipsoid(image, on, (0, 0, 0), (3, 4, 2.5))
    assert image[60, 60] == pytest.approx(5)
    assert image[60, 0] == 0


def test_a_solid_off_the_image_leaves_it_alone():
    on = grid()
    image = on.zeros()
    add_ellipsoid(image, on, (50, 0, 0), (3, 3, 3))
    add_tubes(image, on, [[[50, 0, 0], [60, 0, 0]]], 1.0)
    assert not image.any()


def test_ellipsoids_of_one_size_are_what_each_of_them_is_alone():
    on = grid(turn=0.05)
    centres = [(0, 0, 2), (1.5, 0.7, -3), (-11.5, 11, 0), (12.5, -3, 0)]
    once, apart = on.zeros(), on.zeros()
    add_ellipsoids(once, on, centres, (2, 1.2, 3), 0.7)
    for centre in centres:
        add_ellipsoid(apart, on, centre, (2, 1.2, 3), 0.7)
    np.testing.assert_array_equal(once, apart)


def test_a_fluid_level_cuts_an_ellipsoid_in_half():
    on = grid()
    image = on.zeros()
    add_ellipsoid(image, on, (0, 0, 0), (4, 3, 3), below=0.0)
    assert volume(image, on) == pytest.approx(2 / 3 * np.pi * 36, rel=0.03)


def test_united_solids_do_not_count_their_common_space_twice():
    on = grid()
    once, twice = on.zeros(), on.zeros()
    unite_ellipsoid(once, on, (0, 0, 0), (3, 3, 3))
    for _ in range(2):
        unite_ellipsoid(twice, on, (0, 0, 0), (3, 3, 3))
    np.testing.assert_array_equal(once, twice)


def test_turning_the_patient_moves_what_lies_in_front_to_his_left():
    straight, turned = grid(), grid(turn=0.1)
    image, moved = straight.zeros(), turned.zeros()
    add_ellipsoid(image, straight, (1, 0, 10), (2, 2, 2))
    add_ellipsoid(moved, turned, (0, 0, 10), (2, 2, 2))
    np.testing.assert_allclose(image, moved, atol=1e-4)


def test_a_pile_of_circles_is_a_cylinder():
    on = grid()
    edge = np.full(120, 4.0)
    chord = stack(on, -edge, edge, 4.0)
    assert volume(chord, on) == pytest.approx(np.pi * 16 * 24, rel=0.02)


@settings(deadline=None, max_examples=20)
@given(end=st.tuples(st.floats(-8, 8), st.floats(-8, 8), st.floats(-8, 8)))
def test_a_tube_leaves_its_whole_volume_also_where_it_runs_along_the_beam(end):
    on = grid()
    image = on.zeros()
    points = np.array([[[0, 0, 0], end]])
    add_tubes(image, on, points, 0.6)
    expected = np.pi * 0.36 * np.linalg.norm(end)
    assert volume(image, on) == pytest.approx(expected, rel=0.12, abs=0.05)


def test_a_tube_shows_no_gaps():
    on = grid()
    image = on.zeros()
    add_tubes(image, on, [[[-10, -7, 0], [10, 7, 0]]], 1.0)
    ridge = [image[np.abs(on.y - 0.7 * x).argmin(), i] for i, x in enumerate(on.x) if abs(x) < 8]
    assert np.std(ridge) < 0.08 * np.mean(ridge)


def test_blurring_keeps_a_flat_image_flat_and_a_point_s_sum():
    flat, point = np.ones((64, 64), np.float32), np.zeros((64, 64), np.float32)
    point[32, 32] = 1
    np.testing.assert_allclose(blur(flat, 6.0), 1, rtol=1e-5)
    assert blur(point, 4.0).sum() == pytest.approx(1, rel=0.05)
