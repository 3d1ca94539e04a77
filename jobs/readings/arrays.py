"""Arrays of NumPy as Arrow's."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray


def from_numpy(
    values: NDArray[Any], kind: pa.DataType | None = None, *, mask: NDArray[np.bool_] | None = None
) -> pa.Array:
    """The values, not copied where that is possible, null where `mask` is true.

    kind: of as many bits as the values have; left out, theirs. `pa.array` would first import numpy.ma, which takes each
    process of a job 10 ms.
    """
    is_flag = values.dtype == np.bool_
    data = np.packbits(values, bitorder="little") if is_flag else np.ascontiguousarray(values)
    validity = None if mask is None else pa.py_buffer(np.packbits(~mask, bitorder="little"))
    kind = kind or pa.from_numpy_dtype(values.dtype)
    assert kind.bit_width == (1 if is_flag else 8 * values.itemsize)
    return pa.Array.from_buffers(kind, len(values), [validity, pa.py_buffer(data)])
