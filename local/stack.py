"""The whole stack on one machine: what `python -m local` runs and what tests talk to."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Self
from uuid import uuid4

from werkzeug.middleware.dispatcher import DispatcherMiddleware
from werkzeug.wrappers import Request, Response

from local import config
from local.cloud.aws import CREDENTIALS, Aws
from local.cloud.event_source import Poller
from local.cloud.http_api import Front
from local.cloud.rie import Rie
from local.cloud.runtime import Function, InProcess, Lines, Pool, Result, Slot
from local.cloud.template import ROOT, Template
from local.http.proxy import Upstream
from local.http.recorder import Recorder
from local.http.server import CONTAINERS_HOST, Running, serve
from local.standins.faults import Faults, FaultyApp, OperationOf, aws_error, aws_operation
from local.standins.graph import GraphStandIn
from local.standins.openai import OpenAIStandIn
from local.standins.telegram import TelegramStandIn

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication, WSGIEnvironment
    from mypy_boto3_dynamodb.service_resource import Table
    from mypy_boto3_sqs import SQSClient

Runtime = Literal["inprocess", "rie"]
_SLOTS = 8  # of a function that is called over HTTP
_NOT_YET = Response("starting or stopping\n", 503)


@dataclass(frozen=True)
class Options:
    """`settings` beat environment and `.env` (an empty one unsets); `parameters` are the
    template's; `timeouts` (seconds, by logical id) go below what the template allows."""

    port: int = 0
    runtime: Runtime = "inprocess"
    workers: int = 4
    poll: bool = True
    settings: Mapping[str, str] = field(default_factory=dict)
    parameters: Mapping[str, str] = field(default_factory=dict)
    timeouts: Mapping[str, int] = field(default_factory=dict)
    lines: Lines = print  # takes what functions in processes of their own print
    poller: type[Poller] = Poller
    root: Path = ROOT


class Stack:
    """A context manager; everything answers inside it. Raises OSError when the port is taken.

    With in-process functions only one at a time may run in a process.
    """

    url: str
    aws: Aws
    recorder: Recorder
    functions: dict[str, Function]
    sqs: SQSClient  # past the recorder and the faults, as `table` is
    table: Table
    queue_url: str
    dead_letter_queue_url: str
    servers: dict[str, Running]  # by name: aws, telegram, graph, openai
    _pools: dict[str, Pool]

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
            # A taken port is known before anything slow begins.
            self._front: WSGIApplication = _NOT_YET
            front = lambda environ, start: self._front(environ, start)  # noqa: E731
            self.url = self._serve(front, self.options.port).url
            self.aws = Aws()
            self._closing.callback(self.aws.close)
            self._open()
            failing.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self._front = _NOT_YET
        self._closing.close()

    def invoke(self, function: str, event: Mapping[str, Any]) -> Result:
        """Invoke a function by its logical id; recorded as server `lambda`."""
        began = time.time()
        result = self._pools[function].invoke(event)
        answer = json.dumps({"error": result.error} if result.error else result.payload)
        request = json.dumps(event, ensure_ascii=False).encode()
        status = 500 if result.error else 200
        self.recorder.add("lambda", function, began, status, request, answer.encode())
        return result

    def kill(self, function: str) -> int:
        """Crash the busy processes of a function; how many. Only with the rie runtime."""
        return self._pools[function].kill()

    def isolate(self, function: str) -> None:
        """Run it in Lambda processes from now on, which `kill` can crash. Raises RuntimeError."""
        if self.options.runtime == "inprocess":
            pool = Pool(self._maker(self.functions[function], "rie"), self.options.workers)
            pool.warm()
            self._closing.callback(pool.close)
            self.options, self._pools[function] = replace(self.options, runtime="rie"), pool

    def upload(self, channel: str, content: bytes, name: str) -> str:
        """Put a file where the platform would; what `Person.send` names it by."""
        if channel == "telegram":
            return self.telegram.add_file(content, f"{uuid4()}/{name}")
        return self.servers["graph"].url + self.graph.add_file(content, name)

    def add_app(self, prefix: str, app: WSGIApplication) -> None:
        """Serve `app` below `prefix`, which becomes its SCRIPT_NAME."""
        self._beside[prefix] = app

    def _open(self) -> None:
        template = Template.read(self.options.root)
        self.aws.create(template, self.options.parameters)
        self.sqs = self.aws.sqs
        self._shorten(template)
        environment = self.aws.environments[template.sources[0].function]
        self.table = self.aws.table(environment["TABLE_NAME"])
        self.queue_url = environment["QUEUE_URL"]
        self.dead_letter_queue_url = environment["DEAD_LETTER_QUEUE_URL"]
        self.bucket, path = environment["FILES_BUCKET"], environment["PARAMETER_PATH"]

        self._beside: dict[str, WSGIApplication] = {
            "/_local/records": Request.application(self.recorder.page)
        }
        served = self._serve_others(path)
        self.add_app("/_local/resources", self._resources(path, served))
        self._make_pools(template, served)
        api = self.recorder.around("api", Front(template.routes, self.invoke), _route)
        self._front = DispatcherMiddleware(api, self._beside)
        if self.options.poll:
            self._poll(template)

    def _shorten(self, template: Template) -> None:
        self.aws.timeouts |= self.options.timeouts
        for source in template.sources:
            if source.function in self.options.timeouts:
                seconds = 6 * self.options.timeouts[source.function]
                self.sqs.set_queue_attributes(
                    QueueUrl=self.aws.ids[source.queue],
                    Attributes={"VisibilityTimeout": str(seconds)},
                )

    def _serve_others(self, path: str) -> dict[str, str]:
        """Everything the functions talk to, behind the recorder; what they must be told of it.

        Each has a port of its own, and is below `/_local` on ours for functions in containers,
        whose environment names AWS alone: the parameter store tells them the rest.
        """
        aws = FaultyApp(Upstream(self.aws.url), self.aws_faults, aws_operation, aws_error)
        self.servers = {}
        served = {"AWS_ENDPOINT_URL": self._record("aws", aws, aws_operation)}
        served["FILES_ORIGIN"] = served["AWS_ENDPOINT_URL"]
        in_containers = {}
        for name, standin, setting, suffix in (
            ("telegram", self.telegram, "TELEGRAM_API_URL", ""),
            ("graph", self.graph, "GRAPH_API_URL", "/v26.0"),
            ("openai", self.openai, "OPENAI_BASE_URL", "/v1"),
        ):
            base_url = self.settings.get(setting)
            app: WSGIApplication = standin
            if base_url:  # the faults that are asked for strike the real ones, too
                suffix = ""
                app = FaultyApp(
                    Upstream(base_url), standin.faults, standin.operation_of, standin.error_body
                )
            served[setting] = self._record(name, app, standin.operation_of) + suffix
            port = self.url.rpartition(":")[2]
            in_containers[setting] = f"http://{CONTAINERS_HOST}:{port}/_local/{name}{suffix}"
        self.aws.put_settings(path, {**self.settings, **in_containers})
        return served

    def _record(self, name: str, app: WSGIApplication, operation_of: OperationOf) -> str:
        recorded = self.recorder.around(name, app, operation_of)
        self.add_app(f"/_local/{name}", recorded)
        self.servers[name] = self._serve(recorded)
        return self.servers[name].url

    def _serve(self, app: WSGIApplication, port: int = 0) -> Running:
        server = serve(app, port)
        self._closing.callback(server.close)
        return server

    def _make_pools(self, template: Template, served: dict[str, str]) -> None:
        kept = ("PATH", "HOME", "LANG", "TMPDIR")
        common = {name: os.environ[name] for name in kept if name in os.environ}
        self.functions, self._pools = {}, {}
        # Processes are tied to the thread that started them: it must live as long as they do.
        self._starters = ThreadPoolExecutor(4, "starter")
        self._closing.callback(self._starters.shutdown)
        workers = {source.function for source in template.sources}
        for name, folder in template.code.items():
            environment = {**common, **CREDENTIALS, **self.aws.environments[name], **served}
            function = self.functions[name] = Function(
                name, folder, template.handlers[name], self.aws.timeouts[name], environment
            )
            size = self.options.workers if name in workers else _SLOTS
            self._pools[name] = Pool(self._maker(function, self.options.runtime), size)
            self._closing.callback(self._pools[name].close)
        awaited = workers | {route.function for route in template.routes}
        with ThreadPoolExecutor() as warming:
            list(warming.map(Pool.warm, [self._pools[name] for name in awaited]))

    def _maker(self, function: Function, runtime: Runtime) -> Callable[[], Slot]:
        if runtime == "inprocess":
            return lambda: InProcess(function)
        return lambda: self._starters.submit(Rie, function, self.options.lines).result()

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

    def _resources(self, path: str, served: Mapping[str, str]) -> Response:
        """What an operator's programs need of the stack, by the names of the template's outputs.

        `settings` are where the platforms are served: the functions have it in their environment.
        """
        settings = dict(served)
        endpoint = settings.pop("AWS_ENDPOINT_URL")
        outputs = {
            "ApiUrl": self.url,
            "ParameterPath": path,
            "QueueUrl": self.queue_url,
            "DeadLetterQueueUrl": self.dead_letter_queue_url,
            "TableName": self.table.name,
            "FilesBucket": self.bucket,
        }
        told = {"endpoint": endpoint, "region": config.REGION, "outputs": outputs}
        return Response(json.dumps({**told, "settings": settings}), mimetype="application/json")


def _route(environ: WSGIEnvironment, body: bytes) -> str:
    return f"{environ['REQUEST_METHOD']} {environ['PATH_INFO']}"
