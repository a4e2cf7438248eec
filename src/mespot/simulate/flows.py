"""Expressions straight in crop space: what the network would see of them, without pictures, codec or optical flow.

A thousand take seconds, so that training meets far more combinations, faces and courses than files could hold. What the
estimated flow adds to the true one (noise, skin without texture, compression) is not in them: they are added to the
flow of videos, and training varies their strength over the face (`mespot.training.paste`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from mespot.config import Config
from mespot.core.errors import ConfigError, FaceError
from mespot.core.expression import Kind
from mespot.core.signals import Float32
from mespot.model.candidates import CLASS_OF_KIND
from mespot.simulate.actions import Action, Combination, Side, combinations_of, free_combination, table_combination
from mespot.simulate.fields import FaceFields, edge_motion
from mespot.simulate.identity import find_mesh, load_still
from mespot.simulate.manifest import source_digest
from mespot.simulate.openings import Eye, Mouth, draw_openings, eyes_of
from mespot.simulate.person import check_vary, personal_actions
from mespot.simulate.timing import draw_course, draw_intensity
from mespot.vision.align import eye_corners
from mespot.vision.flow_library import FlowLibrary, view_facts
from mespot.vision.regions import face_flow, region_spans

FREE_SHARE = 0.4
"""Share of the expressions whose actions are put together by chance, not taken from the table."""
_SHAPES = 6
_PROPORTION = 0.05
"""Standard deviation of the stretch of a face across and down."""
_SOFTNESS_PX = 4.0
"""Flow is smoother than the motion it measures: standard deviation, px of the crop."""
_WEAKER_SIDE = 0.7
"""Least strength of one side of the face relative to the other, in two-sided expressions."""
_ME_SHARE = 0.6
_LEAD_S = 0.15
_LEAST_FPS = 10.0


@dataclass(frozen=True, slots=True, eq=False)
class _Face:
    """A face in the crop with the fields of its actions."""

    landmarks: Float32
    fields: FaceFields
    eyes: tuple[Eye, Eye]
    mouth: Mouth


def draw_library(
    faces: Sequence[Path],
    config: Config,
    *,
    count: int,
    seed: int,
    split: str,
    me_share: float = _ME_SHARE,
    shapes: int = _SHAPES,
    vary: float = 0.0,
) -> FlowLibrary:
    """Draw expressions as flow.

    Parameters
    ----------
    faces : sequence of Path
        Stills, or clips that begin with a face at rest.
    config : Config
        What the network sees: sections ``align``, ``flow`` and ``backbone``, and ``decode.sampling_fps``.
    count : int
        How many; the faces have equally many each, one face after the other.
    seed : int
        The same seed gives the same library.
    split : str
        ``train`` leaves out `HELD_OUT` combinations, also among those put together by chance; ``all`` has every one.
    me_share : float
        Share of ME.
    shapes : int
        Faces that are made of each of ``faces``, with other proportions; each takes some tenths of a second.
    vary : float
        How far the muscles of each of these pull otherwise than the table's at most, 0 to 1, see `personal_actions`.

    Raises
    ------
    ConfigError
        No face, no split, or a number or rate that is out of range.
    FaceError
        A file of ``faces`` that cannot be read or shows no face.
    """
    _check(faces, config, count, split, me_share, shapes)
    check_vary(vary)
    rng = np.random.default_rng(seed)
    landmarks = [points for path in faces for points in _shapes(path, shapes, rng, config)]
    shares = np.bincount(np.arange(count) * len(landmarks) // count, minlength=len(landmarks))
    fields, steps = list[npt.NDArray[np.float16]](), list[Float32]()
    intervals, kinds = list[tuple[int, int]](), list[int]()
    for number in np.flatnonzero(shares):
        # One face at a time: the fields of its actions take much memory.
        face = _face(landmarks[number], config, personal_actions(rng, vary))
        for _ in range(shares[number]):
            kind = Kind.ME if rng.random() < me_share else Kind.MAE
            course, interval = _draw_steps(rng, kind, config.decode.sampling_fps, config.flow.step)
            fields.append(_draw_field(rng, face, draw_combination(rng, kind, split), kind, config))
            steps.append(course)
            intervals.append(interval)
            kinds.append(CLASS_OF_KIND[kind])
    return FlowLibrary(
        np.stack(fields),
        np.concatenate(steps),
        np.concatenate([[0], np.cumsum([len(course) for course in steps])]),
        np.array(intervals, np.int64),
        np.array(kinds, np.int64),
        {
            **view_facts(config),
            "split": split,
            "seed": str(seed),
            "shapes": str(shapes),
            "vary": f"{vary:g}",
            "faces": " ".join(source_digest(path) for path in faces),
        },
    )


def _check(faces: Sequence[Path], config: Config, count: int, split: str, me_share: float, shapes: int) -> None:
    if not faces:
        raise ConfigError("a library of flows needs at least one face; name a still or a clip.")
    for path in faces:
        if not path.is_file():
            raise ConfigError(f"{path}: there is no such file; name stills or clips that exist.")
    if count < 1 or shapes < 1:
        raise ConfigError("a library has at least one expression and one shape of each face; correct the number.")
    if split not in ("all", "train"):
        raise ConfigError(f"the split of a library is all or train, not {split}; choose one of them.")
    if not 0 <= me_share <= 1:
        raise ConfigError(f"the share of ME lies in 0 to 1, not at {me_share:g}; correct it.")
    if config.decode.sampling_fps < _LEAST_FPS:
        raise ConfigError(
            f"decode.sampling_fps = {config.decode.sampling_fps:g}: is too few for an ME; a library needs at least "
            f"{_LEAST_FPS:g} sampled frames per second."
        )


def _draw_steps(rng: np.random.Generator, kind: Kind, fps: float, step: int) -> tuple[Float32, tuple[int, int]]:
    """Draw a course: its change per sampled frame over the last ``step`` of them, and the expression's rows."""
    while True:
        course = draw_course(rng, kind, _LEAD_S, fps)
        rows = round((course.stop_s + _LEAD_S) * fps) + step - 1  # until the last frame is no longer part of a pair
        marks = course.annotation(fps, rows)
        if marks is not None:
            strength = np.pad(course.strength(np.arange(rows) / fps), (step, 0))
            return ((strength[step:] - strength[:-step]) / step).astype(np.float32), (marks[0], marks[2] + 1)


def _draw_field(
    rng: np.random.Generator, face: _Face, combination: Combination, kind: Kind, config: Config
) -> npt.NDArray[np.float16]:
    """Draw side and size of an expression; return its displacement at the apex."""
    one_sided = rng.random() < max(combination.one_sided, 0.1)
    side = (Side.LEFT, Side.RIGHT)[int(rng.integers(2))] if one_sided else Side.BOTH
    intensity = draw_intensity(rng, kind, combination.limit_px())
    asymmetry = _WEAKER_SIDE ** float(rng.uniform(-1.0, 1.0))
    weights = face.fields.weights(combination, side, intensity, asymmetry)
    return _displacement(face, weights, config).astype(np.float16)


def draw_combination(rng: np.random.Generator, kind: Kind, split: str) -> Combination:
    """Draw a combination of the table, or one put together by chance."""
    if rng.random() >= FREE_SHARE:
        return table_combination(rng, kind, combinations_of(split))
    return free_combination(rng, "any", split)


def _shapes(path: Path, shapes: int, rng: np.random.Generator, config: Config) -> list[Float32]:
    """Landmarks of a still in the crop, as they are and with other proportions."""
    mesh = find_mesh(load_still(path))
    if mesh is None:
        raise FaceError(f"{path}: no face was found; give a still or a clip that begins with a frontal face.")
    corners = eye_corners(config.align)
    right, left = mesh[33, :2], mesh[263, :2]
    turn = complex(*(corners[1] - corners[0])) / complex(*(left - right))
    matrix = np.array([[turn.real, -turn.imag], [turn.imag, turn.real]])
    points = (mesh[:, :2] - right) @ matrix.T + corners[0]
    middle = corners.mean(axis=0)
    stretches = 1 + rng.normal(0, _PROPORTION, (shapes, 2))
    stretches[0] = 1.0
    return [((points - middle) * stretch + middle).astype(np.float32) for stretch in stretches]


def _face(landmarks: Float32, config: Config, actions: Mapping[int, Action]) -> _Face:
    side_px = config.align.crop_px
    fields = FaceFields.of(landmarks, (side_px, side_px), actions=actions)
    box = fields.box
    return _Face(landmarks, fields, eyes_of(landmarks, box), Mouth.of(landmarks, box, np.zeros(3, np.float32)))


def _displacement(face: _Face, weights: Float32, config: Config) -> Float32:
    """(2, S, S) displacement at the apex as the network sees it, px of the crop."""
    box, side_px = face.fields.box, config.align.crop_px
    skin = face.fields.displacement(weights)
    openings = np.zeros((box.height, box.width, 4), np.float32)
    still = np.zeros(2, np.float32)
    draw_openings(face.eyes, face.mouth, edge_motion(weights), still, still, 0.0, openings)
    moved = np.zeros((side_px, side_px, 2), np.float32)
    moved[box.y : box.y + box.height, box.x : box.x + box.width] = skin + openings[..., :2]
    soft = cv2.GaussianBlur(moved, (0, 0), _SOFTNESS_PX).transpose(2, 0, 1)
    flow = np.ascontiguousarray(soft, np.float32)
    settings = config.flow
    return face_flow(
        flow,
        region_spans(face.landmarks, side_px),
        1.0,
        config.backbone.input_px,
        mask_face=settings.mask_face,
        head_motion=settings.head_motion,
    )[0]
