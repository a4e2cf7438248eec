"""What the network sees of every recording, computed once for all folds and kept."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from mespot.config import Config
from mespot.core.errors import FaceError, StudyError, VideoError
from mespot.core.expression import Expression
from mespot.data.loaders import to_dataset
from mespot.data.recordings import Recording, Recordings
from mespot.model.network import Network
from mespot.pipeline import OnProgress, Progress, extract_streams
from mespot.training.maps import MapStore
from mespot.training.sample import Sample
from mespot.vision.cache import cache_path
from mespot.vision.decode import VideoReader
from mespot.vision.streams import Streams

OnLine = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Prepared:
    """A recording whose input is kept.

    Parameters
    ----------
    key : str
        File name of its streams: content, configuration and stage version.
    frames, rows : int
        Source frames and sampled frames.
    duration_s : float
        Of the recording.
    expressions : tuple of Expression
        In source frames from 0.
    """

    key: str
    frames: int
    rows: int
    duration_s: float
    expressions: tuple[Expression, ...]


@dataclass(slots=True)
class StageSeconds:
    """Time that the stages before the folds took, for what was not kept already.

    Parameters
    ----------
    streams, maps : float
        Decoding, faces, crops and flow; and the frozen backbone. s.
    rows : int
        Sampled frames that they were computed for.
    """

    streams: float = 0.0
    maps: float = 0.0
    rows: int = 0


class Inputs:
    """The recordings of a dataset as samples to learn from, from files that all folds share.

    Parameters
    ----------
    recordings : Recordings
        As loaded.
    config : Config
        What the network sees.
    cache : Path
        Folder of streams and maps.
    start : Network, optional
        Whose streams make the maps, with ``training.mode = frozen_backbone``.
    """

    def __init__(self, recordings: Recordings, config: Config, cache: Path, start: Network | None) -> None:
        self.recordings = {one.name: one for one in recordings.recordings}
        self._whole, self._config, self._cache = recordings, config, cache
        frozen = config.training.mode == "frozen_backbone"
        self._store = MapStore(cache, start, config) if frozen and start is not None else None
        self.prepared: dict[str, Prepared] = {}
        self.unusable: dict[str, str] = {}
        self.seconds = StageSeconds()

    @property
    def simulated(self) -> bool:
        """Whether the dataset is simulated."""
        return self._whole.simulated

    @property
    def backbone(self) -> str | None:
        """Digest of the frozen backbone."""
        return None if self._store is None else self._store.backbone

    def prepare(self, on_progress: OnProgress, on_line: OnLine) -> None:
        """Make what is not kept yet; a recording without media, or without a face, is told and left out.

        Raises
        ------
        StudyError
            Nothing is left.
        MespotError, OSError
            The cache cannot be written.
        """
        recordings = list(self.recordings.values())
        read: dict[str, tuple[str, int, int, float]] = {}
        for number, recording in enumerate(recordings):
            on_progress(Progress("recordings", number, len(recordings)))
            if recording.path is None:
                self.unusable[recording.name] = "its media is missing"
                continue
            try:
                read[recording.name] = self._prepare(recording, recording.path)
            except (VideoError, FaceError) as error:
                self.unusable[recording.name] = str(error)
        on_progress(Progress("recordings", len(recordings), len(recordings)))
        for name, reason in self.unusable.items():
            count = len(self.recordings[name].annotations)
            on_line(f"{name}: is left out, and its {count} annotations count as missed ({reason})")
        if not read:
            raise StudyError(f"{self._whole.facts.title}: no recording can be used; see the lines above for each.")
        self._annotate(read, on_line)

    def _prepare(self, recording: Recording, path: Path) -> tuple[str, int, int, float]:
        info = VideoReader(path, images_fps=recording.fps).info
        key = cache_path(self._cache, path, self._config, images_fps=recording.fps).name
        begun, made = time.perf_counter(), [0.0]

        def streams() -> Streams:
            asked = time.perf_counter()
            found = extract_streams(path, self._config, self._cache, images_fps=recording.fps)
            made[0] = time.perf_counter() - asked
            return found

        present = (self._cache / key).is_file()
        found = streams() if self._store is None else self._store.sample(recording.name, key, streams, ()).streams
        if not present:
            self.seconds.streams += made[0]
            self.seconds.rows += len(found)
        if self._store is not None and made[0]:
            self.seconds.maps += time.perf_counter() - begun - made[0]
        return key, len(info), len(found), info.duration_s

    def _annotate(self, read: Mapping[str, tuple[str, int, int, float]], on_line: OnLine) -> None:
        dataset = to_dataset(self._whole, frames={name: facts[1] for name, facts in read.items()}, on_line=on_line)
        expressions = {video.path: video.expressions for video in dataset}
        for name, facts in read.items():
            path = self.recordings[name].path
            assert path is not None  # it was read
            self.prepared[name] = Prepared(*facts, expressions[path])

    def of(self, subjects: Iterable[str]) -> list[str]:
        """Return the names of the usable recordings of some subjects, in order."""
        wanted = set(subjects)
        return [name for name in self.prepared if self.recordings[name].subject in wanted]

    def sample(self, name: str) -> Sample:
        """Return a recording to learn from or to be scored, from what is kept."""
        recording, prepared = self.recordings[name], self.prepared[name]
        path = recording.path
        assert path is not None  # only what has media was prepared

        def streams() -> Streams:
            return extract_streams(path, self._config, self._cache, images_fps=recording.fps)

        if self._store is not None:
            return self._store.sample(name, prepared.key, streams, prepared.expressions)
        return Sample(name, streams(), prepared.expressions)


@dataclass(frozen=True, slots=True)
class Sides:
    """Who is on which side of a fold.

    Parameters
    ----------
    subject : str
        Held out.
    train, inner : tuple of str
        Subjects that are trained on, and those of the training side on which epoch and thresholds are chosen.
    note : str
        What is not as it should be; "" where all is well.
    """

    subject: str
    train: tuple[str, ...]
    inner: tuple[str, ...]
    note: str = ""
    kinds: frozenset[str] = field(default_factory=frozenset)
