"""`template.yaml`, translated: what of it exists locally, and who serves which route.

Nothing that the template says is said again elsewhere in `local`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3

from local.config import REGION

ROOT = Path(__file__).parent.parent

# moto makes these well. Others it makes wrongly, or not from CloudFormation, or they start
# something of their own: an event source mapping would have it look for Docker on every send.
_KEPT = {
    "AWS::DynamoDB::Table",
    "AWS::IAM::Role",  # moto looks for a function's
    "AWS::Lambda::Function",
    "AWS::S3::Bucket",
    "AWS::SQS::Queue",
    "AWS::SSM::Parameter",
}
_FUNCTION_ARN = re.compile(r"\$\{(\w+)\.Arn\}/invocations$")


@dataclass(frozen=True)
class Route:
    """`path` as API Gateway writes it: `/assets/{file}`."""

    method: str
    path: str
    function: str


@dataclass(frozen=True)
class EventSource:
    """An event source mapping: the queue's messages go to the function."""

    function: str
    queue: str
    batch_size: int
    partial: bool  # the function reports which records failed


@dataclass(frozen=True)
class Template:
    """Names are logical ids. `code` are the functions' folders."""

    code: Mapping[str, Path]
    handlers: Mapping[str, str]
    routes: tuple[Route, ...]
    sources: tuple[EventSource, ...]
    stack: Mapping[str, Any]  # what CloudFormation makes of it locally

    @classmethod
    def read(cls, root: Path = ROOT) -> Template:
        # A second of imports, for which whoever wants no stack need not wait.
        from samtranslator.parser.parser import Parser
        from samtranslator.translator.translator import Translator
        from samtranslator.yaml_helper import yaml_parse

        source: dict[str, Any] = yaml_parse((root / "template.yaml").read_text())
        code = {}
        for name, resource in source["Resources"].items():
            properties = resource.get("Properties", {})
            if "CodeUri" in properties:
                code[name] = root / properties["CodeUri"]
                properties["CodeUri"] = "s3://local/code"  # the translator refuses folders
            if "ContentUri" in properties:
                properties["ContentUri"] = "s3://local/layer"
        session = boto3.Session(region_name=REGION)
        translated: dict[str, Any] = Translator({}, Parser(), boto_session=session).translate(
            source, {}
        )
        resources = translated.pop("Resources")
        return cls(
            code=code,
            handlers={name: resources[name]["Properties"]["Handler"] for name in code},
            routes=tuple(_routes(resources)),
            sources=tuple(_sources(resources)),
            stack={
                **{key: value for key, value in translated.items() if key != "Outputs"},
                "Resources": {
                    name: _for_moto(resource)
                    for name, resource in resources.items()
                    if resource["Type"] in _KEPT
                },
            },
        )


def _routes(resources: Mapping[str, Any]) -> list[Route]:
    routes = []
    for api in _of_type(resources, "AWS::ApiGatewayV2::Api").values():
        for path, methods in api["Body"]["paths"].items():
            for method, operation in methods.items():
                uri = operation["x-amazon-apigateway-integration"]["uri"]["Fn::Sub"]
                function = _FUNCTION_ARN.search(uri)
                assert function, uri
                routes.append(Route(method.upper(), path, function[1]))
    return routes


def _sources(resources: Mapping[str, Any]) -> list[EventSource]:
    return [
        EventSource(
            function=mapping["FunctionName"]["Ref"],
            queue=mapping["EventSourceArn"]["Fn::GetAtt"][0],
            batch_size=mapping.get("BatchSize", 10),
            partial="ReportBatchItemFailures" in mapping.get("FunctionResponseTypes", ()),
        )
        for mapping in _of_type(resources, "AWS::Lambda::EventSourceMapping").values()
    ]


def _of_type(resources: Mapping[str, Any], kind: str) -> dict[str, Any]:
    return {
        name: resource["Properties"]
        for name, resource in resources.items()
        if resource["Type"] == kind
    }


def _for_moto(resource: Mapping[str, Any]) -> dict[str, Any]:
    properties = dict(resource["Properties"])
    if resource["Type"] == "AWS::Lambda::Function":
        # The code runs elsewhere: moto keeps the function only to resolve its environment.
        kept = ("Handler", "Role", "Runtime", "Timeout", "MemorySize", "Environment")
        properties = {
            "Code": {"ZipFile": "none"},
            **{key: properties[key] for key in kept if key in properties},
        }
    if resource["Type"] == "AWS::IAM::Role":
        properties.pop("Policies", None)  # they name resources that are not kept
    return {"Type": resource["Type"], "Properties": properties}
