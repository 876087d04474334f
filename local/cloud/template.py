"""Read `template.yaml`: functions, routes, event sources, and the resources that moto creates.

SAM's own translator turns the template into CloudFormation. Nothing that the template says is
repeated elsewhere in `local`.
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

# Resource types that moto creates well. Others it creates wrongly, or not from CloudFormation, or
# they have side effects: with an event source mapping it would look for Docker on every send.
_CREATED = {
    "AWS::DynamoDB::Table",
    "AWS::IAM::Role",  # moto requires a function's
    "AWS::Lambda::Function",
    "AWS::S3::Bucket",
    "AWS::SQS::Queue",
    "AWS::SSM::Parameter",
}
_FUNCTION_ARN = re.compile(r"\$\{(\w+)\.Arn\}/invocations$")


@dataclass(frozen=True)
class Route:
    """A route of the HTTP API. `path` is as API Gateway writes it: `/assets/{file}`."""

    method: str
    path: str
    function: str


@dataclass(frozen=True)
class EventSource:
    """An event source mapping: messages of the queue go to the function. Both are logical ids."""

    function: str
    queue: str
    batch_size: int
    partial: bool  # ReportBatchItemFailures: the function reports which records failed


@dataclass(frozen=True)
class Template:
    """The template, translated. Keys of mappings are logical ids."""

    code: Mapping[str, Path]  # folders of the functions
    handlers: Mapping[str, str]  # "module.function"
    routes: tuple[Route, ...]
    sources: tuple[EventSource, ...]
    stack: Mapping[str, Any]  # the CloudFormation template of the resources that moto creates

    @classmethod
    def read(cls, root: Path = ROOT) -> Template:
        """Translate `root`/template.yaml."""
        # Imported here: it takes a second, which other users of this module need not wait for.
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
        here = {name: item for name, item in resources.items() if item["Type"] in _CREATED}
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
