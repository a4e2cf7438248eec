"""The errors that reach a user: one sentence each, naming the file, the fact and the remedy."""


class MespotError(Exception):
    """Anything that mespot rejects; its text is one sentence for the user."""


class VideoError(MespotError):
    """A file that cannot be decoded, or that holds too little video."""


class FaceError(MespotError):
    """A video without a face, or whose face is lost for most of the time."""


class ConfigError(MespotError):
    """An unknown configuration key or a value out of range."""


class CheckpointError(MespotError):
    """Weights that cannot be read, or that do not fit the network."""


class AnnotationError(MespotError):
    """An annotation table that cannot be read as stated."""


class SpottingError(MespotError):
    """A saved spotting that cannot be read, or a place where none can be saved."""


class StudyError(MespotError):
    """A study's folder that cannot be read or written, or data that no study can be made of."""
