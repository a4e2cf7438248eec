import numpy as np
import numpy.typing as npt
import pytest

from mespot.core.signals import Float32
from mespot.simulate.kernels import BORDER_PX
from mespot.simulate.openings import Eye, draw_eye, draw_mouth
from mespot.simulate.render import Neutral

Face = tuple[Neutral, npt.NDArray[np.float32]]
STILL = np.zeros(2, np.float32)


def eye_layer(eye: Eye, face: Face, closure: float, edges: tuple[float, float], gaze: Float32 = STILL) -> Float32:
    box = face[0].fields.box
    layer = np.zeros((box.height, box.width, 4), np.float32)
    draw_eye(eye.columns, eye.x0, eye.tallest, eye.lash_px, closure, edges, gaze, layer)
    return layer


def mouth_layer(face: Face, parting: tuple[float, float, float], bare: float = 0.0) -> Float32:
    box, mouth = face[0].fields.box, face[0].mouth
    layer = np.zeros((box.height, box.width, 4), np.float32)
    draw_mouth(mouth.columns, mouth.x0, mouth.sizes, mouth.teeth, np.array([*parting, bare], np.float32), layer)
    return layer


@pytest.mark.parametrize("side", [0, 1])
def test_eyes_lie_at_their_landmarks(face: Face, side: int) -> None:
    eye = face[0].eyes[side]
    box = face[0].fields.box
    x = face[1][(386, 159)[side], 0] + BORDER_PX - box.x
    assert eye.x0 < x < eye.x0 + len(eye.columns)
    assert (np.diff(eye.columns, axis=1) >= 0).all()


@pytest.mark.parametrize("side", [0, 1])
def test_a_closed_lid_takes_its_pixels_from_above(face: Face, side: int) -> None:
    eye = face[0].eyes[side]
    middle = len(eye.columns) // 2
    top, bottom = eye.columns[middle, 1:3]
    layer = eye_layer(eye, face, 1.0, (0.0, 0.0))
    y = int((top + bottom) / 2)
    assert y - layer[y, eye.x0 + middle, 1] < top + 0.5


def test_a_raised_lid_moves_its_edge_by_the_stated_amount(face: Face) -> None:
    eye = face[0].eyes[0]
    column = int(np.argmax(eye.columns[:, 2] - eye.columns[:, 1]))
    top = float(eye.columns[column, 1])
    layer = eye_layer(eye, face, 0.0, (2.0, 0.0))
    rows = np.arange(layer.shape[0])
    source = rows - layer[:, eye.x0 + column, 1]
    assert np.interp(top, source, rows) == pytest.approx(top - 2.0, abs=0.6)


def test_a_gaze_shift_moves_the_middle_of_the_eye_only(face: Face) -> None:
    eye = face[0].eyes[0]
    layer = eye_layer(eye, face, 0.0, (0.0, 0.0), np.array([2.0, 0.0], np.float32))
    column = len(eye.columns) // 2
    y = int(eye.columns[column, 1:3].mean())
    assert layer[y, eye.x0 + column, 0] > 1.8
    assert np.abs(layer[:, eye.x0, 0]).max() < 0.2
    assert np.abs(layer[: int(eye.columns[:, 1].min()) - 1]).max() == 0


@pytest.mark.parametrize("hidden", [3, -3])
def test_an_eye_at_the_edge_is_drawn_as_far_as_it_is_seen(face: Face, hidden: int) -> None:
    eye = face[0].eyes[0]
    whole = eye_layer(eye, face, 1.0, (0.0, 0.0))
    begin, stop = eye.x0, eye.x0 + len(eye.columns)
    seen = slice(begin + hidden, None) if hidden > 0 else slice(None, stop + hidden)
    part = np.zeros_like(whole[:, seen], order="C")
    x0 = -hidden if hidden > 0 else begin
    draw_eye(eye.columns, x0, eye.tallest, eye.lash_px, 1.0, (0.0, 0.0), STILL, part)
    assert part.any()
    np.testing.assert_array_equal(part, whole[:, seen])


def test_parting_lips_open_by_the_sum_of_their_motions(face: Face) -> None:
    mouth = face[0].mouth
    middle = int(np.argmax(mouth.columns[:, 2]))
    layer = mouth_layer(face, (2.0, 3.0, 4.0))
    dark = layer[:, mouth.x0 + middle, 2].sum() / 0.95
    assert dark == pytest.approx(9.0, rel=0.05)
    chin = int(mouth.columns[middle, 1] + mouth.sizes[2])
    assert layer[chin, mouth.x0 + middle, 1] == pytest.approx(4.0, rel=0.2)


def test_nothing_changes_at_rest(face: Face) -> None:
    assert not eye_layer(face[0].eyes[0], face, 0.0, (0.0, 0.0)).any()
    assert not mouth_layer(face, (0.0, 0.0, 0.0)).any()


def test_teeth_show_where_lips_part_widely_or_in_a_smile(face: Face) -> None:
    narrow, wide = mouth_layer(face, (0.5, 0.5, 0.0)), mouth_layer(face, (2.0, 4.0, 8.0))
    smile = mouth_layer(face, (0.5, 0.5, 0.0), bare=4.0)
    assert narrow[..., 3].sum() < 0.1 * smile[..., 3].sum()
    assert wide[..., 3].sum() > smile[..., 3].sum()
    for layer in (narrow, wide, smile):
        assert (layer[..., 3] <= layer[..., 2] + 1e-6).all()
    rows = np.arange(len(wide))[:, None]
    teeth, inside = ((rows * wide[..., i]).sum() / wide[..., i].sum() for i in (3, 2))
    assert teeth < inside  # the upper teeth
