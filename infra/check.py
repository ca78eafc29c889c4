"""What the linters do not see: run with the Python that has the SAM translator.

The template, as SAM translates it, must have no circle of resources, update policies included; new
code and a new layer must each publish a new version of every function; and no schedule has a name
that a second stack would want, too.
"""

import json
import logging
import re
import sys
from pathlib import Path
from typing import Any
from unittest.mock import MagicMock

from samtranslator.translator.transform import transform
from samtranslator.yaml_helper import yaml_parse

TEMPLATE = Path(__file__).parents[1] / "template.yaml"
Resources = dict[str, Any]


def translated(*, code: str = "code", layer: str = "layer") -> Resources:
    """The resources of the template, with what is uploaded at made-up places."""
    template = yaml_parse(TEMPLATE.read_text())
    template["Globals"]["Function"]["CodeUri"] = f"s3://bucket/{code}"
    for resource in template["Resources"].values():
        if resource["Type"] == "AWS::Serverless::LayerVersion":
            resource["Properties"]["ContentUri"] = f"s3://bucket/{layer}"
        if resource["Type"] == "AWS::Serverless::Application":
            resource["Properties"]["Location"] = "https://s3.amazonaws.com/bucket/nested"
    policies = MagicMock()
    policies.load.return_value = {}
    resources: Resources = transform(template, {}, policies)["Resources"]
    return resources


def circle(resources: Resources) -> list[str]:
    """Resources each of which waits for the next, and the last for the first; empty if none do."""
    waits_for = {name: references(each) & resources.keys() for name, each in resources.items()}
    done: set[str] = set()

    def walk(name: str, path: list[str]) -> list[str]:
        if name in path:
            return [*path[path.index(name) :], name]
        if name in done:
            return []
        for other in sorted(waits_for[name]):
            if found := walk(other, [*path, name]):
                return found
        done.add(name)
        return []

    return next((found for name in waits_for if (found := walk(name, []))), [])


def references(resource: Any) -> set[str]:
    """The names that a resource refers to, anywhere in it."""
    text = json.dumps(resource)
    named = set(re.findall(r'"Ref": "(\w+)"', text))
    named |= set(re.findall(r'"Fn::GetAtt": \["(\w+)"', text))
    named |= {each.split(".")[0] for each in re.findall(r"\$\{([\w.]+)\}", text)}
    depends = resource.get("DependsOn", [])
    return named | set([depends] if isinstance(depends, str) else depends)


def versions(resources: Resources) -> set[str]:
    """The versions of functions."""
    kind = "AWS::Lambda::Version"
    return {name for name, each in resources.items() if each["Type"] == kind}


def main() -> None:
    """Say what is wrong, in one line each."""
    logging.disable(logging.WARNING)
    before = translated()
    wrong = []
    if found := circle(before):
        wrong.append(f"a circle: {' -> '.join(found)}")
    wrong += [
        f"another {what} publishes no new version: {sorted(kept)}"
        for what in ("code", "layer")
        if (kept := versions(before) & versions(translated(**{what: "other"})))
    ]
    wrong += [
        f"{name} has a name of its own, so that a second stack could not be made"
        for name, each in before.items()
        if each["Type"] == "AWS::Scheduler::Schedule" and "Name" in each["Properties"]
    ]
    if not versions(before):
        wrong.append("there are no versions at all")
    sys.exit("\n".join(wrong) if wrong else 0)


if __name__ == "__main__":
    main()
