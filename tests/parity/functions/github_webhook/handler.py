"""A webhook of GitHub's: the body is signed with a shared secret."""

import hashlib
import hmac
import json
import os

SECRET = os.environ.get("GREETING", "").encode()


def is_signed(event):
    expected = "sha256=" + hmac.new(SECRET, event.body, hashlib.sha256).hexdigest()
    return hmac.compare_digest(expected, event.headers.get("X-Hub-Signature-256", ""))


def handle(event, context):
    if event.method != "POST":
        return {"statusCode": 405, "headers": {"Allow": "POST"}}
    if not is_signed(event):
        return {"statusCode": 401, "body": {"error": "bad signature"}}
    kind = event.headers.get("X-GitHub-Event")
    payload = json.loads(event.body)
    if kind == "ping":
        return {"statusCode": 200, "body": "pong"}
    if kind == "push":
        commits = [commit["message"] for commit in payload["commits"]]
        return {
            "statusCode": 200,
            "body": {"repository": payload["repository"]["full_name"], "commits": commits},
        }
    return {"statusCode": 202, "body": "ignored " + str(kind)}
