"""Arrays out of a model file, each checked to be what its reader takes it for, so that a wrong file fails when it is loaded."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

Tensors = Mapping[str, NDArray[Any]]


def checked(tensors: Tensors, name: str, *shape: int | None, kinds: str = "f") -> NDArray[Any]:
    """Return an array of the shape (None: any length) and of one of the kinds of numbers (numpy's letters).

    Raises:
        ValueError: it is missing, or another; the message says what was expected and what came.
    """
    if name not in tensors:
        raise ValueError(f"no {name}")
    array = tensors[name]
    fits = array.ndim == len(shape) and all(
        want is None or want == got for want, got in zip(shape, array.shape, strict=True)
    )
    if not fits:
        wanted = " x ".join("any" if want is None else str(want) for want in shape)
        got = " x ".join(map(str, array.shape)) or "one number"
        raise ValueError(f"{name} of {got} where {wanted} was expected")
    if array.dtype.kind not in kinds:
        raise ValueError(f"{name} of {array.dtype} where another kind of number was expected")
    return array


def refuse_nonfinite(tensors: Tensors) -> None:
    """Do nothing where every number is one.

    Raises:
        ValueError: an array holds infinite numbers or none at all (NaN).
    """
    for name, array in tensors.items():
        if array.dtype.kind == "f" and not np.isfinite(array).all():
            raise ValueError(f"{name} with numbers that are infinite or none")
