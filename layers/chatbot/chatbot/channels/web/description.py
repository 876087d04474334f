"""Description of the web page's channel."""

from chatbot.channels.description import ChannelDescription

WEB = ChannelDescription(
    name="web",
    title="web page",
    routes=("POST /web/messages", "POST /web/stop", "POST /web/rating", "POST /web/access"),
    inbound="chatbot.channels.web.inbound:WebInbound",
    outbound="chatbot.channels.web.outbound:WebChannel",
    webhook_needs=("web_session_key",),
    explains_refusals=True,
    generated_secrets=("web_session_key", "web_access_code"),
)
