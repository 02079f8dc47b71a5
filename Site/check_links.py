#!/usr/bin/env python3
"""Fails where a relative link of a page leads nowhere: to no file, or to no element of that name.

    Site/check_links.py FOLDER

DocC checks the links of its own pages.
"""

import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit


class Page(HTMLParser):
    """The links of a page, and the names of its elements."""

    def __init__(self, text):
        super().__init__()
        self.links, self.names = [], set()
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        for name, value in attributes:
            if name in ("href", "src", "srcset") and value:
                self.links.append(value)
            if name in ("id", "name") and value:
                self.names.add(value)


def broken(page, pages):
    """What is wrong with the links of a page, a line each."""
    for link in pages[page].links:
        parts = urlsplit(link)
        if parts.scheme or parts.netloc:
            continue
        goal = page.parent / unquote(parts.path) if parts.path else page
        goal = (goal / "index.html" if goal.is_dir() else goal).resolve()
        if not goal.exists():
            yield f"{page}: {link}: there is no such file"
        elif parts.fragment and goal in pages and unquote(parts.fragment) not in pages[goal].names:
            yield f"{page}: {link}: there is no such part"


def main():
    folder = Path(sys.argv[1]).resolve()
    paths = [path for path in folder.rglob("*.html") if folder / "library" not in path.parents]
    pages = {path: Page(path.read_text(encoding="utf-8")) for path in paths}
    faults = [fault for page in sorted(pages) for fault in broken(page, pages)]
    if faults:
        sys.exit("\n".join(["check_links: broken links", *faults]))
    print(f"check_links: {sum(len(page.links) for page in pages.values())} links on {len(pages)} pages lead somewhere")


if __name__ == "__main__":
    main()
