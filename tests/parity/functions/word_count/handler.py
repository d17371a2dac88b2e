"""The classic one: a program of the system counts words."""

import subprocess


def handle(event, context):
    done = subprocess.run(
        ["wc", "-l", "-w"], input=event.body, capture_output=True, timeout=10, check=False
    )
    if done.returncode:
        return {"statusCode": 500, "body": done.stderr.decode()}
    lines, words = done.stdout.split()
    return {"statusCode": 200, "body": {"lines": int(lines), "words": int(words)}}
