"""Tests of the demo model's tools; run with `python -m unittest` in `models/demo`."""
