"""A slash command of Slack's: a form comes in, JSON goes out."""

import time
from urllib.parse import parse_qs


def handle(event, context):
    form = {name: values[0] for name, values in parse_qs(event.body.decode("utf-8")).items()}
    if abs(time.time() - int(event.headers.get("X-Slack-Request-Timestamp", time.time()))) > 300:
        return {"statusCode": 403, "body": "too old"}
    text = form.get("text", "").strip()
    if not text:
        return {"statusCode": 200, "body": {"response_type": "ephemeral", "text": "Say what?"}}
    return {
        "statusCode": 200,
        "body": {
            "response_type": "in_channel",
            "text": f"{form['user_name']}: {text[::-1]}",
            "attachments": [{"text": word} for word in text.split()],
        },
        "headers": {"X-Command": form["command"]},
    }
