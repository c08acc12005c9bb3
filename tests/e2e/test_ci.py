# SPDX-License-Identifier: Apache-2.0
"""deploy/ci: the script as it stands, and the services' files as far as they go without their service."""

import json
import os
import re
import subprocess

import pytest
import yaml

from program import PODFLAME
from testbed import PROJECT

CI = PROJECT / "deploy/ci"
SCRIPT = CI / "perf-check.sh"

# Three functions of known parts of the time, of which one is slower if the checkout says so.
PROGRAM = """
from setting import MORE

def parse(n):
    for i in range(n): pass

def render(n):
    for i in range(n): pass

def query(n):
    for i in range(n): pass

for _ in range(600):
    parse(12000 + MORE)
    render(20000)
    query(8000)
"""


def checkout(folder, more):
    folder.mkdir()
    (folder / "program.py").write_text(PROGRAM)
    (folder / "setting.py").write_text("MORE = %d\n" % more)
    return folder


@pytest.fixture
def checkouts(tmp_path):
    """base; same, which is equal; new, in which parse takes three times as long."""
    for name, more in (("base", 0), ("same", 0), ("new", 24000)):
        checkout(tmp_path / name, more)
    return tmp_path


def environment(**more):
    folders = os.pathsep.join([os.path.dirname(PODFLAME), os.environ["PATH"]])
    return {**os.environ, "PATH": folders, "BUDGET": "120s", **more}


def perf_check(checkouts, base, new, *command, **more):
    return subprocess.run(["sh", SCRIPT, checkouts / base, checkouts / new, *command], capture_output=True, text=True,
                          env=environment(REPORTS=str(checkouts / "reports"), **more), timeout=300)


COMMAND = ("/usr/bin/python3", "-S", "program.py")


def test_script_finds_what_became_slower(checkouts):
    done = perf_check(checkouts, "base", "new", *COMMAND)
    assert done.returncode == 1, done.stdout + done.stderr
    assert "program.py:parse" in done.stdout
    report = json.loads((checkouts / "reports/perf-check.json").read_text())
    assert {cause["function"] for cause in report["causes"]} == {"program.py:parse"}
    for ending in ("md", "xml", "html"):
        assert (checkouts / "reports" / ("perf-check." + ending)).stat().st_size > 0
    assert not list(checkouts.glob("*/base-*.json"))
    assert "runs a side were made in turn" in done.stdout


def test_script_allows_what_is_listed(checkouts):
    allow = checkouts / "allow"
    allow.write_text("2999-12-31 program.py:parse\n")
    done = perf_check(checkouts, "base", "new", *COMMAND, ALLOW=str(allow), BUDGET="30s", PODFLAME_INCONCLUSIVE="pass")
    assert done.returncode == 0, done.stdout + done.stderr


def test_script_does_not_judge_what_failed(checkouts):
    done = perf_check(checkouts, "base", "new", "/usr/bin/python3", "-c", "raise SystemExit(3)")
    assert done.returncode == 2 and "status 3" in done.stdout


@pytest.mark.parametrize("words", [[], ["base"], ["base", "new"]])
def test_script_called_wrongly(words):
    done = subprocess.run(["sh", SCRIPT, *words], capture_output=True, text=True)
    assert done.returncode == 2 and "usage" in done.stderr


def run_step(step, folder, **more):
    """A workflow's step, as the runner would run it; its own variables without what only the service knows."""
    own = {key: value for key, value in step.get("env", {}).items() if "${{" not in str(value) and key != "BUDGET"}
    return subprocess.run(["bash", "-e", "-o", "pipefail", "-c", step["run"]], cwd=folder, capture_output=True,
                          text=True, timeout=300, env=environment(**own, **more))


def install_script(folder):
    (folder / "ci").mkdir()
    (folder / "ci/perf-check.sh").write_text(SCRIPT.read_text())


def bin_folder(tmp_path, **scripts):
    """A PATH folder with stand-ins of what a runner has and this machine has not."""
    folder = tmp_path / "bin"
    folder.mkdir()
    for name, text in scripts.items():
        (folder / name).write_text("#!/bin/sh\n" + text)
        (folder / name).chmod(0o755)
    return folder


def test_github_workflow(checkouts):
    workflow = yaml.safe_load((CI / "github-workflow.yml").read_text())
    job = workflow["jobs"]["perf"]
    steps = {step["name"]: step for step in job["steps"] if "run" in step}
    install_script(checkouts / "new")
    # sudo only drops its options; gh only notes what it is called with; make only tells what it would do.
    (checkouts / "podflame").symlink_to(PROJECT)
    folder = bin_folder(checkouts, sudo='case $1 in --*) shift ;; esac; exec "$@"\n',
                        gh='echo "$@" > "%s/gh"\n' % checkouts, make='exec /usr/bin/make -n "$@"\n')
    # Beside the built podflame is a folder that is named like the compiler: ccache takes it for one if it is in the PATH.
    (folder / "podflame").symlink_to(PODFLAME)
    more = {"REPORTS": str(checkouts / "reports"), "BENCHMARK": " ".join(COMMAND),
            "GITHUB_STEP_SUMMARY": str(checkouts / "summary"), "PULL_REQUEST": "the-url",
            "PATH": os.pathsep.join([str(folder), os.environ["PATH"]])}
    installed = run_step(steps["Install podflame"], checkouts, **more)
    assert installed.returncode == 0 and "bin/podflame" in installed.stdout, installed.stderr
    assert run_step(steps["Install what the benchmark needs"], checkouts, **more).returncode == 0
    compared = run_step(steps["Compare"], checkouts, **more)
    assert compared.returncode == 1, compared.stderr
    assert re.search(r"^::error file=program.py,title=podflame%3A regression::program.py:parse", compared.stdout, re.M)
    assert run_step(steps["Summary"], checkouts, **more).returncode == 0
    assert "podflame: regression" in (checkouts / "summary").read_text()
    assert run_step(steps["Comment"], checkouts, **more).returncode == 0
    assert (checkouts / "gh").read_text().startswith("pr comment the-url ")
    kept = [step["with"]["path"] for step in job["steps"] if "upload-artifact" in step.get("uses", "")]
    assert kept == ["reports"] and job["env"]["REPORTS"].endswith("/reports")


def git(folder, *words):
    return subprocess.run(["git", "-c", "user.name=t", "-c", "user.email=t@example.org", "-C", folder, *words],
                          check=True, capture_output=True, text=True).stdout.strip()


def test_gitlab_job(checkouts):
    """In a real repository, whose merge request makes parse slower."""
    job = yaml.safe_load((CI / "gitlab-job.yml").read_text())["perf"]
    project = checkouts / "base"
    install_script(project)
    git(project, "init", "-q")
    git(project, "add", ".")
    git(project, "commit", "-q", "-m", "base")
    more = {"CI_PROJECT_DIR": str(project), "CI_MERGE_REQUEST_DIFF_BASE_SHA": git(project, "rev-parse", "HEAD")}
    (project / "setting.py").write_text("MORE = 24000\n")
    variables = {key: value.replace("$CI_PROJECT_DIR", str(project)) for key, value in job["variables"].items()}
    variables.update(BENCHMARK=" ".join(COMMAND), BUDGET="120s")
    done = subprocess.run(["bash", "-e", "-o", "pipefail", "-c", "\n".join(job["script"])], cwd=project,
                          capture_output=True, text=True, timeout=300, env=environment(**variables, **more))
    assert done.returncode == 1, done.stdout + done.stderr
    assert "program.py:parse" in done.stdout
    assert (project / job["artifacts"]["reports"]["junit"]).exists()
    assert job["allow_failure"]["exit_codes"] == 3
