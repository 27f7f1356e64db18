"""A bidirectional GRU (Cho et al. 2014) in numpy, for one text in few calls and for many texts step by step.

Written with e^x alone, which numpy takes three times as fast as tanh: a gate is 1 / (1 + e^-x) and tanh x is
1 - 2 / (1 + e^2x). The factors -1 and 2 are in the weights. Where e^x overflows, the quotient is the limit it should be.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float32]

_ONE, _MINUS_TWO = np.array(1, dtype=np.float32), np.array(-2, dtype=np.float32)
"""Arrays without axes: numpy takes a plain number half a microsecond longer."""


@dataclass(frozen=True)
class Direction:
    """Weights of one direction as torch keeps them: ``into`` (3h, d), ``again`` (3h, h), biases (3h); gates in the order
    reset, update, new."""

    into: Array
    again: Array
    bias_in: Array
    bias_again: Array


class BothWays:
    """A GRU that reads texts forwards and another that reads them backwards."""

    def __init__(self, forward: Direction, backward: Direction) -> None:
        """Prepare the weights."""
        self.size = size = forward.again.shape[1]
        scale = np.repeat(np.array([-1, -1, 2], dtype=np.float32), size)
        ways = (forward, backward)
        into = [way.into * scale[:, None] for way in ways]
        again = [way.again * scale[:, None] for way in ways]
        beside = np.repeat(np.array([1, 1, 0], dtype=np.float32), size)  # only the gates' other bias is merely added
        bias = [(way.bias_in + beside * way.bias_again) * scale for way in ways]
        self._into = [np.ascontiguousarray(a.T) for a in into]
        self._again = [np.ascontiguousarray(a.T) for a in again]
        self._bias = bias
        self._bias_new = np.stack([way.bias_again[2 * size :] * 2 for way in ways])
        mirrors = [np.arange(3 * size).reshape(3, size)[list(parts)].ravel() for parts in ((2, 0, 1), (1, 0, 2))]
        self._mirrored = [np.ascontiguousarray(a[mirror].T) for a, mirror in zip(again, mirrors, strict=True)]
        self._tall = np.concatenate([a[mirror] for a, mirror in zip(into, mirrors, strict=True)])
        self._bias_tall = np.concatenate([a[mirror] for a, mirror in zip(bias, mirrors, strict=True)])[:, None]

    def run_one(self, inputs: Array, out: Array) -> None:
        """Write the states of one text into ``out``, shape (n, 2h), forwards beside backwards.

        Both directions go side by side: new, reset, update of the first and then update, reset, new of the second, so
        that what is reckoned at once lies at once in memory.

        Args:
            inputs: (n, d), one row a place.
            out: what to fill.
        """
        size = self.size
        to_gates, to_new = self._given_one(inputs)
        states = np.zeros((len(inputs) + 1, 2 * size), dtype=np.float32)
        again = np.empty(6 * size, dtype=np.float32)
        ahead, astern = again[: 3 * size], again[3 * size :]
        gates, update = again[size : 5 * size], again[2 * size : 4 * size]
        pair = again.reshape(6, size)
        fresh, reset = pair[::5], pair[1::3]
        new = np.empty(2 * size, dtype=np.float32)
        new_pair = new.reshape(2, size)
        dot, add, exp, divide, subtract = np.dot, np.add, np.exp, np.divide, np.subtract
        of_ahead, of_astern = self._mirrored
        bias = self._bias_new
        with np.errstate(over="ignore"):
            for now, gate, start, following in zip(states, to_gates, to_new, states[1:], strict=False):
                dot(now[:size], of_ahead, out=ahead)
                dot(now[size:], of_astern, out=astern)
                add(gates, gate, out=gates)
                exp(gates, out=gates)
                add(gates, _ONE, out=gates)
                add(fresh, bias, out=new_pair)
                divide(new_pair, reset, out=new_pair)
                add(new, start, out=new)
                exp(new, out=new)
                add(new, _ONE, out=new)
                divide(_MINUS_TWO, new, out=new)
                add(new, _ONE, out=new)
                subtract(now, new, out=following)
                divide(following, update, out=following)
                add(following, new, out=following)
        out[:, :size] = states[1:, :size]
        out[:, size:] = states[:0:-1, size:]

    def _given_one(self, inputs: Array) -> tuple[Array, Array]:
        """Return what the inputs give the gates (n, 4h) and the new states (n, 2h), the second direction from the end."""
        size = self.size
        product = self._tall @ inputs.T  # for few rows BLAS takes half the time of inputs @ tall.T
        product += self._bias_tall
        ahead, astern = product[: 3 * size].T, product[3 * size :].T[::-1]
        gates = np.concatenate([ahead[:, size:], astern[:, : 2 * size]], axis=1)
        return gates, np.concatenate([ahead[:, :size], astern[:, 2 * size :]], axis=1)

    def run_many(self, inputs: Array, starts: NDArray[np.int64], out: Array) -> None:
        """Write the states of many texts into ``out``, shape (n, 2h), as ``run_one`` would.

        Args:
            inputs: (n, d), one row a place, the texts one after another.
            starts: (m + 1) where each text begins.
            out: what to fill.
        """
        lengths = np.diff(starts)
        order = np.argsort(-lengths, kind="stable")
        lengths, first = lengths[order], starts[:-1][order]
        live = np.searchsorted(-lengths, -np.arange(int(lengths[0])), side="left")  # texts that reach each step
        step = np.repeat(np.arange(len(live)), live)
        text = np.arange(len(step)) - np.repeat(np.cumsum(live) - live, live)
        places = (first[text] + step, first[text] + lengths[text] - 1 - step)
        for k, at in enumerate(places):
            given = inputs[at] @ self._into[k]
            given += self._bias[k]
            out[at, k * self.size : (k + 1) * self.size] = self._steps(given, live.tolist(), k)

    def _steps(self, given: Array, live: Sequence[int], k: int) -> Array:
        """Return the states of one direction; its rows, like those of ``given``, are all texts' first places, then all second."""
        size, weights, bias = self.size, self._again[k], self._bias_new[k]
        states = np.empty((len(given), size), dtype=np.float32)
        now: Array = np.zeros((live[0], size), dtype=np.float32)
        start = 0
        with np.errstate(over="ignore"):
            for n in live:
                here = slice(start, start + n)
                now = now[:n]
                again = now @ weights
                gates, reset, update, new = _parts(again, size)
                gates += given[here, : 2 * size]
                np.exp(gates, out=gates)
                gates += _ONE
                new += bias
                new /= reset
                new += given[here, 2 * size :]
                np.exp(new, out=new)
                new += _ONE
                np.divide(_MINUS_TWO, new, out=new)
                new += _ONE
                following = states[here]
                np.subtract(now, new, out=following)
                following /= update
                following += new
                now, start = following, start + n
        return states


def _parts(again: Array, size: int) -> tuple[Array, Array, Array, Array]:
    return again[:, : 2 * size], again[:, :size], again[:, size : 2 * size], again[:, 2 * size :]
