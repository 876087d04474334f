"""The whole stack on one machine: what `python -m local` runs and what tests talk to."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Self

from werkzeug.wrappers import Request, Response

from local import config
from local.aws import CREDENTIALS, Aws
from local.front import Front, beside
from local.poller import Poller
from local.recorder import Recorder
from local.rie import Rie
from local.runtime import Function, InProcess, Lines, Pool, Result, Slot
from local.server import Running, serve
from local.standins.faults import Faults, FaultyApp, aws_error, aws_operation
from local.standins.graph import GraphStandIn
from local.standins.openai import OpenAIStandIn
from local.standins.telegram import TelegramStandIn
from local.template import ROOT, Template
from local.upstream import Upstream

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment
    from mypy_boto3_dynamodb.service_resource import Table
    from mypy_boto3_sqs import SQSClient

Runtime = Literal["inprocess", "rie"]
_SLOTS = 8  # of a function that is called over HTTP


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
        self.settings = {
            name: value
            for name, value in {
                **config.load(self.options.root),
                **self.options.settings,
            }.items()
            if value
        }
        self.aws_faults = Faults()
        values = config.DEVELOPMENT | self.settings
        self.telegram = TelegramStandIn(
            values["TELEGRAM_BOT_TOKEN"], username=values["TELEGRAM_BOT_USERNAME"]
        )
        self.graph = GraphStandIn(
            app_id=values["MESSENGER_APP_ID"],
            app_secret=values["MESSENGER_APP_SECRET"],
            page_id=values["MESSENGER_PAGE_ID"],
            page_token=values["MESSENGER_PAGE_TOKEN"],
        )
        self.openai = OpenAIStandIn(values["OPENAI_API_KEY"])
        self.recorder = Recorder(self.settings[name] for name in config.SECRETS & {*self.settings})
        self._closing = ExitStack()

    def __enter__(self) -> Self:
        with ExitStack() as opening:
            # A taken port is known before anything slow begins.
            self._front: WSGIApplication = _not_yet
            front = self._serve(opening, lambda environ, start: self._front(environ, start), True)
            self.url = front.url
            self.aws = Aws()
            opening.callback(self.aws.close)
            self._open(opening)
            self._closing = opening.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self._front = _not_yet
        self._closing.close()

    def invoke(self, function: str, event: Mapping[str, Any]) -> Result:
        """Invoke a function by its logical id; recorded as server `lambda`."""
        began = time.time()
        result = self._pools[function].invoke(event)
        answer = json.dumps({"error": result.error} if result.error else result.payload)
        self.recorder.add(
            "lambda",
            function,
            began,
            500 if result.error else 200,
            json.dumps(event, ensure_ascii=False).encode(),
            answer.encode(),
        )
        return result

    def kill(self, function: str) -> int:
        """Crash the busy processes of a function; how many. Only with the rie runtime."""
        return self._pools[function].kill()

    def add_app(self, prefix: str, app: WSGIApplication) -> None:
        """Serve `app` below `prefix`, on this machine only."""
        self._beside[prefix] = app

    def _open(self, opening: ExitStack) -> None:
        template = Template.read(self.options.root)
        self.aws.create(template, self.options.parameters)
        self._shorten(template)
        self.sqs = self.aws.sqs
        environment = self.aws.environments[template.sources[0].function]
        self.table = self.aws.table(environment["TABLE_NAME"])
        self.queue_url = environment["QUEUE_URL"]
        self.dead_letter_queue_url = environment["DEAD_LETTER_QUEUE_URL"]
        self.aws.put_settings(environment["PARAMETER_PATH"], self.settings)

        served = self._serve_others(opening)
        self._make_pools(opening, template, served)
        self._beside: dict[str, WSGIApplication] = {
            "/_local/records": self._records,
            "/_local/resources": self._resources(environment["PARAMETER_PATH"], served),
        }
        api = self.recorder.around("api", Front(template.routes, self.invoke), _route)
        self._front = beside(self._beside, api)
        if self.options.poll:
            self._poll(opening, template)

    def _shorten(self, template: Template) -> None:
        self.aws.timeouts |= self.options.timeouts
        for source in template.sources:
            if source.function in self.options.timeouts:
                self.aws.sqs.set_queue_attributes(
                    QueueUrl=self.aws.ids[source.queue],
                    Attributes={
                        "VisibilityTimeout": str(6 * self.options.timeouts[source.function])
                    },
                )

    def _serve_others(self, opening: ExitStack) -> dict[str, str]:
        """Everything the functions talk to, behind the recorder; what they must be told of it."""
        aws = FaultyApp(Upstream(self.aws.url), self.aws_faults, aws_operation, aws_error)
        self.servers = {
            "aws": self._serve(opening, self.recorder.around("aws", aws, aws_operation))
        }
        served = {"AWS_ENDPOINT_URL": self.servers["aws"].url}
        for name, standin, setting, suffix in (
            ("telegram", self.telegram, "TELEGRAM_API_URL", ""),
            ("graph", self.graph, "GRAPH_API_URL", "/v26.0"),
            ("openai", self.openai, "OPENAI_BASE_URL", "/v1"),
        ):
            base_url = self.settings.get(setting)
            app = Upstream(base_url) if base_url else standin
            recorded = self.recorder.around(name, app, standin.operation_of)
            self.servers[name] = self._serve(opening, recorded)
            url = self.servers[name].url
            served[setting] = url if base_url else url + suffix
        return served

    def _serve(self, opening: ExitStack, app: WSGIApplication, front: bool = False) -> Running:
        server = serve(app, self.options.port if front else 0)
        opening.callback(server.close)
        return server

    def _make_pools(self, opening: ExitStack, template: Template, served: dict[str, str]) -> None:
        kept = ("PATH", "HOME", "LANG", "TMPDIR")
        common = {name: os.environ[name] for name in kept if name in os.environ}
        self.functions, self._pools = {}, {}
        # Processes are tied to the thread that started them: it must live as long as they do.
        starters = ThreadPoolExecutor(4, "starter")
        opening.callback(starters.shutdown)
        workers = {source.function for source in template.sources}
        for name, folder in template.code.items():
            function = self.functions[name] = Function(
                name=name,
                folder=folder,
                handler=template.handlers[name],
                timeout=self.aws.timeouts[name],
                environment={**common, **CREDENTIALS, **self.aws.environments[name], **served},
            )
            size = self.options.workers if name in workers else _SLOTS
            self._pools[name] = Pool(self._maker(function, starters), size)
            opening.callback(self._pools[name].close)
        awaited = workers | {route.function for route in template.routes}
        with ThreadPoolExecutor() as warming:
            list(warming.map(Pool.warm, [self._pools[name] for name in awaited]))

    def _maker(self, function: Function, starters: ThreadPoolExecutor) -> Callable[[], Slot]:
        if self.options.runtime == "inprocess":
            return lambda: InProcess(function)
        return lambda: starters.submit(Rie, function, self.options.lines).result()

    def _poll(self, opening: ExitStack, template: Template) -> None:
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
            opening.callback(poller.stop)

    def _arn(self, queue_url: str) -> str:
        attributes = self.sqs.get_queue_attributes(QueueUrl=queue_url, AttributeNames=["QueueArn"])
        return attributes["Attributes"]["QueueArn"]

    def _records(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        return self.recorder.page(Request(environ))(environ, start_response)

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
        }
        body = {
            "endpoint": endpoint,
            "region": config.REGION,
            "outputs": outputs,
            "settings": settings,
        }
        return Response(json.dumps(body), mimetype="application/json")


def _not_yet(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    return Response("starting or stopping\n", 503)(environ, start_response)


def _route(environ: WSGIEnvironment, body: bytes) -> str:
    return f"{environ['REQUEST_METHOD']} {environ['PATH_INFO']}"
