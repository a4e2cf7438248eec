from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import pytest
from av.container import InputContainer

import mespot.assets
import mespot.vision.container as container_module
import mespot.vision.decode as decode_module
import mespot.vision.images as images_module
from mespot.config import DecodeConfig
from mespot.core.errors import VideoError
from mespot.vision.container import FilePass
from mespot.vision.decode import FrameChunk, VideoReader, sample_frames
from mespot.vision.pictures import FrameShape, Image
from synthetic import (
    BLUE,
    GREEN,
    RED,
    corners,
    cut_short,
    number_of,
    picture,
    remux,
    trim_with_edit_list,
    turn_display,
    write_frames,
    write_video,
)

SMILE = Path(mespot.assets.__file__).parent / "neutral_to_smile.mp4"
ROW_ARRAYS = ("frames", "pts", "times_s")
TALK = Path(__file__).parents[1] / "media" / "smile_then_talk.mp4"


def decode(path: Path, fps: float | None = None, *, images_fps: float | None = None, size: int = 1000) -> FrameChunk:
    """All sampled frames as one chunk."""
    return joined(list(VideoReader(path, images_fps=images_fps).chunks(sampling_fps=fps, chunk_frames=size)))


def joined(chunks: list[FrameChunk]) -> FrameChunk:
    numbers, pts, times_s = (np.concatenate([getattr(c, name) for c in chunks]) for name in ROW_ARRAYS)
    return FrameChunk(numbers, pts, times_s, [picture for c in chunks for picture in c.pictures])


def assert_alike(one: FrameChunk, other: FrameChunk) -> None:
    for name in (*ROW_ARRAYS, "images"):
        assert np.array_equal(getattr(one, name), getattr(other, name))


def numbers(chunk: FrameChunk) -> list[int]:
    return [number_of(image) for image in chunk.images]


def write_key_frames(path: Path, count: int) -> Path:
    """Lossless pictures of which none needs another."""
    frames = [av.VideoFrame.from_ndarray(picture(i), format="rgb24").reformat(format="bgr0") for i in range(count)]
    return write_frames(path, frames, "ffv1", options={"g": "1"})


def test_a_real_clip_has_its_known_frames_and_times() -> None:
    reader = VideoReader(SMILE)
    assert reader.expected_frames == 72
    info = reader.info
    assert (len(info), info.width_px, info.height_px, info.rotation) == (72, 640, 360, 0)
    assert info.times_s == pytest.approx(np.arange(72) / 30)
    assert reader.truncated_after_s is None


def test_pictures_come_in_order_with_their_numbers_and_times(tmp_path: Path) -> None:
    chunk = decode(write_video(tmp_path / "a.mp4", 30))
    assert chunk.frames.tolist() == list(range(30))
    assert numbers(chunk) == list(range(30))
    assert chunk.times_s == pytest.approx(np.arange(30) / 25)
    assert np.abs(corners(chunk.images[3]).astype(int) - [RED, GREEN, BLUE]).max() <= 4


@pytest.mark.parametrize("size", [1, 7, 64])
@pytest.mark.parametrize("fps", [None, 12.0])
def test_chunks_do_not_change_the_result(size: int, fps: float | None) -> None:
    reader = VideoReader(SMILE)
    whole, pieces = decode(SMILE, fps), list(reader.chunks(sampling_fps=fps, chunk_frames=size))
    assert all(len(piece) == size for piece in pieces[:-1])
    assert_alike(joined(pieces), whole)


def test_chunks_are_small_where_pictures_are_large(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = decode(SMILE, 12.0)
    for most_bytes, rows in ((10 * whole.pictures[0].nbytes, 10), (1, 1)):
        monkeypatch.setattr(decode_module, "CHUNK_BYTES", most_bytes)
        pieces = list(VideoReader(SMILE).chunks(sampling_fps=12.0, chunk_frames=64))
        assert {len(piece) for piece in pieces[:-1]} == {rows}
        assert_alike(joined(pieces), whole)


@pytest.mark.parametrize(("source_fps", "fps"), [(25, 30), (40, 30), (200, 30), (30, 30)])
def test_expected_rows_are_about_those_that_come(tmp_path: Path, source_fps: int, fps: float) -> None:
    path = write_video(tmp_path / "a.mp4", 38, fps=source_fps)
    reader = VideoReader(path)
    expected = reader.expected_rows(fps)
    rows = len(decode(path, fps))
    assert expected == pytest.approx(rows, abs=1)
    assert reader.info is not None
    assert reader.expected_rows(fps) == rows


def test_expected_rows_are_unknown_without_a_length(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(FilePass, "_estimate_frames", lambda _: None)
    assert VideoReader(SMILE).expected_rows(30) is None


def test_the_path_of_a_video_is_absolute(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_video(tmp_path / "a.mp4", 3)
    monkeypatch.chdir(tmp_path)
    assert VideoReader(Path("a.mp4")).info.path == path


def test_passes_are_alike_also_after_one_that_was_left() -> None:
    reader = VideoReader(SMILE)
    left = next(reader.chunks(sampling_fps=30, chunk_frames=5))
    again = next(reader.chunks(sampling_fps=30, chunk_frames=5))
    assert np.array_equal(left.images, again.images)
    first, second = (list(reader.chunks(sampling_fps=30, chunk_frames=100)) for _ in range(2))
    assert np.array_equal(first[0].images, second[0].images)
    assert reader.info == VideoReader(SMILE).info


def count_passes(reader: VideoReader, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    started: list[int] = []
    begin = reader._start_pass

    def start() -> Any:
        started.append(len(started))
        return begin()

    monkeypatch.setattr(reader, "_start_pass", start)
    return started


def test_a_short_video_is_decoded_once(monkeypatch: pytest.MonkeyPatch) -> None:
    reader = VideoReader(SMILE)
    started = count_passes(reader, monkeypatch)
    expected = joined(list(reader.chunks(sampling_fps=30, chunk_frames=16)))
    next(reader.chunks_ahead(DecodeConfig(chunk_frames=16)))  # a pass that was left keeps nothing
    passes = [joined(list(reader.chunks_ahead(DecodeConfig(chunk_frames=16)))) for _ in range(3)]
    assert len(started) == 3
    for found in passes:
        assert_alike(found, expected)
    assert_alike(joined(list(reader.chunks_ahead(DecodeConfig(sampling_fps=10)))), decode(SMILE, 10))


def test_a_long_video_is_decoded_at_every_pass(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(decode_module, "KEPT_BYTES", 20 * 640 * 360)
    reader = VideoReader(SMILE)
    started = count_passes(reader, monkeypatch)
    one, other = (joined(list(reader.chunks_ahead(DecodeConfig(chunk_frames=16)))) for _ in range(2))
    assert len(started) == 2
    assert_alike(one, other)


@pytest.mark.parametrize(("source_fps", "fps"), [(200, 30), (Fraction(30000, 1001), 30), (25, 30), (60, 25)])
def test_the_sampled_frames_are_those_of_the_time_line(tmp_path: Path, source_fps: Fraction, fps: float) -> None:
    path = write_video(tmp_path / "a.mp4", 38, fps=source_fps)
    chunk = decode(path, fps)
    assert chunk.frames.tolist() == sample_frames(VideoReader(path).info.times_s, fps).tolist()
    assert numbers(chunk) == chunk.frames.tolist()


def test_only_sampled_frames_are_converted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_video(tmp_path / "a.mp4", 38, fps=200)
    converted: list[av.VideoFrame] = []
    convert = FrameShape.converted

    def counted(self: FrameShape, frame: av.VideoFrame, pixel_format: str) -> Image:
        converted.append(frame)
        return convert(self, frame, pixel_format)

    monkeypatch.setattr(FrameShape, "converted", counted)
    assert len(VideoReader(path).info) == 38
    chunk = decode(path, 30)
    assert len(chunk) == 7
    assert converted == []
    chunk.rgb(2)
    assert [frame.pts for frame in converted] == [chunk.pts[2]]


def test_variable_frame_rate_and_a_late_start_are_kept(tmp_path: Path) -> None:
    stamps = [100, 114, 155, 197, 467, 500]
    info = VideoReader(write_video(tmp_path / "a.mkv", stamps, time_base=Fraction(1, 1000))).info
    assert info.times_s == pytest.approx(np.array(stamps) / 1000)
    assert info.repaired_time_stamps == 0


def test_the_arbitrary_clock_of_a_transport_stream_starts_at_zero(tmp_path: Path) -> None:
    path = remux(write_video(tmp_path / "a.mp4", 10), tmp_path / "a.ts")
    with av.open(str(path)) as container:
        assert container.streams.video[0].start_time
    assert VideoReader(path).info.times_s == pytest.approx(np.arange(10) / 25)


@pytest.mark.parametrize("codec", ["libx264", "mpeg4"])
def test_avi_without_presentation_times_is_shown_at_its_rate(tmp_path: Path, codec: str) -> None:
    path = write_video(tmp_path / "a.avi", 20, codec=codec)
    chunk = decode(path)
    assert numbers(chunk) == list(range(20))
    assert chunk.times_s == pytest.approx(np.arange(20) / 25)


def test_damage_in_an_avi_with_b_frames_at_most_repairs_time_stamps(tmp_path: Path) -> None:
    """Among these are files whose decoder shows more frames than there are packets."""
    frames = [av.VideoFrame.from_ndarray(picture(i), format="rgb24").reformat(format="yuv420p") for i in range(30)]
    whole = write_frames(tmp_path / "a.avi", frames, "mpeg4", options={"bf": "2"}).read_bytes()
    path, repaired = tmp_path / "b.avi", 0
    for seed in range(60):
        rng = np.random.default_rng(seed)
        damaged = bytearray(whole)
        for place in rng.integers(whole.index(b"movi") + 4, len(whole), rng.integers(1, 30)):
            damaged[place] = rng.integers(256)
        path.write_bytes(damaged)
        try:
            info = VideoReader(path).info
        except VideoError:  # the damage hides all frames but one
            continue
        assert np.diff(info.pts).min() > 0
        repaired += info.repaired_time_stamps > 0
    assert repaired


def test_missing_time_stamps_are_replaced_by_steps(tmp_path: Path) -> None:
    path = remux(write_video(tmp_path / "a.mp4", 10, codec="mpeg4"), tmp_path / "a.m4v")
    info = VideoReader(path).info
    assert len(info) == 10
    assert info.times_s - info.times_s[0] == pytest.approx(np.arange(10) / 25, abs=1e-3)


def test_time_stamps_that_do_not_increase_are_repaired_and_counted(tmp_path: Path) -> None:
    source = write_video(tmp_path / "a.mkv", 8, codec="ffv1", time_base=Fraction(1, 1000))
    path = remux(source, tmp_path / "b.mkv", stamps=[0, 40, 80, 80, 80, 200, 240, 280])
    reader = VideoReader(path)
    assert reader.info.pts.tolist() == [0, 40, 80, 120, 160, 200, 240, 280]
    assert reader.info.repaired_time_stamps == 2


def test_frames_outside_the_edit_list_are_not_shown(tmp_path: Path) -> None:
    path = trim_with_edit_list(write_video(tmp_path / "a.mp4", 38), from_s=0.2, to_s=1.0)
    chunk = decode(path)
    assert numbers(chunk) == list(range(5, 25))
    assert chunk.times_s == pytest.approx(np.arange(20) / 25)
    assert VideoReader(path).truncated_after_s is None


@pytest.mark.parametrize("clockwise", [0, 90, 180, 270])
def test_turned_recordings_are_shown_upright(tmp_path: Path, clockwise: int) -> None:
    path = turn_display(write_video(tmp_path / "a.mp4", 4, turns=clockwise // 90), clockwise)
    reader = VideoReader(path)
    (chunk,) = reader.chunks(sampling_fps=None, chunk_frames=9)
    assert chunk.images.shape == (4, 48, 64, 3)
    assert np.abs(corners(chunk.images[0]).astype(int) - [RED, GREEN, BLUE]).max() <= 4
    assert (reader.info.width_px, reader.info.height_px, reader.info.rotation) == (64, 48, clockwise)


def test_pixels_that_are_not_square_are_made_square(tmp_path: Path) -> None:
    for aspect, size in ((Fraction(2), (128, 48)), (Fraction(1, 2), (64, 96)), (Fraction(9), (64, 48))):
        frames = [av.VideoFrame.from_ndarray(picture(i), format="rgb24").reformat(format="yuv420p") for i in range(3)]
        path = write_frames(tmp_path / f"{aspect.numerator}.mkv", frames, "libx264", aspect=aspect)
        info = VideoReader(path).info
        assert (info.width_px, info.height_px) == size
        assert decode(path).images.shape == (3, size[1], size[0], 3)


COLOURS = [
    ("yuv420p", "libx264", "ITU601", 1),
    ("yuv420p", "libx264", "ITU709", 1),
    ("yuv420p", "libx264", "ITU709", 2),
    ("yuv444p", "libx264", "ITU601", 2),
    ("yuv422p", "libx264", "ITU709", 1),
    ("yuv420p10le", "libx264", "ITU709", 1),
    ("yuv444p10le", "ffv1", "ITU601", 1),
    ("bgr0", "ffv1", "ITU601", 2),
]


@pytest.mark.parametrize(("pixels", "codec", "matrix", "color_range"), COLOURS)
def test_every_pixel_format_gives_the_right_colours(
    tmp_path: Path, pixels: str, codec: str, matrix: str, color_range: int
) -> None:
    frames = []
    for i in range(3):
        rgb = av.VideoFrame.from_ndarray(picture(i), format="rgb24")
        frame = rgb.reformat(format=pixels, dst_colorspace=matrix, dst_color_range=color_range)
        frame.colorspace, frame.color_range = {"ITU601": 6, "ITU709": 1}[matrix], color_range
        frames.append(frame)
    chunk = decode(write_frames(tmp_path / "a.mkv", frames, codec, options={"crf": "1"} if codec == "libx264" else {}))
    assert np.abs(corners(chunk.images[0]).astype(int) - [RED, GREEN, BLUE]).max() <= 5
    assert numbers(chunk) == [0, 1, 2]


@pytest.mark.parametrize("pixels", ["gray", "gray10le", "gray16le"])
def test_grey_pictures_have_three_equal_channels(tmp_path: Path, pixels: str) -> None:
    ramp = np.tile(np.arange(64, dtype=np.uint8) * 4, (48, 1))
    frames = [av.VideoFrame.from_ndarray(ramp, format="gray").reformat(format=pixels) for _ in range(2)]
    image = decode(write_frames(tmp_path / "a.mkv", frames, "ffv1")).images[0]
    assert np.abs(image.astype(int) - ramp[:, :, None]).max() <= 1


def test_a_change_of_size_within_the_file_keeps_the_first_size(tmp_path: Path) -> None:
    small = remux(write_video(tmp_path / "a.mp4", 6), tmp_path / "a.ts").read_bytes()
    large = remux(write_video(tmp_path / "b.mp4", 6, width=128, height=96), tmp_path / "b.ts").read_bytes()
    path = tmp_path / "c.ts"
    path.write_bytes(small + large)
    chunk = decode(path)
    assert chunk.images.shape[1:] == (48, 64, 3)
    assert numbers(chunk) == [*range(6), *range(6)]
    assert np.abs(corners(chunk.images[-1]).astype(int) - [RED, GREEN, BLUE]).max() <= 4


class WithEmptyPackets:
    """A container that puts a packet of no bytes before each packet, as Theora does for repeated pictures."""

    def __init__(self, container: InputContainer) -> None:
        self._container = container

    def __getattr__(self, name: str) -> object:
        return getattr(self._container, name)

    def demux(self, stream: av.VideoStream) -> Iterator[av.Packet[Any]]:
        for packet in self._container.demux(stream):
            empty: av.Packet[Any] = av.Packet()
            empty.stream, empty.pts, empty.dts = stream, packet.pts, packet.dts
            yield empty
            yield packet


def test_packets_of_no_bytes_are_left_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_video(tmp_path / "a.mkv", 12)
    opened = container_module.open_container

    def padded(path: Path) -> tuple[WithEmptyPackets, av.VideoStream]:
        container, stream = opened(path)
        return WithEmptyPackets(container), stream

    monkeypatch.setattr(container_module, "open_container", padded)
    chunk = decode(path)
    assert numbers(chunk) == list(range(12))
    assert chunk.times_s == pytest.approx(np.arange(12) / 25)


@pytest.mark.parametrize("name", ["a.mp4", "a.mkv"])
def test_a_file_cut_short_gives_the_frames_before_the_cut(tmp_path: Path, name: str) -> None:
    path = cut_short(remux(TALK, tmp_path / name, options={"movflags": "faststart"} if name == "a.mp4" else {}), 0.5)
    reader = VideoReader(path)
    info = reader.info
    assert 100 < len(info) < 300
    assert reader.truncated_after_s == info.seconds(len(info) - 1)


def test_a_damaged_packet_is_skipped_and_counted(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    source, path = write_key_frames(tmp_path / "a.mkv", 10), tmp_path / "b.mkv"
    with av.open(str(source)) as reading, av.open(str(path), "w") as writing:
        copy = writing.add_stream_from_template(reading.streams.video[0])
        for number, packet in enumerate(p for p in reading.demux(video=0) if p.size):
            sent = av.Packet(b"\xff" if number == 4 else bytes(packet))
            sent.time_base, sent.pts, sent.dts, sent.stream = packet.time_base, packet.pts, packet.dts, copy
            writing.mux(sent)
    reader = VideoReader(path)
    (chunk,) = reader.chunks(sampling_fps=None, chunk_frames=50)
    assert numbers(chunk) == [0, 1, 2, 3, 5, 6, 7, 8, 9]
    assert reader.skipped_packets == 1
    assert reader.truncated_after_s is None
    assert capfd.readouterr().err == ""


def test_a_colon_or_a_percent_sign_in_a_name_is_only_a_name(tmp_path: Path) -> None:
    path = tmp_path / "concat:a%02d|b.mp4"
    path.write_bytes(SMILE.read_bytes())
    assert len(VideoReader(path).info) == 72


def test_a_playlist_does_not_reach_the_network(tmp_path: Path) -> None:
    path = tmp_path / "a.m3u8"
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0.2)
        address = f"http://127.0.0.1:{server.getsockname()[1]}/a.ts"
        path.write_text(f"#EXTM3U\n#EXT-X-TARGETDURATION:5\n#EXTINF:5,\n{address}\n#EXT-X-ENDLIST\n")
        with pytest.raises(VideoError):
            _ = VideoReader(path).info
        with pytest.raises(TimeoutError):
            server.accept()


def make_sound(path: Path) -> None:
    with av.open(str(path), "w") as container:
        stream = container.add_stream("pcm_s16le", rate=8000)
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 8000), np.int16), "s16", "mono")
        frame.sample_rate = 8000
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))


def bad_files(folder: Path) -> dict[str, Path]:
    (folder / "empty.mp4").touch()
    (folder / "text.txt").write_text("frames\n" * 500)
    (folder / "noise.bin").write_bytes(np.random.default_rng(0).bytes(20_000))
    cut_short(write_video(folder / "no_moov.mp4", 30), 0.6)
    make_sound(folder / "sound.wav")
    write_video(folder / "short.mp4", 1)
    return {path.stem: path for path in folder.iterdir()} | {"gone": folder / "gone.mp4"}


@pytest.mark.parametrize(
    ("name", "fact"),
    [
        ("gone", "does not exist"),
        ("empty", r"empty \(0 bytes\)"),
        ("text", "not a video"),
        ("noise", "not a video"),
        ("no_moov", "incomplete or damaged.*copy it again"),
        ("sound", "no video stream"),
        ("short", r"too short \(1 frame\)"),
    ],
)
def test_bad_files_are_refused_in_one_sentence(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], name: str, fact: str
) -> None:
    path = bad_files(tmp_path)[name]
    capfd.readouterr()
    with pytest.raises(VideoError, match=fact) as raised:
        _ = VideoReader(path).info
    message = str(raised.value)
    assert message.startswith(str(path))
    assert message.endswith(".")
    assert message.count("\n") == 0
    assert capfd.readouterr().err == ""


def test_a_video_of_one_frame_yields_no_chunk(tmp_path: Path) -> None:
    reader = VideoReader(write_video(tmp_path / "a.mp4", 1))
    with pytest.raises(VideoError, match="too short"):
        next(reader.chunks(sampling_fps=30, chunk_frames=1))


def test_a_file_without_one_good_frame_is_refused(tmp_path: Path) -> None:
    source, path = write_video(tmp_path / "a.mkv", 3, codec="ffv1"), tmp_path / "b.mkv"
    with av.open(str(source)) as reading, av.open(str(path), "w") as writing:
        copy = writing.add_stream_from_template(reading.streams.video[0])
        sent = av.Packet(b"\xff\xff")
        sent.pts = sent.dts = 0
        sent.stream = copy
        writing.mux(sent)
    with pytest.raises(VideoError, match="no frame could be decoded"):
        _ = VideoReader(path).info


def write_images(folder: Path, names: list[str], **size: int) -> Path:
    folder.mkdir(exist_ok=True)
    for name in names:
        number = int("".join(filter(str.isdigit, name)))
        assert cv2.imwrite(str(folder / name), picture(number, **size)[:, :, ::-1])
    return folder


def test_a_folder_of_images_is_a_video_with_gaps(tmp_path: Path) -> None:
    folder = write_images(tmp_path / "images", ["img9.png", "img10.png", "img12.bmp", "img011.png", "img20.tif"])
    (folder / "notes.txt").write_text("not an image")
    chunk = decode(folder, images_fps=200.0)
    assert numbers(chunk) == [9, 10, 11, 12, 20]
    assert chunk.frames.tolist() == [0, 1, 2, 3, 4]
    assert chunk.times_s == pytest.approx(np.array([0, 1, 2, 3, 11]) / 200)
    assert np.abs(corners(chunk.images[0]).astype(int) - [RED, GREEN, BLUE]).max() <= 1
    info = VideoReader(folder, images_fps=200.0).info
    assert (info.time_base, info.width_px, info.height_px) == (Fraction(1, 200), 64, 48)


def test_folders_that_are_no_video_are_refused(tmp_path: Path) -> None:
    folder = write_images(tmp_path / "images", ["a1.png", "a2.png"])
    with pytest.raises(VideoError, match=r"is a folder of images; state their rate with --images-fps\.$"):
        VideoReader(folder)
    with pytest.raises(VideoError, match="rate of 0"):
        VideoReader(folder, images_fps=0.0)
    with pytest.raises(VideoError, match="holds no images"):
        VideoReader(write_images(tmp_path / "bare", []), images_fps=30.0)
    (folder / "a02.png").write_bytes((folder / "a2.png").read_bytes())
    with pytest.raises(VideoError, match=r"same number as a02\.png"):
        VideoReader(folder, images_fps=30.0)
    (folder / "a02.png").rename(folder / "cover.png")
    with pytest.raises(VideoError, match=r"cover.png: has no number"):
        VideoReader(folder, images_fps=30.0)


def test_images_of_another_size_or_damaged_are_named(tmp_path: Path) -> None:
    folder = write_images(tmp_path / "images", ["a1.png", "a2.png"])
    write_images(folder, ["a3.png"], width=32)
    with pytest.raises(VideoError, match=r"a3.png: is 32 x 48 pixels, the first image 64 x 48"):
        decode(folder, images_fps=30.0)
    (folder / "a3.png").write_bytes(b"")
    with pytest.raises(VideoError, match=r"a3.png: cannot be read as an image"):
        decode(folder, images_fps=30.0)


def test_an_image_of_a_folder_is_read_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = write_images(tmp_path / "images", ["a1.png", "a2.png"])
    read: list[Path] = []
    plain = images_module._read_image

    def count(path: Path) -> Image:
        read.append(path)
        return plain(path)

    monkeypatch.setattr(images_module, "_read_image", count)
    reader = VideoReader(folder, images_fps=30.0)
    for _ in range(2):
        for chunk in reader.chunks_ahead(DecodeConfig()):
            chunk.rgb(0)
            chunk.grey(0)
    assert read == [folder / "a1.png", folder / "a1.png", folder / "a2.png"]  # the first one tells the size too


def test_numbers_of_images_may_be_large_but_not_beyond_64_bits(tmp_path: Path) -> None:
    folder = write_images(tmp_path / "images", ["a1.png", "a2.png"])
    (folder / "a2.png").rename(folder / f"a{2**63 - 1}.png")
    chunk = decode(folder, 30.0, images_fps=30.0)
    assert chunk.pts.tolist() == [0, 2**63 - 2]
    (folder / "a1.png").rename(folder / f"a{2**63}.png")
    with pytest.raises(VideoError, match=rf"a{2**63}\.png: has a number above {2**63 - 1}; .*\.$"):
        VideoReader(folder, images_fps=30.0)


def test_a_chunk_checks_its_shapes() -> None:
    rows, times_s, pictures = np.arange(2), np.zeros(2), decode(SMILE).pictures[:2]
    assert len(FrameChunk(rows, rows, times_s, pictures)) == 2
    for wrong in ((rows, rows[:1], times_s, pictures), (rows, rows, times_s, pictures[:1])):
        with pytest.raises(ValueError, match="must be"):
            FrameChunk(*wrong)
    with pytest.raises(ValueError, match="at least 1"):
        next(VideoReader(SMILE).chunks(sampling_fps=None, chunk_frames=0))


SHARED_FRAMES = {
    "odd/theora_duplicate_frames.ogg": (242, 720, 480, 0.0, 8.175),
    "odd/no_face_edit_list.mp4": (95, 960, 540, 0.0, 3.917),
    "odd/face_then_cut_hevc_vfr.mov": (169, 960, 540, 0.0, 6.360),
    "odd/single_face__rot90_displaymatrix.mp4": (72, 360, 640, 0.0, 2.367),
    "odd/bob_smile__hevc10.mp4": (375, 320, 240, 0.0, 14.96),
    "odd/bob_smile__interlaced.mpg": (181, 320, 240, 0.0, 15.0),
    "multi/two_people.gif": (56, 480, 270, 0.0, 4.58),
    "multi/small_face_signing.mkv": (77, 640, 480, 0.033, 2.567),
    "speech/grid_bbaf2n.mpg": (75, 360, 288, 0.0, 2.96),
}


@pytest.mark.skipif("MESPOT_SHARED" not in os.environ, reason="needs the folder of further clips")
@pytest.mark.parametrize("name", SHARED_FRAMES)
def test_traps_of_public_files(name: str) -> None:
    info = VideoReader(Path(os.environ["MESPOT_SHARED"]) / "media" / name).info
    frames, width, height, first_s, last_s = SHARED_FRAMES[name]
    assert (len(info), info.width_px, info.height_px) == (frames, width, height)
    assert (info.seconds(0), info.seconds(frames - 1)) == pytest.approx((first_s, last_s), abs=1e-3)
    assert info.repaired_time_stamps == 0
