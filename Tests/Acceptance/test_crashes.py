"""The service is killed at random, again and again: no cap is passed and nothing that was answered is lost.

PORTCULLIS_CRASH_SECONDS=300 makes it a long run.
"""
import os
import random
import signal
import threading
import time

import httpx2
import pytest

from fault_matrix import fault_row
from harness import DIALECTS, eventually
from talks import Talk, said
from test_key_limits import CENTS, QUESTION, ask, limited

SECONDS = float(os.environ.get("PORTCULLIS_CRASH_SECONDS", "4"))
SPENDERS, TALKERS = 4, 2
pytestmark = [pytest.mark.core, pytest.mark.timeout(2 * SECONDS + 150)]


def is_spent(answer):
    return answer.status_code == 429 and answer.headers.get("x-should-retry") == "false"


class Client(threading.Thread):
    """Does one thing again and again, until it is told to end, whatever becomes of the service meanwhile."""

    def __init__(self, step):
        super().__init__(daemon=True)
        self.step, self.fault, self.ending = step, None, threading.Event()

    def run(self):
        try:
            while not self.ending.is_set():
                try:
                    if self.step():
                        return
                except httpx2.HTTPError:  # The service is being killed.
                    time.sleep(0.05)
        except BaseException as fault:
            self.fault = fault


class Conversation:
    """Goes on with one conversation and with one chain of stored responses, and remembers what it was told."""

    def __init__(self, gateway, name, nonce):
        self.talk, self.gateway, self.nonce = Talk(gateway, name, key=gateway.keys[1]), gateway, nonce
        self.asked, self.answers, self.responses = 0, [], {}

    def step(self):
        self.asked += 1
        word = f"w{self.asked}"
        if self.asked % 3 == 0:
            return self.respond(word)
        dialect, streams = list(DIALECTS)[self.asked % len(DIALECTS)], self.asked % 2 == 0
        path, headers, body = self.talk.request(f"say:{word}\n{self.nonce}", dialect, streams=streams)
        with self.gateway.http() as http:
            answer = http.post(path, headers=headers, json=body)
        last = {"messages": "message_stop", "chat": "[DONE]", "responses": "response.completed"}[dialect]
        if answer.status_code == 200 and (not streams or last in answer.text):
            self.answers.append(word)

    def respond(self, word):
        body = {"model": "sonnet", "input": f"say:{word}\n{self.nonce}", "store": True}
        with self.gateway.http() as http:
            answer = http.post("/v1/responses", headers={"authorization": f"Bearer {self.talk.key}"}, json=body)
        if answer.status_code == 200:
            self.responses[answer.json()["id"]] = word


def is_within(words, others):
    """True where the words are among the others, in their order."""
    rest = iter(others)
    return all(word in rest for word in words)


@fault_row(
    1, injected="SIGKILL at random moments of running turns, for seconds",
    seen="no cap is passed; counters, conversations and stored answers are kept")
def test_caps_hold_and_nothing_is_lost_when_the_service_is_killed_again_and_again(limited, upstream, nonce):
    """Each life is cut off in the middle of turns; what they had reserved counts, so that no cap is ever passed."""
    # A turn that is cut off counts with all that it had reserved, which is some 20 cents.
    cap = int(80 + 10 * SECONDS)
    gateway = limited(f"spend-per-month={cap / 100}", env={"MAX_TURNS": "6", "WARM_PROCESSES": "0"})
    spenders = [Client(lambda: is_spent(ask(gateway, text=f"{nonce}spend\n{QUESTION}"))) for _ in range(SPENDERS)]
    talks = [Conversation(gateway, f"{nonce}-{number}", f"{nonce}t{number}e") for number in range(TALKERS)]
    talkers = [Client(each.step) for each in talks]
    for client in spenders + talkers:
        client.start()
    dice, end, lives = random.Random(7), time.monotonic() + SECONDS, 0
    while time.monotonic() < end:
        time.sleep(dice.uniform(0.4, 5))
        gateway.process.send_signal(signal.SIGKILL)
        gateway.process.wait()
        gateway.ready()
        lives += 1
    # Until the share is spent, or for a while.
    deadline = time.monotonic() + 20
    while any(each.is_alive() for each in spenders) and time.monotonic() < deadline:
        time.sleep(0.1)
    spent = not any(each.is_alive() for each in spenders)
    eventually(lambda: all(each.answers and each.responses for each in talks), "some were answered", within=60)
    for client in spenders + talkers:
        client.ending.set()
    for client in spenders + talkers:
        client.join(60)
    assert [client.fault for client in spenders + talkers if client.fault] == []
    # Turns that were killed may have been billed as well.
    billed = len(upstream.turns(nonce + "spend")) * CENTS
    with gateway.http() as http:
        used = http.get("/v1/usage", headers={"x-api-key": gateway.key}).json()["this_month"]["cost_usd"] * 100
    kept = [len(each.answers) for each in talks], [len(each.responses) for each in talks]
    print(f"{lives} lives in {SECONDS:.0f} s: {billed:.0f} of {cap} cents billed, {used:.0f} counted ({spent=}), answers and responses kept: {kept}")
    # On a busy machine no life may be long enough for a turn of theirs.
    assert billed <= used <= cap + CENTS
    client = gateway.openai(key=gateway.keys[1])
    for number, each in enumerate(talks):
        for response, word in each.responses.items():
            assert client.responses.retrieve(response).output_text == word
        each.talk.say(f"say:end\n{nonce}end{number}e")
        rows = said(upstream.only_turn(f"{nonce}end{number}e"))
        assert is_within(each.answers, [text for role, text in rows if role == "assistant"])
