"""Who may ask: keys in either header, one of them, compared as a whole."""
import anthropic
import openai
import pytest

from harness import HELLO, anthropic_error, chat_body, eventually, message_body, openai_error

pytestmark = pytest.mark.core


def post(gateway, path, headers):
    body = chat_body("Hello") if path.endswith("completions") else message_body("Hello")
    with gateway.http() as http:
        return http.post(path, json=body, headers=headers)


@pytest.mark.parametrize("path", ["/v1/messages", "/v1/chat/completions", "/messages", "/chat/completions"])
@pytest.mark.parametrize("header", ["x-api-key", "Bearer", "bearer"])
def test_either_header_opens_either_dialect(gateway, path, header):
    headers = {"x-api-key": gateway.key} if header == "x-api-key" else {"authorization": f"{header} {gateway.key}"}
    assert post(gateway, path, headers).status_code == 200


def test_every_key_of_the_file_opens(gateway):
    for key in gateway.keys:
        assert post(gateway, "/v1/messages", {"x-api-key": key}).status_code == 200


@pytest.mark.parametrize(
    "spoil",
    [lambda key: key[:-1], lambda key: key + "x", lambda key: "", str.upper, str.swapcase],
    ids=["cut", "lengthened", "empty", "upper case", "swapped case"],
)
def test_a_wrong_key_is_refused_in_both_dialects(gateway, spoil):
    headers = {"x-api-key": spoil(gateway.key)}
    assert anthropic_error(post(gateway, "/v1/messages", headers), 401)["type"] == "authentication_error"
    error = openai_error(post(gateway, "/v1/chat/completions", headers), 401)
    assert error["code"] == "invalid_api_key" and "Incorrect API key provided" in error["message"]


def test_no_key_is_refused_before_the_body_is_judged(gateway):
    with gateway.http() as http:
        anthropic_error(http.post("/v1/messages", content=b"{nonsense"), 401)
        openai_error(http.post("/v1/chat/completions", content=b"{nonsense"), 401)
        openai_error(http.get("/v1/models"), 401)


def test_two_different_keys_are_refused(gateway):
    first, second = gateway.keys
    headers = {"x-api-key": first, "authorization": f"Bearer {second}"}
    anthropic_error(post(gateway, "/v1/messages", headers), 400)
    openai_error(post(gateway, "/v1/chat/completions", headers), 400)


def test_the_same_key_in_both_headers_opens(gateway):
    headers = {"x-api-key": gateway.key, "authorization": f"Bearer {gateway.key}"}
    assert post(gateway, "/v1/messages", headers).status_code == 200


def test_a_key_in_the_address_is_not_taken(gateway):
    with gateway.http() as http:
        response = http.post(f"/v1/messages?api_key={gateway.key}", json=message_body("Hello"))
    anthropic_error(response, 401)


def test_a_refusal_does_not_repeat_the_key(gateway):
    response = post(gateway, "/v1/chat/completions", {"authorization": "Bearer very-secret-key-1234567890"})
    assert "very-secret" not in response.text


def test_the_sdks_raise_authentication_errors(gateway):
    with pytest.raises(anthropic.AuthenticationError):
        gateway.anthropic(key="wrong").messages.create(model="sonnet", max_tokens=10, messages=HELLO)
    with pytest.raises(openai.AuthenticationError):
        gateway.openai(key="wrong").chat.completions.create(model="sonnet", messages=HELLO)


def test_health_and_the_front_page_need_no_key(gateway):
    with gateway.http() as http:
        assert http.get("/health").status_code == 200
        assert http.get("/").status_code == 200


@pytest.mark.parametrize("path", ["/v1/models", "/v1/models/sonnet", "/v1/quota", "/v1/responses/resp_none"])
def test_the_log_names_the_key_of_whatever_needed_one(gateway, path):
    with gateway.http() as http:
        response = http.get(path, headers={"x-api-key": gateway.key})
    line = eventually(
        lambda: next((line for line in gateway.log().splitlines() if response.headers["request-id"] in line), None),
        "the line of the request",
    )
    assert " key=user0 " in line
