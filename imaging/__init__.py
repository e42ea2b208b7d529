"""Read pictures: the one reader that upload checks, training and evaluation share.

Only Pillow and numpy, so that it runs in the decoding process and beside torch alike.
"""
