import numpy as np
import numpy.typing as npt
import pytest

from mespot.simulate.kernels import BORDER_PX, add_fields, draw_picture, spline_coefficients


def pattern(xs: npt.NDArray[np.float64], ys: npt.NDArray[np.float64]) -> npt.NDArray[np.float32]:
    """A smooth picture known at every sub-pixel position."""
    waves = [np.sin(xs / 5.3 + 0.2 * ys), np.cos(ys / 6.1), np.sin((xs + ys) / 7.7)]
    return np.stack([128 + 90 * wave for wave in waves], axis=-1).astype(np.float32)


def test_spline_coefficients_interpolate_their_picture() -> None:
    picture = np.random.default_rng(1).uniform(0, 255, (31, 40, 3)).astype(np.float32)
    padded = np.pad(spline_coefficients(picture), ((1, 1), (1, 1), (0, 0)), mode="reflect")
    columns = (padded[:, :-2] + 4 * padded[:, 1:-1] + padded[:, 2:]) / 6
    back = (columns[:-2] + 4 * columns[1:-1] + columns[2:]) / 6
    np.testing.assert_allclose(back, picture, atol=0.01)


@pytest.mark.parametrize("shift", [(0.01, 0.0), (0.0, -0.02), (0.37, 0.81), (-2.5, 1.25)])
def test_displacements_are_exact_to_a_hundredth_of_a_pixel(shift: tuple[float, float]) -> None:
    side = 120
    ys, xs = np.mgrid[0:side, 0:side].astype(np.float64)
    picture = pattern(xs, ys)
    nothing = np.zeros((side, side), np.float32)
    skin, openings = np.zeros((60, 60, 2), np.float32), np.zeros((60, 60, 4), np.float32)
    flat = np.zeros((60, 60, 1), np.float32)
    skin[:] = shift
    place = np.array([0, 0, 30, 30, 0, 0], np.float32)
    image = np.empty((side - 2 * BORDER_PX, side - 2 * BORDER_PX, 3), np.float32)
    layers = (nothing, nothing + 1, skin, openings, flat, flat)
    trail = np.empty((*image.shape[:2], 2), np.float32)
    colours = np.zeros((3, 3), np.float32)
    pose, exposure = np.zeros((2, 4), np.float32), np.float32(0)
    draw_picture(picture, spline_coefficients(picture), layers, place, pose, colours, trail, exposure, image)
    inner = slice(12, 60)
    known = pattern(xs - shift[0], ys - shift[1])[BORDER_PX:-BORDER_PX, BORDER_PX:-BORDER_PX]
    slope = 90 / 5.3  # a hundredth of a pixel changes the picture by at most about this over a hundred
    assert np.abs(image[inner, inner] - known[inner, inner]).max() < 0.01 * slope


def test_only_active_fields_are_added() -> None:
    fields = np.random.default_rng(2).normal(size=(3, 4, 5, 2)).astype(np.float32)
    total = np.full((4, 5, 2), 9.0, np.float32)
    add_fields(fields, np.array([0, 2]), np.array([0.5, 7.0, -2.0], np.float32), total)
    np.testing.assert_allclose(total, 0.5 * fields[0] - 2 * fields[2], rtol=1e-5, atol=1e-6)
