"""What a large request costs in memory: it is held once, whatever is made of it."""
import concurrent.futures
import contextlib
import json
import signal

import pytest

from harness import eventually, memory

BODY_BYTES = (32 << 20) - 4096


def image_request(dialect, size):
    data = "A" * (size - 512)
    if dialect == "messages":
        part = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": data}}
    elif dialect == "chat/completions":
        part = {"type": "image_url", "image_url": {"url": "data:image/png;base64," + data}}
    else:
        part = {"type": "input_image", "image_url": "data:image/png;base64," + data}
    text = {"type": "input_text" if dialect == "responses" else "text", "text": "What is it?"}
    field = "input" if dialect == "responses" else "messages"
    body = {"model": "sonnet", field: [{"role": "user", "content": [part, text]}]}
    if dialect == "messages":
        body["max_tokens"] = 100
    return json.dumps(body).encode()


@pytest.mark.parametrize("dialect", ["messages", "chat/completions", "responses"])
@pytest.mark.parametrize("http2", [False, True])
def test_a_body_of_32_mib_needs_at_most_two_and_a_half_times_its_size(make_gateway, standin, dialect, http2):
    gateway = make_gateway(cli=standin, cli_env=None).ready()
    body = image_request(dialect, BODY_BYTES)
    before = memory(gateway.process.pid, "VmRSS")
    with gateway.http(http2=http2, timeout=60) as client:
        headers = {"authorization": f"Bearer {gateway.key}", "content-type": "application/json"}
        response = client.post(f"/v1/{dialect}", content=body, headers=headers)
    assert response.status_code == 200, response.text
    peak = memory(gateway.process.pid, "VmHWM")
    assert peak - before <= 2.5 * len(body), f"{(peak - before) / len(body):.2f} times the body"


def test_what_few_large_requests_took_is_given_back_once_it_is_quiet(make_gateway, standin):
    gateway = make_gateway(cli=standin, cli_env=None, env={"MAX_TURNS": "24"}).ready()
    pid = gateway.process.pid
    gateway.ask_message("standin:echo small")
    before = memory(pid, "RssAnon")

    def ask(number):
        return gateway.ask_message("x" * (700_000 + 5_000 * number) + "\nstandin:echo large").status_code

    # What the start took is given back soon after it, and might take the first ones' along.
    for _ in range(2):
        with concurrent.futures.ThreadPoolExecutor(24) as pool:
            assert set(pool.map(ask, range(60))) == {200}
        eventually(lambda: memory(pid, "RssAnon") - before < 8 << 20, "what the bodies took is given back", within=40)


def test_settings_read_again_are_not_kept_whole_by_each_turn_that_began_before(make_gateway, standin):
    gateway = make_gateway(cli=standin, cli_env=None)
    # What lies beside the state directory is part of the walls of a CLI that is a script.
    for number in range(5000):
        (gateway.folder / f"neighbour-with-a-long-name-{number}").touch()
    pid = gateway.ready().process.pid
    sizes = []
    with contextlib.ExitStack() as turns:
        for _ in range(16):
            turns.enter_context(gateway.streaming("standin:stall"))
            sizes.append(memory(pid, "RssAnon"))
            count = gateway.log().count("msg=reloaded")
            gateway.signal(signal.SIGHUP)
            eventually(lambda: gateway.log().count("msg=reloaded") > count, "the reload")
    assert sizes[-1] - sizes[3] < 6 << 20, sizes
