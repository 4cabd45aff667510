"""docker-compose.yml without Docker: by the compose specification's own schema, and by what we promise about it."""

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from velib.core import settings

ROOT = settings.project_root()


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    loaded = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
    assert isinstance(loaded, dict)
    return loaded


def _variables(text: str) -> set[str]:
    return set(re.findall(r"\$\{(\w+)", text))


def test_it_is_valid_by_the_compose_schema() -> None:
    done = subprocess.run(
        [
            *(str(Path(sys.executable).parent / "check-jsonschema"), "--builtin-schema", "vendor.compose-spec"),
            str(ROOT / "docker-compose.yml"),
        ],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_services_are_there_and_watched(compose: dict[str, Any]) -> None:
    always = {"postgres", "code", "webserver", "daemon", "api"}
    profiles = {name: service["profiles"] for name, service in compose["services"].items() if "profiles" in service}
    assert profiles == {
        "poll": ["live"],
        "superset": ["bi"],
        "prometheus": ["monitoring"],
        "grafana": ["monitoring"],
    }
    assert set(compose["services"]) == {*always, *profiles}
    for name, service in compose["services"].items():
        assert service["healthcheck"]["test"], name
        assert service["restart"] == "unless-stopped", name
    assert compose["services"]["postgres"]["image"] == "postgres:18"


def test_services_wait_for_services_that_exist_and_are_healthy(compose: dict[str, Any]) -> None:
    for name, service in compose["services"].items():
        for other, how in service.get("depends_on", {}).items():
            assert other in compose["services"], name
            assert how["condition"] == "service_healthy", name


def test_volumes_are_named_and_declared(compose: dict[str, Any]) -> None:
    named = {
        volume.partition(":")[0] for service in compose["services"].values() for volume in service.get("volumes", [])
    }
    assert {name for name in named if not name.startswith("./")} == set(compose["volumes"])
    for name in named:
        assert not name.startswith("./") or (ROOT / name).exists(), name
    # From 18 on, the image keeps its data one level higher than before.
    assert "postgres:/var/lib/postgresql" in compose["services"]["postgres"]["volumes"]


def test_ports_are_open_to_this_machine_only(compose: dict[str, Any]) -> None:
    for name, service in compose["services"].items():
        for port in service.get("ports", []):
            assert port.startswith("127.0.0.1:"), name


def test_no_password_is_in_clear(compose: dict[str, Any]) -> None:
    for name, service in compose["services"].items():
        for variable, value in service.get("environment", {}).items():
            if "PASSWORD" in variable:
                assert re.fullmatch(r"\$\{\w+:\?[^}]+\}", value), f"{name}: {variable}"
            in_url = re.search(r"://[^:/@]*:(.*)@", str(value))
            if in_url:
                assert re.fullmatch(r"\$\{\w+:\?[^}]+\}", in_url[1]), f"{name}: {variable}"
    for line in (ROOT / ".env.example").read_text().splitlines():
        if "PASSWORD" in line.partition("=")[0]:
            assert line.endswith("="), line
    for path in (ROOT / "deploy").rglob("*.y*ml"):
        for line in path.read_text().splitlines():
            assert not re.match(r"\s*password:\s*\S", line), f"{path}: {line}"


def test_every_variable_is_explained() -> None:
    explained = set(re.findall(r"^#?(\w+)=", (ROOT / ".env.example").read_text(), re.MULTILINE))
    assert _variables((ROOT / "docker-compose.yml").read_text()) == explained


def test_dagster_is_set_up_for_these_services(compose: dict[str, Any]) -> None:
    instance = yaml.safe_load((ROOT / "deploy/dagster/dagster.yaml").read_text())
    assert instance["telemetry"]["enabled"] is False
    wanted = set(re.findall(r"env: (\w+)", (ROOT / "deploy/dagster/dagster.yaml").read_text()))
    for name in ("code", "webserver", "daemon", "poll"):
        environment = compose["services"][name]["environment"]
        assert wanted <= set(environment), name
        assert environment["DAGSTER_HOME"].endswith("deploy/dagster"), name
    location = yaml.safe_load((ROOT / "deploy/dagster/workspace.yaml").read_text())["load_from"][0]["grpc_server"]
    assert location["host"] in compose["services"]
    assert f"--port {location['port']} " in compose["services"]["code"]["command"]
    assert "orchestration.definitions --attribute defs" in compose["services"]["code"]["command"]


def test_the_api_has_not_the_owners_password(compose: dict[str, Any]) -> None:
    from velib.api.commands import api

    service = compose["services"]["api"]
    assert set(re.findall(r"\$\{(\w*PASSWORD)", str(service))) == {"VELIB_READER_PASSWORD", "VELIB_CORRECTOR_PASSWORD"}
    assert "volumes" not in service
    _, _, *options = service["command"].split()
    assert api.make_context("api", options).params == {"host": "0.0.0.0", "port": 8000}
    assert service["ports"][0].endswith(":8000")


def test_it_collects_with_options_that_poll_knows(compose: dict[str, Any]) -> None:
    from velib.collecting.commands import poll

    [default] = re.findall(r"velib poll \$\{VELIB_POLL_OPTIONS:-(.*)\}", compose["services"]["poll"]["command"])
    parsed = poll.make_context("poll", default.split()).params
    assert (parsed["every"], parsed["no_load"]) == ("15m", True)
    assert f"#VELIB_POLL_OPTIONS={default}\n" in (ROOT / ".env.example").read_text()


def test_dagster_accepts_the_instance_file(monkeypatch: pytest.MonkeyPatch) -> None:
    from dagster._core.instance.config import dagster_instance_config

    monkeypatch.setenv("DAGSTER_PG_HOST", "localhost")
    monkeypatch.setenv("DAGSTER_PG_PASSWORD", "x")
    config, _ = dagster_instance_config(str(ROOT / "deploy/dagster"))
    assert config["storage"]


def test_the_initdb_script_is_a_script_that_can_be_run() -> None:
    script = ROOT / "deploy/initdb/10-roles.sh"
    assert script.stat().st_mode & 0o111
    subprocess.run(["sh", "-n", str(script)], check=True)
