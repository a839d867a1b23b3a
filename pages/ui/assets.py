"""Serves the chart's script, and names what the first page needs before the browser asks for it."""

from pathlib import Path

import streamlit
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import FileResponse
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

SCRIPT = "plotly-basic-4.1.1.min.js"
SCRIPT_PATH = f"/vendor/{SCRIPT}"

# Names before the hash; one that a later Streamlit lacks is left out, and costs its preload alone.
_CHUNKS = [
    *("BidiComponent", "serialization", "recordbatch", "_arrayReduce", "Selectbox", "useMenuTrigger", "Autocomplete"),
    *("useSyncComboBoxEnterTargetFocus", "TextInput", "useTextField", "NumberInput", "ButtonGroup", "Button"),
    *("Input", "WidgetLabel"),
]


def _script(request: Request) -> FileResponse:
    # The version is in the name, so a browser may keep the file for good.
    headers = {"Cache-Control": "public, max-age=31536000, immutable"}
    return FileResponse(Path(__file__).parent / "vendor" / SCRIPT, media_type="text/javascript", headers=headers)


def _modules() -> list[str]:
    """Return the addresses of the chunks of Streamlit's front end that the first page draws with."""
    folder = Path(streamlit.__file__).parent / "static" / "static" / "js"
    return [f"/static/js/{path.name}" for stem in _CHUNKS for path in sorted(folder.glob(f"{stem}.*.js"))]


class Preload:
    """Names scripts in the header of every HTML page: they load beside the first ones, not 0.6 s after them."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app
        self.links = [f"<{{base}}{SCRIPT_PATH}>; rel=preload; as=script"]
        self.links += [f"<{{base}}{address}>; rel=modulepreload" for address in _modules()]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on."""

        async def with_link(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers: list[tuple[bytes, bytes]] = list(message["headers"])
                if any(n.lower() == b"content-type" and v.startswith(b"text/html") for n, v in headers):
                    links = ", ".join(self.links).format(base=scope.get("root_path", ""))
                    message["headers"] = [*headers, (b"link", links.encode())]
            await send(message)

        await self.app(scope, receive, with_link if scope["type"] == "http" else send)


ROUTES = [Route(SCRIPT_PATH, _script)]
MIDDLEWARE = [Middleware(Preload)]
