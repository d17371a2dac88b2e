"""Several pages are fetched at once."""

import asyncio
import os

import httpx


async def fetch(client, path):
    response = await client.get(path)
    return {"path": path, "status": response.status_code, "body": response.json()["path"]}


async def fetch_all(paths):
    async with httpx.AsyncClient(base_url=os.environ["SERVICE"], timeout=10) as client:
        return await asyncio.gather(*(fetch(client, path) for path in paths))


def handle(event, context):
    paths = event.query.getlist("path")
    return {"statusCode": 200, "body": {"pages": asyncio.run(fetch_all(paths))}}
