"""Typographic signs.  It needs no matplotlib, unlike drawing.py."""


def minus(text: str) -> str:
    """With minus signs for hyphens."""
    return text.replace('-', '\u2212')
