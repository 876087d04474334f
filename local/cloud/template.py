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

ROOT = Path(__file__).parents[2]
STACK = "chatbot"

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
            for key in {"CodeUri", "ContentUri"} & properties.keys():
                if key == "CodeUri":
                    code[name] = root / properties[key]
                properties[key] = "s3://local/code"  # the translator refuses folders
        session = boto3.Session(region_name=REGION)
        translator = Translator({}, Parser(), boto_session=session)
        translated: dict[str, Any] = translator.translate(source, {})
        resources = translated.pop("Resources")
        translated.pop("Outputs")
        here = {name: item for name, item in resources.items() if item["Type"] in _KEPT}
        return cls(
            code=code,
            handlers={name: resources[name]["Properties"]["Handler"] for name in code},
            routes=tuple(_routes(resources)),
            sources=tuple(_sources(resources)),
            stack={**translated, "Resources": {n: _for_moto(n, item) for n, item in here.items()}},
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


def _for_moto(name: str, resource: Mapping[str, Any]) -> dict[str, Any]:
    properties = dict(resource["Properties"])
    if resource["Type"] == "AWS::Lambda::Function":
        # The code runs elsewhere: moto keeps the function only to resolve its environment.
        kept = {"Handler", "Role", "Runtime", "Timeout", "MemorySize", "Environment"}
        properties = {key: properties[key] for key in kept & properties.keys()}
        properties["Code"] = {"ZipFile": "none"}
    # Names that are the same in every run, for events/local-env.json.
    if resource["Type"] == "AWS::DynamoDB::Table":
        properties["TableName"] = f"{STACK}-{name}"
    if resource["Type"] == "AWS::S3::Bucket":
        properties["BucketName"] = f"{STACK}-{name}".lower()
    if resource["Type"] == "AWS::IAM::Role":
        properties.pop("Policies", None)  # they name resources that are not kept
    return {"Type": resource["Type"], "Properties": properties}
