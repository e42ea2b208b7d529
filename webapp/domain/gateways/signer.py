"""Whether a drawing can sign: the signer says so, which is no part of the domain."""

from collections.abc import Callable

# Takes a PNG file of ours; False when no image could be signed with it.
CanSign = Callable[[bytes], bool]
