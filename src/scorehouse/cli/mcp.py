"""`scorehouse mcp`: registry, runs, verdicts and explanations for agents, by the Model Context Protocol.

The server speaks on standard input and output, and only reads. https://modelcontextprotocol.io
"""

from __future__ import annotations

import asyncio
import json
import signal
from collections import Counter
from typing import Any, Self

import click
from pydantic import ValidationError

import scorehouse
from scorehouse.cli.common import echo, print_json, this_call
from scorehouse.cli.mcp_tools import DATA, TOOLS, Tool, has_warehouse
from scorehouse.cli.target import Target, results_option, target_options
from scorehouse.errors import ConfigurationError, ScorehouseError, did_you_mean, listed
from scorehouse.registry.formats.base import import_extra

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
def mcp_command(as_json: bool, target: Target) -> None:
    """Serve registry, runs, verdicts and explanations to an agent, read-only, by MCP on standard input.

    Needs the extra mcp. Without --target or --database, the tools that read the warehouse answer with an
    error.

    \b
    Examples:
      scorehouse mcp --target prod
      scorehouse mcp --json
    """
    if as_json:
        print_json([tool.to_dict() for tool in TOOLS.values()])
        return
    where = [str(target.project)]
    if has_warehouse(target):
        # an error now, not at the first call
        where.append(str(target.place().file) if target.adapter == "duckdb" else str(target.target))
    import_extra("mcp.server.stdio", "mcp", this_call())
    echo(f"scorehouse mcp: serves {' and '.join(where)}, read-only, until standard input ends", err=True)
    # Ctrl-C ends the process at once: nothing is ever half written, and the thread that waits for input
    # would keep asyncio from ending
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    asyncio.run(serve(target))


async def serve(target: Target) -> None:
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
                answer, target, asked.name, asked.arguments or {}, root
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
    async with stdio_server() as (read, write):
        asked = Asked(read, write)
        await server.run(asked, Answers(asked), server.create_initialization_options())


class Stream:
    """A stream of the library, which closes it."""

    def __init__(self, inner: Any) -> None:
        self.inner = inner

    async def aclose(self) -> None:
        await self.inner.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()


class Asked(Stream):
    """Standard input as the library reads it: messages alone, and no end before every request is answered.

    The library would drop lines that are no message, and forget requests that are open when input ends.
    """

    def __init__(self, read: Any, write: Any) -> None:
        super().__init__(read)
        self.write = write
        self.waiting: Counter[str] = Counter()  # requests by id, for which 7 and "7" are one

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Any:
        import mcp.types as types
        from mcp.shared.message import SessionMessage

        async for item in self.inner:
            is_message = not isinstance(item, Exception)
            message = item.message.model_dump() if is_message else item
            if refused := refusal(message):
                error = types.JSONRPCError.model_validate({"jsonrpc": "2.0", **refused})
                await self.write.send(SessionMessage(error))
            elif is_message:
                if "id" in message and "method" in message:
                    self.waiting[str(message["id"])] += 1
                elif message.get("method") == "notifications/cancelled":  # which has no answer
                    self.answered((message["params"] or {}).get("requestId"))
                return item
        while self.waiting.total():
            await asyncio.sleep(MOMENT)
        raise StopAsyncIteration

    async def receive(self) -> Any:
        return await anext(self)

    def answered(self, request: Any) -> None:
        """Remember that the request of an id waits no longer."""
        if isinstance(request, str | int) and self.waiting[str(request)]:
            self.waiting[str(request)] -= 1


class Answers(Stream):
    """Standard output as the library writes it, which remembers what was answered."""

    def __init__(self, asked: Asked) -> None:
        super().__init__(asked.write)
        self.asked = asked

    async def send(self, item: Any) -> None:
        await self.inner.send(item)
        self.asked.answered(getattr(item.message, "id", None))


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
    target: Target, name: str, arguments: dict[str, Any], root: click.Context
) -> tuple[dict[str, Any], bool]:
    """The result of a tool as JSON can hold it, and whether it is an error."""
    with click.Context(click.Command(name), info_name=name, parent=root).scope():
        try:
            tool = _tool(name)
            return plain(tool.answer(target, **_arguments(tool, arguments))), False
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


def _arguments(tool: Tool, given: dict[str, Any]) -> dict[str, Any]:
    try:
        return dict(tool.arguments.model_validate(given))
    except ValidationError as error:
        problems = [
            f"{'.'.join(map(str, one['loc'])) or 'arguments'}: {one['msg']}" for one in error.errors()
        ]
        raise ConfigurationError(
            this_call(),
            "; ".join(problems),
            expected=f"the arguments {listed(tool.arguments.model_fields)}",
            action="correct the arguments; the tool's schema describes them",
        ) from None


def plain(value: Any) -> Any:
    """The value as JSON has it; numbers that JSON has not are strings, such as `NaN`."""
    return json.loads(json.dumps(value, default=str), parse_constant=str)
