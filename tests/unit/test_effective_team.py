"""What holds for a team: each key at each level, with the place that says it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jupyterhub_knada.teams.effective import EffectiveTeam, Sourced, effective_team, pin_images
from jupyterhub_knada.teams.loading import LoadedPlatform, LoadedTeam, Positions
from jupyterhub_knada.teams.model import PlatformFile, TeamFile
from tests.support.team_files import SEED, load_texts

if TYPE_CHECKING:
    from pathlib import Path

GIB = 1024**3
IMAGES = """\
images:
  - {name: py313, image: "ghcr.io/example/jupyter:2026-11-01", python: "3.13", default: true}
  - {name: py312, image: "ghcr.io/example/jupyter:3.12", python: "3.12", endOfLife: 2028-10-31}
"""


def resolve(folder: Path, team: str, platform: str | None = None) -> EffectiveTeam:
    """Give what holds for the one team `kyrre`."""
    loaded = load_texts(folder, platform, kyrre=team)
    assert loaded.platform is not None
    return effective_team(loaded.platform, loaded.teams["kyrre"])


def in_memory(team: dict[str, Any], platform: dict[str, Any] | None = None) -> EffectiveTeam:
    """Give what holds for a team of models that stand in no file."""
    nowhere = Positions({}, {})
    says = TeamFile.model_validate({"namespace": "kyrre", "users": ["e152435"], **team})
    shared = LoadedPlatform(None, PlatformFile.model_validate(platform or {}), nowhere)
    return effective_team(shared, LoadedTeam("kyrre", "teams/kyrre.yaml", says, nowhere, ()))


def test_effective_team_of_seed_file_says_nothing_that_no_file_says(tmp_path: Path) -> None:
    """The oldest file gives one profile; size, image, home and timeout are left to the hub."""
    team = resolve(tmp_path, SEED)

    assert (team.slug, team.id, team.display_name, team.namespace, team.ingress) == (
        "kyrre",
        "kyrre",
        "kyrre",
        "kyrre-havik-eriksen",
        "kyrre",
    )
    assert dict(team.sources) == {
        "id": "the name of teams/kyrre.yaml",
        "display_name": "the name of teams/kyrre.yaml",
        "namespace": "teams/kyrre.yaml:1",
        "ingress": "teams/kyrre.yaml:2",
    }
    said = (team.allowlist, team.storage_size, team.storage_class, team.storage_none, team.idle_timeout)
    assert said == (None,) * 5
    assert (team.secret_name, team.contact, dict(team.env), dict(team.labels)) == (None, None, {}, {})
    (profile,) = team.profiles
    assert (profile.slug, profile.display_name, profile.is_default) == ("default", "kyrre", True)
    sizes = (profile.memory_limit, profile.memory_guarantee, profile.cpu_limit, profile.cpu_guarantee)
    assert (*sizes, profile.gpu, profile.image, profile.interface) == (None,) * 7


def test_effective_value_names_file_and_line_of_the_level_that_says_it(tmp_path: Path) -> None:
    """Profile, team and platform each say one thing; each source points at its line."""
    team = resolve(
        tmp_path,
        """\
        namespace: kyrre
        users: [e152435]
        cpuLimit: 1
        profiles:
          - displayName: Big
            resources:
              memoryLimit: 32GB
        """,
        """\
        defaults:
          memoryLimit: 2GB
          cpuLimit: 0.5
          resources: {gpu: 1}
          culling: {idleTimeout: 30m}
        """,
    )

    (big,) = team.profiles
    assert big.memory_limit == Sourced(32 * GIB, "teams/kyrre.yaml:7")
    assert big.cpu_limit == Sourced(1000, "teams/kyrre.yaml:3")
    assert big.gpu == Sourced(1, "platform.yaml:4 defaults")
    assert team.idle_timeout == Sourced(1800, "platform.yaml:5 defaults")
    assert big.source == "teams/kyrre.yaml:5"


@given(
    profile=st.sampled_from(["absent", None, "3G"]),
    team=st.sampled_from(["absent", None, "4G"]),
    platform=st.sampled_from(["absent", None, "5G"]),
    flat=st.booleans(),
)
def test_effective_memory_is_that_of_the_first_level_that_speaks(
    *, profile: str | None, team: str | None, platform: str | None, flat: bool
) -> None:
    """The nearest level that speaks decides, in either spelling; `null` is speech, and leaves it unset."""

    def size(text: str | None, *, flat: bool = False) -> dict[str, Any]:
        if text == "absent":
            return {}
        return {"memoryLimit": text} if flat else {"resources": {"memoryLimit": text}}

    profiles = [{"displayName": "Big", **size(profile)}]
    got = in_memory(
        {"profiles": profiles, **size(team, flat=flat)}, {"defaults": size(platform, flat=not flat)}
    )

    spoken = [text for text in (profile, team, platform) if text != "absent"]
    expected = int(spoken[0][0]) * GIB if spoken and spoken[0] else None
    limit = got.profiles[0].memory_limit
    assert (limit.value if limit else None) == expected


@pytest.mark.parametrize(
    ("team", "expected"),
    [
        pytest.param({}, {"A": "platform", "B": "platform"}, id="nothing said keeps the platform's"),
        pytest.param({"B": "team"}, {"A": "platform", "B": "team"}, id="a name said twice is the team's"),
        pytest.param(
            {"C": "team"}, {"A": "platform", "B": "platform", "C": "team"}, id="a new name is added"
        ),
        pytest.param({"A": None}, {"B": "platform"}, id="null for a name removes it"),
        pytest.param(None, {}, id="null for the mapping removes all"),
    ],
)
@pytest.mark.parametrize(
    ("key", "field"),
    [
        ("env", "env"),
        ("labels", "labels"),
        ("annotations", "annotations"),
        ("nodeSelector", "node_selector"),
    ],
)
def test_effective_mapping_is_laid_over_the_platforms(
    key: str, field: str, team: dict[str, str | None] | None, expected: dict[str, str]
) -> None:
    """Mappings merge name by name."""
    says = {} if team == {} else {key: team}
    got = in_memory(says, {"defaults": {key: {"A": "platform", "B": "platform"}}})

    assert {name: said.value for name, said in getattr(got, field).items()} == expected


def test_effective_env_joins_both_spellings_of_both_files() -> None:
    """The old list and the map of either file are one mapping; the team's are on top."""
    got = in_memory(
        {"extraEnvs": ["hello: world", "both: team"], "env": {"NEW": "1"}},
        {"defaults": {"extraEnvs": ["both: platform"], "env": {"OLD": "0", "hello": "platform"}}},
    )

    assert {name: said.value for name, said in got.env.items()} == {
        "hello": "world",
        "both": "team",
        "NEW": "1",
        "OLD": "0",
    }


@pytest.mark.parametrize(
    ("key", "field", "platform", "team"),
    [
        pytest.param("allowlist", "allowlist", ["a.example.org"], ["b.example.org"], id="allowlist"),
        pytest.param("imagePullSecrets", "image_pull_secrets", ["theirs"], ["ours"], id="pull secrets"),
    ],
)
def test_effective_list_replaces_the_platforms(
    key: str, field: str, platform: list[str], team: list[str]
) -> None:
    """A list is what its nearest level writes, also where that is nothing."""
    defaults = {"defaults": {key: platform}}

    assert getattr(in_memory({}, defaults), field).value == tuple(platform)
    assert getattr(in_memory({key: team}, defaults), field).value == tuple(team)
    assert getattr(in_memory({key: []}, defaults), field).value == ()
    assert getattr(in_memory({key: None}, defaults), field) is None


def test_effective_tolerations_are_as_a_manifest_has_them() -> None:
    """A toleration is given in Kubernetes' own keys."""
    got = in_memory({"tolerations": [{"key": "gpu", "operator": "Exists", "effect": "NoSchedule"}]})

    assert got.tolerations is not None
    assert [dict(toleration) for toleration in got.tolerations.value] == [
        {"key": "gpu", "operator": "Exists", "effect": "NoSchedule"}
    ]


@pytest.mark.parametrize(
    ("team", "platform", "expected"),
    [
        pytest.param({"jupyterLabs": "false"}, {}, "notebook", id="the old key, off"),
        pytest.param({"jupyterLabs": "true"}, {"interface": "rstudio"}, "lab", id="the old key, on"),
        pytest.param({"jupyterLabs": None}, {"interface": "rstudio"}, None, id="the old key, unset"),
        pytest.param({}, {"jupyterLabs": "false"}, "notebook", id="the old key in the platform file"),
        pytest.param({"interface": "vscode"}, {"jupyterLabs": "false"}, "vscode", id="the new key"),
        pytest.param(
            {"interface": None, "jupyterLabs": "false"}, {}, "notebook", id="null beside the old key"
        ),
    ],
)
def test_effective_interface_reads_both_spellings(
    team: dict[str, Any], platform: dict[str, Any], expected: str | None
) -> None:
    """`jupyterLabs: false` means the classic notebook."""
    (profile,) = in_memory(team, {"defaults": platform}).profiles

    assert (profile.interface.value if profile.interface else None) == expected


@pytest.mark.parametrize(
    ("team", "image", "source", "name"),
    [
        pytest.param(
            "image: py312",
            "ghcr.io/example/jupyter:3.12",
            "teams/kyrre.yaml:3, image py312 of platform.yaml:3",
            "py312",
            id="by name",
        ),
        pytest.param(
            "image: ghcr.io/example/jupyter:3.12",
            "ghcr.io/example/jupyter:3.12",
            "teams/kyrre.yaml:3, image py312 of platform.yaml:3",
            "py312",
            id="by the reference of a platform image",
        ),
        pytest.param(
            "image: ghcr.io/navikt/mine:3.10",
            "ghcr.io/navikt/mine:3.10",
            "teams/kyrre.yaml:3",
            None,
            id="another image",
        ),
        pytest.param(
            "description: x",
            "ghcr.io/example/jupyter:2026-11-01",
            "image py313 of platform.yaml:2",
            "py313",
            id="the platform's default image",
        ),
        pytest.param("image: null", None, None, None, id="null leaves it to the hub"),
    ],
)
def test_effective_image_is_a_full_reference(
    tmp_path: Path, team: str, image: str | None, source: str | None, name: str | None
) -> None:
    """Names of platform images are resolved, and what the platform says of them is kept."""
    (profile,) = resolve(tmp_path, f"namespace: kyrre\nusers: [e152435]\n{team}\n", IMAGES).profiles

    assert profile.image == (Sourced(image, source) if image and source else None)
    assert (profile.image_info.name if profile.image_info else None) == name


def test_effective_profiles_are_the_teams_then_the_platforms() -> None:
    """A team's own profile hides the platform's of the same slug; the team's default counts."""
    team = {"profiles": [{"displayName": "Mine", "slug": "big"}, {"displayName": "Own", "default": "true"}]}
    platform = {"profiles": [{"displayName": "Small", "default": "true"}, {"displayName": "Big"}]}

    got = in_memory(team, platform)

    assert [(profile.slug, profile.display_name, profile.is_default) for profile in got.profiles] == [
        ("big", "Mine", False),
        ("own", "Own", True),
        ("small", "Small", False),
    ]


def test_effective_profiles_without_a_mark_default_to_the_first() -> None:
    """Where no file marks a default, the first profile is it."""
    got = in_memory({"profiles": [{"displayName": "A"}, {"displayName": "B"}]}, {})

    assert [profile.is_default for profile in got.profiles] == [True, False]


def test_effective_platform_default_counts_where_the_team_marks_none() -> None:
    """The platform's mark holds for a team that has profiles but marks none."""
    got = in_memory(
        {"profiles": [{"displayName": "A"}]}, {"profiles": [{"displayName": "B", "default": "true"}]}
    )

    assert [profile.slug for profile in got.profiles if profile.is_default] == ["b"]


def test_effective_namespace_is_the_hubs_where_the_platform_says_so(tmp_path: Path) -> None:
    """With `namespaces: hub` a team's namespace is not used."""
    got = resolve(tmp_path, SEED, "namespaces: hub\n")

    assert got.namespace is None
    assert "namespace" not in got.sources


@pytest.mark.parametrize(
    ("team", "expected", "source"),
    [
        pytest.param("", "projects/p-123456/secrets/kyrre", "the name of teams/kyrre.yaml", id="file name"),
        pytest.param("id: kyrre-1a2b", "projects/p-123456/secrets/kyrre-1a2b", "teams/kyrre.yaml:5", id="id"),
        pytest.param(
            "id: kyrre-1a2b\nsecret: Other_1",
            "projects/p-123456/secrets/Other_1",
            "teams/kyrre.yaml:6",
            id="a secret of another name",
        ),
    ],
)
def test_effective_secret_name_follows_the_team(
    tmp_path: Path, team: str, expected: str, source: str
) -> None:
    """The secret's name is made of the project and the team's own words."""
    got = resolve(tmp_path, f"{SEED}{team}\n", "project: p-123456\n")

    assert got.secret_name == expected
    assert got.sources["secret_name"] == source


def test_pinned_team_keeps_its_images_when_the_platform_renames_them(tmp_path: Path) -> None:
    """A name is resolved where it still means something; a later platform file cannot change it."""
    team = "namespace: kyrre\nusers: [e152435]\nimage: py312\nprofiles: [{displayName: A, image: py313}]\n"
    loaded = load_texts(tmp_path, IMAGES, kyrre=team)
    assert loaded.platform is not None
    renamed = LoadedPlatform(None, PlatformFile(), Positions({}, {}))

    pinned = pin_images(loaded.teams["kyrre"], loaded.platform)
    got = effective_team(renamed, pinned)

    assert got.profiles[0].image == Sourced("ghcr.io/example/jupyter:2026-11-01", "teams/kyrre.yaml:4")
    assert pinned.team.image == "ghcr.io/example/jupyter:3.12"
