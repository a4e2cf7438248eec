"""The command line: parses, calls, prints; one small file per command group."""
