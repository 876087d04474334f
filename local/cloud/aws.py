"""AWS on this machine: moto's server, and the template's resources in it.

moto runs in a process of its own. It keeps one state per process, which moto's decorators in tests
wipe; and it is the busiest part of the stack, which by itself has a processor of its own.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import boto3

from local.cloud.template import STACK, Template
from local.config import REGION, SECRETS

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.service_resource import Table
    from mypy_boto3_sqs import SQSClient

# Environment variables that AWS SDKs need. moto checks none of them.
CREDENTIALS = {
    "AWS_ACCESS_KEY_ID": "local",
    "AWS_SECRET_ACCESS_KEY": "local",
    "AWS_DEFAULT_REGION": REGION,
    "AWS_REGION": REGION,
    "AWS_EC2_METADATA_DISABLED": "true",
}


class Aws:
    """A running moto server and, after `create`, the stack's resources in it. Close it."""

    def __init__(self) -> None:
        environment = {**os.environ, **CREDENTIALS, "MOTO_DISABLE_GLOBAL_CORS": "1"}
        self._process = subprocess.Popen(
            [sys.executable, "-m", "local.cloud.moto_server"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=environment,
            start_new_session=True,  # Ctrl-C is for the stack, which then closes this
        )
        self._url = ""
        self._session = boto3.Session("local", "local", region_name=REGION)
        self.ids: dict[str, str] = {}  # logical id -> physical id
        self.environments: dict[str, dict[str, str]] = {}  # by function
        self.timeouts: dict[str, int] = {}  # seconds, by function

    @property
    def url(self) -> str:
        """Where moto answers, without a slash at the end. The first access waits until it does.

        Raises RuntimeError when the server did not start.
        """
        if not self._url:
            assert self._process.stdout
            self._url = self._process.stdout.readline().decode().strip()
            if not self._url:
                raise RuntimeError("moto's server did not start")
        return self._url

    def client(self, service: Any) -> Any:
        """A boto3 client of moto."""
        return self._session.client(service, endpoint_url=self.url)

    @property
    def sqs(self) -> SQSClient:
        """A boto3 client of moto's queues."""
        return self._session.client("sqs", endpoint_url=self.url)

    def table(self, name: str) -> Table:
        """The boto3 resource of a table, by its physical name."""
        return self._session.resource("dynamodb", endpoint_url=self.url).Table(name)

    def create(self, template: Template, parameters: Mapping[str, str]) -> None:
        """Create the stack, with values for the template's own parameters."""
        formation = self.client("cloudformation")
        values = [{"ParameterKey": k, "ParameterValue": v} for k, v in parameters.items()]
        body = json.dumps(template.stack)
        formation.create_stack(StackName=STACK, TemplateBody=body, Parameters=values)
        resources = formation.describe_stack_resources(StackName=STACK)["StackResources"]
        self.ids = {item["LogicalResourceId"]: item["PhysicalResourceId"] for item in resources}
        for name, resource in template.stack["Resources"].items():
            if expiry := resource["Properties"].get("TimeToLiveSpecification"):
                self.client("dynamodb").update_time_to_live(  # CloudFormation in moto ignores it
                    TableName=self.ids[name], TimeToLiveSpecification=expiry
                )
        functions = self.client("lambda")
        for name in template.code:
            function = functions.get_function_configuration(FunctionName=self.ids[name])
            self.environments[name] = function["Environment"]["Variables"]
            self.timeouts[name] = function["Timeout"]

    def put_settings(self, path: str, settings: Mapping[str, str]) -> None:
        """Put settings into the parameter store below `path`, where the functions read them.

        Each secret is a parameter of its own (SecureString); the rest is JSON in `SETTINGS`.
        """
        ssm = self.client("ssm")
        plain = {name: value for name, value in settings.items() if name not in SECRETS}
        values = {name: settings[name] for name in SECRETS & settings.keys()}
        for name, value in {**values, "SETTINGS": json.dumps(plain)}.items():
            kind = "SecureString" if name in SECRETS else "String"
            ssm.put_parameter(Name=f"{path}/{name}", Value=value, Type=kind, Overwrite=True)

    def close(self) -> None:
        """End moto's server and wait for it."""
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.close()
        self._process.stdout.close()
        self._process.wait()
