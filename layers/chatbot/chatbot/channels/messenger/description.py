"""Description of the Messenger channel."""

from chatbot.channels.description import ChannelDescription

MESSENGER = ChannelDescription(
    name="messenger",
    title="Messenger",
    routes=("GET /messenger", "POST /messenger"),
    inbound="chatbot.channels.messenger.inbound:MessengerInbound",
    outbound="chatbot.channels.messenger.outbound:MessengerChannel",
    registration="chatbot.channels.messenger.registration:MessengerRegistration",
    webhook_needs=("messenger_app_secret", "messenger_verify_token", "messenger_page_id"),
    worker_needs=("messenger_page_id", "messenger_app_secret"),
    token="messenger_page_token",  # noqa: S106 - a setting's name
    platform_settings=("messenger_app_id", "messenger_app_secret"),
    generated_secrets=("messenger_verify_token",),
)
