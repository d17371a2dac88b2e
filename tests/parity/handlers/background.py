"""A thread goes on after the answer; a later call asks what it has done."""

import threading

go = threading.Event()
done = []
thread = None


def work():
    go.wait()
    done.append("worked")


def handle(event, context):
    global thread
    if event.path == "/start":
        thread = threading.Thread(target=work, daemon=True)
        thread.start()
        return "started"
    go.set()
    if thread is not None:
        thread.join()
    return {"body": {"done": done}}
