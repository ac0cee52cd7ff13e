"""A door before a PostgreSQL server, which encrypts: the wheel's own server was built without TLS.

It answers the driver's question whether it encrypts, shakes hands with a certificate made for the test, and hands on
what it decrypts. So the driver's side of TLS is real, down to the certificate; the server's is this door.
"""

import ipaddress
import select
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.waiting import DEADLINE_S

ASKS = bytes.fromhex("0000000804d2162f")  # the eight bytes of an SSLRequest


class Authority:
    """Signs certificates, and is what a client must trust to believe them."""

    def __init__(self, room: Path, name: str) -> None:
        self._room, self._key, self._name = room, ec.generate_private_key(ec.SECP256R1()), _named(name)
        self.file = room / f"{name}.pem"
        self.file.write_bytes(_pem(self._signed(self._name, self._key.public_key(), is_authority=True)))

    def certificate(self, host: str) -> Path:
        """A key and a certificate for a host, in one file."""
        key = ec.generate_private_key(ec.SECP256R1())
        file = self._room / f"{host}.pem"
        private = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        file.write_bytes(private + _pem(self._signed(_named(host), key.public_key(), host=host)))
        return file

    def _signed(
        self, subject: x509.Name, key: ec.EllipticCurvePublicKey, *, host: str = "", is_authority: bool = False
    ) -> x509.Certificate:
        now = datetime.now(UTC)
        made = x509.CertificateBuilder(self._name, subject, key, x509.random_serial_number())
        made = made.not_valid_before(now - timedelta(days=1)).not_valid_after(now + timedelta(days=1))
        made = made.add_extension(x509.BasicConstraints(ca=is_authority, path_length=None), critical=True)
        if host:
            with suppress(ValueError):
                made = made.add_extension(x509.SubjectAlternativeName([_alternative(host)]), critical=False)
        return made.sign(self._key, hashes.SHA256())


class Door:
    """Listens; what comes encrypted goes on in the clear to the server behind it."""

    def __init__(self, url: str, certificate: Path) -> None:
        self._parts = urlsplit(url)
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.load_cert_chain(certificate)
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.encrypted = 0  # sessions
        self.plain = 0

    @property
    def url(self) -> str:
        port = self._listening.getsockname()[1]
        user = self._parts.netloc.rpartition("@")[0]
        return urlunsplit(self._parts._replace(netloc=f"{user}@127.0.0.1:{port}"))

    @contextmanager
    def open(self) -> Iterator["Door"]:
        """For as long as the block takes."""
        threading.Thread(target=self._serve, daemon=True).start()
        try:
            yield self
        finally:
            self._listening.shutdown(socket.SHUT_RDWR)
            self._listening.close()

    def _serve(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listening.accept()
                threading.Thread(target=self._let_in, args=(client,), daemon=True).start()

    def _let_in(self, client: socket.socket) -> None:
        """One connection, from the question whether we encrypt to its end."""
        client.settimeout(DEADLINE_S)
        with suppress(OSError), client:
            first = client.recv(len(ASKS), socket.MSG_WAITALL)
            if first == ASKS:
                client.sendall(b"S")
                with self._context.wrap_socket(client, server_side=True) as encrypted:
                    self.encrypted += 1
                    self._introduce(encrypted, b"")
            else:
                self.plain += 1
                self._introduce(client, first)

    def _introduce(self, client: socket.socket, first: bytes) -> None:
        with socket.create_connection((self._parts.hostname, self._parts.port)) as server:
            server.sendall(first)
            _carry(client, server)


def _carry(client: socket.socket, server: socket.socket) -> None:
    """Hand on, both ways, until one of them ends; in one thread, as two may not read and write on TLS at once."""
    to = {client: server, server: client}
    while True:
        has_more = isinstance(client, ssl.SSLSocket) and client.pending()
        for source in [client] if has_more else select.select([*to], [], [])[0]:
            if not (data := source.recv(65_536)):
                return
            to[source].sendall(data)


def _named(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])


def _alternative(host: str) -> x509.GeneralName:
    return x509.IPAddress(ipaddress.ip_address(host)) if host[0].isdigit() else x509.DNSName(host)


def _pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)
