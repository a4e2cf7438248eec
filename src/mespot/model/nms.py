"""Non-maximum suppression of intervals in time."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]


def ious(starts: FloatArray, stops: FloatArray, start: float, stop: float) -> FloatArray:
    """Return the intersection over union of (M,) intervals with one interval; all have a length above 0."""
    shared = np.clip(np.minimum(stops, stop) - np.maximum(starts, start), 0.0, None)
    overlap: FloatArray = shared / ((stops - starts) + (stop - start) - shared)
    return overlap


def hard_nms(starts: FloatArray, stops: FloatArray, scores: FloatArray, iou: float) -> IntArray:
    """Return the indices that survive hard NMS, best first.

    Parameters
    ----------
    starts, stops : (M,) float64
        Intervals, sampled rows.
    scores : (M,) float64
        Higher is better.
    iou : float
        The weaker of two intervals that overlap by more than this goes.

    Notes
    -----
    Ties in the score are broken by the earlier start, then by the earlier stop: the result does not depend on the
    order of the input. No two survivors overlap by more than ``iou``.
    """
    waiting = _ranked(starts, stops, scores)
    kept = []
    while len(waiting):
        best, others = waiting[0], waiting[1:]
        kept.append(best)
        waiting = others[ious(starts[others], stops[others], starts[best], stops[best]) <= iou]
    return np.array(kept, np.int64)


def soft_nms(
    starts: FloatArray, stops: FloatArray, scores: FloatArray, sigma: float, least_scores: FloatArray
) -> tuple[IntArray, FloatArray]:
    """Return the indices that survive Gaussian Soft-NMS and their decayed scores, best first.

    Parameters
    ----------
    starts, stops, scores : (M,) float64
        As for `hard_nms`.
    sigma : float
        Every interval loses the factor ``exp(-iou ** 2 / sigma)`` to each better one.
    least_scores : (M,) float64
        An interval whose score falls below its own limit goes.

    Notes
    -----
    Bodla et al., "Soft-NMS: improving object detection with one line of code", ICCV 2017, equation 3
    (doi:10.1109/ICCV.2017.593). Ties as in `hard_nms`.
    """
    decayed = scores.astype(np.float64, copy=True)
    waiting = _ranked(starts, stops, scores)
    kept = []
    while len(waiting):
        waiting = waiting[decayed[waiting] >= least_scores[waiting]]
        if not len(waiting):
            break
        # np.argmax takes the first of equals, and waiting stays in the stated order.
        place = int(np.argmax(decayed[waiting]))
        best, waiting = waiting[place], np.delete(waiting, place)
        kept.append(best)
        overlap = ious(starts[waiting], stops[waiting], starts[best], stops[best])
        decayed[waiting] *= np.exp(-(overlap**2) / sigma)
    chosen = np.array(kept, np.int64)
    return chosen, decayed[chosen]


def _ranked(starts: FloatArray, stops: FloatArray, scores: FloatArray) -> IntArray:
    return np.lexsort((stops, starts, -scores))
