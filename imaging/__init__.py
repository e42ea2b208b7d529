"""Read pictures; shared by upload checks, training and evaluation.

Depends on Pillow and numpy only, so that it also runs in the sandboxed decoding process.
"""
