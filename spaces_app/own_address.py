"""The page asks its server below the address that it was opened at, whatever path a proxy has cut off on the way."""

# Gradio writes into the page where it thinks that the page is. The first script that reads it comes right after.
BEFORE = b"<script data-gradio-mode>"
SCRIPT = b'<script>window.gradio_config.root = new URL(".", location.href).href.replace(/\\/$/, "");</script>'


class OwnAddress:
    """ASGI middleware that puts a line of script into the page.

    Behind a proxy such as `/proxy/7860/` the server sees `/` only and cannot know its address; the browser does.

    Args:
        app: the ASGI application behind it, Gradio's.
    """

    def __init__(self, app):
        self.app = app

    async def __call__(self, scope, receive, send):
        if scope["type"] != "http" or scope["path"] != "/":
            return await self.app(scope, receive, send)
        start = None

        async def send_with_script(message):
            nonlocal start
            if message["type"] == "http.response.start":
                start = message  # its length is known only with the page
                return
            if start is not None:
                body = message.get("body", b"").replace(BEFORE, SCRIPT + BEFORE, 1)
                others = [header for header in start["headers"] if header[0] != b"content-length"]
                length = (b"content-length", str(len(body)).encode())
                await send({**start, "headers": [*others, length]})
                message, start = {**message, "body": body}, None
            await send(message)

        await self.app(scope, receive, send_with_script)
