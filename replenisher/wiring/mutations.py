"""Bugs that are planted, one at a time, to see whether the checks of the simulation find them.

A bug is a patch to one file of the package: `old`, which occurs there exactly once, becomes `new`. It is planted in a
copy of the code; the code that is trusted is never touched.
"""

import shutil
from hashlib import blake2b
from pathlib import Path

import msgspec

import replenisher
from replenisher.config.reading import read_yaml
from replenisher.errors import ConfigurationError, UsageError

PACKAGE = Path(replenisher.__file__).parent
BESIDE = ("configs", "migrations", "strategies")  # what a checkout has beside the package
CODE = (".py", ".yaml", ".ini", ".mako")


class Mutation(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One planted bug."""

    name: str
    file: str  # within the package
    old: str
    new: str
    why: str  # what it would cost
    caught_by: tuple[str, ...]  # the invariants of which one must be the first to find it
    config: str | None = None  # a shipped configuration under which it shows, where that is not the one of all
    seed: int | None = None  # of a day on which it was found once: where that is asked for, it is tried first

    def plant(self, package: Path) -> None:
        """Change a copy of the package."""
        file = package / self.file
        text = file.read_text()
        if (count := text.count(self.old)) != 1:
            raise ConfigurationError(f"{self.name}: what is to be changed occurs {count} times in {self.file}")
        file.write_text(text.replace(self.old, self.new))


def mutations_in(file: Path) -> list[Mutation]:
    """The planted bugs that a file lists."""
    try:
        return msgspec.convert(read_yaml(file)["mutations"], list[Mutation])
    except (KeyError, TypeError, msgspec.ValidationError) as error:
        raise ConfigurationError(f"{file}: not a list of mutations: {error}") from error


def named(mutations: list[Mutation], words: str) -> Mutation:
    """The one whose name this is, or whose name alone has these words in it."""
    found = [each for each in mutations if each.name == words] or [each for each in mutations if words in each.name]
    if len(found) != 1:
        which = "; ".join(each.name for each in found or mutations)
        raise UsageError(f"the command line: --only: {words!r} names {len(found)} mutations: {which}")
    return found[0]


class Copy:
    """The code in a folder of its own."""

    def __init__(self, folder: Path, of: Path = PACKAGE.parent) -> None:
        self.folder = folder
        for name in (PACKAGE.name, *BESIDE):
            if (of / name).is_dir():
                shutil.copytree(of / name, folder / name)  # with what is compiled: only what changes is compiled anew

    def plant(self, mutation: Mutation) -> None:
        """Plant a bug in it."""
        mutation.plant(self.folder / PACKAGE.name)

    def digest(self) -> str:
        """The same for the same code."""
        digest = blake2b(digest_size=8)
        for file in sorted(self.folder.rglob("*")):
            if file.suffix in CODE:
                digest.update(f"{file.relative_to(self.folder)}\n".encode() + file.read_bytes())
        return digest.hexdigest()
