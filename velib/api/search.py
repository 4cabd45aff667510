"""Names as people type them: without accents, in either case, a part of them. In Python: that needs no extension of PostgreSQL."""

import re
import unicodedata

# What Unicode does not take apart: letters that are others with something on them, to whoever types them.
_LETTERS = str.maketrans({"œ": "oe", "æ": "ae", "ø": "o", "ł": "l", "đ": "d", "ð": "d", "þ": "th", "ı": "i"})
# Rue de l'Hôtel, Saint-Lazare: one apostrophe or dash is as good as another, or as none.
_BETWEEN = re.compile(r"[\s'’ʼ`´‐‑–—_/.,;:()-]+")


def folded(text: str) -> str:
    """What is compared of a name."""
    letters = unicodedata.normalize("NFKD", text.casefold().translate(_LETTERS))
    return "".join(each for each in letters if not unicodedata.combining(each))


def words(text: str) -> list[str]:
    return [word for word in _BETWEEN.split(folded(text)) if word]


class Names:
    """Names by code, to be searched."""

    def __init__(self, names: dict[str, str | None]) -> None:
        self.names = names
        self._folded = [(code, folded(name), " ".join(words(name))) for code, name in names.items() if name]

    def find(self, text: str) -> list[str]:
        """The codes of those whose name has each word of the text somewhere in it; of signs alone, those signs."""
        wanted = words(text)
        if not wanted:
            return [code for code, name, _ in self._folded if folded(text) in name]
        return [code for code, _, name in self._folded if all(word in name for word in wanted)]
