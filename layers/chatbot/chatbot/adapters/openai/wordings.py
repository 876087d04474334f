"""The words by which model servers say what is wrong, with a public source for each.

They are compared in lower case with an error's codes, types and messages; "…" stands for any words
between. The first row that matches counts. `local/standins/refusals.json` has whole bodies of such
errors, and a test proves that each row is needed by one of them.
"""

from __future__ import annotations

from typing import NamedTuple

from chatbot.adapters.openai.failures import Kind


class Wording(NamedTuple):
    """Words that mean `kind`; `detail` is the failure's reason, or what was refused."""

    kind: Kind
    detail: str
    words: str
    source: str


_GITHUB = "https://github.com"
# Two projects that collect such words for many servers, and the code of one more.
_PI = f"{_GITHUB}/badlogic/pi-mono/blob/main/packages/ai/src/utils/overflow.ts"
_LOBE = f"{_GITHUB}/lobehub/lobehub/blob/main/packages/model-runtime/src/errors/patterns.ts"
_LITELLM = (
    f"{_GITHUB}/BerriAI/litellm/blob/main/litellm/litellm_core_utils/exception_mapping_utils.py"
)
_OPENAI = "https://platform.openai.com/docs/guides/error-codes"
_VERIFICATION = "https://help.openai.com/en/articles/10910291-api-organization-verification"
_OPENROUTER = "https://openrouter.ai/docs/api/reference/errors-and-debugging"

_AWAY = (("throttlingexception", f"{_GITHUB}/BerriAI/litellm/issues/589"),)  # Bedrock, as 400
_FILTERED = (
    ("content_filter", f"{_GITHUB}/vibrantlabsai/ragas/issues/649"),  # Azure, OpenAI
    ("responsibleaipolicyviolation", f"{_GITHUB}/BerriAI/litellm/pull/16231"),
    ("content management policy", f"{_GITHUB}/openai/openai-python/issues/331"),
    ("contentpolicyviolationerror", f"{_GITHUB}/BerriAI/litellm/pull/16231"),
    ("content_policy_violation", _LITELLM),
    ("moderation_blocked", "https://platform.openai.com/docs/guides/image-generation"),
    ("safety system", _LITELLM),
    (
        "blocked by content filtering policy",
        f"{_GITHUB}/anthropics/claude-code/issues/37547",
    ),  # Anthropic
    ("invalid prompt … usage policy", _LITELLM),
    ("content was flagged", _LOBE),  # OpenAI
    ("input was flagged", _OPENROUTER),
    ("requires moderation", _OPENROUTER),
    ("content exists risk", f"{_GITHUB}/deepseek-ai/awesome-deepseek-integration/issues/13"),
    ("data_inspection_failed", _LOBE),  # Alibaba
    ("datainspectionfailed", _LOBE),
    ("may contain inappropriate content", _LOBE),
    ("new_sensitive", _LOBE),  # MiniMax
    ("sensitive_words_detected", _LOBE),
    ("violates usage guidelines", _LOBE),  # xAI
)
# Not llama.cpp's "Context size has been exceeded": then all conversations together have filled the
# context that they share, and it breaks off each (ggml-org/llama.cpp#23652). It is an outage.
_TOO_LONG = (
    ("context_length_exceeded", _OPENAI),
    ("exceeds the context window", _PI),  # OpenAI
    ("input tokens exceed the configured limit", _LITELLM),  # OpenAI
    ("maximum context length", f"{_GITHUB}/vllm-project/vllm/issues/20409"),  # OpenAI, vLLM
    ("longer than the maximum model length", f"{_GITHUB}/OpenBMB/MiniCPM-V/issues/1048"),
    ("max_tokens must be at least 1, got -", f"{_GITHUB}/vllm-project/vllm/issues/4667"),
    ("longer than the model's context length", _PI),
    ("exceed_context_size_error", f"{_GITHUB}/ggml-org/llama.cpp/pull/15780"),
    ("exceeds the available context size", f"{_GITHUB}/oobabooga/textgen/issues/7257"),
    ("exceed context window of", f"{_GITHUB}/abetlen/llama-cpp-python/issues/416"),
    ("input length exceeds the context length", f"{_GITHUB}/nano-step/nano-brain/issues/208"),
    (
        "input token count is … model only supports",
        f"{_GITHUB}/google-gemini/gemini-cli/issues/19727",
    ),
    ("input token count … exceeds", f"{_GITHUB}/google-gemini/gemini-cli/issues/4231"),
    ("prompt is too long", f"{_GITHUB}/OpenHands/OpenHands/issues/4894"),  # Anthropic, LiteLLM
    ("prompt too long", _PI),  # Ollama, Z.ai
    ("exceed context limit", f"{_GITHUB}/kortix-ai/suna/issues/172"),  # Anthropic
    ("contextwindowexceedederror", f"{_GITHUB}/BerriAI/litellm/issues/18282"),
    ("input is too long for requested model", f"{_GITHUB}/continuedev/continue/issues/6005"),
    ("too large for model with … maximum context", _PI),  # Mistral
    ("`inputs` tokens + `max_new_tokens` must be", _LITELLM),  # TGI
    ("`inputs` must have less than", f"{_GITHUB}/h2oai/h2ogpt/issues/373"),  # TGI
    (
        "trying to keep the first … context",
        f"{_GITHUB}/lmstudio-ai/lmstudio-bug-tracker/issues/237",
    ),
    ("greater than the context length", f"{_GITHUB}/lmstudio-ai/lmstudio-bug-tracker/issues/2205"),
    ("maximum prompt length is", _PI),  # xAI
    ("current length is … while limit is", _LITELLM),  # Cerebras
    ("range of input length should be", _PI),  # Alibaba
    ("exceeded model token limit", _PI),  # Moonshot
    ("maximum allowed input length", _PI),  # Together
    ("context window exceeds limit", _PI),  # MiniMax
    ("request too large for", f"{_GITHUB}/continuedev/continue/issues/10218"),  # Groq, OpenAI
    ("tokens_limit_reached", f"{_GITHUB}/dyad-sh/dyad/issues/1950"),  # GitHub Models
)
_NO_PICTURES = (
    ("image input is not supported", f"{_GITHUB}/ggml-org/llama.cpp/issues/13566"),
    (
        "missing data required for image input",
        f"{_GITHUB}/valentinfrlch/ha-llmvision/issues/691",
    ),  # Ollama
    ("no endpoints found that support image input", _OPENROUTER),
    ("is not a multimodal model", _LOBE),  # vLLM
    ("is not a vlm", _LOBE),  # SiliconFlow
    ("at most 0 image", f"{_GITHUB}/vllm-project/vllm/issues/13513"),
    (
        "image_url is only supported by certain models",
        f"{_GITHUB}/browser-use/web-ui/issues/274",
    ),  # OpenAI
    ("image input is not enabled", "https://docs.mistral.ai/capabilities/vision/"),
    ("does not support image input", f"{_GITHUB}/ollama/ollama/issues/17301"),
    ("does not support images", f"{_GITHUB}/lmstudio-ai/lmstudio-bug-tracker/issues/908"),
    ("doesn't support the image", f"{_GITHUB}/earendil-works/pi/issues/8960"),  # Bedrock
    ("unknown variant `image_url`", f"{_GITHUB}/ChatLunaLab/chatluna/issues/867"),  # DeepSeek
    ("content must be a string", f"{_GITHUB}/vercel/ai/issues/2837"),  # Groq
)
_FEWER_PICTURES = (
    ("image(s) may be provided in one", f"{_GITHUB}/vllm-project/vllm/issues/13513"),
)
_NO_RECORDINGS = (
    ("audio input is not supported", f"{_GITHUB}/mozilla-ai/llamafile/issues/960"),
    ("does not support transcriptions api", f"{_GITHUB}/vllm-project/vllm/issues/24570"),
)
_NO_SYSTEM_ROLE = (
    ("system role not supported", f"{_GITHUB}/abetlen/llama-cpp-python/issues/1580"),  # Gemma
    ("roles are supported … got system", f"{_GITHUB}/anomalyco/opencode/issues/5034"),  # Ministral
    (
        "only user and assistant roles are supported",
        f"{_GITHUB}/withcatai/node-llama-cpp/issues/263",
    ),
    ("roles must alternate", f"{_GITHUB}/microsoft/autogen/issues/1037"),  # Mistral
    (
        "developer instruction is not enabled",
        "https://ai.google.dev/gemma/docs/core/gemma_on_gemini_api",
    ),
    (
        "doesn't support system messages",
        f"{_GITHUB}/Mintplex-Labs/anything-llm/issues/2486",
    ),  # Bedrock
    ("does not support 'system'", "https://platform.openai.com/docs/guides/reasoning"),
)
_NO_STREAM = (
    ("must be verified to stream", _VERIFICATION),
    ("'stream' does not support", f"{_GITHUB}/ChatGPTNextWeb/NextChat/issues/5410"),  # OpenAI o1
    ("streaming requests are not yet allowed", f"{_GITHUB}/langgenius/dify/issues/9591"),
)
_NOT_PAID = (
    ("insufficient_quota", _OPENAI),
    # Messages rather than codes, which LiteLLM does not pass on.
    ("billing hard limit has been reached", _OPENAI),
    ("account is not active, please check your billing", _OPENAI),
    ("insufficient balance", f"{_GITHUB}/Aider-AI/aider/issues/4851"),  # DeepSeek
    ("credit balance is too low", "https://docs.anthropic.com/en/api/errors"),
    ("key limit exceeded", _OPENROUTER),
    ("budget_exceeded", "https://docs.litellm.ai/docs/proxy/users"),
    ("used all available credits", f"{_GITHUB}/continuedev/continue/issues/10373"),  # xAI
    ("crossed budget", "https://docs.litellm.ai/docs/proxy/provider_budget_routing"),
    (
        "doesn't have any credits",
        "https://docs.x.ai/docs/key-information/consumption-and-rate-limits",
    ),
    ("arrearage", "https://help.aliyun.com/zh/model-studio/error-code"),
)
_UNKNOWN = (
    ("model_not_found", _OPENAI),
    ("model_decommissioned", f"{_GITHUB}/ItzCrazyKns/Vane/issues/771"),  # Groq
    ("has been decommissioned", f"{_GITHUB}/RightNow-AI/openfang/issues/834"),
    ("model not exist", f"{_GITHUB}/ConardLi/easy-dataset/issues/9"),  # DeepSeek
    ("model not found", f"{_GITHUB}/lum3on/comfyui_LLM_Polymath/pull/23"),  # xAI
    ("model_not_available", f"{_GITHUB}/HeyPuter/puter/issues/3168"),  # Together
    ("not supported by any provider", f"{_GITHUB}/cline/cline/issues/5098"),  # Hugging Face
    ("invalid_model", f"{_GITHUB}/tmc/langchaingo/issues/1233"),  # Mistral, Perplexity
    (
        "model_terms_required",
        f"{_GITHUB}/jesuscopado/fastrtc-groq-voice-agent/issues/1",
    ),  # Groq
    ("is not a valid model id", f"{_GITHUB}/OpenRouterTeam/openrouter-examples/issues/74"),
    ("invalid model name", f"{_GITHUB}/BerriAI/litellm/issues/9663"),
    # Of a key, team, user or organisation.
    ("model_access_denied", f"{_GITHUB}/BerriAI/litellm/blob/main/litellm/proxy/_types.py"),
    (
        "access to the model",
        "https://docs.aws.amazon.com/bedrock/latest/userguide/model-access.html",
    ),
    (
        "model access is denied",
        f"{_GITHUB}/ministryofjustice/modernisation-platform-environments/pull/18323",
    ),  # Bedrock
    (
        "on-demand throughput isn",  # with either apostrophe
        f"{_GITHUB}/aws-samples/bedrock-access-gateway/issues/73",
    ),
    ("model identifier is invalid", _LOBE),  # Bedrock
    ("unknown model", _LOBE),  # MiniMax, Z.ai
    ("must be verified to use the model", _VERIFICATION),  # OpenAI
    ("requested model is not supported", _LOBE),
    ("requested model is not available", _LOBE),
    ("the model ` … does not exist", _OPENAI),
    ("reached its end of life", _LOBE),
)
_KEY = (
    ("api_key_invalid", f"{_GITHUB}/continuedev/continue/issues/10290"),  # Gemini
    ("pass a valid api key", f"{_GITHUB}/google-gemini/gemini-cli/issues/25198"),
    ("invalid authorization header", f"{_GITHUB}/NVIDIA/NemoClaw/issues/2093"),  # Gemini
    ("missing authorization header", f"{_GITHUB}/AstrBotDevs/AstrBot/issues/1693"),  # Gemini
    ("incorrect api key", f"{_GITHUB}/continuedev/continue/issues/10778"),  # xAI
    ("invalid_api_key", _LOBE),
    ("api key expired", _LOBE),
    # LiteLLM without a database knows one key, and looks for any other in the database.
    ("no connected db", f"{_GITHUB}/BerriAI/litellm/issues/12273"),
)

WORDINGS: tuple[Wording, ...] = tuple(
    Wording(kind, detail, words, source)
    for kind, detail, rows in (
        (Kind.AWAY, "throttled", _AWAY),
        (Kind.FILTERED, "content_filter", _FILTERED),
        (Kind.TOO_LONG, "context_length", _TOO_LONG),
        (Kind.INPUT, "image", _NO_PICTURES),
        (Kind.INPUT, "images", _FEWER_PICTURES),
        (Kind.INPUT, "audio", _NO_RECORDINGS),
        (Kind.PARAMETER, "system", _NO_SYSTEM_ROLE),
        (Kind.PARAMETER, "stream", _NO_STREAM),
        (Kind.NOT_AVAILABLE, "insufficient_quota", _NOT_PAID),
        (Kind.NOT_AVAILABLE, "unknown_model", _UNKNOWN),
        (Kind.KEY_REFUSED, "authentication", _KEY),
    )
    for words, source in rows
)
