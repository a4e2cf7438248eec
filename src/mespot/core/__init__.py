"""What things are: the vocabulary of the package, on numpy and the standard library alone."""
