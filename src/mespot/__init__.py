"""mespot finds micro- and macro-expressions in long videos."""

__version__ = "0.1.0"
