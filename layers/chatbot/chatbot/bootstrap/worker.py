"""The worker function: connects the conversation with queue, table, model and platforms."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import boto3
from botocore.config import Config

from chatbot.adapters.documents.reader import DocumentReader
from chatbot.adapters.dynamodb.turns import Table
from chatbot.adapters.dynamodb.waiting import WaitingPlaces
from chatbot.adapters.openai.media import OpenAIModel
from chatbot.adapters.s3 import CONFIG, Bucket
from chatbot.adapters.sqs import WorkerQueue
from chatbot.adapters.ssm import Parameters
from chatbot.adapters.telemetry import Telemetry
from chatbot.bootstrap import channels
from chatbot.bootstrap.aws import client_config, hasty, lazy_client
from chatbot.channels.base import MakeOutbound, Services
from chatbot.channels.description import load
from chatbot.conversation.answer import Answers
from chatbot.conversation.batch import Batch, records_of
from chatbot.conversation.delivery import Delivery
from chatbot.conversation.record import RecordHandler
from chatbot.conversation.suspects import Suspects
from chatbot.conversation.waiting import PlacesLeft
from chatbot.core.budget import files_budget
from chatbot.core.errors import ParametersUnavailable, QueueUnavailable
from chatbot.core.ports import Channel, now_ms
from chatbot.core.settings import Settings
from chatbot.core.work import Record
from chatbot.edge.http import Handler

_CONNECTIONS = 16
"""Size of each client's connection pool: one for each of a batch's ten conversations, one for the
thread that extends the visibility timeout, and spare ones."""


def build(environ: Mapping[str, str]) -> Handler:
    """Return the function's handler; the AWS clients are created here, in Lambda's init phase.

    The handler reports the records to be delivered again as `batchItemFailures` (AWS Lambda guide,
    reporting batch item failures for Amazon SQS).
    """
    telemetry = Telemetry("worker")
    worker = _Worker(environ, telemetry)
    worker.current()  # in the init phase, while no message waits for it

    def handler(event: Mapping[str, Any], context: Any) -> dict[str, Any]:
        telemetry.begin(context)
        deadline = now_ms() + int(context.get_remaining_time_in_millis())
        try:
            failed = worker.run(records_of(event), deadline)
        finally:
            telemetry.flush()
        return {"batchItemFailures": [{"itemIdentifier": name} for name in failed]}

    return handler


class _Worker:
    """Runs batches with objects that it composes again only when the settings change."""

    def __init__(self, environ: Mapping[str, str], telemetry: Telemetry) -> None:
        config = client_config().merge(Config(max_pool_connections=_CONNECTIONS))
        ssm = boto3.client("ssm", config=config)
        self._parameters = Parameters(environ, "worker", ssm, telemetry)
        self._telemetry = telemetry
        self._dynamodb = boto3.client("dynamodb", config=config)
        self._hasty_dynamodb = lazy_client("dynamodb", hasty(config), environ)
        sqs = boto3.client("sqs", config=config)
        self._queue = WorkerQueue(sqs, environ["QUEUE_URL"], environ["DEAD_LETTER_QUEUE_URL"])
        s3 = lazy_client("s3", config.merge(CONFIG), environ)
        self._bucket = Bucket(environ.get("FILES_BUCKET", ""), s3)
        self._table_name = environ.get("TABLE_NAME", "")
        self._budget = files_budget(environ.get("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", ""))
        self._settings: Settings | None = None
        self._batch: Batch | None = None

    def run(self, records: list[Record], deadline: int) -> list[str]:
        """Process the records until `deadline` (epoch ms); return the ids of those to redeliver."""
        batch = self.current()
        return self._return_all(records) if batch is None else batch.run(records, deadline)

    def _return_all(self, records: list[Record]) -> list[str]:
        try:
            self._queue.hide(records, 5)
        except QueueUnavailable:
            self._telemetry.warning("return_to_queue_failed", records=len(records))
        return [record.message_id for record in records]

    def current(self) -> Batch | None:
        """Return what processes batches under the present settings, None while there are none."""
        try:
            settings = self._parameters.settings()
        except ParametersUnavailable as unavailable:
            self._telemetry.warning("settings_unavailable", error=type(unavailable).__name__)
            return None
        if self._batch is None or settings is not self._settings:
            self._batch, self._settings = self._compose(settings), settings
        return self._batch

    def _compose(self, settings: Settings) -> Batch:
        history = Table(self._dynamodb, self._table_name, now_ms, settings.retention_days)
        files, journal = self._bucket, self._telemetry
        model = OpenAIModel(settings, journal=journal)
        outbounds = self._channels(settings, history)
        documents = DocumentReader()
        answers = Answers(history, model, files, documents, settings, journal, now_ms, self._budget)
        refused = self._parameters.forget
        delivery = Delivery(history, settings, journal, now_ms, credential_refused=refused)
        handler = RecordHandler(outbounds, history, answers, delivery, settings, journal, now_ms)
        suspects = Suspects(history, journal, now_ms)
        leave = PlacesLeft(self._room, settings.max_waiting, journal, now_ms)
        return Batch(handler, suspects, self._queue, settings, journal, now_ms, leave=leave)

    def _room(self) -> WaitingPlaces:
        return WaitingPlaces(self._hasty_dynamodb(), self._table_name, now_ms)

    def _channels(self, settings: Settings, history: Table) -> dict[str, Channel]:
        """Return the channels that have their settings; modules of the others are not imported."""
        services = Services(settings, self._telemetry, self._bucket, history.save_draft)
        outbounds: dict[str, Channel] = {}
        for channel in channels.CHANNELS:
            if not channel.missing(channel.worker_needs, settings):
                make: MakeOutbound = load(channel.outbound)
                outbounds[channel.name] = make(services)
        return outbounds
