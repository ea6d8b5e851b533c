"""Folders and files as they are found: what is read, what is left alone, what cannot be read."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from jupyterhub_knada.servers.overrides import check_override
from jupyterhub_knada.teams import suggestions
from jupyterhub_knada.teams.loading import LoadedFiles, load_files
from jupyterhub_knada.teams.profiles import MOST_PROFILES
from jupyterhub_knada.teams.tally import MOST_SHOWN
from jupyterhub_knada.teams.team_folder import LARGEST_FILE
from tests.support.team_files import SEED, write_files

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from jupyterhub_knada.teams.faults import Fault
    from jupyterhub_knada.teams.file_model import FileModel

NOBODY = 65534


def told(loaded: LoadedFiles) -> list[str]:
    """Give the messages about team files."""
    return [str(problem) for problem in loaded.problems if problem.file.startswith("teams")]


@pytest.fixture
def teams(tmp_path: Path) -> Path:
    """A folder with one team that holds, `other`."""
    return write_files(tmp_path, other=SEED) / "teams"


@pytest.mark.parametrize(
    "name",
    [
        pytest.param("..data", id="link of a ConfigMap"),
        pytest.param("..2026_11_20_08_00_00.1", id="dated entry of a ConfigMap"),
        pytest.param(".kyrre.yaml", id="hidden"),
        pytest.param(".kyrre.yaml.swp", id="swap file"),
        pytest.param("kyrre.yaml~", id="backup"),
        pytest.param("#kyrre.yaml#", id="unsaved text of Emacs"),
        pytest.param("kyrre.yaml.bak", id="backup by hand"),
        pytest.param("kyrre.yaml.orig", id="left by a merge"),
        pytest.param("README.md", id="read me"),
        pytest.param("CODEOWNERS", id="owners"),
    ],
)
def test_file_that_is_no_team_is_left_alone(teams: Path, name: str) -> None:
    """What editors, git and Kubernetes leave beside the files is neither read nor told."""
    (teams / name).write_text("\t broken", encoding="utf-8")
    loaded = load_files(teams, None)
    assert list(loaded.teams) == ["other"]
    assert told(loaded) == []


RULE = "a team's slug is its file's name: lower-case letters a-z, digits and -, at most 63"


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        pytest.param(
            "Team Kyrre.yaml",
            "teams/Team Kyrre.yaml:1:1: a file name that is no slug (got 'Team Kyrre.yaml'); "
            f"{RULE}; rename it to 'team-kyrre.yaml' [KNADA-C007]",
            id="capitals and a blank",
        ),
        pytest.param(
            "æ.yml",
            f"teams/æ.yml:1:1: a file name that is no slug (got 'æ.yml'); {RULE}; rename it [KNADA-C007]",
            id="a letter beyond z",
        ),
        pytest.param(
            "a\nb.yaml",
            "teams/a\\nb.yaml:1:1: a file name that is no slug (got 'a\\nb.yaml'); "
            f"{RULE}; rename it to 'a-b.yaml' [KNADA-C007]",
            id="a line break",
        ),
        pytest.param(
            "kyrre.YAML",
            "teams/kyrre.YAML:1:1: a file name's ending (got '.YAML'); a team's file ends in '.yaml' or "
            "'.yml', in lower case; rename it to end in '.yaml' [KNADA-C007]",
            id="ending in capitals",
        ),
        pytest.param(
            "kyrre.yalm",
            "teams/kyrre.yalm:1:1: warning: a file that is not read (got 'kyrre.yalm'); only files that "
            "end in '.yaml' or '.yml' are read; rename it, or move it away [KNADA-C007]",
            id="ending misspelt",
        ),
        pytest.param(
            "kyrre.yaml.txt",
            "teams/kyrre.yaml.txt:1:1: warning: a file that is not read (got 'kyrre.yaml.txt'); only files "
            "that end in '.yaml' or '.yml' are read; rename it, or move it away [KNADA-C007]",
            id="saved as text",
        ),
    ],
)
def test_file_with_an_unusable_name_is_told(teams: Path, name: str, expected: str) -> None:
    """A file that somebody meant to be a team is never passed over in silence."""
    (teams / name).write_text(SEED, encoding="utf-8")
    loaded = load_files(teams, None)
    assert list(loaded.teams) == ["other"]
    assert told(loaded) == [expected]


def test_file_name_that_is_no_text_is_told(teams: Path) -> None:
    """A name in an old encoding is shown with its bytes."""
    with Path(os.fsdecode(os.fsencode(teams) + b"/kyrre\xe6.yaml")).open("w", encoding="utf-8") as file:
        file.write(SEED)
    [message] = told(load_files(teams, None))
    assert message.startswith("teams/kyrre\\xe6.yaml:1:1: a file name that is no slug (got 'kyrre")
    message.encode("utf-8")


def test_two_files_of_one_team_close_it(teams: Path) -> None:
    """Of `kyrre.yaml` and `kyrre.yml` nobody can say which one is meant."""
    for ending in ("yaml", "yml"):
        (teams / f"kyrre.{ending}").write_text(SEED.replace("kyrre", "k"), encoding="utf-8")
    loaded = load_files(teams, None)
    assert (list(loaded.teams), list(loaded.closed)) == (["other"], ["kyrre"])
    assert told(loaded) == [
        (
            "teams/kyrre.yml:1:1: a second file of one team (got 'teams/kyrre.yml'); teams/kyrre.yaml is the "
            "same team; remove one of them [KNADA-C007]"
        ),
    ]


def _folder(path: Path) -> None:
    path.mkdir()


LEADS_OUT = (
    "a link that leads out of the folder; a team's file is in the folder of team files, or a link to one "
    "there; copy the file here"
)


def _pipe(path: Path) -> None:
    os.mkfifo(path)


def _device(path: Path) -> None:
    path.symlink_to("/dev/zero")


def _secret(path: Path) -> None:
    outside = path.parent.parent / "token.yaml"
    outside.write_text(f"{SEED}t0ken: hunter2\n", encoding="utf-8")
    path.symlink_to(outside)


def _by_a_folder(path: Path) -> None:
    _secret(path.parent / ".x")
    (path.parent / ".up").symlink_to("..")
    path.symlink_to(".up/token.yaml")


def _dangling(path: Path) -> None:
    path.symlink_to("nowhere")


def _loop(path: Path) -> None:
    path.symlink_to(path.name)


def _huge(path: Path) -> None:
    path.write_bytes(b"#" * (LARGEST_FILE + 1))


@pytest.mark.parametrize(
    ("make", "expected"),
    [
        pytest.param(
            _folder,
            "a folder, not a file; a team is described by a regular file; remove or rename it",
            id="folder",
        ),
        pytest.param(
            _pipe, "a pipe, not a file; a team is described by a regular file; remove or rename it", id="pipe"
        ),
        pytest.param(_device, LEADS_OUT, id="link to a device"),
        pytest.param(_secret, LEADS_OUT, id="link to a file elsewhere"),
        pytest.param(_by_a_folder, LEADS_OUT, id="link by way of a linked folder"),
        pytest.param(
            _dangling,
            "a link to nothing; the file must be there; create it, or correct the path",
            id="dangling link",
        ),
        pytest.param(_loop, "a link to itself; a link ends at a file; correct the link", id="link to itself"),
        pytest.param(
            _huge,
            "a file of more than 262144 bytes; at most 256 KiB; name groups instead of many users",
            id="huge file",
        ),
    ],
)
def test_file_that_cannot_be_read_closes_its_team_only(
    teams: Path, make: Callable[[Path], None], expected: str
) -> None:
    """What is no readable file is told at once; nothing waits for it, and the other team holds."""
    make(teams / "kyrre.yaml")
    loaded = load_files(teams, None)
    assert (list(loaded.teams), list(loaded.closed)) == (["other"], ["kyrre"])
    assert told(loaded) == [f"teams/kyrre.yaml:1:1: {expected} [KNADA-C001]"]


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """Give a folder that every user may enter: pytest's own are closed to others."""
    folder = Path(tempfile.mkdtemp())
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


@pytest.fixture
def as_nobody() -> Iterator[None]:
    """Run as a user without rights, where the tests run as root, whom no permission stops."""
    root = os.geteuid() == 0
    if root:
        os.seteuid(NOBODY)
    yield
    if root:
        os.seteuid(0)


def test_file_without_permission_closes_its_team_only(
    open_folder: Path, request: pytest.FixtureRequest
) -> None:
    """A file that may not be read is told as that, not as absent."""
    write_files(open_folder, kyrre=SEED, other=SEED.replace("kyrre", "o"))
    (open_folder / "teams" / "kyrre.yaml").chmod(0)
    request.getfixturevalue("as_nobody")
    loaded = load_files(open_folder / "teams", None)
    assert (list(loaded.teams), list(loaded.closed)) == (["other"], ["kyrre"])
    assert told(loaded) == [
        (
            f"teams/kyrre.yaml:1:1: no permission to read; the process runs as user {os.geteuid()}; "
            "give it permission to read [KNADA-C001]"
        ),
    ]


def test_folder_without_permission_is_told(open_folder: Path, request: pytest.FixtureRequest) -> None:
    """A folder that may not be listed gives no team and one problem."""
    write_files(open_folder, kyrre=SEED)
    (open_folder / "teams").chmod(0)
    request.getfixturevalue("as_nobody")
    loaded = load_files(open_folder / "teams", None)
    assert told(loaded) == [
        (
            f"teams:1:1: no permission to read; the process runs as user {os.geteuid()}; "
            "give it permission to read [KNADA-C001]"
        ),
    ]


def test_folder_that_is_not_there_is_told(tmp_path: Path) -> None:
    """A wrong path is not the same as no teams."""
    loaded = load_files(tmp_path / "teams", None)
    assert loaded.has_errors
    assert told(loaded) == [
        (
            "teams: there is no such folder; the folder must be there; "
            "create it, or correct the path [KNADA-C001]"
        ),
    ]


def test_file_instead_of_a_folder_is_told(tmp_path: Path) -> None:
    """Any other error of the system is told with the system's own word for it."""
    (tmp_path / "teams").write_text(SEED, encoding="utf-8")
    assert told(load_files(tmp_path / "teams", None)) == [
        "teams:1:1: cannot be read: Not a directory; see whether the folder can be opened [KNADA-C001]",
    ]


def test_platform_file_that_is_not_there_starts_nothing(teams: Path) -> None:
    """A platform file that the hub is told to read must be there: its bounds would be missing."""
    loaded = load_files(teams, teams.parent / "platform.yaml")
    assert loaded.platform is None
    assert [str(problem) for problem in loaded.problems] == [
        (
            "platform.yaml: there is no such file; the file must be there; "
            "create it, or correct the path [KNADA-C001]"
        ),
    ]


def test_no_platform_file_gives_the_defaults(teams: Path) -> None:
    """Without a platform file every key has its default, and the missing project is a warning."""
    loaded = load_files(teams, None)
    assert loaded.platform is not None
    assert loaded.platform.file is None
    assert not loaded.has_errors
    assert [str(problem) for problem in loaded.problems] == [
        (
            "platform.yaml: warning: there is no platform file; KNADA_TEAM_SECRET is not set in any server; "
            "create it with 'project: <id>' of the Google Cloud project of the teams' secrets [KNADA-C040]"
        ),
    ]


@pytest.mark.parametrize(
    ("text", "what"),
    [
        pytest.param("", "an empty file", id="empty"),
        pytest.param("- a\n", "not a mapping (got a list)", id="a list"),
    ],
)
def test_team_file_without_a_key_says_what_it_needs_there(teams: Path, text: str, what: str) -> None:
    """Where all teams are in the hub's namespace, a file needs none; a file that is valid later has none."""
    for file in teams.iterdir():
        file.unlink()
    (teams / "k.yaml").write_text(text, encoding="utf-8")
    platform = teams.parent / "platform.yaml"
    for rule, needed in (("hub", "users"), ("team", "namespace and users")):
        platform.write_text(f"project: knada-gcp\nnamespaces: {rule}\n", encoding="utf-8")
        assert [str(problem) for problem in load_files(teams, platform).problems] == [
            f"teams/k.yaml:1:1: {what}; a file has lines 'key: value'; write at least {needed} [KNADA-C006]"
        ]


def test_platform_file_that_is_empty_starts_nothing(teams: Path) -> None:
    """A platform file that lost its text has lost its bounds; one that means to say nothing says so."""
    platform = teams.parent / "platform.yaml"
    platform.write_text("# nothing\n", encoding="utf-8")
    loaded = load_files(teams, platform)
    assert loaded.platform is None
    assert [str(problem) for problem in loaded.problems] == [
        (
            "platform.yaml:1:1: an empty file; a file has lines 'key: value'; "
            "write '{}' if it shall say nothing [KNADA-C006]"
        ),
    ]
    platform.write_text("{}", encoding="utf-8")
    mended = load_files(teams, platform).platform
    assert mended is not None
    assert mended.file == "platform.yaml"


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(b"\xef\xbb\xbf" + SEED.encode(), id="byte order mark"),
        pytest.param(SEED.replace("\n", "\r\n").encode(), id="line ends of Windows"),
        pytest.param(SEED.replace("\n", "\r").encode(), id="line ends of the old Macintosh"),
        pytest.param(SEED.rstrip("\n").encode(), id="no line break at the end"),
        pytest.param(b"---\n" + SEED.encode() + b"...\n", id="marks of a document"),
        pytest.param(b"%YAML 1.2\n---\n" + SEED.encode(), id="directive of YAML 1.2"),
        pytest.param(b"# comment \xc3\xa6\n\n" + SEED.encode(), id="comment"),
        pytest.param(b'{"namespace": "k", "users": ["e1"]}', id="JSON"),
    ],
)
def test_file_in_a_usual_form_holds(teams: Path, content: bytes) -> None:
    """How an editor stores a text plays no part."""
    (teams / "other.yaml").unlink()
    (teams / "kyrre.yaml").write_bytes(content)
    loaded = load_files(teams, None)
    assert list(loaded.teams) == ["kyrre"]
    assert told(loaded) == []


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        pytest.param(
            "# Norwegian\n# for Kåre\n".encode("latin-1") + SEED.encode(),
            "2:8: not UTF-8 (got the byte 0xE5); team files are UTF-8 text; "
            "save the file as UTF-8 [KNADA-C002]",
            id="Latin-1",
        ),
        pytest.param(
            SEED.encode("utf-16"),
            "1:1: not UTF-8 (got the byte 0xFF); team files are UTF-8 text; "
            "save the file as UTF-8 [KNADA-C002]",
            id="UTF-16",
        ),
        pytest.param(
            b"\xef\xbb\xbfa: \xff",
            "1:4: not UTF-8 (got the byte 0xFF); team files are UTF-8 text; "
            "save the file as UTF-8 [KNADA-C002]",
            id="a wrong byte behind a byte order mark",
        ),
        pytest.param(
            b"namespace: k\nusers: [\0]\n",
            "2:9: a character that is not printable (U+0000); YAML is printable text; remove it [KNADA-C003]",
            id="NUL",
        ),
        pytest.param(
            b"",
            "1:1: an empty file; a file has lines 'key: value'; "
            "write at least namespace and users [KNADA-C006]",
            id="empty",
        ),
        pytest.param(
            b"a: " + b"[" * 5000,
            "1:43: mappings and lists too deep within each other; at most 40 levels; "
            "correct the brackets or the indentation [KNADA-C003]",
            id="brackets without end",
        ),
    ],
)
def test_file_that_is_no_text_is_told_at_its_place(teams: Path, content: bytes, expected: str) -> None:
    """Bytes that are no YAML have a line and column, too."""
    (teams / "kyrre.yaml").write_bytes(content)
    loaded = load_files(teams, None)
    assert list(loaded.teams) == ["other"]
    assert told(loaded) == [f"teams/kyrre.yaml:{expected}"]


@pytest.mark.parametrize(
    ("keys", "last_line"),
    [
        # Beside the keys, `users` is missing, and the namespace, which is judged with the platform's file.
        pytest.param(998, "(got 1000); only the first 200 are shown; correct these first, then see 800 more"),
        pytest.param(
            9000,
            "(got more than 1000); only the first 200 are shown; correct these first, then see the others",
        ),
    ],
)
def test_file_with_countless_problems_tells_the_first(teams: Path, keys: int, last_line: str) -> None:
    """A file that is wrong in every line does not fill the hub's log."""
    (teams / "kyrre.yaml").write_text("\n".join(f"k{n}: 1" for n in range(keys)), encoding="utf-8")
    messages = told(load_files(teams, None))
    assert len(messages) == MOST_SHOWN + 1
    assert f"too many problems in one file {last_line}" in messages[-1]


def test_list_over_its_bound_is_judged_by_its_number_first(
    teams: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What would be refused in any case costs no suggestion for each entry."""
    asked: list[str] = []

    def unknown_key(model: type[FileModel], key: str) -> Fault:
        asked.append(key)
        return suggestions_of(model, key)

    suggestions_of = suggestions.unknown_key
    monkeypatch.setattr(suggestions, "unknown_key", unknown_key)
    wrong = "".join(f"  - {{k{n}: 1}}\n" for n in range(5_000))
    (teams / "kyrre.yaml").write_text(f"users: [u]\nprofiles:\n{wrong}", encoding="utf-8")
    messages = told(load_files(teams, None))
    assert "profiles: too many entries (got 5000); at most 100; remove some" in "".join(messages)
    assert len(asked) == MOST_PROFILES


def test_overrides_with_countless_problems_tell_the_first(
    teams: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They are checked after the file itself, and fill no log either; few are compared with other keys."""
    looked_up: set[str] = set()
    monkeypatch.setattr(suggestions, "suggestion", lambda key, *_, **__: looked_up.add(key))
    wrong = "".join(f"      k{n}: 1\n" for n in range(1_000))
    head = "namespace: kyrre\nusers: [u]\nprofiles:\n  - slug: a\n    displayName: A\n"
    text = f"{head}    kubespawnerOverride:\n{wrong}"
    (teams / "kyrre.yaml").write_text(text, encoding="utf-8")
    messages = told(load_files(teams, None, check_override=check_override))
    assert len(messages) == MOST_SHOWN + 1
    assert "too many problems in one file" in "".join(messages)
    assert MOST_SHOWN < len(looked_up) <= 500


@pytest.mark.parametrize(
    ("platform", "line"),
    [
        pytest.param("contact: us\n", "", id="of its own"),
        pytest.param("contact: us\n", "namespace: null\n", id="null"),
        # Of a file that is invalid elsewhere, what it says of namespaces is known all the same.
        pytest.param("namespaces: team\ndomian: a.example\n", "", id="invalid platform file"),
    ],
)
def test_team_without_a_namespace_is_closed_where_teams_have_their_own(
    tmp_path: Path, platform: str, line: str
) -> None:
    """A server has to run somewhere, and no other team's namespace will do."""
    folder = write_files(tmp_path, platform, kyrre=f"{line}users: [e152435]\n")
    loaded = load_files(folder / "teams", folder / "platform.yaml")
    place = f"teams/kyrre.yaml:1:{12 if line else 1}"
    assert [text for text in told(loaded) if ": warning: " not in text] == [
        f"{place}: namespace: missing; this key is required; add it [KNADA-C011]"
    ]
    assert set(loaded.closed) == {"kyrre"}


@pytest.mark.parametrize(
    "platform",
    [
        pytest.param("namespaces: hub\n", id="the hub's"),
        pytest.param("namespaces: hub\ndomian: a.example\n", id="invalid platform file"),
        pytest.param("namespaces: ours\n", id="unknown"),
    ],
)
def test_namespace_is_not_required_where_teams_have_none_of_their_own(tmp_path: Path, platform: str) -> None:
    """Nothing would use it, so its absence is no problem; nor is it where nobody knows."""
    folder = write_files(tmp_path, platform, kyrre="users: [e152435]\n")
    loaded = load_files(folder / "teams", folder / "platform.yaml")
    assert told(loaded) == []


def test_files_of_a_mounted_config_map_are_read_through_their_links(tmp_path: Path) -> None:
    """Kubernetes mounts a ConfigMap as links into `..data`, a link that it swaps."""
    teams = tmp_path / "teams"
    dated = teams / "..2026_11_20_08_00_00.1"
    dated.mkdir(parents=True)
    (dated / "kyrre.yaml").write_text(SEED, encoding="utf-8")
    (teams / "..data").symlink_to(dated.name)
    (teams / "kyrre.yaml").symlink_to("..data/kyrre.yaml")
    assert list(load_files(teams, None).teams) == ["kyrre"]


def test_thousand_teams_load(tmp_path: Path) -> None:
    """A folder of a thousand teams holds, each team with its own file."""
    texts = {f"t{n}": SEED.replace("kyrre", f"t{n}") for n in range(1000)}
    write_files(tmp_path, **texts)
    loaded = load_files(tmp_path / "teams", None)
    assert len(loaded.teams) == 1000
    assert loaded.teams["t7"].team.ingress == "t7"
    assert told(loaded) == []


def test_link_to_another_file_of_the_folder_is_read(teams: Path) -> None:
    """A link within the folder is as good as the file, however the folder itself is reached."""
    (teams / ".shared.yaml").write_text(SEED.replace("kyrre", "linked"), encoding="utf-8")
    (teams / "linked.yaml").symlink_to(teams / ".shared.yaml")
    other = teams.parent / "current"
    other.symlink_to(teams)
    assert set(load_files(other, None).teams) == {"linked", "other"}


@pytest.mark.parametrize(
    ("name", "is_told"),
    [
        pytest.param("north/alfa.yaml", True, id="a team's file in it"),
        pytest.param("north/south/alfa.yml", True, id="one further down"),
        pytest.param("north/README.md", False, id="no such file"),
        pytest.param(".git/alfa.yaml", False, id="a folder of git"),
        pytest.param("..2026_11_20/alfa.yaml", False, id="a folder of Kubernetes"),
    ],
)
def test_folder_of_team_files_is_told(teams: Path, name: str, *, is_told: bool) -> None:
    """A checkout with folders does not leave its people in no team without a word."""
    (teams / name).parent.mkdir(parents=True)
    (teams / name).write_text(SEED, encoding="utf-8")
    expected = (
        "teams/north:1:1: warning: a folder of files that are not read; only files that stand in the folder "
        "of teams itself are read: their names are the teams' slugs; move its files up [KNADA-C046]"
    )
    assert told(load_files(teams, None)) == ([expected] if is_told else [])


def test_folder_without_a_teams_file_is_told(tmp_path: Path) -> None:
    """An empty folder is a warning: a hub that serves nobody is rarely meant."""
    (tmp_path / "teams").mkdir()
    (tmp_path / "teams" / "README.md").touch()
    loaded = load_files(tmp_path / "teams", None)
    assert not loaded.has_errors
    assert told(loaded) == [
        (
            "teams:1:1: warning: no team's file in this folder; each team has a file teams/<slug>.yaml; "
            "without one nobody can start a server; add one [KNADA-C046]"
        )
    ]
