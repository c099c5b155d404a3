"""The repository as a whole: no registry is named, locks are hashed, every dependency says what for."""

import json
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]
LEFT_OUT = {
    ".git",
    ".venv",
    ".dev",
    "__pycache__",
    ".mypy_cache",
    ".ruff_cache",
    ".import_linter_cache",
    ".hypothesis",
    ".pytest_cache",
    "node_modules",
    "dist",
}
# Put together here, so that this file does not name them either.
REGISTRIES = [
    ".".join(parts)
    for parts in (
        ("pypi", "org"),
        ("python" + "hosted", "org"),
        ("npmjs", "org"),
        ("npmjs", "com"),
        ("yarnpkg", "com"),
        ("docker", "io"),
        ("ghcr", "io"),
        ("quay", "io"),
        ("deb", "debian", "org"),
        ("proxy", "golang", "org"),
        ("crates", "io"),
    )
]
WORKING_FOLDER = "shared" + "/"
LOCKS = sorted((ROOT / "requirements").glob("*.txt"))
every_lock = pytest.mark.parametrize("lock", LOCKS, ids=lambda path: path.name)


def texts(folder: Path = ROOT) -> Iterator[tuple[Path, str]]:
    """Yield every text file that a clone holds; caches and environments are never entered."""
    for path in sorted(folder.iterdir()):
        if path.name in LEFT_OUT:
            continue
        if path.is_dir():
            yield from texts(path)
        elif (data := path.read_bytes()) and b"\0" not in data:
            yield path, data.decode(errors="replace")


def files_with(pattern: str) -> list[str]:
    """Return the files in which the pattern occurs."""
    found = re.compile(pattern)
    return [str(path.relative_to(ROOT)) for path, text in texts() if found.search(text)]


def packages(lock: Path) -> list[str]:
    """Return a lock's entries, each with its continuation lines."""
    lines = "\n".join(line for line in lock.read_text().splitlines() if not line.lstrip().startswith("#"))
    return re.split(r"\n(?=\S)", lines.strip())


def declared() -> Iterator[tuple[str, str]]:
    """Yield every dependency line of pyproject.toml: the requirement, and what is said after it."""
    inside = False
    for line in (ROOT / "pyproject.toml").read_text().splitlines():
        inside = inside or bool(re.match(r"(dependencies|build|dev) = \[$", line))
        inside = inside and line != "]"
        entry = re.match(r'\s+"([^"]+)",?\s*(.*)', line)
        if inside and entry:
            yield entry[1], entry[2]


def test_no_file_names_a_package_registry() -> None:
    hosts = "|".join(re.escape(host) for host in REGISTRIES)
    assert files_with(rf"(?<![\w-])(?:{hosts})(?![\w-])") == []


def test_no_file_points_outside_the_repository() -> None:
    assert files_with(rf"(?<![\w-]){WORKING_FOLDER}") == []


def test_every_dependency_says_what_it_is_for() -> None:
    entries = list(declared())
    assert len(entries) > 30
    assert [name for name, comment in entries if len(comment.lstrip("# ")) < 5] == []


@every_lock
def test_every_locked_package_is_pinned_and_hashed(lock: Path) -> None:
    entries = packages(lock)
    assert len(entries) >= 5
    assert [entry for entry in entries if "==" not in entry or "--hash=sha256:" not in entry] == []


@every_lock
def test_no_lock_holds_an_address(lock: Path) -> None:
    assert re.findall(r"\w+://\S+|--(?:extra-)?index-url|--find-links", lock.read_text()) == []


def test_every_direct_dependency_is_locked() -> None:
    locked = {entry.split("==")[0] for entry in packages(ROOT / "requirements" / "dev.txt")}
    wanted = {re.split(r"[\[><=~!]", name)[0].lower() for name, _ in declared()}
    assert wanted <= locked


def test_what_ships_is_what_was_tested() -> None:
    tested = set(packages(ROOT / "requirements" / "dev.txt"))
    assert set(packages(ROOT / "requirements" / "run.txt")) <= tested


def test_every_configuration_file_can_be_read() -> None:
    for path, text in texts():
        if path.suffix == ".toml":
            assert tomllib.loads(text), path
        elif path.suffix == ".json":
            assert json.loads(text) is not None, path
        elif path.suffix in {".yaml", ".yml"}:
            assert list(yaml.safe_load_all(text)), path
