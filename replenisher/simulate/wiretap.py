"""What crossed the network and what was written into SQL, as one hash: the same seed must give the same."""

from hashlib import blake2b


class Wiretap:
    """Listens to every frame, both ways."""

    def __init__(self) -> None:
        self.frames = 0
        self._hash = blake2b(digest_size=8)

    def up(self, at: int, link: str, frame: str) -> None:
        """A daemon sent a frame."""
        self.frames += 1
        self._hash.update(f"{at}>{link}>{frame}\n".encode())

    def down(self, at: int, link: str, frame: str) -> None:
        """The exchange sent one."""
        self.frames += 1
        self._hash.update(f"{at}<{link}<{frame}\n".encode())

    def row(self, table: str, row: str) -> None:
        """A row of SQL."""
        self._hash.update(f"{table} {row}\n".encode())

    def digest(self) -> str:
        """Sixteen digits."""
        return self._hash.hexdigest()
