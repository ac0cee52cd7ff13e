"""PostgreSQL over TLS: what each `sslmode` of the URL asks for, on real handshakes with certificates of our own."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import text

from replenisher.errors import ConfigurationError
from replenisher.store import schema
from replenisher.store.database import Database
from tests.store.tls import Authority, Door


@pytest.fixture(scope="module")
def ours(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("tls"), "ours")


@pytest.fixture(scope="module")
def strange(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("strange"), "strange")


@pytest.fixture
def door(postgres_url: str, ours: Authority) -> Iterator[Door]:
    with Door(postgres_url, ours.certificate("127.0.0.1")).open() as door:
        yield door


@pytest.fixture
def elsewhere(postgres_url: str, ours: Authority) -> Iterator[Door]:
    """A door with a good certificate, which is that of another host."""
    with Door(postgres_url, ours.certificate("books.example")).open() as door:
        yield door


def asked(door: Door, mode: str, authority: Path | None = None) -> int:
    """What the server behind the door answers."""
    root = "" if authority is None else f"&sslrootcert={authority}"
    with closing(Database(f"{door.url}?sslmode={mode}{root}")) as database:
        answer: int = database.read(lambda connection: connection.execute(text("select 7")).scalar_one())
        return answer


@pytest.mark.parametrize(
    ("mode", "encrypts"), [("disable", False), ("prefer", True), ("require", True), ("verify-ca", True)]
)
def test_a_mode_encrypts_or_does_not(door: Door, ours: Authority, mode: str, encrypts: bool) -> None:
    assert asked(door, mode, ours.file if mode == "verify-ca" else None) == 7
    assert (door.encrypted > 0, door.plain > 0) == (encrypts, not encrypts)


def test_a_certificate_that_is_verified_in_full_is_for_the_host_that_was_asked(
    door: Door, elsewhere: Door, ours: Authority
) -> None:
    assert asked(door, "verify-full", ours.file) == 7
    assert asked(elsewhere, "verify-ca", ours.file) == 7

    with pytest.raises(
        ConfigurationError, match=r"certificate is not trusted: .*not valid for '127\.0\.0\.1'"
    ) as refused:
        schema.upgrade(f"{elsewhere.url}?sslmode=verify-full&sslrootcert={ours.file}")
    assert refused.value.exit_code == 78
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("mode", ["verify-ca", "verify-full"])
def test_a_certificate_that_nobody_we_trust_has_signed_is_refused(door: Door, strange: Authority, mode: str) -> None:
    with pytest.raises(ConfigurationError, match="its certificate is not trusted: ") as refused:
        schema.upgrade(f"{door.url}?sslmode={mode}&sslrootcert={strange.file}")

    assert refused.value.exit_code == 78
    assert "://test:***@" in str(refused.value)


@pytest.mark.parametrize("content", [None, "no certificate"])
def test_a_file_of_trust_that_cannot_be_read_is_one_sentence(door: Door, tmp_path: Path, content: str | None) -> None:
    file = tmp_path / "root.pem"
    if content is not None:
        file.write_text(content)

    with pytest.raises(ConfigurationError, match=r"database\.url: sslrootcert=.*root\.pem cannot be read: "):
        schema.upgrade(f"{door.url}?sslmode=verify-full&sslrootcert={file}")


def test_the_ledger_is_made_and_kept_through_tls(door: Door, ours: Authority) -> None:
    url = f"{door.url}?sslmode=verify-full&sslrootcert={ours.file}"
    schema.upgrade(url)

    schema.check(url)
    assert (door.encrypted > 0, door.plain) == (True, 0)
