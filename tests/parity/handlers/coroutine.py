"""Is a coroutine function."""


async def handle(event, context):
    return "x"
