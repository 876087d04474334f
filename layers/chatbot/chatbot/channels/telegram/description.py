"""Description of the Telegram channel."""

from chatbot.channels.description import ChannelDescription

TELEGRAM = ChannelDescription(
    name="telegram",
    title="Telegram",
    routes=("POST /telegram",),
    inbound="chatbot.channels.telegram.inbound:TelegramInbound",
    outbound="chatbot.channels.telegram.outbound:TelegramChannel",
    registration="chatbot.channels.telegram.registration:TelegramRegistration",
    webhook_needs=("telegram_bot_token", "telegram_webhook_secret"),
    worker_needs=("telegram_bot_token",),
    token="telegram_bot_token",  # noqa: S106 - a setting's name
    generated_secrets=("telegram_webhook_secret",),
)
