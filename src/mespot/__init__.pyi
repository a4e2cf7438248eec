"""What the lazy names of the package are, for type checkers; ``tests/test_public_names.py`` holds both lists equal."""

from mespot.config import Config as Config
from mespot.core.errors import MespotError as MespotError
from mespot.core.expression import Attention as Attention
from mespot.core.expression import Detection as Detection
from mespot.core.expression import Expression as Expression
from mespot.core.expression import Kind as Kind
from mespot.core.interval import Interval as Interval
from mespot.core.spotting import Spotting as Spotting
from mespot.core.video import VideoInfo as VideoInfo
from mespot.evaluation.evaluate import evaluate as evaluate
from mespot.pipeline import Progress as Progress
from mespot.pipeline import Spotter as Spotter
from mespot.pipeline import spot as spot

__version__: str
__all__: list[str]
