"""Face regions on a real face."""

from __future__ import annotations

from importlib.resources import as_file, files

import cv2
import numpy as np
import numpy.typing as npt
import pytest

from mespot.config import AlignConfig, HeadMotion
from mespot.core.signals import FaceTrack, PackedLandmarks
from mespot.vision.align import steady_transforms
from mespot.vision.decode import VideoReader
from mespot.vision.landmarks import find_landmarks
from mespot.vision.regions import FACE, NOSE, REGIONS, face_flow, region_masks, region_means, region_spans

SIDE = 224
Points = npt.NDArray[np.float32]


@pytest.fixture(scope="module")
def points() -> Points:
    """Landmarks of the bundled clip's first face, in its crop."""
    with as_file(files("mespot.assets").joinpath("neutral_to_smile.mp4")) as path:
        image = next(VideoReader(path).chunks(sampling_fps=None, chunk_frames=1)).images[0]
    found = find_landmarks(image)
    assert found is not None
    there = np.ones(1, np.bool_)
    track = FaceTrack(np.arange(1), there, there, np.arange(1), PackedLandmarks.pack(found[None]))
    points: Points = steady_transforms(track, np.zeros(1), AlignConfig()).landmarks(slice(1))[0]
    return points


def centres(masks: npt.NDArray[np.bool_]) -> dict[str, npt.NDArray[np.float64]]:
    return {name: np.argwhere(mask).mean(axis=0)[::-1] for name, mask in zip(REGIONS, masks, strict=True)}


def test_every_region_has_pixels_and_none_is_the_face(points: Points) -> None:
    masks = region_masks(points, SIDE)
    assert masks.shape == (len(REGIONS), SIDE, SIDE)
    pixels = masks.sum(axis=(1, 2))
    assert (pixels > 40).all()
    assert (pixels < 0.1 * SIDE * SIDE).all()


def test_regions_lie_where_their_names_say(points: Points) -> None:
    at = centres(region_masks(points, SIDE))
    for name in REGIONS:
        if name.startswith("left "):  # the person's left is on the right of the picture
            assert at[name][0] > at["nose"][0] > at["right " + name.removeprefix("left ")][0]
    down = ["left brow", "left eyelid", "left cheek", "upper lip", "lower lip", "chin"]
    heights = [at[name][1] for name in down]
    assert heights == sorted(heights)
    assert at["glabella"][1] < at["nose"][1] < at["upper lip"][1]


def test_the_nose_shares_nothing_with_what_expressions_move(points: Points) -> None:
    masks = dict(zip(REGIONS, region_masks(points, SIDE), strict=True))
    nose = masks.pop("nose")
    assert REGIONS[NOSE] == "nose"
    for name, mask in masks.items():
        assert (nose & mask).sum() < 0.1 * nose.sum(), name


def test_mirroring_swaps_the_sides_areas(points: Points) -> None:
    masks = dict(zip(REGIONS, region_masks(points, SIDE), strict=True))
    for name in REGIONS:
        if name.startswith("left "):
            ratio = masks[name].sum() / masks["right " + name.removeprefix("left ")].sum()
            assert 0.6 < ratio < 1.6, name


def test_means_of_a_constant_flow_are_that_flow(points: Points) -> None:
    flow = np.empty((3, 2, SIDE, SIDE), np.float32)
    flow[:, 0], flow[:, 1] = 0.25, -1.5
    means = region_means(flow, np.stack([points] * 3))
    assert means.shape == (3, len(REGIONS), 2)
    assert means.dtype == np.float32
    np.testing.assert_allclose(means, np.broadcast_to([0.25, -1.5], means.shape), rtol=1e-5)


def test_means_are_the_means_over_the_masks(points: Points) -> None:
    flow = np.random.default_rng(0).normal(size=(1, 2, SIDE, SIDE)).astype(np.float32)
    means = region_means(flow, points[None])
    for region, mask in enumerate(region_masks(points, SIDE)):
        np.testing.assert_allclose(means[0, region], flow[0][:, mask].mean(axis=1), atol=1e-5)


def test_without_a_face_or_outside_the_crop_there_is_no_motion(points: Points) -> None:
    flow = np.ones((2, 2, SIDE, SIDE), np.float32)
    landmarks = np.stack([np.full_like(points, np.nan), points + 10 * SIDE])
    assert not region_means(flow, landmarks).any()
    assert not region_masks(landmarks[0], SIDE).any()


def test_arrays_that_do_not_belong_together_are_rejected(points: Points) -> None:
    with pytest.raises(ValueError, match="square crops"):
        region_means(np.zeros((2, 2, SIDE, SIDE), np.float32), points[None])
    with pytest.raises(ValueError, match="square crops"):
        region_means(np.zeros((1, 2, SIDE, 100), np.float32), points[None])


def test_the_face_is_the_hull_of_all_landmarks_and_holds_every_region(points: Points) -> None:
    spans = region_spans(points, SIDE)
    columns = np.arange(SIDE)
    face = (spans[FACE, :, :1] <= columns) & (columns < spans[FACE, :, 1:])
    assert not (region_masks(points, SIDE) & ~face).any()
    hull = cv2.convexHull(points)
    distance = np.array([[cv2.pointPolygonTest(hull, (x, y), True) for x in range(SIDE)] for y in range(SIDE)])
    assert face[distance >= 0].all()
    assert not face[distance < -0.7072].any()  # a pixel that touches the hull is no further than half its diagonal


@pytest.mark.parametrize("side", [SIDE, 112, 56, 60])
@pytest.mark.parametrize(("mask_face", "head_motion"), [(True, "nose"), (True, "none"), (False, "nose")])
def test_face_flow_is_what_the_plain_steps_give(
    points: Points, side: int, mask_face: bool, head_motion: HeadMotion
) -> None:
    flow = np.random.default_rng(1).normal(0.3, 1, (2, SIDE, SIDE)).astype(np.float32)
    spans = region_spans(points, SIDE)
    small, means = face_flow(flow, spans, 0.8, side, mask_face=mask_face, head_motion=head_motion)
    masks = region_masks(points, SIDE)
    plain = flow * np.float32(0.8)
    if head_motion == "nose":
        plain -= plain[:, masks[NOSE]].mean(axis=1)[:, None, None]
        assert not means[NOSE].any()
    np.testing.assert_allclose(means, [plain[:, mask].mean(axis=1) for mask in masks], atol=1e-5)
    if mask_face:
        columns = np.arange(SIDE)
        plain *= (spans[FACE, :, :1] <= columns) & (columns < spans[FACE, :, 1:])
    by_opencv = np.stack([cv2.resize(plane, (side, side), interpolation=cv2.INTER_AREA) for plane in plain])
    np.testing.assert_allclose(small, by_opencv, atol=1e-5)


@pytest.mark.parametrize("side", [40, 56])
@pytest.mark.parametrize("mask_face", [True, False])
def test_a_head_that_tilts_and_comes_nearer_leaves_nothing_moving(points: Points, mask_face: bool, side: int) -> None:
    y, x = np.mgrid[:SIDE, :SIDE] / np.float32(SIDE)
    head = np.stack([0.4 + 0.3 * x - 0.2 * y, -0.1 + 0.2 * x + 0.3 * y]).astype(np.float32)
    spans = region_spans(points, SIDE)
    small, means = face_flow(head, spans, 0.8, side, mask_face=mask_face, head_motion="similarity")
    np.testing.assert_allclose(means, 0, atol=2e-3)
    np.testing.assert_allclose(small, 0, atol=2e-3)  # the rim of the face as well


def test_a_smile_on_a_tilting_head_is_seen_in_its_region(points: Points) -> None:
    y, x = np.mgrid[:SIDE, :SIDE] / np.float32(SIDE)
    flow = np.stack([0.3 * x - 0.2 * y, 0.2 * x + 0.3 * y]).astype(np.float32)
    flow[1, region_masks(points, SIDE)[REGIONS.index("left lip corner")]] -= 0.5
    _, means = face_flow(flow, region_spans(points, SIDE), 1.0, 40, mask_face=True, head_motion="similarity")
    assert means[REGIONS.index("left lip corner"), 1] == pytest.approx(-0.5, abs=0.03)
    still = [REGIONS.index(name) for name in ("left brow", "right brow", "nose", "chin", "right lip corner")]
    np.testing.assert_allclose(means[still], 0, atol=0.03)


def test_cells_at_the_rim_of_the_face_show_nothing(points: Points) -> None:
    flow = np.random.default_rng(2).normal(0, 1, (2, SIDE, SIDE)).astype(np.float32)
    spans = region_spans(points, SIDE)
    small, _ = face_flow(flow, spans, 1.0, 40, mask_face=True, head_motion="similarity")
    plain, _ = face_flow(flow, spans, 1.0, 40, mask_face=True, head_motion="none")
    shown, touched = small.any(axis=0), plain.any(axis=0)
    grown = cv2.dilate(np.asarray(shown, np.uint8), np.ones((3, 3), np.uint8)).astype(bool)
    assert shown.sum() > 300
    assert (grown <= touched).all()
    assert 0 < (touched & ~shown).sum() < 0.3 * touched.sum()


def test_a_face_partly_outside_the_crop_has_the_motion_of_what_is_inside(points: Points) -> None:
    flow = np.full((2, SIDE, SIDE), 2, np.float32)
    spans = region_spans(points + np.array([SIDE / 2, 0], np.float32), SIDE)
    small, means = face_flow(flow, spans, 0.5, 56, mask_face=True, head_motion="none")
    seen: npt.NDArray[np.bool_] = np.any(spans[:FACE, :, 0] < spans[:FACE, :, 1], axis=1)
    assert 0 < seen.sum() < len(REGIONS)
    np.testing.assert_allclose(means, np.repeat(seen[:, None], 2, axis=1).astype(np.float32), rtol=1e-6)
    assert small.max() == pytest.approx(1)
    assert not small[:, :, 0].any()
