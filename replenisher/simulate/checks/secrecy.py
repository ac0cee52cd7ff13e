"""S18: no secret is in what a run leaves behind: not as it is, nor in the forms in which one slips through."""

import base64
from collections.abc import Iterator
from urllib.parse import quote

from replenisher.simulate.court import Books, Check, Objection


class SecretsAreKept(Check):
    """Searches the journal and the database, byte by byte."""

    name = "S18"

    def closed(self, books: Books) -> Objection:
        """Everything is written down."""
        files = [file for file in books.journal.parent.rglob("*") if file.is_file()]
        for secret in books.secrets:
            for file in files:
                data = file.read_bytes()
                for form in forms(secret):
                    if form in data:
                        return f"a secret is in {file.name}"
        return None


def forms(secret: str) -> Iterator[bytes]:
    """A secret as it is, in hex, as part of a URL, and in base64 wherever in a text it begins."""
    data = secret.encode()
    yield data
    yield data.hex().encode()
    yield quote(secret, safe="").encode()
    for before in range(3):
        yield base64.b64encode(b" " * before + data)[4 if before else 0 : -4]
