"""Image, Compose and Kubernetes files are valid; the image's steps, replayed, end with a served prediction."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml

from ml_assets.settings.keys import KEYS
from ml_assets_tests.e2e.test_ui import free_ports
from ml_assets_tests.support.command_line import SMALL, shoppers

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
BASE = DEPLOY / "kubernetes" / "base"
PLACEHOLDER = re.compile(r"\$\{[A-Z_]+:[-?]")


def documents(path: Path) -> list[dict[str, Any]]:
    return [document for document in yaml.safe_load_all(path.read_text()) if document]


def resources() -> list[dict[str, Any]]:
    listed = documents(BASE / "kustomization.yaml")[0]["resources"]
    assert {*listed, "kustomization.yaml"} == {path.name for path in BASE.iterdir()}
    return [document for name in listed for document in documents(BASE / name)]


def of_kind(kind: str) -> dict[str, dict[str, Any]]:
    return {each["metadata"]["name"]: each for each in resources() if each["kind"] == kind}


def test_every_resource_is_valid_by_the_schema_of_kubernetes() -> None:
    found = resources()
    for resource in found:
        kubernetes_validate.validate(resource, "1.34", strict=True)
    kinds = {each["kind"] for each in found}
    assert kinds == {
        "ConfigMap", "ServiceAccount", "PodDisruptionBudget", "HorizontalPodAutoscaler", "NetworkPolicy", "Deployment",
        "Service",
    }  # fmt: skip


def test_pods_are_as_small_and_as_closed_as_they_may_be() -> None:
    deployments = of_kind("Deployment")
    assert set(deployments) == {"api", "code-server", "webserver", "daemon"}
    for name, deployment in deployments.items():
        assert (
            deployment["spec"]["selector"]["matchLabels"].items()
            <= deployment["spec"]["template"]["metadata"]["labels"].items()
        )
        pod = deployment["spec"]["template"]["spec"]
        assert pod["securityContext"]["runAsNonRoot"] and pod["serviceAccountName"] in of_kind(
            "ServiceAccount"
        )
        for container in (*pod["containers"], *pod["initContainers"]):
            closed = container["securityContext"]
            assert closed["readOnlyRootFilesystem"] and not closed["allowPrivilegeEscalation"]
            assert container["resources"]["requests"] == {"memory": "512Mi", "cpu": "500m"}
            assert container["resources"]["limits"] == {"memory": "1Gi", "cpu": "1000m"}
            assert {mount["name"] for mount in container["volumeMounts"]} <= {
                volume["name"] for volume in pod["volumes"]
            }
        assert "livenessProbe" in pod["containers"][0], name
    api = deployments["api"]
    (container,) = api["spec"]["template"]["spec"]["containers"]
    assert api["spec"]["replicas"] == 3 and container["readinessProbe"]["httpGet"]["path"] == "/ready"
    live = container["livenessProbe"]
    assert (live["httpGet"]["path"], live["initialDelaySeconds"], live["periodSeconds"]) == (
        "/health",
        30,
        10,
    )
    for service in of_kind("Service").values():
        name = service["spec"]["selector"]["app.kubernetes.io/name"]
        ports = deployments[name]["spec"]["template"]["spec"]["containers"][0]["ports"]
        assert {port["targetPort"] for port in service["spec"]["ports"]} == {
            port["containerPort"] for port in ports
        }


@pytest.mark.parametrize("overlay", ["dev", "prod"])
def test_an_overlay_changes_what_is_there(overlay: str) -> None:
    (kustomization,) = documents(DEPLOY / "kubernetes" / "overlays" / overlay / "kustomization.yaml")
    assert kustomization["resources"] == ["../../base"]
    for patch in kustomization["patches"]:
        (target,) = [
            each for each in resources()
            if (each["kind"], each["metadata"]["name"]) == (patch["target"]["kind"], patch["target"]["name"])
        ]  # fmt: skip
        for change in yaml.safe_load(patch["patch"]):
            *above, last = change["path"].strip("/").split("/")
            place = target
            for key in above:
                place = place[key]
            assert change["op"] in ("replace", "add") and (last in place) == (change["op"] == "replace")
            place[last] = change["value"]
        kubernetes_validate.validate(target, "1.34", strict=True)


def test_every_variable_of_the_files_is_a_setting() -> None:
    known = {key.variable for key in KEYS.values()} | {"APP_ENV", "DAGSTER_HOME", "MODEL"}
    maps = of_kind("ConfigMap")["ml-assets"]["data"].keys()
    compose = documents(DEPLOY / "compose.yaml")[0]["services"]
    (cloud,) = documents(DEPLOY / "cloud_run.yaml")
    run = {each["name"] for each in cloud["spec"]["template"]["spec"]["containers"][0]["env"]}
    ours = {
        name
        for service in compose.values()
        if service["image"] == "ml_assets:dev"
        for name in service["environment"]
    }
    assert {name for name in (*maps, *run, *ours) if not name.startswith("MLFLOW_")} <= known


def test_compose_has_all_that_dev_needs_in_health() -> None:
    compose = documents(DEPLOY / "compose.yaml")[0]
    services = compose["services"]
    assert set(services) == {"postgres", "redis", "mlflow", "webserver", "daemon", "code-server", "api"}
    for name, service in services.items():
        assert service["healthcheck"]["test"][0] == "CMD", name
        for other in service.get("depends_on", ()):
            assert other in services and service["depends_on"][other]["condition"] == "service_healthy"
        for volume in service.get("volumes", ()):
            source = volume.split(":")[0]
            assert source in compose["volumes"] or source.startswith(("${", "..")), volume
        for port in service.get("ports", ()):
            assert port.startswith("127.0.0.1:")  # no login: not to be reached from elsewhere
        for variable, value in service.get("environment", {}).items():
            if "PASSWORD" in variable or "KEYS" in variable:
                assert value.startswith("${"), f"{name}: {variable} stands in the file"
        if service["image"] == "ml_assets:dev":
            assert service["read_only"] and service["cap_drop"] == ["ALL"]


def test_the_image_is_slim_closed_and_pinned() -> None:
    text = (ROOT / "Dockerfile").read_text()
    last = text[text.rindex("FROM ") :]
    assert text.count("FROM python:3.11-slim") == 2 and ":latest" not in text
    assert "USER 1000" in last and "HEALTHCHECK" in last and "--constraint constraints.txt" in text
    assert not re.search(r"build-essential|gcc|\bgit\b|pip install", last)
    for line in re.findall(r"^COPY (?!--from)(.*)", text, re.MULTILINE):
        for source in line.split()[:-1]:
            assert (ROOT / source).exists(), source
    for install in re.findall(r"apt-get install.*", text):
        assert "--no-install-recommends" in install and "rm -rf /var/lib/apt/lists/*" in install


@pytest.mark.slow
def test_the_steps_of_the_image_end_with_a_served_prediction(tmp_path: Path) -> None:
    app, state = tmp_path / "app", tmp_path / "state"
    app.mkdir()
    text = (ROOT / "Dockerfile").read_text()
    for line in re.findall(r"^COPY (?!--from)(.*)", text, re.MULTILINE):
        *sources, target = line.split()
        for source in sources:
            if (ROOT / source).is_dir():
                shutil.copytree(ROOT / source, app / target, ignore=shutil.ignore_patterns("__pycache__"))
            else:
                shutil.copyfile(ROOT / source, app / source)
    environ = {"PATH": os.environ["PATH"], "HOME": str(tmp_path)}
    # Where packages come from, and whom to trust there, is the machine's to say.
    environ |= {name: value for name, value in os.environ.items() if name.startswith(("PIP_", "SSL_", "UV_"))}

    def step(*command: object, **variables: str) -> None:
        subprocess.run([*map(str, command)], cwd=app, env=environ | variables, check=True, timeout=900)

    step(sys.executable, "-m", "venv", ".venv")
    (install,) = re.findall(r"^RUN \.venv/bin/uv (pip install .*)$", text, re.MULTILINE)
    step(Path(sys.executable).with_name("uv"), *install.replace('"', "").split())
    (variables,) = re.findall(r"^ENV (.*)$", text[text.rindex("FROM ") :], re.MULTILINE)
    environ |= dict(pair.split("=", 1) for pair in variables.split())
    environ |= {"PATH": f"{app}/.venv/bin:{os.environ['PATH']}", "ML_ASSETS_HOME": str(state)}
    recipes = tmp_path / "recipes"
    recipes.mkdir()
    shoppers().to_csv(recipes / "shop.csv", index=False)
    (recipes / "shop.yaml").write_text(SMALL.format(name="shop", data="shop.csv"))
    environ["ML_ASSETS_RECIPES"] = str(recipes)
    command = app / ".venv" / "bin" / "ml-assets"
    step(command, "train", "--recipe-file", recipes / "shop.yaml")
    (port,) = free_ports(1)
    with subprocess.Popen(
        [command, "serve", "shop", "--port", str(port)],
        cwd=app,
        env=environ | {"ML_ASSETS_SERVING_ENABLED": "true"},
    ) as server:
        try:
            rows = json.loads(shoppers(2).drop(columns="bought").to_json(orient="records"))
            asked = urllib.request.Request(
                f"http://127.0.0.1:{port}/predict",
                json.dumps({"rows": rows}).encode(),
                {"content-type": "application/json"},
            )
            until = time.monotonic() + 120
            while True:
                try:
                    with urllib.request.urlopen(asked, timeout=10) as response:
                        assert len(json.load(response)["predictions"]) == 2
                    break
                except urllib.error.URLError:
                    assert time.monotonic() < until and server.poll() is None
                    time.sleep(0.2)
        finally:
            server.terminate()
