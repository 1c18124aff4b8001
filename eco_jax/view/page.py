"""The viewer's page: one HTML file that loads nothing."""

import base64
import hashlib
from collections.abc import Sequence
from html import escape
from importlib import resources
from pathlib import Path

from eco_jax.env import EcoEnv, EnvParams
from eco_jax.view.data import page_data, to_json
from eco_jax.view.players import Played

MARK = '<meta name="generator" content="eco-jax view">'
"""Tells a page of ours."""
SCRIPTS = ("read.js", "cells.js", "draw.js", "map.js", "charts.js", "belief.js", "card.js", "player.js", "main.js")
"""The page's program, in this order."""


def html(episodes: Sequence[Played], env: EcoEnv, params: EnvParams, episode: str) -> str:
    """The page of one or two controllers on the same episode.

    Args:
        episodes: what they did.
        env: the world.
        params: of it.
        episode: which one it is, in words.
    """
    names = " against ".join(played.name for played in episodes)
    script = "'use strict';\n(() => {\n" + "\n".join(map(_own, SCRIPTS)) + "\n})();\n"
    style = _own("page.css")
    policy = f"default-src 'none'; script-src '{_hash(script)}'; style-src '{_hash(style)}'"
    data = to_json(page_data(episodes, env, params, episode))
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
{MARK}
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="{policy}">
<title>{escape(names)}: an episode</title>
<style>{style}</style>
</head>
<body>
<noscript>This page shows an episode by JavaScript, which is switched off here.</noscript>
<script type="application/json" id="data">{data}</script>
<script>{script}</script>
</body>
</html>
"""


def ours(path: Path) -> bool:
    """Whether a file is a page that this module made."""
    try:
        with path.open("rb") as file:
            return MARK.encode() in file.read(500)
    except OSError:
        return False


def _own(name: str) -> str:
    return resources.files("eco_jax.view").joinpath("assets", name).read_text("utf-8")


def _hash(text: str) -> str:
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"
