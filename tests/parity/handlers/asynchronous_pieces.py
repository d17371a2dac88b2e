"""Is an asynchronous generator."""

import asyncio


async def handle(event, context):
    yield "first "
    await asyncio.sleep(0)
    yield "second"
