"""Superset made ready: its own tables, the administrator, the bundle, the viewer. What is done already is not done again."""

import contextlib
import hashlib
import io
import json
import logging
import os
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from velib.bi.inside import private

BUNDLE = Path(__file__).resolve().parent.parent / "bundle"

# Beside what Superset itself allows the public: filters list their values, the menu leads to the dashboards, and the pages tell
# what was clicked (which is not kept).
_OF_A_VIEWER = (("can_read", "Dataset"), ("menu_access", "Dashboards"), ("can_log", "Superset"))


def application() -> Any:
    """Superset's Flask application, configured by superset_config.py."""
    os.environ["SUPERSET_CONFIG_PATH"] = str(Path(__file__).with_name("superset_config.py"))
    os.environ["SUPERSET_HOME"] = str(private.home())
    os.environ["SCARF_ANALYTICS"] = "false"
    warnings.filterwarnings("ignore")  # Superset's of its own libraries: nobody here can mend them
    logging.disable(logging.WARNING)
    with contextlib.redirect_stdout(io.StringIO()):  # it prints where its configuration lies
        from superset.app import create_app

        return create_app()


def prepare(application: Any) -> None:
    with application.app_context():
        _own_tables()
        administrator = _administrator()
        _bundle(administrator)
        _connection()
        _viewer()


def objects(kind: str) -> Iterator[tuple[Path, dict[str, Any]]]:
    """The bundle's databases, datasets, charts or dashboards, with their files."""
    for path in sorted((BUNDLE / kind).rglob("*.yaml")):
        yield path, yaml.safe_load(path.read_text())


# -- what has been done ---------------------------------------------------------------------------------------------------


def _state() -> Path:
    return private.home() / "prepared.json"


def _noted() -> dict[str, str]:
    try:
        return dict(json.loads(_state().read_text()))
    except FileNotFoundError:
        return {}


def _note(what: str, version: str) -> None:
    temporary = _state().with_suffix(".partial")
    temporary.write_text(json.dumps(_noted() | {what: version}))
    temporary.replace(_state())


# -- the steps ------------------------------------------------------------------------------------------------------------


def _own_tables() -> None:
    """The schema of Superset's own database and the rights of its roles: as of this version."""
    from importlib.metadata import version

    installed = version("apache-superset")
    if _noted().get("superset") == installed:
        return
    print("setting up Superset's own database (once, half a minute) …", flush=True)  # noqa: T201
    from flask_migrate import upgrade
    from superset.extensions import appbuilder, security_manager

    with contextlib.redirect_stdout(io.StringIO()):
        upgrade()
    appbuilder.add_permissions(update_perms=True)
    security_manager.sync_role_definitions()
    _note("superset", installed)


def _administrator() -> Any:
    return _account(private.ADMINISTRATOR, "velib", "warehouse", "Admin")


def _viewer() -> None:
    """The role and the account of those who look at the dashboards and change nothing."""
    version = hashlib.sha256(json.dumps([_noted()["superset"], *_OF_A_VIEWER]).encode()).hexdigest()
    if _noted().get("viewer") == version:
        return
    from superset import db
    from superset.extensions import security_manager
    from superset.models.core import Database

    uuids = [database["uuid"] for _, database in objects("databases")]
    allowed = [("database_access", each.perm) for each in db.session.query(Database).filter(Database.uuid.in_(uuids))]
    allowed += [*security_manager.PUBLIC_ROLE_PERMISSIONS, *_OF_A_VIEWER]
    role = security_manager.find_role(private.VIEWER) or security_manager.add_role(private.VIEWER)
    found = [security_manager.find_permission_view_menu(*each) for each in allowed]
    role.permissions = [each for each in found if each is not None]
    db.session.commit()
    _account(private.VIEWER, "velib", "viewer", private.VIEWER)
    _note("viewer", version)


def _account(name: str, first: str, last: str, role: str) -> Any:
    from superset.extensions import security_manager

    return security_manager.find_user(name) or security_manager.add_user(
        username=name,
        first_name=first,
        last_name=last,
        email=f"{name}@localhost",
        role=security_manager.find_role(role),
        password=private.password(name),
    )


def _bundle(administrator: Any) -> None:
    """The bundle's files into Superset, over what was there under their uuids: only when a file has changed."""
    files = {str(path.relative_to(BUNDLE)): path.read_text() for path in sorted(BUNDLE.rglob("*.yaml"))}
    version = hashlib.sha256(json.dumps(files).encode()).hexdigest()
    if _noted().get("bundle") == version:
        return
    print("importing the dashboards …", flush=True)  # noqa: T201
    from flask import g
    from superset.commands.importers.v1.assets import ImportAssetsCommand

    # On disk the bundle is what `superset import-dashboards` takes; as assets, datasets and charts are overwritten too.
    metadata = yaml.safe_load(files["metadata.yaml"])
    files["metadata.yaml"] = yaml.safe_dump(metadata | {"type": "assets"})
    for path, database in objects("databases"):
        files[str(path.relative_to(BUNDLE))] = yaml.safe_dump(database | {"sqlalchemy_uri": _uri()})
    g.user = administrator
    ImportAssetsCommand(files).run()
    _note("bundle", version)


def _connection() -> None:
    """The database's URL and time zone as of now: the embedded server's port may be another than at the import."""
    from superset import db
    from superset.models.core import Database

    for _, wanted in objects("databases"):
        database = db.session.query(Database).filter_by(uuid=wanted["uuid"]).one()
        extra = wanted["extra"]
        arguments = extra["engine_params"]["connect_args"]
        arguments["options"] += f" -c timezone={os.environ.get(private.TIME_ZONE, 'Europe/Paris')}"
        if database.sqlalchemy_uri_decrypted != _uri() or json.loads(database.extra) != extra:
            database.set_sqlalchemy_uri(_uri())
            database.extra = json.dumps(extra)
            db.session.commit()


def _uri() -> str:
    return "postgresql+psycopg2://" + os.environ[private.DATABASE_URL].partition("://")[2]
