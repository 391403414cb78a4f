"""Measurements, side by side and in the same run; ratios, since absolute times depend on the machine."""
