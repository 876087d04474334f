"""The worker: where queue, table, model and platforms meet the conversation."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import boto3
from botocore.config import Config

from chatbot.adapters.dynamodb.turns import Table
from chatbot.adapters.openai.media import OpenAIModel
from chatbot.adapters.s3 import Bucket
from chatbot.adapters.sqs import WorkerQueue
from chatbot.adapters.ssm import Parameters
from chatbot.adapters.telemetry import Telemetry
from chatbot.bootstrap import channels
from chatbot.bootstrap.aws import client_config
from chatbot.channels.base import MakeOutbound, Services
from chatbot.channels.description import load
from chatbot.conversation.answer import Answers
from chatbot.conversation.batch import Batch, records_of
from chatbot.conversation.delivery import Delivery
from chatbot.conversation.record import RecordHandler
from chatbot.core.errors import ParametersUnavailable, QueueUnavailable
from chatbot.core.ports import Channel, now_ms
from chatbot.core.settings import Settings
from chatbot.core.work import Record
from chatbot.edge.http import Handler

_CONNECTIONS = 16
"""One for each conversation of a batch, the lease, and some to spare."""


def build(environ: Mapping[str, str]) -> Handler:
    """The function's handler. Clients are made here, in Lambda's init phase."""
    telemetry = Telemetry("worker")
    worker = _Worker(environ, telemetry)
    worker.warm_up()

    def handler(event: Mapping[str, Any], context: Any) -> dict[str, Any]:
        telemetry.begin(context)
        deadline = now_ms() + int(context.get_remaining_time_in_millis())
        try:
            again = worker.run(records_of(event), deadline)
        finally:
            telemetry.flush()
        return {"batchItemFailures": [{"itemIdentifier": name} for name in again]}

    return handler


class _Worker:
    """Keeps what it has composed for as long as the settings stay the same."""

    def __init__(self, environ: Mapping[str, str], telemetry: Telemetry) -> None:
        config = client_config().merge(Config(max_pool_connections=_CONNECTIONS))
        ssm = boto3.client("ssm", config=config)
        self._parameters = Parameters(environ, "worker", ssm, telemetry)
        self._telemetry = telemetry
        self._dynamodb = boto3.client("dynamodb", config=config)
        self._queue = WorkerQueue(
            boto3.client("sqs", config=config),
            environ["QUEUE_URL"],
            environ["DEAD_LETTER_QUEUE_URL"],
        )
        self._bucket = Bucket(
            environ.get("FILES_BUCKET", ""), config, environ.get("AWS_ENDPOINT_URL", "")
        )
        self._table_name = environ.get("TABLE_NAME", "")
        self._settings: Settings | None = None
        self._batch: Batch | None = None

    def warm_up(self) -> None:
        """Read the settings and compose now: no person waits for it in the init phase."""
        try:
            self._current()
        except ParametersUnavailable as unavailable:
            self._telemetry.warning("no_settings", error=type(unavailable).__name__)

    def run(self, records: list[Record], deadline: int) -> list[str]:
        try:
            batch = self._current()
        except ParametersUnavailable as unavailable:
            self._telemetry.warning("no_settings", error=type(unavailable).__name__)
            return self._hand_all_back(records)
        return batch.run(records, deadline)

    def _hand_all_back(self, records: list[Record]) -> list[str]:
        try:
            self._queue.hide(records, 5)
        except QueueUnavailable:
            self._telemetry.warning("not_hidden", records=len(records))
        return [record.message_id for record in records]

    def _current(self) -> Batch:
        settings = self._parameters.settings()
        if self._batch is None or settings is not self._settings:
            self._batch, self._settings = self._compose(settings), settings
        return self._batch

    def _compose(self, settings: Settings) -> Batch:
        history = Table(self._dynamodb, self._table_name, now_ms, settings.retention_days)
        model, files = OpenAIModel(settings), self._bucket
        delivery = Delivery(
            history,
            settings,
            self._telemetry,
            now_ms,
            credential_refused=self._parameters.forget,
        )
        handler = RecordHandler(
            self._channels(settings, history, files),
            history,
            Answers(history, model, files, settings, self._telemetry, now_ms),
            delivery,
            settings,
            self._telemetry,
            now_ms,
        )
        return Batch(handler, self._queue, settings, self._telemetry, now_ms)

    def _channels(self, settings: Settings, history: Table, files: Bucket) -> dict[str, Channel]:
        """Those that are set up: what the others would need is not even loaded."""
        services = Services(settings, self._telemetry, files, history.save_draft)
        made: dict[str, Channel] = {}
        for channel in channels.CHANNELS:
            if not channel.missing(channel.worker_needs, settings):
                make: MakeOutbound = load(channel.outbound)
                made[channel.name] = make(services)
        return made
