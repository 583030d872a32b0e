"""The browser's answer is accepted at once, beside idle connections to the port (case 32)."""

from __future__ import annotations

import shutil
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

HARNESS = """
import asyncio, socket, sys, time
from pipelines import callback

def port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]

async def asked(where, head):
    reader, writer = await asyncio.open_connection("127.0.0.1", where)
    writer.write(head)
    said = await reader.read()
    writer.close()
    return said.split(b"\\r\\n")[0].decode()

GET = b"GET %s HTTP/1.1\\r\\nHost: x\\r\\n\\r\\n"
GOOD = b"/callback?code=abc&state=ours"

async def main():
    where = port()
    async with callback.listening(f"http://127.0.0.1:{where}/callback", "ours") as answered:
        SCENE
        began = time.monotonic()
        said = await asked(where, GET % GOOD)
        target = await asyncio.wait_for(answered, 5)
    print(said, target)
    assert said.endswith("200 OK") and target == GOOD.decode()
    assert time.monotonic() - began < 30, "the end waited for a connection"

asyncio.run(main(), debug=False)
"""

IDLE = """
idle = [await asyncio.open_connection("127.0.0.1", where) for _ in range(5)]
idle[0][1].write(b"GET /callback?code=half")
await asyncio.sleep(0.05)
"""

FOREIGN = """
for target in (
    b"/favicon.ico?v=2", b"/favicon.ico", b"/", b"/?code=abc&state=ours", b"/other?code=abc&state=ours",
    b"/callback", b"/callback?error=access_denied", b"/callback?code=abc", b"/callback?code=abc&state=theirs",
    b"/callback?code=abc&state=", b"//[/callback?state=ours", b"\\xff\\xfe", b"",
):
    assert (await asked(where, GET % target)).endswith("404 Not Found"), target
assert (await asked(where, b"POST /callback?state=ours HTTP/1.1\\r\\n\\r\\n")).endswith("404 Not Found")
assert not answered.done()
"""

ENDLESS = """
reader, writer = await asyncio.open_connection("127.0.0.1", where)
writer.write(b"GET /callback?state=ours&code=" + b"a" * 100_000)
try:
    assert await reader.read() == b""
except ConnectionResetError:
    pass
assert not answered.done()
"""

SLOW = """
callback.IDLE_SECONDS = 0.1
reader, writer = await asyncio.open_connection("127.0.0.1", where)
try:
    assert await asyncio.wait_for(reader.read(), 5) == b""
except ConnectionResetError:
    pass
"""

PYTHONS = [sys.executable, *(found for name in ("python3.12", "python3.13") if (found := shutil.which(name)))]


@pytest.mark.parametrize("python", PYTHONS)
@pytest.mark.parametrize(
    "scene", [IDLE, FOREIGN, ENDLESS, SLOW, IDLE + FOREIGN], ids=["idle", "foreign", "endless", "slow", "both"]
)
def test_the_answer_is_taken_at_once_whoever_else_is_connected(scene: str, python: str) -> None:
    """On 3.12 the end waited for each open connection; on 3.11 asyncio showed a trace of its own."""
    code = HARNESS.replace("SCENE", textwrap.indent(scene, "        ").strip())

    ran = subprocess.run([python, "-c", code], check=False, cwd=ROOT, capture_output=True, text=True, timeout=60)

    if "unknown version" in ran.stderr or "command not found" in ran.stderr:
        pytest.skip("a name without an interpreter behind it")
    assert (ran.returncode, ran.stderr) == (0, "")


def test_a_port_that_is_taken_is_one_sentence() -> None:
    code = """
import asyncio
from pipelines.callback import listening
from pipelines.errors import UsageError

async def main():
    server = await asyncio.start_server(lambda *_: None, "127.0.0.1", 0)
    where = server.sockets[0].getsockname()[1]
    try:
        async with listening(f"http://127.0.0.1:{where}/callback", "ours"):
            pass
    except UsageError as error:
        print(error)

asyncio.run(main())
"""
    ran = subprocess.run(
        [sys.executable, "-c", code], check=False, cwd=ROOT, capture_output=True, text=True, timeout=60
    )

    assert "cannot be listened on" in ran.stdout
    assert "LIGHTSPEED_REDIRECT_URI" in ran.stdout
