"""Streams a forecast as Server-Sent Events, each as soon as it is known."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from .forecast import MOST_STEPS, Forecast


def handle(event: Any, context: Any) -> dict[str, Any]:
    try:
        series = [float(value) for value in event.query.get("series", "").split(",")]
        steps = int(event.query.get("steps", "5"))
        forecast = Forecast(series)
    except ValueError:
        return {"statusCode": 400, "body": "series=1,2,3 and steps=5 are needed: numbers\n"}
    return {
        "headers": {"Content-Type": "text/event-stream", "Cache-Control": "no-cache"},
        "body": events(forecast, min(max(steps, 1), MOST_STEPS)),
    }


def events(forecast: Forecast, steps: int) -> Iterator[str]:
    for step in range(1, steps + 1):
        value, spread = forecast.at(step)
        data = json.dumps({"step": step, "value": value, "spread": spread})
        yield f"id: {step}\ndata: {data}\n\n"
    yield "event: end\ndata: \n\n"
