"""What a page is made of, by a parser."""

from html.parser import HTMLParser


class Elements(HTMLParser):
    """Names of all elements, and the values of attributes that may name something outside."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.names: list[str] = []
        self.addresses: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.names.append(tag)
        self.addresses += [value or "" for key, value in attrs if key in ("src", "href", "action", "srcset")]
