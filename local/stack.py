"""The whole stack on one machine: `python -m local` runs it, and tests use it.

The template's functions run behind an HTTP API and an event source; moto serves AWS; the stand-ins
serve Telegram, the Graph API and the model. Every request between them passes the recorder.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self
from uuid import uuid4

from werkzeug.middleware.dispatcher import DispatcherMiddleware
from werkzeug.wrappers import Request, Response

from chatbot import __version__
from local import config
from local.cloud.aws import CREDENTIALS, Aws
from local.cloud.event_source import Poller
from local.cloud.http_api import HttpApi
from local.cloud.invoker import Invoker, Runtime
from local.cloud.runtime import Function, LogSink, Result
from local.cloud.template import ROOT, Template
from local.http.pages import CONTAINERS_HOST, Pages, at_links, nowhere, outside_local
from local.http.proxy import Proxy
from local.http.recorder import Recorder
from local.http.server import Running, serve
from local.standins.faults import Faults, FaultyApp, OperationOf, aws_error, aws_operation
from local.standins.graph import GraphStandIn
from local.standins.openai import OpenAIStandIn
from local.standins.telegram import TelegramStandIn
from ops.printing import say

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication, WSGIEnvironment
    from mypy_boto3_dynamodb.service_resource import Table
    from mypy_boto3_sqs import SQSClient

_HTTP_CONCURRENCY = 8  # invocations at once of a function that is called over HTTP
_UNAVAILABLE = Response("starting or stopping\n", 503)


@dataclass(frozen=True)
class Options:
    """Options of a local stack."""

    port: int = 0  # of the HTTP API; 0: a free one
    runtime: Runtime = "inprocess"
    workers: int = 4  # invocations of the worker at once
    poll: bool = True  # whether queued messages are handed to the worker
    # Replace those of the environment and of `.env`; an empty value unsets one.
    settings: Mapping[str, str] = field(default_factory=dict)
    # Values for the template's parameters.
    parameters: Mapping[str, str] = field(default_factory=dict)
    # Seconds, by logical id, in place of the template's; the queue's visibility timeout follows.
    timeouts: Mapping[str, int] = field(default_factory=dict)
    log: LogSink = say  # takes what functions print that run in processes
    progress: LogSink = lambda text: None  # takes a line for each part that is being started
    poller: type[Poller] = Poller
    root: Path = ROOT  # the folder of template.yaml and `.env`


class Stack:
    """A local stack, as a context manager: it runs inside the `with` block.

    Entering raises OSError (errno EADDRINUSE) when the port is taken. With in-process functions,
    only one stack at a time may run in a process.
    """

    url: str
    aws: Aws
    recorder: Recorder
    functions: dict[str, Function]  # by logical id
    sqs: SQSClient  # like `table`, directly to moto: neither recorded nor subject to faults
    table: Table
    queue_url: str
    dead_letter_queue_url: str
    servers: dict[str, Running]  # by name: aws, telegram, graph, openai
    _invoker: Invoker

    def __init__(self, options: Options | None = None) -> None:
        self.options = options or Options()
        chosen = {**config.load(self.options.root), **self.options.settings}
        self.settings = {name: value for name, value in chosen.items() if value}
        self.aws_faults = Faults()
        values = config.DEVELOPMENT | self.settings
        bot, page = ("BOT_TOKEN", "BOT_USERNAME"), ("APP_ID", "APP_SECRET", "PAGE_ID", "PAGE_TOKEN")
        self.telegram = TelegramStandIn(*(values[f"TELEGRAM_{name}"] for name in bot))
        self.graph = GraphStandIn(*(values[f"MESSENGER_{name}"] for name in page))
        self.openai = OpenAIStandIn(values["OPENAI_API_KEY"])
        self.recorder = Recorder(self.settings[name] for name in config.SECRETS & {*self.settings})
        self._closing = ExitStack()

    def __enter__(self) -> Self:
        with ExitStack() as failing:
            failing.callback(self.close)
            # The port is bound first: when it is taken, that shows before anything slow begins.
            self._app: WSGIApplication = _UNAVAILABLE
            app = lambda environ, start: self._app(environ, start)  # noqa: E731
            self.url = self._serve(app, self.options.port).url
            self.options.progress("starting AWS (moto) ...")
            self.aws = Aws()
            self._closing.callback(self.aws.close)
            self._open()
            failing.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Stop everything, last started first."""
        self._app = _UNAVAILABLE
        self._closing.close()

    def invoke(self, function: str, event: Mapping[str, Any]) -> Result:
        """Invoke a function by its logical id. It is recorded as a request to server `lambda`."""
        began = time.time()
        result = self._invoker.invoke(function, event)
        answer = json.dumps({"error": result.error} if result.error else result.payload)
        request = json.dumps(event, ensure_ascii=False).encode()
        status = 500 if result.error else 200
        self.recorder.add("lambda", function, began, status, request, answer.encode())
        return result

    def kill(self, function: str) -> int:
        """Crash the function's invocations in progress. Returns how many there were.

        Raises RuntimeError where a busy one runs in this process: see `isolate`.
        """
        return self._invoker.kill(function)

    def isolate(self, function: str) -> None:
        """Run the function in processes from now on, which `kill` can crash.

        Raises RuntimeError where the runtime interface emulator is not available.
        """
        self._invoker.isolate(function, self.options.workers)

    def restart_functions(self) -> None:
        """Have every function start anew at its next invocation, so that it reads its settings."""
        self._invoker.retire()

    def upload(self, channel: str, content: bytes, name: str) -> str:
        """Store a file as the platform would. Returns its file id or URL, for `Person.send`."""
        if channel == "telegram":
            return self.telegram.add_file(content, f"{uuid4()}/{name}")
        return self.servers["graph"].url + self.graph.add_file(content, name)

    def add_app(self, prefix: str, app: WSGIApplication) -> None:
        """Serve `app` below the path `prefix`, which becomes its SCRIPT_NAME."""
        self._apps[prefix] = app

    def _open(self) -> None:
        template = Template.read(self.options.root)
        self.options.progress("creating the resources of template.yaml ...")
        self.aws.create(template, self.options.parameters)
        self.sqs = self.aws.sqs
        self._set_timeouts(template)
        environment = self.aws.environments[template.sources[0].function]
        self.table = self.aws.table(environment["TABLE_NAME"])
        self.queue_url = environment["QUEUE_URL"]
        self.dead_letter_queue_url = environment["DEAD_LETTER_QUEUE_URL"]
        self.bucket, path = environment["FILES_BUCKET"], environment["PARAMETER_PATH"]

        self._apps: dict[str, WSGIApplication] = {
            "/_local/records": Request.application(self.recorder.page)
        }
        self.options.progress("starting the functions and the servers that they call ...")
        endpoints = self._serve_dependencies(path)
        self.add_app("/_local/resources", self._resources(path, endpoints))
        self._start_functions(template, endpoints)
        api = self.recorder.around("api", HttpApi(template.routes, self.invoke), _route)
        self._app = DispatcherMiddleware(api, self._apps)
        if self.options.poll:
            self._poll(template)

    def _set_timeouts(self, template: Template) -> None:
        self.aws.timeouts |= self.options.timeouts
        for source in template.sources:
            if source.function in self.options.timeouts:
                seconds = 6 * self.options.timeouts[source.function]
                self.sqs.set_queue_attributes(
                    QueueUrl=self.aws.ids[source.queue],
                    Attributes={"VisibilityTimeout": str(seconds)},
                )

    def _serve_dependencies(self, path: str) -> dict[str, str]:
        """Serve what the functions call, each recorded. Returns the settings that say where.

        Each has a port of its own. It is below `/_local` of the stack's port too, for functions in
        containers: their environment names AWS only, and the parameter store tells the rest.
        """
        aws = FaultyApp(Proxy(self.aws.url), self.aws_faults, aws_operation, aws_error)
        self.servers = {}
        endpoints = {"AWS_ENDPOINT_URL": self._record("aws", aws, aws_operation)}
        endpoints["FILES_ORIGIN"] = endpoints["AWS_ENDPOINT_URL"]
        in_containers = {}
        for name, standin, setting, suffix in (
            ("telegram", self.telegram, "TELEGRAM_API_URL", ""),
            ("graph", self.graph, "GRAPH_API_URL", "/v26.0"),
            ("openai", self.openai, "OPENAI_BASE_URL", "/v1"),
        ):
            base_url = self.settings.get(setting)
            app: WSGIApplication = standin
            if base_url:  # a real server, which is subject to the stand-in's faults too
                suffix = ""
                app = FaultyApp(
                    Proxy(base_url), standin.faults, standin.operation_of, standin.error_body
                )
            endpoints[setting] = self._record(name, app, standin.operation_of) + suffix
            port = self.url.rpartition(":")[2]
            in_containers[setting] = f"http://{CONTAINERS_HOST}:{port}/_local/{name}{suffix}"
        self.aws.put_settings(path, {**self.settings, **in_containers})
        return endpoints

    def _record(self, name: str, app: WSGIApplication, operation_of: OperationOf) -> str:
        recorded = self.recorder.around(name, app, operation_of)
        self.add_app(f"/_local/{name}", recorded)
        pages = at_links if name == "aws" else nowhere
        self.servers[name] = self._serve(recorded, pages=pages)
        return self.servers[name].url

    def _serve(self, app: WSGIApplication, port: int = 0, pages: Pages = outside_local) -> Running:
        server = serve(app, port, pages)
        self._closing.callback(server.close)
        return server

    def _start_functions(self, template: Template, endpoints: Mapping[str, str]) -> None:
        inherited = ("PATH", "HOME", "LANG", "TMPDIR")
        common = {name: os.environ[name] for name in inherited if name in os.environ}
        self._invoker = Invoker(self.options.log)
        self._closing.callback(self._invoker.close)
        self.functions = {}
        workers = {source.function for source in template.sources}
        for name, folder in template.code.items():
            environment = {**common, **CREDENTIALS, **self.aws.environments[name], **endpoints}
            function = self.functions[name] = Function(
                name, folder, template.handlers[name], self.aws.timeouts[name], environment
            )
            size = self.options.workers if name in workers else _HTTP_CONCURRENCY
            self._invoker.add(function, self.options.runtime, size)
        self._invoker.warm(workers | {route.function for route in template.routes})

    def _poll(self, template: Template) -> None:
        for source in template.sources:
            url = self.aws.ids[source.queue]
            poller = self.poller = self.options.poller(
                self.sqs,
                url,
                self._arn(url),
                lambda event, name=source.function: self.invoke(name, event),  # type: ignore[misc]
                self.options.workers,
                source.batch_size,
                source.partial,
            )
            self.recorder.listen(poller.watch)
            poller.start()
            self._closing.callback(poller.stop)

    def _arn(self, queue_url: str) -> str:
        attributes = self.sqs.get_queue_attributes(QueueUrl=queue_url, AttributeNames=["QueueArn"])
        return attributes["Attributes"]["QueueArn"]

    def _resources(self, path: str, endpoints: Mapping[str, str]) -> Response:
        """`GET /_local/resources`: what `python -m ops --local` needs to know of the stack.

        JSON of `endpoint` (AWS), `region`, `outputs` (the template's, by name) and `settings`
        (where the platforms are served, which functions have in their environment).
        """
        settings = dict(endpoints)
        endpoint = settings.pop("AWS_ENDPOINT_URL")
        outputs = {
            "Version": __version__,
            "ApiUrl": self.url,
            "ParameterPath": path,
            "QueueUrl": self.queue_url,
            "DeadLetterQueueUrl": self.dead_letter_queue_url,
            "TableName": self.table.name,
            "FilesBucket": self.bucket,
        }
        body = {"endpoint": endpoint, "region": config.REGION, "outputs": outputs}
        return Response(json.dumps({**body, "settings": settings}), mimetype="application/json")


def _route(environ: WSGIEnvironment, body: bytes) -> str:
    return f"{environ['REQUEST_METHOD']} {environ['PATH_INFO']}"
