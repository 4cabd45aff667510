"""What a forge and an editor read (.github, pre-commit, the dev container): by their schemas, and by what we promise of them."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from velib.core import settings

ROOT = settings.project_root()
GITHUB = ROOT / ".github"
WORKFLOWS = sorted((GITHUB / "workflows").glob("*.yml"))
FORMS = sorted(path for path in (GITHUB / "ISSUE_TEMPLATE").glob("*.yml") if path.stem != "config")


@pytest.mark.parametrize(
    ("schema", "files"),
    [
        ("vendor.github-workflows", WORKFLOWS),
        ("custom.github-workflows-require-timeout", WORKFLOWS),
        ("vendor.github-issue-forms", FORMS),
        ("vendor.github-issue-config", [GITHUB / "ISSUE_TEMPLATE" / "config.yml"]),
        ("vendor.dependabot", [GITHUB / "dependabot.yml"]),
    ],
)
def test_they_are_valid_by_their_schemas(schema: str, files: list[Path]) -> None:
    assert files
    command = [str(Path(sys.executable).parent / "check-jsonschema"), "--builtin-schema", schema, *map(str, files)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("workflow", WORKFLOWS, ids=lambda path: path.stem)
def test_a_workflow_runs_what_was_reviewed_and_may_only_read(workflow: Path) -> None:
    """An action named by a tag can change under us: a commit's hash cannot."""
    text = workflow.read_text(encoding="utf-8")
    used = re.findall(r"uses: (\S+)(.*)", text)
    assert used
    for action, comment in used:
        assert re.fullmatch(r"[\w./-]+@[0-9a-f]{40}", action), action
        assert re.search(r"# v\d+\.\d+", comment), f"{action}: its version in a comment, which dependabot keeps"
    assert yaml.safe_load(text)["permissions"] == {"contents": "read"}


def test_what_passes_there_is_what_passes_here() -> None:
    assert "bash .ci/run" in (GITHUB / "workflows" / "ci.yml").read_text(encoding="utf-8")


def test_dependabot_looks_where_there_is_something() -> None:
    for update in yaml.safe_load((GITHUB / "dependabot.yml").read_text(encoding="utf-8"))["updates"]:
        for folder in update.get("directories", []):
            assert list((ROOT / folder.strip("/")).glob("*ocker*")), folder


def test_the_hooks_call_tools_of_the_lock() -> None:
    hooks = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text(encoding="utf-8"))["repos"][0]["hooks"]
    lock = (ROOT / "requirements.lock").read_text(encoding="utf-8")
    tools = {hook["entry"].split()[0].removeprefix(".venv/bin/") for hook in hooks} - {"make", "sh", "python"}
    assert tools == {"ruff"}
    assert all(re.search(rf"^{tool}==", lock, re.MULTILINE) for tool in tools)


def test_the_dev_container_is_json_and_installs_as_everybody_does() -> None:
    container = json.loads((ROOT / ".devcontainer" / "devcontainer.json").read_text(encoding="utf-8"))
    assert container["postCreateCommand"] == "make install"


def test_the_check_list_names_files_that_are_there() -> None:
    text = (GITHUB / "pull_request_template.md").read_text(encoding="utf-8")
    named = [name for name in re.findall(r"`([\w./-]+/[\w./-]+)`", text) if not name.startswith("--")]
    assert len(named) >= 4
    assert [name for name in named if not (ROOT / name).exists()] == []
