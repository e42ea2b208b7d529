"""Measuring, on pictures, what a training learned; no model is downloaded for it."""
