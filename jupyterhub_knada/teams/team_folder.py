"""The files of a folder of teams: which are read, which are left alone, and why one cannot be read.

Read: every name that ends in `.yaml` or `.yml` and does not begin with a point or `#`. Left alone, because
editors, git and Kubernetes make them: names that begin with a point (`..data`, `.kyrre.yaml.swp`) or `#`,
names that end with `~`, and other endings (`README.md`, `kyrre.yaml.bak`). A nearly right ending is told,
and so are a folder with such files, and the lack of any. A link may lead to a file of the folder only, as
Kubernetes' own do by way of `..data`: what lies elsewhere is not the repository's, and may be a secret.
"""

from __future__ import annotations

import codecs
import errno
import os
import stat
from dataclasses import dataclass
from itertools import islice
from pathlib import Path, PurePath
from typing import NamedTuple

from jupyterhub_knada.errors import Code, Problem, Severity, printable
from jupyterhub_knada.teams import names
from jupyterhub_knada.teams.faults import Fault
from jupyterhub_knada.teams.positions import NO_FILE, TOP, Position
from jupyterhub_knada.teams.quoting import got, suggestion

LARGEST_FILE = 256 * 1024
"""Bytes; a whole ConfigMap holds 1 MiB, and a team of a thousand members needs 20 KiB."""

_ENDINGS = (".yaml", ".yml")
_DEEPEST = 3
"""Folders within each other that are looked into for team's files which are not read."""
_MOST_ENTRIES = 1000
"""Entries of each of them that are looked at."""
_NEARLY = {".yalm", ".ymal", ".yamll", ".yml.txt", ".yaml.txt", ".json"}
_NOT_A_FILE = {
    stat.S_IFDIR: "a folder",
    stat.S_IFIFO: "a pipe",
    stat.S_IFCHR: "a device",
}


class FileError(Exception):
    """Raised where a file has no text to judge."""

    def __init__(self, fault: Fault, position: Position = TOP) -> None:
        super().__init__(fault.message)
        self.fault = fault
        self.position = position


class TeamPath(NamedTuple):
    """One team's file."""

    slug: str
    path: Path
    file: str
    """As messages name it: `teams/kyrre.yaml`."""


@dataclass(frozen=True, slots=True)
class TeamFolder:
    """What a folder of teams holds."""

    files: tuple[TeamPath, ...]
    """By name; two may have the same slug, as `kyrre.yaml` and `kyrre.yml`."""
    problems: tuple[Problem, ...]
    """Of names that cannot be a slug, and of a folder that cannot be listed."""


def list_team_files(folder: Path) -> TeamFolder:
    """List a folder of teams. Never raises: what is wrong is told."""
    label = printable_name(folder.name or str(folder))
    try:
        with os.scandir(folder) as found:
            entries = sorted(found, key=lambda entry: entry.name)
    except OSError as error:
        place = NO_FILE if error.errno == errno.ENOENT else TOP
        return TeamFolder((), (_problem(label, _unreadable(error, "folder"), place=place),))
    files: list[TeamPath] = []
    problems: list[Problem] = []
    for found_entry in entries:
        entry = found_entry.name
        file = f"{label}/{printable_name(entry)}"
        if _is_left_alone(entry):
            continue
        stem, ending = PurePath(entry).stem, PurePath(entry).suffix
        if ending not in _ENDINGS:
            wrong = _wrong_ending(entry, ending) or _folder_of_files(found_entry)
            problems.extend(_problem(file, fault, severity) for fault, severity in wrong)
        elif not names.is_name(names.LABEL, stem, longest=63):
            problems.append(_problem(file, _bad_slug(entry, stem, ending)))
        else:
            files.append(TeamPath(stem, folder / entry, file))
    if not files and not problems:
        rule = f"each team has a file {label}/<slug>.yaml; without one nobody can start a server"
        fault = Fault(Code.NO_TEAM_FILES, "no team's file in this folder", rule, "add one")
        problems.append(_problem(label, fault, Severity.WARNING))
    return TeamFolder(tuple(files), tuple(problems))


def read_text(path: Path, inside: Path | None = None) -> str:
    """Read one file as UTF-8 text, without its byte order mark.

    Only regular files are opened for reading, at the end of any links: a pipe would wait for ever.

    Args:
        path: The file, or a link to it.
        inside: The folder that the end of the link must be in; None: it may be anywhere.

    Raises:
        FileError: there is no such file, no permission, no regular file, too much of it, or no UTF-8; or it
            is elsewhere.
    """
    try:
        raw = _read_bytes(path if inside is None else _end_of_links(path, inside))
        raw = raw.removeprefix(codecs.BOM_UTF8)
    except OSError as error:
        is_link = path.is_symlink()
        place = NO_FILE if error.errno == errno.ENOENT and not is_link else TOP
        raise FileError(_unreadable(error, "file", is_link=is_link), place) from error
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError as error:
        message = f"not UTF-8 (got the byte 0x{raw[error.start]:02X})"
        fault = Fault(Code.FILE_ENCODING, message, "team files are UTF-8 text", "save the file as UTF-8")
        raise FileError(fault, _position_of_byte(raw, error.start)) from error


def printable_name(name: str) -> str:
    """Give a file's name so that it can be shown: bytes that are no text and line breaks are escaped."""
    return printable(os.fsencode(name).decode("utf-8", "backslashreplace"))


def _end_of_links(path: Path, inside: Path) -> Path:
    """Give the file that a path leads to, which is opened then: the links may be swapped meanwhile.

    Raises:
        FileError: it is not in the folder; its place is not told.
        OSError: there is none, or no end of links.
    """
    # Not `Path.resolve`: it raises a RuntimeError for a link to itself, up to Python 3.12.
    end = Path(os.path.realpath(path, strict=True))
    if not end.is_relative_to(os.path.realpath(inside)):
        rule = "a team's file is in the folder of team files, or a link to one there"
        fault = Fault(Code.FILE_UNREADABLE, "a link that leads out of the folder", rule, "copy the file here")
        raise FileError(fault)
    return end


def _is_left_alone(entry: str) -> bool:
    return entry.startswith((".", "#")) or entry.endswith("~")


def _folder_of_files(entry: os.DirEntry[str]) -> list[tuple[Fault, Severity]]:
    """Say that a folder has team files, which are not read; links are not followed."""
    try:
        if not entry.is_dir(follow_symlinks=False) or not _has_team_file(entry.path, _DEEPEST):
            return []
    except OSError:
        return []
    rule = "only files that stand in the folder of teams itself are read: their names are the teams' slugs"
    fault = Fault(Code.NO_TEAM_FILES, "a folder of files that are not read", rule, "move its files up")
    return [(fault, Severity.WARNING)]


def _has_team_file(folder: str, deepest: int) -> bool:
    with os.scandir(folder) as found:
        entries = [entry for entry in islice(found, _MOST_ENTRIES) if not _is_left_alone(entry.name)]
    if any(entry.name.endswith(_ENDINGS) and entry.is_file() for entry in entries):
        return True
    folders = (entry.path for entry in entries if entry.is_dir(follow_symlinks=False))
    return deepest > 0 and any(_has_team_file(path, deepest - 1) for path in folders)


def _read_bytes(path: Path) -> bytes:
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        kind = stat.S_IFMT(os.fstat(descriptor).st_mode)
        if kind != stat.S_IFREG:
            message = f"{_NOT_A_FILE.get(kind, 'something else')}, not a file"
            rule = "a team is described by a regular file"
            raise FileError(Fault(Code.FILE_UNREADABLE, message, rule, "remove or rename it"))
        # One byte more than allowed tells a file that is too large, also one that grows meanwhile.
        with os.fdopen(descriptor, "rb", closefd=False) as file:
            raw = file.read(LARGEST_FILE + 1)
    finally:
        os.close(descriptor)
    if len(raw) > LARGEST_FILE:
        message, rule = f"a file of more than {LARGEST_FILE} bytes", f"at most {LARGEST_FILE // 1024} KiB"
        raise FileError(Fault(Code.FILE_UNREADABLE, message, rule, "name groups instead of many users"))
    return raw


def _unreadable(error: OSError, kind: str, *, is_link: bool = False) -> Fault:
    if error.errno == errno.ENOENT:
        message = "a link to nothing" if is_link else f"there is no such {kind}"
        return Fault(
            Code.FILE_UNREADABLE, message, f"the {kind} must be there", "create it, or correct the path"
        )
    if error.errno in {errno.EACCES, errno.EPERM}:
        rule = f"the process runs as user {os.geteuid()}"
        return Fault(Code.FILE_UNREADABLE, "no permission to read", rule, "give it permission to read")
    if error.errno == errno.ELOOP:
        return Fault(Code.FILE_UNREADABLE, "a link to itself", "a link ends at a file", "correct the link")
    reason = os.strerror(error.errno) if error.errno else "unknown error"
    return Fault(
        Code.FILE_UNREADABLE, f"cannot be read: {reason}", "", f"see whether the {kind} can be opened"
    )


def _wrong_ending(entry: str, ending: str) -> list[tuple[Fault, Severity]]:
    if ending.lower() in _ENDINGS:
        rule = "a team's file ends in '.yaml' or '.yml', in lower case"
        fault = Fault(
            Code.FILE_NAME,
            f"a file name's ending {got(ending)}",
            rule,
            f"rename it to end in {ending.lower()!r}",
        )
        return [(fault, Severity.ERROR)]
    if any(entry.lower().endswith(nearly) for nearly in _NEARLY) or suggestion(ending, _ENDINGS):
        rule = "only files that end in '.yaml' or '.yml' are read"
        fault = Fault(
            Code.FILE_NAME, f"a file that is not read {got(entry)}", rule, "rename it, or move it away"
        )
        return [(fault, Severity.WARNING)]
    return []


def _bad_slug(entry: str, stem: str, ending: str) -> Fault:
    meant = "-".join(stem.strip().lower().replace("_", " ").replace(".", " ").split())
    fits = names.is_name(names.LABEL, meant, longest=63)
    rule = "a team's slug is its file's name: lower-case letters a-z, digits and -, at most 63"
    remedy = f"rename it to {meant + ending!r}" if fits else "rename it"
    return Fault(Code.FILE_NAME, f"a file name that is no slug {got(entry)}", rule, remedy)


def _position_of_byte(raw: bytes, index: int) -> Position:
    before = raw[:index].decode("utf-8")
    return Position(before.count("\n") + 1, len(before) - before.rfind("\n"))


def _problem(
    file: str, fault: Fault, severity: Severity = Severity.ERROR, *, place: Position = TOP
) -> Problem:
    return Problem(file, *place, "", fault.code, fault.message, fault.rule, fault.remedy, severity)
