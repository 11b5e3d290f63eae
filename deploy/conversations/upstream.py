"""The model's end, fast: a short text, or a call of the client's tool until as many rounds are done as were asked for.

In a workspace the CLI's own tools are called, Read and Bash in turn, as often as each prompt says: "work 20".

Runs alone: python3 upstream.py, which prints its port.
"""
import asyncio
import itertools
import json
import re
import time

# In every answer and nowhere else: the first byte of an answer is where it comes.
MARK = b"zebra"
# In the text of a question: how often the tool is to be called before the answer.
ROUNDS = re.compile(rb"rounds (\d+)")
# In a prompt: how many calls of the CLI's own tools its run is to come to.
WORK = re.compile(rb"work (\d+)")
OWN_TOOLS = [("Bash", {"command": "cat file"}), ("Read", {"file_path": "file"})]
serial = itertools.count(1)


def blocks_of(message):
    return message["content"] if isinstance(message["content"], list) else []


def answer(body):
    """The events of the answer to a request."""
    request, number = json.loads(body), next(serial)
    asked, work = ROUNDS.search(body), WORK.search(body)
    done = sum(block["type"] == "tool_result" for message in request["messages"] for block in blocks_of(message))
    is_answered = any(block["type"] == "tool_result" for block in blocks_of(request["messages"][-1]))
    # All prompts of a session ask for as many calls.
    if work and request.get("tools") and (done % int(work[1]) or not is_answered):
        name, arguments = OWN_TOOLS[done % 2]
        block = {"type": "tool_use", "id": f"toolu_zebra{number}", "name": name, "input": {}}
        deltas, stop = [{"type": "input_json_delta", "partial_json": json.dumps(arguments)}], "tool_use"
    elif asked and request.get("tools") and done < int(asked[1]):
        block = {"type": "tool_use", "id": f"toolu_zebra{number}", "name": request["tools"][0]["name"], "input": {}}
        deltas, stop = [{"type": "input_json_delta", "partial_json": json.dumps({"round": done})}], "tool_use"
    else:
        block, stop = {"type": "text", "text": ""}, "end_turn"
        deltas = [{"type": "text_delta", "text": text} for text in ("A zebra", " is striped", ", as everybody", " knows.")]
    message = {
        "id": f"msg_{number}", "type": "message", "role": "assistant", "model": request["model"], "content": [],
        "stop_reason": None, "stop_sequence": None, "usage": {"input_tokens": 25, "output_tokens": 1},
    }
    yield {"type": "message_start", "message": message}
    yield {"type": "content_block_start", "index": 0, "content_block": block}
    for delta in deltas:
        yield {"type": "content_block_delta", "index": 0, "delta": delta}
    yield {"type": "content_block_stop", "index": 0}
    yield {"type": "message_delta", "delta": {"stop_reason": stop, "stop_sequence": None}, "usage": {"output_tokens": 9}}
    yield {"type": "message_stop"}


def limits():
    """What the vendor tells of an account's limits: the CLI passes it on, and its callers wait for it."""
    fields = {"status": "allowed", "representative-claim": "five_hour", "reset": int(time.time()) + 3_600}
    for window, seconds in ("5h", 3_600), ("7d", 259_200):
        fields |= {f"{window}-status": "allowed", f"{window}-utilization": "0.1", f"{window}-reset": int(time.time()) + seconds}
    return "".join(f"anthropic-ratelimit-unified-{name}: {value}\r\n" for name, value in fields.items())


async def serve(reader, writer):
    try:
        while head := await reader.readuntil(b"\r\n\r\n"):
            length = re.search(rb"\r\ncontent-length: *(\d+)", head, re.IGNORECASE)
            body = await reader.readexactly(int(length[1])) if length else b""
            if head.startswith(b"POST /v1/messages?") or head.startswith(b"POST /v1/messages "):
                events = "".join(f"event: {each['type']}\ndata: {json.dumps(each)}\n\n" for each in answer(body)).encode()
                fields = f"200 OK\r\ncontent-type: text/event-stream\r\nrequest-id: req_{next(serial)}\r\n{limits()}"
            else:
                events, fields = b"{}", "404 Not Found\r\ncontent-type: application/json\r\n"
            writer.write(f"HTTP/1.1 {fields}content-length: {len(events)}\r\n\r\n".encode() + events)
    except (asyncio.IncompleteReadError, ConnectionError):
        pass  # The caller has left, as processes do that are killed behind their answer.
    finally:
        writer.close()


async def main():
    server = await asyncio.start_server(serve, "127.0.0.1", 0, limit=1 << 26)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main())
