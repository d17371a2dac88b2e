"""A client that is made at the first call, and what the module remembers."""

import functools

client = None
visits = {}


class Client:
    made = 0

    def __init__(self):
        Client.made += 1


@functools.lru_cache(maxsize=None)
def slow(name):
    return {"name": name, "computed": len(visits)}


def handle(event, context):
    global client
    if client is None:
        client = Client()
    name = event.path.strip("/") or "nobody"
    visits[name] = visits.get(name, 0) + 1
    return {
        "statusCode": 200,
        "body": {"made": Client.made, "visits": visits[name], "first": slow(name)},
    }
