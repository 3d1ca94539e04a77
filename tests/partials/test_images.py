from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from jobs.partials.images import from_images, to_images
from tests.partials.numbers import DOUBLES


@given(st.lists(DOUBLES, min_size=2, max_size=2))
def test_images_keep_the_order_and_the_bits(values: list[float]) -> None:
    array = np.array(values)
    images = to_images(array)
    assert (images[0] < images[1]) == (values[0] < values[1]) or values[0] == values[1] == 0
    assert from_images(images).tobytes() == array.tobytes()


def test_minus_zero_stands_just_below_zero() -> None:
    tiny = 5e-324
    assert to_images(np.array([-tiny, -0.0, 0.0, tiny])).tolist() == [-2, -1, 0, 1]
