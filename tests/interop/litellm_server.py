"""LiteLLM's proxy (PyPI, MIT), which stands between many bots and their models.

Most of its models are answered by itself ("mock_response"), others by the stand-in for OpenAI, so
that LiteLLM's own client reads what that sends, and words it anew.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.interop.processes import HOST, answers, free_port, running

ROOT = Path(__file__).parents[2]
KEY = f"sk-{secrets.token_hex(16)}"
UPSTREAM_KEY = "upstream-key"
TEXT = "A good 👍 answer, a < b and\nthe rest."
_PROGRAM = ROOT / ".venv-litellm/bin/litellm"
_SECONDS = 150  # its imports take long, most of all the first time

# Its name for tests of each trouble (litellm/main.py, mock_completion).
_MOCKED = {
    "canned": TEXT,
    "rate": "litellm.RateLimitError",
    "window": "litellm.ContextWindowExceededError",
    "internal": "litellm.InternalServerError",
    "overloaded": "Exception: mock_streaming_error",
}


def _configuration(upstream: str) -> dict[str, Any]:
    def model(name: str, provider: str, **parameters: Any) -> dict[str, Any]:
        return {
            "model_name": name,
            "litellm_params": {"model": f"{provider}/{name}", "api_key": "none", **parameters},
        }

    behind = {"api_key": UPSTREAM_KEY, "api_base": upstream}
    azure = {"api_base": f"http://{HOST}:9", "api_version": "2024-10-21"}
    budget: dict[str, Any] = {"max_budget": 1e-12, "budget_duration": "1d"}
    budget |= {"input_cost_per_token": 1, "output_cost_per_token": 1}
    models = [
        *(model(name, "openai", mock_response=said) for name, said in _MOCKED.items()),
        model("policy", "azure", mock_response="Exception: content_filter_policy", **azure),
        model("small", "openai", mock_response=TEXT) | {"model_info": {"max_input_tokens": 3}},
        model("seldom", "openai", mock_response=TEXT, rpm=1),
        model("dear", "openai", mock_response=TEXT, **budget),
        model("openai", "openai", **behind),
        model("vllm", "hosted_vllm", **behind),
        model("mistral", "mistral", **behind),
        model("wrong-key", "openai", **{**behind, "api_key": "wrong"}),
        model("gone", "openai", api_base=f"http://{HOST}:9/v1"),
    ]
    return {
        "model_list": models,
        "litellm_settings": {"telemetry": False, "num_retries": 0, "request_timeout": 10},
        "router_settings": {
            "disable_cooldowns": True,
            "enable_pre_call_checks": True,
            "num_retries": 0,
        },
        "general_settings": {"master_key": "os.environ/LITELLM_MASTER_KEY"},
    }


@contextmanager
def litellm(folder: Path, upstream: str) -> Iterator[str]:
    """Run the proxy without database, telemetry or internet. Yields its base URL."""
    file = folder / "litellm.json"
    # YAML does not join the halves of an escaped emoji, as JSON does.
    configuration = json.dumps(_configuration(upstream), ensure_ascii=False)
    file.write_text(configuration, encoding="utf-8")
    port = free_port()
    options = ["--config", str(file), "--host", HOST, "--port", str(port), "--telemetry", "False"]
    environment = {
        "LITELLM_MASTER_KEY": KEY,
        "LITELLM_LOCAL_MODEL_COST_MAP": "True",
        "LITELLM_TELEMETRY": "False",
        "DISABLE_ADMIN_UI": "True",
        "NO_DOCS": "True",
    }
    with running([_PROGRAM, *options], folder / "litellm.log", environment) as program:
        url = f"http://{HOST}:{port}"
        program.until(lambda: answers(f"{url}/health/liveliness"), _SECONDS)
        yield f"{url}/v1"
