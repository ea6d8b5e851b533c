"""No message about a file shows a value of a variable, an annotation or an override, whatever is wrong."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from jupyterhub_knada.servers.override_rules import MERGED, PASSED
from jupyterhub_knada.servers.overrides import check_override
from jupyterhub_knada.teams.loading import load_files
from tests.support.team_files import write_files

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

SECRET = "hunter2 S3CRET"
TRAITS = sorted(MERGED | PASSED)


def shapes(trait: str) -> Iterator[Any]:
    """Give wrong values of every shape, each with the secret as a value in it, never as a key."""
    yield SECRET
    yield [SECRET]
    yield [{"name": SECRET, "key": SECRET, "mountPath": SECRET, "emptyDir": SECRET, "value": SECRET}]
    yield {"A": SECRET}
    yield {"A": [SECRET], "B": {"valueFrom": SECRET}, "nvidia.com/gpu": SECRET, "hostname": [SECRET]}
    yield {"postStart": SECRET, "preStop": {"exec": SECRET}, "terminationGracePeriodSeconds": SECRET}
    yield {"a": {"name": SECRET, "mountPath": f"/{SECRET}", "subPath": SECRET}}
    if trait == "slow_spawn_message":
        yield SECRET + "{0.__class__}"


@pytest.mark.parametrize("trait", TRAITS)
def test_no_message_about_an_override_shows_its_value(trait: str, tmp_path: Path) -> None:
    """Of a text it says that it is one; the place says where."""
    for value in shapes(trait):
        shown = [f"{fault.message}; {fault.rule}; {fault.remedy}" for fault in check_override({trait: value})]
        override = {"displayName": "A", "kubespawnerOverride": {trait: value}}
        text = json.dumps({"namespace": "t", "users": ["e1"], "profiles": [override]})
        write_files(tmp_path, "bounds: {images: [ghcr.io/*]}\n", t=text)
        files = (tmp_path / "teams", tmp_path / "platform.yaml")
        shown += map(str, load_files(*files, check_override=check_override).problems)
        assert [line for line in shown if "S3CRET" in line] == []


@pytest.mark.parametrize(
    "line",
    [
        'env: {A: "hunter2 S3CRET\\0"}',
        "env: {A: [S3CRET]}",
        "env: S3CRET",
        "env: [S3CRET]",
        "extraEnvs: S3CRET",
        "extraEnvs: [S3CRET]",
        'extraEnvs: ["2x: S3CRET"]',
        "extraEnvs: [{A: S3CRET}]",
        'extraEnvs: ["A: S3CRET", "A: S3CRET"]',
        'extraEnvs: ["MEM_LIMIT: S3CRET"]',
        "annotations: S3CRET",
        'annotations: {a: "S3CRET\\e"}',
        "annotations: {a: [S3CRET]}",
        "annotations: {hub.jupyter.org/x: S3CRET}",
        "profiles: [{displayName: A, kubespawnerOverride: S3CRET}]",
        "env: {A: *S3CRET}",
        "env: {A: &S3CRET x}",
        "env: {A: !S3CRET x}",
        "env: {A: #S3CRET\n}",
    ],
)
def test_no_message_about_variables_and_annotations_shows_their_values(line: str, tmp_path: Path) -> None:
    """Nor the text that stands where they should be."""
    write_files(tmp_path, t=f"namespace: t\nusers: [e1]\n{line}\n")
    problems = load_files(tmp_path / "teams", None, check_override=check_override).problems
    told = [str(problem) for problem in problems if problem.file == "teams/t.yaml"]
    assert told
    assert [text for text in told if "S3CRET" in text] == []
