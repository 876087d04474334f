"""AWS on this machine: moto's server in a process of its own, and the template's stack in it.

The process is its own because moto keeps one state per process, which moto's decorators in tests
wipe, and because it is the busiest part: beside the rest it has a processor to itself.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterable, Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import boto3

from local.cloud.template import STACK, Template
from local.config import REGION, SECRETS
from local.http.server import serve

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment
    from mypy_boto3_dynamodb.service_resource import Table
    from mypy_boto3_sqs import SQSClient

# What the SDKs insist on; moto looks at none of it.
CREDENTIALS = {
    "AWS_ACCESS_KEY_ID": "local",
    "AWS_SECRET_ACCESS_KEY": "local",
    "AWS_DEFAULT_REGION": REGION,
    "AWS_REGION": REGION,
    "AWS_EC2_METADATA_DISABLED": "true",
}


class Aws:
    """A running moto and, after `create`, what the template made in it. Close it."""

    def __init__(self) -> None:
        environment = {**os.environ, **CREDENTIALS, "MOTO_DISABLE_GLOBAL_CORS": "1"}
        self._process = subprocess.Popen(
            [sys.executable, "-m", "local.cloud.aws"],
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
        """Waits until moto answers there. Raises RuntimeError when it could not start."""
        if not self._url:
            assert self._process.stdout
            self._url = self._process.stdout.readline().decode().strip()
            if not self._url:
                raise RuntimeError("moto's server did not start")
        return self._url

    def client(self, service: Any) -> Any:
        return self._session.client(service, endpoint_url=self.url)

    @property
    def sqs(self) -> SQSClient:
        return self._session.client("sqs", endpoint_url=self.url)

    def table(self, name: str) -> Table:
        return self._session.resource("dynamodb", endpoint_url=self.url).Table(name)

    def create(self, template: Template, parameters: Mapping[str, str]) -> None:
        """The stack, with values for the template's own parameters."""
        formation = self.client("cloudformation")
        values = [{"ParameterKey": k, "ParameterValue": v} for k, v in parameters.items()]
        body = json.dumps(template.stack)
        formation.create_stack(StackName=STACK, TemplateBody=body, Parameters=values)
        resources = formation.describe_stack_resources(StackName=STACK)["StackResources"]
        self.ids = {item["LogicalResourceId"]: item["PhysicalResourceId"] for item in resources}
        for name, resource in template.stack["Resources"].items():
            if expiry := resource["Properties"].get("TimeToLiveSpecification"):
                self.client("dynamodb").update_time_to_live(  # moto does not heed it
                    TableName=self.ids[name], TimeToLiveSpecification=expiry
                )
        functions = self.client("lambda")
        for name in template.code:
            function = functions.get_function_configuration(FunctionName=self.ids[name])
            self.environments[name] = function["Environment"]["Variables"]
            self.timeouts[name] = function["Timeout"]

    def put_settings(self, path: str, settings: Mapping[str, str]) -> None:
        """Secrets and settings where the functions look for them, below `path`."""
        ssm = self.client("ssm")
        plain = {name: value for name, value in settings.items() if name not in SECRETS}
        values = {name: settings[name] for name in SECRETS & settings.keys()}
        for name, value in {**values, "SETTINGS": json.dumps(plain)}.items():
            kind = "SecureString" if name in SECRETS else "String"
            ssm.put_parameter(Name=f"{path}/{name}", Value=value, Type=kind, Overwrite=True)

    def close(self) -> None:
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.close()
        self._process.stdout.close()
        self._process.wait()


def _one_at_a_time(app: WSGIApplication) -> WSGIApplication:
    """moto checks a condition and writes in two steps: between threads another may slip in.

    A receive that waits would hold up everyone: ask without waiting.
    """
    lock = threading.Lock()

    def locked(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        with lock:
            return list(app(environ, start_response))

    return locked


def _main() -> None:
    from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app

    from local.cloud.moto_fixes import dynamodb, sqs

    sqs.mend()
    dynamodb.mend()
    # Imports every service there is: better now, beside the stack's own start, than when it asks.
    create_backend_app("cloudformation")
    server = serve(_one_at_a_time(DomainDispatcherApplication(create_backend_app)))
    with suppress(BrokenPipeError):  # the stack has gone again
        print(server.url, flush=True)
        sys.stdin.read()  # ends when the stack does, however it ends
    os._exit(0)  # nothing to save, and tidying up takes a second


if __name__ == "__main__":
    _main()
