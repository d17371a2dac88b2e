"""Has no function `handle`."""


def handel(event, context):
    return "x"
