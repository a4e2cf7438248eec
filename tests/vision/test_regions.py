"""Face regions on a real face."""

from __future__ import annotations

from importlib.resources import as_file, files

import numpy as np
import numpy.typing as npt
import pytest

from mespot.config import AlignConfig
from mespot.core.signals import FaceTrack
from mespot.vision.align import steady_transforms
from mespot.vision.decode import VideoReader
from mespot.vision.landmarks import find_landmarks
from mespot.vision.regions import NOSE, REGIONS, region_masks, region_means

SIDE = 224
Points = npt.NDArray[np.float32]


@pytest.fixture(scope="module")
def points() -> Points:
    """Landmarks of the bundled clip's first face, in its crop."""
    with as_file(files("mespot.assets").joinpath("neutral_to_smile.mp4")) as path:
        image = next(VideoReader(path).chunks(sampling_fps=None, chunk_frames=1)).images[0]
    found = find_landmarks(image)
    assert found is not None
    track = FaceTrack(np.arange(1), found[None], np.ones(1, np.bool_), np.ones(1, np.bool_))
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
