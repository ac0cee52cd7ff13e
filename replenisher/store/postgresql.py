"""How a PostgreSQL server is reached: one driver, addresses as libpq writes them, and no wait without an end.

A session asks for its limits when it begins, so a pooler that hands one session to many clients cannot stand between.
"""

import ssl
from typing import Any

from sqlalchemy import URL, Connection, Engine, create_engine, event
from sqlalchemy.engine import ExceptionContext
from sqlalchemy.exc import DBAPIError

from replenisher.errors import ConfigurationError, ReplenisherError, Unreachable

DRIVER = "postgresql+pg8000"
SPELLING = "postgresql://USER:PASSWORD@HOST:PORT/DATABASE"
ANSWER_S_MAX = 15.0  # for the server to answer anything; longer than it may itself wait for a lock
IDLE_MS_MAX = 20_000  # of a transaction whose client is gone without a word, while it holds what the next one needs
READER_IDLE_MS_MAX = 600_000  # of one of two readers, while its thread waits for the other
WRITER = 0x5245504C454E  # names the lock of who writes; a lock belongs to one database
SSL_MODES = ("disable", "prefer", "require", "verify-ca", "verify-full")
PASSING = ("08", "40", "53", "55", "57")  # classes of SQLSTATE that speak of the moment: connection, conflict, shutdown


def engine_of(url: URL, *, lock_timeout_ms: int, **options: Any) -> Engine:
    """Connections that give up: on a server that does not answer, and on a lock that somebody else keeps."""
    _require_usable(url)
    limits = {"lock_timeout": f"{lock_timeout_ms}", "idle_in_transaction_session_timeout": f"{IDLE_MS_MAX}"}
    arguments = _arguments(url) | {
        "password": url.password or "",  # the driver does not get over None where one is asked for
        "timeout": ANSWER_S_MAX,
        "application_name": "replenisher",
        "startup_params": limits,
    }
    made = create_engine(url.set(drivername=DRIVER, query={}), connect_args=arguments, **options)
    event.listen(made, "begin", _begin)
    event.listen(made, "handle_error", _let_go)
    return made


def now(connection: Connection) -> int:
    """The time by the server's clock, and not as of when the transaction began."""
    moment = connection.exec_driver_sql("SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint")
    return int(moment.scalar_one()) * 1000


def agree(one: Connection, other: Connection) -> None:
    """Two readers see one moment. Either may be long done when the other is not, and no writer waits for them."""
    snapshot = one.exec_driver_sql("SELECT pg_export_snapshot()").scalar_one()
    other.exec_driver_sql(f"SET TRANSACTION SNAPSHOT '{snapshot}'")
    for reader in (one, other):
        reader.exec_driver_sql(f"SET LOCAL idle_in_transaction_session_timeout = {READER_IDLE_MS_MAX}")


def _require_usable(url: URL) -> None:
    """One driver fits: it is synchronous, as the recorder's thread is, and its licence asks nothing of our users."""
    name = url.render_as_string()
    if url.drivername not in ("postgresql", DRIVER):
        raise ConfigurationError(f"database.url: {name} cannot be used, its driver must be pg8000: write {SPELLING}")
    for part, value in {"user": url.username, "database": url.database}.items():
        if not value:
            raise ConfigurationError(f"database.url: {name} names no {part}: write {SPELLING}")


def _begin(connection: Connection) -> None:
    """What the transactions of an SQLite file are by nature: one writer at a time, and readers who see one moment."""
    if connection.get_execution_options().get("writes", False):
        connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({WRITER})")
    else:
        connection.exec_driver_sql("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")


def _let_go(context: ExceptionContext) -> None:
    """A connection whose socket timed out or broke is of no more use, and the driver does not always say so itself."""
    if isinstance(context.original_exception, OSError):
        context.is_disconnect = True


# --- What the server says ---------------------------------------------------------------------------------------------


def said(error: DBAPIError) -> str:
    """The server's own sentence, or what the network said instead."""
    match error.orig:
        case BaseException(args=({"M": str(message)},)):
            return message
        case BaseException(__cause__=OSError() as cause):
            return cause.strerror or str(cause)
        case other:
            return str(other)


def fault(name: str, error: DBAPIError) -> ReplenisherError:
    """Whether to try again later, or whether the operator has to change something first."""
    match error.orig:
        case BaseException(args=({"C": str(code)},)) if not code.startswith(PASSING):
            return ConfigurationError(f"the database {name} cannot be used: {said(error)}")
        case _:
            return Unreachable(f"the database {name} cannot be reached: {said(error)}")


# --- What stands behind the question mark -----------------------------------------------------------------------------


def _arguments(url: URL) -> dict[str, Any]:
    """libpq's words, as the driver wants them."""
    query = dict(url.query)
    folder, mode, authority = query.pop("host", None), query.pop("sslmode", "prefer"), query.pop("sslrootcert", None)
    if query:
        raise ConfigurationError(f"database.url: {min(query)!r} is not known, only host, sslmode and sslrootcert are")
    if mode not in SSL_MODES:
        raise ConfigurationError(f"database.url: sslmode={mode} is not known, it is one of {', '.join(SSL_MODES)}")
    arguments: dict[str, Any] = {"ssl_context": _ssl_context(str(mode), authority)}
    if folder is not None:
        arguments["unix_sock"] = f"{folder}/.s.PGSQL.{url.port or 5432}"
    return arguments


def _ssl_context(mode: str, authority: object) -> ssl.SSLContext | bool | None:
    """The driver's word for a mode: False never encrypts, None does if the server can, True insists."""
    match mode:
        case "disable":
            return False
        case "prefer":
            return None
        case "require":
            return True
    try:
        context = ssl.create_default_context(cafile=None if authority is None else str(authority))
    except OSError as error:  # of a file that is there but holds no certificate, too
        why = error.strerror or error
        raise ConfigurationError(f"database.url: sslrootcert={authority} cannot be read: {why}") from error
    context.check_hostname = mode == "verify-full"
    return context
