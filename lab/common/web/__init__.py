"""Files of the live charts, for whatever serves them: all from this machine, none from elsewhere.

charts.js    an ES module: `Charts` draws readings (lab/pipeline/signals.py), `follow` asks for new ones
text.js      strangers' text: shown, never obeyed
charts.css   its layout, and its colours in a light and in a dark theme
plotly.min.js  plotly.js, out of the wheel `plotly`; charts.js loads it from beside itself
"""

from importlib.resources import files
from importlib.resources.abc import Traversable

TYPES = {".js": "text/javascript", ".css": "text/css", ".html": "text/html"}
PLOTLY = "plotly.min.js"


def assets() -> dict[str, Traversable]:
    """The files by the name under which they are served."""
    own = {file.name: file for file in files(__name__).iterdir() if media_type(file.name)}
    return own | {PLOTLY: files("plotly") / "package_data" / PLOTLY}


def media_type(name: str) -> str:
    """The content type of a file, with its character set; empty for what is not to be served."""
    kind = TYPES.get(name[name.rfind(".") :] if "." in name else "", "")
    return kind and f"{kind}; charset=utf-8"
