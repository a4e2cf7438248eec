"""A contact sheet of every action at its apex, so that a person can see whether it looks right."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from mespot.core.atomic import whole_file
from mespot.simulate.actions import ACTIONS, COMBINATIONS, ROWS, Combination, Side
from mespot.simulate.fields import CROP_EYE_PX, FaceFields, edge_motion
from mespot.simulate.identity import SHAPE_ANCHORS, Variation, build_neutral, load_still
from mespot.simulate.render import Instant, Renderer, Sensor
from mespot.simulate.speech import articulate

_SIZE = (480, 480)
_FACE_PX = 230.0
_TILE_PX = 260
_COLUMNS = 7
_PREVIEW_PX = 7.0


def preview_sheet(faces: Sequence[Path], out_png: Path, *, intensity_px: float = _PREVIEW_PX) -> Path:
    """Write a picture of all combinations of actions at their apex, of a blink and of speech, for each face.

    Parameters
    ----------
    faces : sequence of Path
        Stills or clips.
    out_png : Path
        File to write.
    intensity_px : float
        Greatest displacement in px at 224: far above an ME, so that an eye can judge it; less where an action's
        own limit is lower.

    Returns
    -------
    Path
        ``out_png``.
    """
    sheet = np.vstack([_face_sheet(Path(face), intensity_px) for face in faces])
    with whole_file(out_png) as part:
        # Not cv2.imwrite, which says nothing where it fails.
        part.write_bytes(cv2.imencode(".png", cv2.cvtColor(sheet, cv2.COLOR_RGB2BGR))[1].tobytes())
    return out_png


def _face_sheet(face: Path, intensity_px: float) -> npt.NDArray[np.uint8]:
    shape = np.zeros((len(SHAPE_ANCHORS), 2))
    plain = Variation(_FACE_PX, False, 0.0, shape, (0.0, 0.0), 1.0, 1.0, 0.0, (1.0, 1.0, 1.0))
    neutral, landmarks = build_neutral(load_still(face), plain, _SIZE)
    renderer = Renderer(neutral, Sensor.silent())
    corner = landmarks.min(axis=0) - 0.12 * _FACE_PX
    tiles = []
    for name, instant in _instants(neutral.fields, intensity_px):
        image = renderer.draw(instant, np.random.default_rng(0))
        tiles.append(_tile(image, name, corner))
    blank = np.full_like(tiles[0], 255)
    tiles += [blank] * (-len(tiles) % _COLUMNS)
    rows = [np.hstack(tiles[i : i + _COLUMNS]) for i in range(0, len(tiles), _COLUMNS)]
    return np.vstack(rows)


def _instants(fields: FaceFields, intensity_px: float) -> list[tuple[str, Instant]]:
    rest = np.zeros((len(ACTIONS), 2), np.float32)
    shown = [("neutral", _instant(rest))]
    for combination in COMBINATIONS:
        strength = min(intensity_px, combination.limit_px())
        shown.append((f"AU {combination.name}", _instant(fields.weights(combination, Side.BOTH, strength))))
    left = Combination(((12, 1.0),), "lower", 1.0, 1.0)
    shown.append(("AU 12 left", _instant(fields.weights(left, Side.LEFT, intensity_px))))
    shown.append(("speech", _instant(_spoken(fields))))
    shown.append(("half a blink", _instant(rest, closure=0.5)))
    shown.append(("blink", _instant(rest, closure=1.0)))
    shown.append(("gaze", _instant(rest, gaze=(0.04 * fields.eye_px, 0.0))))
    return shown


def _spoken(fields: FaceFields) -> npt.NDArray[np.float32]:
    """Strengths at the widest vowel of a few words."""
    times_s = np.arange(100) / 25
    skin = articulate(np.random.default_rng(0), times_s, 0.0, 4.0, 1.0).skin
    widest = skin[skin[:, ROWS[26]].argmax()] * fields.eye_px / CROP_EYE_PX
    return np.repeat(widest[:, None], 2, axis=1).astype(np.float32)


def _instant(weights: npt.NDArray[np.float32], closure: float = 0.0, gaze: tuple[float, float] = (0.0, 0.0)) -> Instant:
    closed = np.full(2, closure, np.float32)
    return Instant(weights, edge_motion(weights), closed, np.array(gaze, np.float32))


def _tile(image: npt.NDArray[np.uint8], name: str, corner: npt.NDArray[np.floating]) -> npt.NDArray[np.uint8]:
    x, y = (max(0, int(value)) for value in corner)
    side = min(int(1.32 * _FACE_PX), image.shape[0] - y, image.shape[1] - x)
    crop = cv2.resize(image[y : y + side, x : x + side], (_TILE_PX, _TILE_PX), interpolation=cv2.INTER_AREA)
    cv2.putText(crop, name, (6, 20), cv2.FONT_HERSHEY_SIMPLEX, 0.6, (0, 0, 0), 3, cv2.LINE_AA)
    cv2.putText(crop, name, (6, 20), cv2.FONT_HERSHEY_SIMPLEX, 0.6, (255, 255, 255), 1, cv2.LINE_AA)
    return np.asarray(crop, np.uint8)
