import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from cxrnoise.core.randomness import generator, uniform

NAMES = st.lists(st.text(min_size=1), min_size=1, max_size=20, unique=True)


@given(NAMES, st.integers(0, 5), st.randoms())
def test_a_key_gets_the_same_draw_in_any_order_and_company(names, seed, random):
    draws = dict(zip(names, uniform(seed, "noise", names), strict=True))
    shuffled = random.sample(names, len(names)) + ["another"]
    again = dict(zip(shuffled, uniform(seed, "noise", shuffled), strict=True))
    assert all(again[name] == draw for name, draw in draws.items())


def test_draws_are_uniform_and_differ_between_seeds_and_purposes():
    keys = range(20_000)
    draws = uniform(0, "noise", keys)
    histogram = np.histogram(draws, bins=10, range=(0, 1))[0]
    assert abs(histogram - 2000).max() < 200
    assert np.corrcoef(draws, uniform(1, "noise", keys))[0, 1] < 0.03
    assert np.corrcoef(draws, uniform(0, "split", keys))[0, 1] < 0.03


def test_a_generator_is_named_by_seed_purpose_and_key():
    assert generator(0, "order", 1).random() == generator(0, "order", 1).random()
    assert generator(0, "order", 1).random() != generator(0, "order", 2).random()
