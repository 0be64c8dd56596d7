"""The workflows of examples/github-actions: their steps, in bash, as far as they run without GitHub."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
import yaml

from tests.cli.conftest import ROOT, environment
from tests.models import dense_model

FOLDER = ROOT / "examples" / "github-actions"
FILES = sorted(FOLDER.glob("*.yml"))
GIT = ("git", "-c", "user.name=a", "-c", "user.email=a@example.org", "-c", "commit.gpgsign=false")
SLOWER = dense_model(seed=1, inputs=512, outputs=512)

# A stand-in for GitHub's command: it has one pull request, one run, and comments in a file.
GH = """
import json, os, shutil, sys
from pathlib import Path
words, state = sys.argv[1:], Path(os.environ["STANDIN_GITHUB"])
value = lambda option: words[words.index(option) + 1]
with (state / "calls.txt").open("a") as calls:
    print(*words, file=calls)
assert os.environ["GH_TOKEN"] == "token"
comments = state / "comment.md"
if words[:2] == ["run", "list"]:
    print(42)
elif words[:2] == ["run", "download"]:
    assert words[2] == "42"
    target = value("--dir") if "--dir" in words else "."
    shutil.copytree(state / value("--name"), target, dirs_exist_ok=True)
elif words[:2] == ["pr", "view"]:
    print(7)
elif "--method" not in words:
    print("301\\n302" if comments.exists() else "", end="")
else:
    assert words[2] == ("PATCH" if comments.exists() else "POST")
    shutil.copy(value("--field").removeprefix("body=@"), comments)
"""


@dataclass
class Done:
    """What a job did: exit codes of its steps by name, its log, and the actions it uses."""

    codes: dict[str, int] = field(default_factory=dict)
    log: str = ""
    uses: list[str] = field(default_factory=list)

    @property
    def failed(self) -> bool:
        return any(self.codes.values())

    def commands(self, level: str) -> list[str]:
        return [line for line in self.log.splitlines() if line.startswith(f"::{level} ")]


class Runner:
    """Runs the `run:` steps of a job as GitHub does, in a checkout."""

    def __init__(self, folder: Path, cache: Path) -> None:
        self.checkout, self.github = folder / "checkout", folder / "github"
        self.summary = folder / "summary"
        commands = folder / "bin"
        for made in (self.checkout, self.github, commands):
            made.mkdir()
        _command(commands / "qbench", f'"{sys.executable}" -c "from harness.cli import main; main()" "$@"')
        (folder / "gh.py").write_text(GH)
        _command(commands / "gh", f'"{sys.executable}" "{folder / "gh.py"}" "$@"')
        _command(commands / "pip", f'echo "$@" >> "{self.github / "installed.txt"}"')
        self.known = {
            "github.token": "token",
            "github.repository": "me/nets",
            "github.repository_owner": "me",
            "github.event.workflow_run.id": "42",
            "github.event.workflow_run.head_repository.owner.login": "you",
            "github.event.workflow_run.head_branch": "topic; touch owned",
        }
        self.env = {
            **environment(cache),
            "PATH": f"{commands}{os.pathsep}{os.environ['PATH']}",
            "STANDIN_GITHUB": str(self.github),
            "CI": "true",
            "GITHUB_ACTIONS": "true",
            "GITHUB_REPOSITORY": "me/nets",
            "GITHUB_RUN_ID": "42",
            "GITHUB_SERVER_URL": "https://github.com",
            "GITHUB_STEP_SUMMARY": str(self.summary),
        }

    def run(self, file: str, job: str) -> Done:
        """Run a job's steps; each gets an empty summary, and what it says is added to the job's."""
        workflow, done = _read(FOLDER / file), Done()
        assert workflow["defaults"]["run"]["shell"] == "bash"
        for step in workflow["jobs"][job]["steps"]:
            if "uses" in step:
                done.uses.append(step["uses"])
            elif not done.failed or step.get("if") == "${{ !cancelled() }}":
                env = {**workflow.get("env", {}), **step.get("env", {})}
                self._step(step, {key: self._filled(value) for key, value in env.items()}, done)
        return done

    def _step(self, step: dict[str, Any], env: dict[str, str], done: Done) -> None:
        script = self.github / "step.sh"
        script.write_text(step["run"])
        self.summary.touch()
        ran = subprocess.run(
            ["bash", "--noprofile", "--norc", "-eo", "pipefail", script],
            cwd=self.checkout,
            env={**self.env, **env},
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=300,
            check=False,
        )
        done.codes[step["name"]] = ran.returncode
        done.log += ran.stdout

    def _filled(self, value: str) -> str:
        return re.sub(r"\$\{\{ ([\w.]+) \}\}", lambda found: self.known[found[1]], value)

    def git(self, *words: str) -> None:
        subprocess.run([*GIT, *words], cwd=self.checkout, check=True, capture_output=True)

    def commit(self, message: str, **files: bytes | None) -> None:
        """Commit models by their names; None removes one."""
        for name, content in files.items():
            path = self.checkout / "models" / f"{name}.tflite"
            if content is None:
                path.unlink()
            else:
                path.parent.mkdir(exist_ok=True)
                path.write_bytes(content)
        self.git("add", "-A")
        self.git("commit", "--allow-empty", "-m", message)

    def pull_request(self, **files: bytes | None) -> None:
        """Check out what GitHub does: the pull request merged into its base."""
        self.git("checkout", "-b", "topic")
        self.commit("change", **files)
        self.git("checkout", "main")
        self.commit("meanwhile", other=dense_model(seed=3))
        self.git("merge", "--no-ff", "-m", "merge", "topic")
        self.git("checkout", "--detach")


@pytest.fixture
def runner(tmp_path: Path, cache: Path) -> Runner:
    """A runner whose checkout has a model on main."""
    made = Runner(tmp_path, cache)
    made.git("init", "-b", "main")
    (made.checkout / ".gitignore").write_text("results\nnew\nsite\n*.md\n*.json\n*.xml\n")
    made.commit("a net", net=dense_model(seed=1))
    return made


def test_a_pull_request_that_changes_no_model_passes(runner):
    runner.pull_request()
    done = runner.run("qbench.yml", "gate")
    assert not done.failed, done.log
    assert done.commands("error") == []
    summary, comment = runner.summary.read_text(), (runner.checkout / "comment.md").read_text()
    assert "float32" in summary
    assert comment.startswith("<!-- qbench -->\n") and summary in comment
    assert comment.endswith("[The job](https://github.com/me/nets/actions/runs/42)\n")
    suite = ElementTree.parse(runner.checkout / "qbench.xml").getroot()  # noqa: S314
    assert int(suite.get("tests", 0)) >= 1 and suite.get("failures") == "0"
    document = json.loads((runner.checkout / "run.json").read_text())
    assert {row["side"] for row in document["cells"]} == {"base", "head"}


def test_a_pull_request_that_makes_a_model_slower_and_larger_fails(runner):
    runner.pull_request(net=SLOWER)
    done = runner.run("qbench.yml", "gate")
    assert done.codes["Compare with the base"] == 1, done.log
    assert done.codes["Write the job's summary and the comment"] == 0
    errors = done.commands("error")
    assert any("time +" in line and "over 5%25" in line for line in errors), done.log
    assert any("size +" in line and "over 5%25" in line for line in errors), done.log
    assert "ailed" in runner.summary.read_text()
    assert runner.summary.read_text() in (runner.checkout / "comment.md").read_text()
    suite = ElementTree.parse(runner.checkout / "qbench.xml").getroot()  # noqa: S314
    assert suite.get("failures") == "1"


def test_a_pull_request_without_the_model_fails_and_says_so(runner):
    runner.pull_request(net=None)
    done = runner.run("qbench.yml", "gate")
    assert done.codes["Compare with the base"] == 2
    assert done.codes["Write the job's summary and the comment"] == 0
    assert "could not compare" in runner.summary.read_text()
    assert "could not compare" in (runner.checkout / "comment.md").read_text()


def test_every_push_to_main_adds_a_run_and_the_next_pull_request_is_compared_with_it(runner):
    for count in (1, 2):
        done = runner.run("qbench.yml", "record")
        assert not done.failed, done.log
        data = json.loads((runner.checkout / "site" / "data.json").read_text())
        assert len(data["runs"]) == count and data["runs"][-1]["branch"] == "main"
        assert data["runs"][-1]["tags"] == {"job": "42"}
        shutil.rmtree(runner.github / "qbench-main", ignore_errors=True)
        (runner.checkout / "new").rename(runner.github / "qbench-main")
    runner.pull_request(net=SLOWER)
    done = runner.run("qbench-stored.yml", "compare")
    assert done.codes["Compare with main"] == 1, done.log
    assert any("size +" in line for line in done.commands("error"))
    assert "net" in runner.summary.read_text()
    assert (runner.checkout / "qbench.xml").is_file()


def test_the_comment_is_posted_once_and_then_updated(runner):
    (runner.github / "qbench-comment").mkdir()
    for text in ("<!-- qbench -->\nfirst", "<!-- qbench -->\nsecond"):
        (runner.github / "qbench-comment" / "comment.md").write_text(text)
        done = runner.run("qbench-comment.yml", "comment")
        assert not done.failed, done.log
        assert (runner.github / "comment.md").read_text() == text
    calls = (runner.github / "calls.txt").read_text()
    assert "pr view you:topic; touch owned --repo me/nets" in calls
    assert "api --method POST repos/me/nets/issues/7/comments" in calls
    assert "api --method PATCH repos/me/nets/issues/comments/301 " in calls
    assert not (runner.checkout / "owned").exists()


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_what_a_pull_request_brings_runs_without_rights(path):
    """Nothing of GitHub's is pasted into a script, and a token that may write meets no code of others."""
    workflow = _read(path)
    rights = [workflow["permissions"], *(job.get("permissions", {}) for job in workflow["jobs"].values())]
    may_write = any("write" in right.values() for right in rights[:1])
    for job in workflow["jobs"].values():
        steps = job["steps"]
        writes = may_write or "write" in job.get("permissions", {}).values()
        assert not (writes and any("checkout" in step.get("uses", "") for step in steps))
        for step in steps:
            assert "${{" not in step.get("run", "")
            assert re.fullmatch(r"actions/[\w-]+@v\d+", step.get("uses", "actions/none@v1"))
            checkout = step.get("uses", "").startswith("actions/checkout")
            assert not checkout or step["with"]["persist-credentials"] is False
            installed = re.match(r"pip install (\S+)", step.get("run", ""))
            project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
            assert installed is None or installed[1] == project["name"]


def _read(path: Path) -> dict[str, Any]:
    read: dict[str, Any] = yaml.safe_load(path.read_text("utf-8"))
    return read


def _command(path: Path, line: str) -> None:
    path.write_text(f"#!/bin/sh\n{line}\n")
    path.chmod(0o755)
