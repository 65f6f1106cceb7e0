"""`scorehouse mcp`: registry, runs, verdicts and explanations for agents, by the Model Context Protocol.

The server speaks on standard input and output, and only reads. https://modelcontextprotocol.io
"""

from __future__ import annotations

import asyncio
import json
import signal
from collections import Counter
from pathlib import Path
from typing import Any

import anyio
import click
from pydantic import ValidationError

import scorehouse
from scorehouse.cli.common import echo, print_json, this_call
from scorehouse.cli.mcp_tools import DATA, TOOLS, Served, Tool
from scorehouse.cli.target import Target, results_option, target_options
from scorehouse.errors import ConfigurationError, ScorehouseError, did_you_mean
from scorehouse.registry.formats.base import import_extra

EXTRA = "mcp"
PARSE_ERROR, INVALID_REQUEST = -32700, -32600  # https://www.jsonrpc.org/specification#error_object
MOMENT = 0.01  # seconds
NO_MESSAGE = (
    "this is no message of JSON-RPC 2.0 as MCP has it: one object per line, with jsonrpc and method, and, "
    "in a request, an id that is a string or a whole number"
)
INSTRUCTIONS = (
    "Reads the ML models of one dbt project: registered versions, scoring runs, verdicts of monitoring, and "
    f"explanations of single predictions. No tool writes, scores, promotes or runs SQL that you send. {DATA}"
)


@click.command("mcp")
@results_option
@target_options
@click.option("--json", "as_json", is_flag=True, help="Print the tools as JSON, and serve nothing.")
def mcp_command(dbt_target: Path | None, as_json: bool, target: Target) -> None:
    """Serve registry, runs, verdicts and explanations to an agent, read-only, by MCP on standard input.

    Needs the extra mcp: pip install 'scorehouse[mcp]'. Without --target or --database, the tools that read
    the warehouse answer with an error; the others work.

    \b
    Examples:
      scorehouse mcp --target prod
      scorehouse mcp --json
    """
    if as_json:
        print_json([tool.to_dict() for tool in TOOLS.values()])
        return
    served = Served(target, dbt_target)
    where = [str(target.project)]
    if served.has_warehouse:
        where.append(str(target.place().file))  # an error now, not at the first call
    import_extra("mcp.server.stdio", EXTRA, this_call())
    echo(f"scorehouse mcp: serves {' and '.join(where)}, read-only, until standard input ends", err=True)
    # Ctrl-C ends the process at once: nothing is ever half written, and the thread that waits for input
    # would keep asyncio from ending
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    asyncio.run(serve(served))


async def serve(served: Served) -> None:
    """Answer requests until standard input ends, one at a time."""
    import mcp.types as types
    from mcp.server.lowlevel import Server
    from mcp.server.stdio import stdio_server

    one_at_a_time = asyncio.Lock()
    root = click.get_current_context()
    hints = types.ToolAnnotations(read_only_hint=True, idempotent_hint=True, open_world_hint=False)

    async def list_tools(_context: Any, _asked: Any) -> Any:
        listed = [
            types.Tool(
                name=tool.name,
                title=tool.title,
                description=tool.description,
                input_schema=tool.schema,
                annotations=hints,
            )
            for tool in TOOLS.values()
        ]
        return types.ListToolsResult(tools=listed)

    async def call_tool(_context: Any, asked: Any) -> Any:
        async with one_at_a_time:
            answered, is_error = await asyncio.to_thread(
                answer, served, asked.name, asked.arguments or {}, root
            )
        text = json.dumps(answered, ensure_ascii=False, allow_nan=False)
        # the text is for clients that do not read structured content; in it, strings are quoted, too
        content = [types.TextContent(type="text", text=text)]
        return types.CallToolResult(content=content, structured_content=answered, is_error=is_error)

    server = Server(
        "scorehouse",
        version=scorehouse.__version__,
        instructions=INSTRUCTIONS,
        on_list_tools=list_tools,
        on_call_tool=call_tool,
    )
    asked, to_ask = _stream()
    answers, to_answer = _stream()
    waiting: Counter[str] = Counter()  # requests by id, for which the library takes 7 and "7" as one
    async with stdio_server() as (read, write), anyio.create_task_group() as group:
        group.start_soon(_pass_on, read, write, to_ask, waiting)
        group.start_soon(_answer, answers, write, waiting)
        await server.run(asked, to_answer, server.create_initialization_options())


def _stream() -> tuple[Any, Any]:
    send, receive = anyio.create_memory_object_stream[Any](0)
    return receive, send


async def _pass_on(read: Any, write: Any, to_ask: Any, waiting: Counter[str]) -> None:
    """Pass messages on and refuse lines that are none, which the library would drop in silence.

    The stream ends once every request has its answer, since the library forgets those that are open then.
    """
    import mcp.types as types
    from mcp.shared.message import SessionMessage

    async with to_ask:
        async for item in read:
            is_message = not isinstance(item, Exception)
            message = item.message.model_dump() if is_message else item
            if refused := refusal(message):
                error = types.JSONRPCError.model_validate({"jsonrpc": "2.0", **refused})
                await write.send(SessionMessage(error))
            elif is_message:
                if "id" in message and "method" in message:
                    waiting[str(message["id"])] += 1
                elif message.get("method") == "notifications/cancelled":  # which has no answer
                    _answered(waiting, (message["params"] or {}).get("requestId"))
                await to_ask.send(item)
        while waiting.total():
            await anyio.sleep(MOMENT)


async def _answer(answers: Any, write: Any, waiting: Counter[str]) -> None:
    """Write what the library answers, and remember what was answered."""
    async with write:
        async for item in answers:
            await write.send(item)
            _answered(waiting, getattr(item.message, "id", None))


def _answered(waiting: Counter[str], request: Any) -> None:
    if isinstance(request, str | int) and waiting[str(request)]:
        waiting[str(request)] -= 1


def refusal(read: dict[str, Any] | Exception) -> dict[str, Any] | None:
    """The answer to a line that is no message of MCP, with its id where one can be read; None to any other.

    `read` is what the library made of the line. An empty line has no answer.
    """
    code, text, known = INVALID_REQUEST, NO_MESSAGE, None
    if isinstance(read, ValidationError):
        problem = read.errors()[0]
        if problem["type"] == "json_invalid":
            if not problem["input"].strip():
                return None
            code, text = PARSE_ERROR, f"this line is no JSON: {problem['ctx']['error']}"
        ids = (one["input"].get("id") for one in read.errors() if isinstance(one["input"], dict))
        known = next((one for one in ids if isinstance(one, str) or type(one) is int), None)
    elif isinstance(read, Exception):
        text = str(read)
    elif "id" in read or read.get("method", "notifications/").startswith("notifications/"):
        return None
    # else a request whose id is none, which the library reads as a notification and would not answer
    return {"id": known, "error": {"code": code, "message": text}}


def answer(
    served: Served, name: str, arguments: dict[str, Any], root: click.Context
) -> tuple[dict[str, Any], bool]:
    """The result of a tool as JSON can hold it, and whether it is an error."""
    with click.Context(click.Command(name), info_name=name, parent=root).scope():
        try:
            tool = _tool(name)
            return plain(tool.answer(served, _arguments(tool, arguments))), False
        except ScorehouseError as error:
            return {"error": error.fields()}, True
        except Exception as error:  # a result too, not the end of the server
            return {"error": {"type": type(error).__name__, "call": this_call(), "problem": str(error)}}, True


def _tool(name: str) -> Tool:
    if name not in TOOLS:
        raise ConfigurationError(
            this_call(),
            f"there is no tool {name!r}{did_you_mean(name, TOOLS)}",
            expected=f"one of {', '.join(TOOLS)}",
            action="list the tools, and call one of them",
        )
    return TOOLS[name]


def _arguments(tool: Tool, given: dict[str, Any]) -> Any:
    try:
        return tool.arguments.model_validate(given)
    except ValidationError as error:
        problems = [
            f"{'.'.join(map(str, one['loc'])) or 'arguments'}: {one['msg']}" for one in error.errors()
        ]
        raise ConfigurationError(
            this_call(),
            "; ".join(problems),
            expected=f"the arguments {list(tool.arguments.model_fields)}",
            action="correct the arguments; the tool's schema describes them",
        ) from None


def plain(value: Any) -> Any:
    """The value as JSON has it; numbers that JSON has not are strings, such as `NaN`."""
    return json.loads(json.dumps(value, default=str), parse_constant=str)
