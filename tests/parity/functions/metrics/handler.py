"""Metrics of Prometheus's, at the level of the module."""

from prometheus_client import CONTENT_TYPE_LATEST, Counter, Histogram, generate_latest

CALLS = Counter("orders_total", "Orders that were taken", ["kind"])
SIZES = Histogram("order_size", "Items in an order", buckets=(1, 10, 100))


def handle(event, context):
    if event.path == "/metrics":
        return generate_latest(), 200, {"Content-Type": CONTENT_TYPE_LATEST}
    CALLS.labels(event.query.get("kind", "other")).inc()
    SIZES.observe(int(event.query.get("items", "1")))
    return {"statusCode": 201, "body": "taken"}
