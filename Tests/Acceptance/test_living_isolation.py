"""Nobody hears or says anything of anybody else's, whatever processes serve whom.

Conversations of several keys, each with a secret word in all that it says, run side by side through processes that are
kept, emptied and ended, while clients leave in the middle. PORTCULLIS_SOAK_SECONDS=600 makes it a long run.
"""
import collections
import concurrent.futures
import json
import os
import random
import re
import secrets
import subprocess
import threading
import time

import pytest

from harness import DIALECTS, Gateway, descendants, eventually, user
from living import CLIENTS, call, session
from upstream import Upstream

SECONDS = int(os.environ.get("PORTCULLIS_SOAK_SECONDS", "25"))
SIDE_BY_SIDE = 6
MODELS = ["claude-sonnet-5-5", "claude-haiku-5-5", "claude-opus-5-5", "claude-sonnet-4-5"]
WORD = re.compile("word[0-9a-f]{16}")
BOUNDS = {"MAX_IDLE_PROCESSES": "8", "MAX_IDLE_PROCESSES_PER_KEY": "4", "IDLE_PROCESS_SECONDS": "4", "WARM_PROCESSES": "1",
          "MAX_TURNS": "8"}
LIMITS = {"messages": "max_tokens", "chat": "max_completion_tokens"}

pytestmark = [pytest.mark.core, pytest.mark.timeout(SECONDS + 150)]


class Crowd:
    """What all conversations share: who is who, and what was found."""

    def __init__(self, gateway, keys):
        self.gateway, self.keys = gateway, keys
        self.lock = threading.Lock()
        self.limits = {}
        self.owners = {}
        self.counts = collections.Counter()

    def newcomer(self, random):
        with self.lock:
            word, key = f"word{secrets.token_hex(8)}", random.choice(self.keys)
            self.limits[word] = 1000 + len(self.limits)
            self.owners[word] = key
            return word, key, self.limits[word]

    def count(self, what):
        with self.lock:
            self.counts[what] += 1


class Conversation:
    def __init__(self, crowd, random):
        self.crowd, self.random = crowd, random
        self.word, key, self.limit = crowd.newcomer(random)
        self.kind = random.choice(list(CLIENTS))
        dialect = self.kind.split(" ")[0]
        system = {"messages": {"system": f"Keep {self.word}."}, "responses": {"instructions": f"Keep {self.word}."}}
        self.path = DIALECTS[dialect]
        fields = {**system.get(dialect, {}), LIMITS.get(dialect, "max_output_tokens"): self.limit}
        self.client = CLIENTS[self.kind](
            crowd.gateway, random.choice(MODELS), key=key, streams=random.random() < 0.5, http2=random.random() < 0.5,
            stays=random.random() < 0.7, **fields)
        if dialect == "chat":
            self.client.history.append({"role": "system", "content": f"Keep {self.word}."})
        self.tool = random.choice(["lookup", "send", "Bash"])
        self.client.tools({"name": self.tool, "description": f"Knows {self.word}.", "input_schema": {
            "type": "object", "properties": {"of": {"type": "string", "description": f"Of {self.word}."}}}})

    def run(self):
        for _ in range(self.random.randint(1, 6)):
            self.random.choice([self.speak, self.speak, self.use_a_tool, self.use_a_tool, self.count, self.leave])()

    def hear(self, answer):
        found = set(WORD.findall(answer.model_dump_json()))
        assert found <= {self.word}, f"{self.word} was told {found}"
        self.crowd.count(self.kind)

    def speak(self):
        said = f"{self.word} {secrets.token_hex(4)}"
        self.hear(self.client.say(f"say:{said}"))
        assert self.client.text.endswith(said), self.client.text

    def use_a_tool(self):
        self.hear(self.client.say(f"{self.word}\nnothink\n{call(self.tool, of=self.word)}"))
        assert len(self.client.calls) == 1
        self.hear(self.client.answer([f"found {self.word}"]))

    def count(self):
        plain = self.random.randint(1, 100_000)
        self.hear(self.client.say(f"{self.word}\nnothink\nusage:{plain}:0:0"))
        assert self.client.usage[0] == plain, "the usage is another's"

    def leave(self):
        """Asks, and is gone before the answer is."""
        place = "messages" if self.path.endswith(("messages", "completions")) else "input"
        body = {"model": self.client.model, **self.client.fields, "stream": True}
        body[place] = self.client.history + user(f"{self.word}\nslow:20:40")
        chunks = self.random.randint(0, 8)
        with self.client.gateway.http() as http, http.stream(
            "POST", self.path, json=body, headers={"x-api-key": self.client.key, "authorization": f"Bearer {self.client.key}"}
        ) as answer:
            for text in answer.iter_text():
                assert set(WORD.findall(text)) <= {self.word}
                chunks -= 1
                if chunks < 0:
                    break
        self.crowd.count("left")


def talk(crowd, seed, end):
    dice = random.Random(seed)
    while time.monotonic() < end:
        Conversation(crowd, dice).run()
        crowd.count("conversations")


@pytest.fixture
def crowd(portcullis, claude, tmp_path):
    names = ["ann", "bob", "cy", "dee"]
    keys = [subprocess.run([portcullis, "new-key", name], check=True, capture_output=True, text=True)
            .stdout.strip().partition(":")[2] for name in names]
    with Upstream() as upstream:
        login = {"ANTHROPIC_BASE_URL": upstream.url, "CLAUDE_CODE_OAUTH_TOKEN": "fake-login"}
        with Gateway(portcullis, tmp_path, keys, claude, login, env=BOUNDS) as gateway:
            yield Crowd(gateway, keys), upstream


def test_no_word_tool_or_number_is_ever_anothers(crowd, record_property):
    crowd, upstream = crowd
    seed = random.randrange(1 << 32)
    print(f"seed {seed}")
    end = time.monotonic() + SECONDS
    with concurrent.futures.ThreadPoolExecutor(SIDE_BY_SIDE) as pool:
        for done in [pool.submit(talk, crowd, seed + number, end) for number in range(SIDE_BY_SIDE)]:
            done.result()
    gateway = crowd.gateway
    eventually(lambda: gateway.health()["running_turns"] == 0, "all is quiet")
    owners = collections.defaultdict(set)
    turns = [each for each in upstream.recorded() if each.method == "POST"]
    for turn in turns:
        words = set(WORD.findall(json.dumps(turn.body)))
        assert len(words) == 1, f"one request holds {words}"
        [word] = words
        assert turn.body["max_tokens"] == crowd.limits[word]
        assert len(turn.body["tools"]) == 1 and word in turn.body["tools"][0]["description"]
        owners[session(turn)].add(crowd.owners[word])
    shared = [each for each in owners.values() if len(each) > 1]
    assert not shared, "a process served two keys"
    served = collections.Counter(session(turn) for turn in turns)
    print(f"{len(turns)} turns, {len(served)} processes, {dict(crowd.counts)}")
    assert len(turns) > len(served) > 1 and crowd.counts["left"]
    eventually(lambda: len(descendants(gateway.process.pid)) <= 4, "what is not asked on ends", within=15)
    left = descendants(gateway.process.pid)
    assert gateway.stop() == 0
    assert not [pid for pid in left if os.path.exists(f"/proc/{pid}")]
    assert not [each for each in (gateway.folder / "state/turns").rglob("*") if each.is_file()]
