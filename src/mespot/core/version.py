"""The version of the package, written into every result and checkpoint."""

VERSION = "0.1.0"
