"""Measure on pictures what a training learned, without a downloaded model."""
