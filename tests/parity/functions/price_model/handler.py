"""Predictions of a model that was pickled beside the handler."""

import json
import pickle
from pathlib import Path

with open(Path(__file__).parent / "model.pkl", "rb") as file:
    MODEL = pickle.load(file)


def handle(event, context):
    if event.path == "/model":
        return {
            "statusCode": 200,
            "body": {"kind": type(MODEL).__name__, "module": type(MODEL).__module__},
        }
    rows = json.loads(event.body)
    return {"statusCode": 200, "body": {"prices": MODEL.predict(rows)}}
