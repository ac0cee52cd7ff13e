"""The house rules that a machine can check: what is pure, how a file introduces itself, what is never written."""

import ast
import re
import tokenize
from collections.abc import Iterator
from io import StringIO
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
ROOMS = ("replenisher", "strategies", "tests", "bench", "migrations")
PAPERS = ("configs", "docs", ".ci", *ROOMS)
MODULES = sorted(path for room in ROOMS for path in (ROOT / room).rglob("*.py"))

PURE = [
    path
    for path in MODULES
    if path.is_relative_to(ROOT / "replenisher/model")
    or path.is_relative_to(ROOT / "replenisher/core")
    or (path.is_relative_to(ROOT / "replenisher/exchange") and path.name not in ("server.py", "ledger_file.py"))
]
IMPURE = frozenset(
    [
        "asyncio",
        "socket",
        "time",
        "datetime",
        "random",
        "secrets",
        "uuid",
        "threading",
        "select",
        "os",
        "logging",
        "structlog",
        "sqlite3",
    ]
)
BANNED_NAMES = frozenset(["utils", "util", "helpers", "helper", "common", "base", "manager", "handler", "service"])
EXCUSES_MAX = 12
EXCUSE = re.compile(r"#\s*(?:type:\s*ignore|noqa)", re.IGNORECASE)
EXCUSE_WITH_CODE_AND_REASON = re.compile(
    r"# (?:type: ignore\[[a-z-]+(?:, ?[a-z-]+)*\]|noqa: [A-Z]+[0-9]+(?:, ?[A-Z]+[0-9]+)*) (?:#|-) \S.{9,}"
)
MEASURED = {".coverage"}  # what a run of the tests leaves behind
# Spelled in two halves, so that this file does not contain what it looks for.
FOREIGN = re.compile(
    "|".join(["/" + "work/", "/" + "home/", "/" + "Users/", "/" + "root/", "pypi" + r"\.org", "python" + "hosted"])
)


def name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def impure_imports(source: str) -> set[str]:
    """The modules that reach outside of the program, as far as `source` imports them anywhere."""
    imported: set[str] = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            imported.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            imported.add(node.module or "")
        elif isinstance(node, ast.Call) and ast.unparse(node.func) in {"__import__", "import_module"}:
            imported.update(argument.value for argument in node.args if isinstance(argument, ast.Constant))
    return {module.partition(".")[0] for module in imported} & IMPURE


def introduces_itself(source: str) -> bool:
    """Whether the first line is a docstring with something in it."""
    return ast.get_docstring(ast.parse(source)) is not None and len(source.partition("\n")[0].strip('"')) > 10


def sleeps(source: str) -> list[int]:
    """The lines with a call, an import or another name of what lets time pass by its length alone."""
    tokens = tokenize.generate_tokens(StringIO(source).readline)
    return [token.start[0] for token in tokens if token.type == tokenize.NAME and token.string == "sleep"]


def excuses(path: Path) -> Iterator[str]:
    """Every comment that tells a checker to look away."""
    with path.open("rb") as file:
        for token in tokenize.tokenize(file.readline):
            if token.type == tokenize.COMMENT and EXCUSE.search(token.string):
                yield token.string


def test_what_decides_hears_no_clock_and_opens_nothing() -> None:
    imports = {name(path): impure_imports(path.read_text()) for path in PURE}

    assert {path: impure for path, impure in imports.items() if impure} == {}


def test_the_pure_rooms_are_found_at_all() -> None:
    rooms = {path.relative_to(ROOT / "replenisher").parts[0] for path in PURE}

    assert rooms == {"model", "core", "exchange"}


@pytest.mark.parametrize(
    "planted",
    [
        "import time",
        "import os.path",
        "from datetime import datetime",
        "from asyncio.events import get_running_loop",
        "def f():\n    import random",
        "if True:\n    import json, uuid",
        "clock = __import__('time')",
    ],
)
def test_a_planted_import_is_caught(planted: str) -> None:
    source = f'"""A pure module."""\n\nfrom decimal import Decimal\n\n{planted}\n'

    assert len(impure_imports(source)) == 1


def test_a_file_introduces_itself_in_its_first_line() -> None:
    rooms = [path for path in MODULES if not path.is_relative_to(ROOT / "tests")]

    assert [name(path) for path in rooms if not introduces_itself(path.read_text())] == []
    assert not introduces_itself('import json\n"""Too late."""\n')
    assert not introduces_itself('"""\n\nNot in the first line."""\n')


def test_an_excuse_has_a_code_and_a_reason_and_there_are_few() -> None:
    found = [(name(path), excuse) for path in MODULES for excuse in excuses(path)]

    assert [place for place in found if not EXCUSE_WITH_CODE_AND_REASON.search(place[1])] == []
    assert len(found) <= EXCUSES_MAX, found


@pytest.mark.parametrize(
    ("comment", "is_excused"),
    [
        ("# type: ignore[arg-type] # the stub of the library is older than the library", True),
        ("# noqa: S506 - a SafeLoader, only stricter", True),
        ("# type: ignore", False),
        ("# type: ignore[arg-type]", False),
        ("# noqa", False),
        ("# noqa: S506", False),
    ],
)
def test_an_excuse_without_code_or_reason_is_caught(comment: str, is_excused: bool) -> None:
    assert bool(EXCUSE_WITH_CODE_AND_REASON.search(comment)) is is_excused


def test_no_test_sleeps() -> None:
    asleep = {name(path): sleeps(path.read_text()) for path in MODULES if path.is_relative_to(ROOT / "tests")}

    assert {path: lines for path, lines in asleep.items() if lines} == {}


@pytest.mark.parametrize(
    "planted", ["time.sleep(1)", "await asyncio.sleep(0)", "from time import sleep", "wait = sleep"]
)
def test_a_planted_sleep_is_caught(planted: str) -> None:
    assert sleeps(f"async def test_something() -> None:\n    {planted}\n") == [2]
    assert sleeps("def test_a_long_sleep_of_ours() -> None:\n    until(is_asleep, 'it can sleep')\n") == []


def test_a_file_is_named_after_what_it_holds() -> None:
    words = {name(path): set(re.split(r"[/_.]", name(path))) for path in MODULES}

    assert {path: banned for path, parts in words.items() if (banned := parts & BANNED_NAMES)} == {}


def test_nothing_refers_to_one_machine_or_to_a_registry() -> None:
    papers = [path for room in PAPERS for path in (ROOT / room).rglob("*") if path.suffix not in {".pyc", ".so"}]
    files = [
        path
        for path in [*papers, *ROOT.glob("*")]
        if path.is_file() and "__pycache__" not in path.parts and path.name not in MEASURED
    ]
    found = [
        f"{name(path)}:{number}: {line.strip()}"
        for path in files
        for number, line in enumerate(path.read_text(errors="replace").splitlines(), 1)
        if FOREIGN.search(line)
    ]

    assert found == []


def test_the_lock_carries_no_address() -> None:
    assert "://" not in (ROOT / "requirements.lock").read_text()
