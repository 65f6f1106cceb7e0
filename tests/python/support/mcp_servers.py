"""Servers of `scorehouse mcp`, as a host of agents starts them, and the SDK's client of each."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import Any

from foreign import ForeignProject


def started(shop: ForeignProject, *words: str, mode: str = "auto") -> Any:
    """The context of a client, which starts a server in the project with `words`."""
    import mcp

    server = mcp.StdioServerParameters(
        command=str(Path(sys.executable).with_name("scorehouse")),
        args=["mcp", *words],
        cwd=shop.folder,
        env={"HOME": str(shop.home), "NO_COLOR": "1"},
    )
    return mcp.Client(server, mode=mode)


class Servers:
    """Servers that go on between calls, one for each project and words, until `end`."""

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        self.clients: dict[tuple[Path, tuple[str, ...]], asyncio.Future[Any]] = {}
        self.tasks: list[asyncio.Task[None]] = []
        self.ended = asyncio.Event()

    def call(self, shop: ForeignProject, words: tuple[str, ...], tool: str, arguments: dict[str, Any]) -> Any:
        return self.loop.run_until_complete(self._call(shop, words, tool, arguments))

    def end(self) -> None:
        self.ended.set()
        self.loop.run_until_complete(asyncio.gather(*self.tasks))
        self.loop.close()

    async def _call(
        self, shop: ForeignProject, words: tuple[str, ...], tool: str, arguments: dict[str, Any]
    ) -> Any:
        place = shop.folder, words
        if place not in self.clients:
            self.clients[place] = self.loop.create_future()
            self.tasks.append(self.loop.create_task(self._serve(shop, words, self.clients[place])))
        return await (await self.clients[place]).call_tool(tool, arguments)

    async def _serve(self, shop: ForeignProject, words: tuple[str, ...], client: asyncio.Future[Any]) -> None:
        """The task that enters the client's context leaves it."""
        try:
            async with started(shop, *words) as connected:
                client.set_result(connected)
                await self.ended.wait()
        except Exception as error:
            if client.done():
                raise
            client.set_exception(error)
