def handle(event, context):
    """Answer one request.

    event: body (bytes), headers, method, query, path
    context: hostname
    """
    name = event.query.get("name", "world")
    return {
        "statusCode": 200,
        "headers": {"Content-Type": "text/plain; charset=utf-8"},
        "body": f"Hello, {name}!",
    }
