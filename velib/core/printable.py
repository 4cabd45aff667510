"""Text from outside, as a terminal may show it."""


def printable(text: str) -> str:
    """Text from outside, without what a terminal would obey."""
    return "".join(character if character.isprintable() else "\N{REPLACEMENT CHARACTER}" for character in text)
