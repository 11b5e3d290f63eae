"""The stand-in `claude` for demonstrations takes the place of the real one."""
import pytest

from harness import user

pytestmark = pytest.mark.core


@pytest.fixture
def demonstration(make_gateway, standin):
    return make_gateway(cli=standin, cli_env=None).ready()


def test_both_dialects_get_an_answer(demonstration):
    message = demonstration.anthropic().messages.create(model="sonnet", max_tokens=100, messages=user("Hello"))
    assert message.content[0].text and message.stop_reason == "end_turn"
    stream = demonstration.openai().chat.completions.create(model="sonnet", messages=user("Hello"), stream=True)
    assert "".join(chunk.choices[0].delta.content or "" for chunk in stream)
