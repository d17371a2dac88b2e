"""Events that a browser listens to."""

import json

from flask import Response, stream_with_context


def messages(event):
    first = int(event.headers.get("Last-Event-ID", "0")) + 1
    for number in range(first, first + int(event.query.get("count", "3"))):
        yield f"id: {number}\nevent: tick\ndata: {json.dumps({'number': number, 'path': event.path})}\n\n"


def handle(event, context):
    return Response(
        stream_with_context(messages(event)),
        mimetype="text/event-stream",
        headers={"Cache-Control": "no-cache", "X-Accel-Buffering": "no"},
    )
