#!/usr/bin/env python3
"""Writes the repository's documents as pages of a site: the README, and all that its links lead to.

    Site/site.py OUTPUT      needs markdown-it-py and mdit-py-plugins; scripts/site installs and calls it

Pages lie where their documents do, README.md as index.html. Links are relative: a site works at any path, and without a
server.
"""

import os
import re
import shutil
import sys
from dataclasses import dataclass, field
from html import escape
from pathlib import Path, PurePosixPath
from string import Template

from markdown_it import MarkdownIt
from mdit_py_plugins.anchors import anchors_plugin

SITE = Path(__file__).parent
README = PurePosixPath("README.md")
FIGURES = PurePosixPath("Figures.md")
# DocC writes this one.
LIBRARY = PurePosixPath("Sources/NormConvKit/NormConvKit.docc/NormConvKit.md")
LIBRARY_PAGE = PurePosixPath("library/documentation/normconvkit")

markdown = MarkdownIt("commonmark", {"html": True}).enable("table")
markdown.use(anchors_plugin, max_level=4, permalink=True, permalinkSymbol="#")
markdown.add_render_rule("table_open", lambda *_: '<div class="table"><table>\n')
markdown.add_render_rule("table_close", lambda *_: "</table></div>\n")


@dataclass
class Page:
    """A page: where it is on the site, its title, its sections (anchor, text), and the documents that it links to."""

    place: PurePosixPath
    title: str
    html: str
    sections: list = field(default_factory=list)
    links: set = field(default_factory=set)


def source(name):
    """The file or folder of that name in the repository; the figures' document is part of the site."""
    return (SITE if name == FIGURES else SITE.parent) / name


def place(name):
    """Where on the site a document, a folder or another file of the repository is."""
    if name == LIBRARY:
        return LIBRARY_PAGE
    if name == README:
        return PurePosixPath("index.html")
    if source(name).is_dir():
        return name / "index.html"
    return name.with_suffix(".html") if name.suffix == ".md" else name


def relative(goal, page):
    """A link from a page to another place on the site."""
    return os.path.relpath(goal, page.parent) + ("/" if goal in (LIBRARY_PAGE, PurePosixPath(".")) else "")


def document(name):
    """The page of a Markdown document."""
    page = Page(place(name), name.stem, "")
    tokens = markdown.parse(source(name).read_text(encoding="utf-8"))
    for token, inline in zip(tokens, tokens[1:]):
        if token.type != "heading_open":
            continue
        # Without the anchor and the space before it.
        text = "".join(child.content for child in inline.children[:-2])
        if token.tag == "h1":
            page.title = text
        elif token.tag == "h2":
            page.sections.append((token.attrs["id"], text))

    def rewritten(match):
        if re.match(r"[a-z]+:|//|#", match[2]):
            return match[0]
        path, *anchor = match[2].split("#")
        linked = PurePosixPath(os.path.normpath(name.parent / path))
        page.links.add(linked)
        return f'{match[1]}="{"#".join([relative(place(linked), page.place), *anchor])}"'

    html = markdown.renderer.render(tokens, markdown.options, {})
    page.html = re.sub(r'\b(href|src|srcset)="([^"]*)"', rewritten, html)
    return page


def listing(name):
    """A page with the source files of a folder."""
    folder = source(name)
    built = {".build", "__pycache__"}
    files = sorted(path for path in folder.rglob("*.*") if path.is_file() and not built.intersection(path.parts))
    parts = [f"<h1>{name.name}</h1>"]
    for path in files:
        text = escape(path.read_text(encoding="utf-8"))
        parts.append(f"<h2>{path.relative_to(folder)}</h2>\n<pre><code>{text}</code></pre>")
    return Page(place(name), name.name, "\n".join(parts))


def menu():
    """The pages by group, as the README's section "Documents" lists them: (group, [(title, document)])."""
    section = source(README).read_text(encoding="utf-8").split("\n## Documents\n")[1]
    groups = [("Start", [("Overview", str(README)), ("figures", str(FIGURES))])]
    for item in re.findall(r"^- (.+(?:\n  .+)*)", section, re.MULTILINE):
        group, _, links = " ".join(item.split()).partition(": ")
        groups.append((group, re.findall(r"\[([^\]]+)\]\(([^)]+)\)", links)))
    return groups


def navigation(page, menu):
    """The list of pages as one of them shows it, with its own sections."""
    lines = []
    for group, entries in menu:
        lines.append(f"<h2>{escape(group)}</h2>\n<ul>")
        for title, name in entries:
            goal = place(PurePosixPath(name))
            is_current = goal == page.place
            current = ' aria-current="page"' if is_current else ""
            text = escape(title[0].upper() + title[1:])
            lines.append(f'<li><a href="{relative(goal, page.place)}"{current}>{text}</a>')
            if is_current and page.sections:
                sections = (f'<li><a href="#{anchor}">{escape(text)}</a></li>' for anchor, text in page.sections)
                lines.append(f"<ul>{''.join(sections)}</ul>")
            lines.append("</li>")
        lines.append("</ul>")
    return "\n".join(lines)


def linked_from(*names):
    """The pages of these documents and of all that they link to; files that are no documents come as paths."""
    waiting, seen = list(names), {LIBRARY}
    while waiting:
        name = waiting.pop()
        if name in seen or not source(name).exists():
            continue  # What does not exist is drawn by the program, or found by check_links.py.
        seen.add(name)
        if name.suffix == ".md":
            page = document(name)
            waiting += page.links
            yield page
        else:
            yield listing(name) if source(name).is_dir() else name


def main():
    output = Path(sys.argv[1])
    template = Template((SITE / "template.html").read_text(encoding="utf-8"))
    groups = menu()
    for page in linked_from(README, FIGURES):
        path = output / (page.place if isinstance(page, Page) else page)
        path.parent.mkdir(parents=True, exist_ok=True)
        if not isinstance(page, Page):
            shutil.copyfile(source(page), path)
            continue
        title = page.title if page.title == "normconv" else f"{page.title} · normconv"
        path.write_text(
            template.substitute(
                title=escape(title), root=relative(PurePosixPath("."), page.place), content=page.html,
                navigation=navigation(page, groups)),
            encoding="utf-8")
    shutil.copyfile(SITE / "style.css", output / "style.css")


if __name__ == "__main__":
    main()
