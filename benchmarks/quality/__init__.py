"""The automatic search beside other libraries: `python -m benchmarks.quality`."""
