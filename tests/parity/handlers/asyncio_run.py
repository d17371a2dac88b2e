"""Runs coroutines of its own."""

import asyncio


async def square(x):
    await asyncio.sleep(0)
    return x * x


async def squares():
    return await asyncio.gather(*map(square, range(4)))


def handle(event, context):
    return {"body": {"squares": asyncio.run(squares())}}
