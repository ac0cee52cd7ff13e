"""What was done, in sixteen digits: two runs that did the same have the same."""

import hashlib


def fingerprint(done: bytes) -> str:
    """Changes when anything does."""
    return hashlib.blake2b(done, digest_size=8).hexdigest()
