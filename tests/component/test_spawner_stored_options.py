"""Options that JupyterHub stored before anybody checked them."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from jupyterhub import orm
from sqlalchemy import create_engine
from sqlalchemy.orm import Session

from jupyterhub_knada.servers.refusing import StartRefusedError
from tests.support.bad_options import ALFA, GOOD, PLATFORM
from tests.support.spawners import OrmSpawner, User

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.spawners import Spawners

MARKER = {"__jupyterhub_bytes__": True, "data": "AAAA"}


def stored(options: Any) -> Any:
    """Give options as they are read from the hub's database, where JupyterHub makes bytes of a marker."""
    column = orm.JSONDict()
    return column.process_result_value(column.process_bind_param(options, None), None)  # type: ignore[no-untyped-call]


@pytest.mark.parametrize(
    "options",
    [
        pytest.param({"team": MARKER}, id="a text as bytes"),
        pytest.param({"team": "alfa", "profile": [MARKER]}, id="bytes in a list"),
        pytest.param({"team": {"a": {"b": MARKER}}}, id="bytes in a mapping"),
        pytest.param(MARKER, id="nothing but bytes"),
        pytest.param({"team": float("nan")}, id="no number"),
    ],
)
async def test_stored_options_that_json_cannot_carry_do_not_break_the_rest_view(
    options: Any, spawners: Spawners
) -> None:
    """The person's servers can be listed, the start is refused in words, and the next one goes well."""
    spawners.write(PLATFORM, alfa=ALFA)
    user = User(orm_spawners={"": OrmSpawner(user_options=stored(options))})
    spawner = spawners.make(user)
    shown = json.loads(json.dumps(spawner.user_options, allow_nan=False))
    assert isinstance(shown, dict)
    with pytest.raises(StartRefusedError, match="KNADA-S001") as refused:
        await spawners.start(spawner, stored(options))
    assert refused.value.status_code == 400
    pod, _ = await spawners.start(spawner, GOOD)
    assert pod["metadata"]["labels"]["team"] == "alfa"


async def test_stored_options_that_json_can_carry_stay_as_they_are(spawners: Spawners) -> None:
    """What was accepted, and what is refused for other reasons, is not touched."""
    spawners.write(PLATFORM, alfa=ALFA)
    for options in (GOOD, {"team": ["alfa"]}, ["alfa"], {"team": "alfa", "more": {"a": 1}}):
        user = User(orm_spawners={"": OrmSpawner(user_options=options)})
        assert spawners.make(user).user_options == options


async def test_choice_whose_profile_cannot_be_set_is_not_remembered(
    spawners: Spawners, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is remembered as accepted is put back by every later refusal: it has to be startable."""
    spawners.write(PLATFORM, alfa=ALFA)
    spawner = spawners.make()
    await spawners.start(spawner, GOOD)
    accepted = spawner.orm_spawner.user_options
    decide = spawner._decide

    def decide_badly(raw: object) -> Any:
        choice, plan = decide(raw)
        return choice, replace(plan, override={"start_timeout": "soon"})

    monkeypatch.setattr(spawner, "_decide", decide_badly)
    with pytest.raises(StartRefusedError, match=r"start_timeout.*KNADA-C028"):
        await spawners.start(spawner, {"team": "alfa", "profile": "choose"})
    assert spawner.orm_spawner.user_options == spawner.user_options == accepted


async def test_what_a_start_stores_is_committed_before_the_hub_goes_on(
    spawners: Spawners, tmp_path: Path
) -> None:
    """JupyterHub rolls back at the end of any request what is not, be the start accepted or refused."""
    spawners.write(PLATFORM, alfa=ALFA)
    engine = create_engine(f"sqlite:///{tmp_path / 'hub.sqlite'}")
    orm.Base.metadata.create_all(engine)
    with Session(engine) as session:
        row = orm.Spawner(name="")
        session.add(orm.User(name="e152435", _orm_spawners=[row]))
        spawner = spawners.make(User(orm_spawners={"": row}))
        row.user_options = {**GOOD, "more": "raw"}  # type: ignore[assignment]
        session.commit()
        spawner.apply_user_options(spawner, row.user_options)
        assert not session.dirty
        assert row.user_options == spawner.user_options
        row.user_options = {"team": "nobody's"}  # type: ignore[assignment]
        session.commit()
        with pytest.raises(StartRefusedError):
            spawner.apply_user_options(spawner, row.user_options)
        assert not session.dirty
        assert row.user_options == spawner.user_options
        spawner.note_departure(None)
        assert not session.dirty
    engine.dispose()


async def test_options_of_a_stopped_server_are_stored_as_json_can_carry_them(
    spawners: Spawners, tmp_path: Path
) -> None:
    """What comes by PATCH is stored past the spawner; after a restart it is told from the database alone."""
    spawners.write(PLATFORM, alfa=ALFA)
    spawners.make()
    engine = create_engine(f"sqlite:///{tmp_path / 'hub.sqlite'}")
    orm.Base.metadata.create_all(engine)
    with Session(engine) as session:
        kept = orm.Spawner(name="", user_options=GOOD)
        patched = orm.Spawner(name="b", user_options={})
        session.add(orm.User(name="e152435", _orm_spawners=[kept, patched]))
        patched.user_options = {"team": MARKER, "profile": "small"}  # type: ignore[assignment]
        session.commit()
    with Session(engine) as session:
        read = {spawner.name: spawner.user_options for spawner in session.query(orm.Spawner)}
    engine.dispose()
    assert read == {"": GOOD, "b": {"team": None, "profile": "small"}}
