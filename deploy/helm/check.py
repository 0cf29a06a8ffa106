#!/usr/bin/env python3
"""Checks the chart without a cluster: lints it, renders it with several values, and holds each object to its schema, which
refuses fields that it does not know. KEDA's objects are printed, one JSON a line, for deploy/helm/check_keda.mjs.

Needs helm-python-sdk (Helm's own library) and kubernetes-validate.
"""

import json
import sys
from pathlib import Path

import helm_python
import kubernetes_validate
import yaml

CHART = Path(__file__).parent / "purser"
KUBERNETES = ["1.27", "1.32"]
VALUES = {
    "as it comes": {},
    "with KEDA": {"keda": {"enabled": True}},
    "with everything": {
        "keda": {"enabled": True},
        "image": {"repository": "registry.example/purser", "tag": "1.2.3"},
        "imagePullSecrets": [{"name": "registry"}],
        "settings": {"PURSER_MODE": "live", "AMQP_PREFIX": "shop", "DATABASE_MAX_CONNECTIONS": 20},
        "api": {"readinessPath": "/healthz", "settings": {"MAX_CONNECTIONS": 500}, "service": {"type": "LoadBalancer", "annotations": {"a": "b"}}},
        "nodeSelector": {"disk": "fast"},
        "tolerations": [{"key": "credits", "operator": "Exists"}],
        "workers": {"settings": {"VERIFY": "always"}, "groups": [{"name": "all", "roles": ["apply", "notify"], "replicas": 1}]},
    },
    "without migrations": {"migrations": {"enabled": False}},
}
# What the chart's schema must refuse.
REFUSED = [
    {"replicaCount": 3},
    {"api": {"replica": 3}},
    {"workers": {"groups": [{"name": "apply", "roles": ["aply"], "replicas": 1}]}},
    {"settings": {"database_url": "x"}},
    {"secrets": {"api": ""}},
]


def objects(values: dict) -> list[dict]:
    chart = helm_python.Chart.load(CHART)
    chart.validate_schema(values)
    rendered = chart.render(values, name="shop", namespace="credits", is_install=True)
    found = [part for text in rendered.values() for part in yaml.safe_load_all(text) if part]
    assert len({(part["kind"], part["metadata"]["name"]) for part in found}) == len(found), "two objects of one name"
    return found


def settings(part: dict) -> dict[str, str]:
    environment = part["spec"]["template"]["spec"]["containers"][0].get("env", [])
    names = [variable["name"] for variable in environment]
    assert len(set(names)) == len(names), f"a setting twice: {names}"
    return {variable["name"]: variable["value"] for variable in environment}


def check_meaning(what: str, found: list[dict]) -> None:
    """What no schema says."""
    kinds = [part["kind"] for part in found]
    deployments = [part for part in found if part["kind"] == "Deployment"]
    assert kinds.count("PodDisruptionBudget") == len(deployments), kinds
    assert ("Job" in kinds) == (what != "without migrations"), kinds
    for part in deployments:
        pod = part["spec"]["template"]["spec"]
        assert pod["terminationGracePeriodSeconds"] >= 30, "shorter than the time that a process takes to end"
        names = {reference["secretRef"]["name"] for reference in pod["containers"][0]["envFrom"]}
        process = pod["containers"][0]["name"]
        assert names == {"purser-connections", *({f"purser-{process}"} if process != "scheduler" else set())}, names
        settings(part)
    for part in found:
        if part["kind"] == "ScaledObject":
            target = next(d for d in deployments if d["metadata"]["name"] == part["spec"]["scaleTargetRef"]["name"])
            assert "replicas" not in target["spec"], "KEDA and the chart would both set the replicas"
            queues = [trigger["metadata"]["queueName"] for trigger in part["spec"]["triggers"]]
            prefix = settings(target).get("AMQP_PREFIX", "purser")
            assert queues == [f"{prefix}.{role}" for role in settings(target)["WORKER_ROLES"].split(",")], queues


def main() -> None:
    report = helm_python.lint(CHART, {}, strict=True)
    problems = [message for message in report["messages"] if message["severity"] > 1]
    assert not report["errors"] and not problems, report
    for values in REFUSED:
        try:
            helm_python.Chart.load(CHART).validate_schema(values)
        except helm_python.HelmValuesError:
            continue
        sys.exit(f"the chart takes {values}")
    for what, values in VALUES.items():
        found = objects(values)
        check_meaning(what, found)
        for part in found:
            if part["apiVersion"].startswith("keda.sh/"):
                print(json.dumps(part))
                continue
            for version in KUBERNETES:
                kubernetes_validate.validate(part, version, strict=True)
        print(f"{what}: {len(found)} objects are valid", file=sys.stderr)


if __name__ == "__main__":
    main()
