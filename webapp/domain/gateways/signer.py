"""The type of the function that checks a signature; the signer is not part of the domain."""

from collections.abc import Callable

# Receives a re-encoded PNG file; returns False if no image could be signed with it.
CanSign = Callable[[bytes], bool]
