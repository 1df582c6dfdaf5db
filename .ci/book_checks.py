"""Follows every link of the site that mdBook made: each leads to a page and to an anchor that are there, and nothing is loaded
from elsewhere.

    book_checks.py FOLDER
"""

import pathlib
import re
import sys
from html.parser import HTMLParser
from urllib.parse import unquote, urlsplit

# Attributes by which a browser loads something as it shows the page.
LOADED = {("img", "src"), ("script", "src"), ("link", "href"), ("iframe", "src"), ("source", "src"), ("object", "data")}
# In style sheets.
STYLES = re.compile(r"url\(\s*['\"]?([^'\")]+)|@import\s+['\"]([^'\"]+)")


class Page(HTMLParser):
    """The anchors of a page, where its links lead, and what it loads."""

    def __init__(self, path):
        super().__init__()
        self.anchors, self.links, self.loaded = set(), [], []
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag, attrs):
        for name, value in attrs:
            if name == "id" or (tag, name) == ("a", "name"):
                self.anchors.add(value)
            elif (tag, name) == ("a", "href"):
                self.links.append(value)
            elif (tag, name) in LOADED and value:
                self.loaded.append(value)


def problems_of(top, path, pages):
    """What is wrong with the links of a page."""
    page = pages[path]
    name = path.relative_to(top)
    for target in page.loaded:
        parts = urlsplit(target)
        if parts.scheme or parts.netloc:
            yield f"{name}: loads {target}"
        elif not (path.parent / unquote(parts.path)).exists():
            yield f"{name}: loads {target}, which is not there"
    for target in page.links:
        parts = urlsplit(target)
        if parts.scheme in ("https", "mailto"):
            continue
        if parts.scheme or parts.netloc:
            yield f"{name}: links to {target}, which is not https"
            continue
        file = (path.parent / unquote(parts.path)).resolve() if parts.path else path
        if not file.is_file():
            yield f"{name}: {target} leads nowhere"
        elif parts.fragment and unquote(parts.fragment) not in pages[file].anchors:
            yield f"{name}: {target} has no such anchor"


def main():
    """Checks a site, and prints how much was checked."""
    top = pathlib.Path(sys.argv[1]).resolve()
    pages = {path: Page(path) for path in sorted(top.rglob("*.html"))}
    problems = [problem for path in pages for problem in problems_of(top, path, pages)]
    for style in sorted(top.rglob("*.css")):
        for first, second in STYLES.findall(style.read_text(encoding="utf-8")):
            if urlsplit(first or second).scheme not in ("", "data"):
                problems.append(f"{style.relative_to(top)}: loads {first or second}")
    links = sum(len(page.links) for page in pages.values())
    if problems or links < 500:
        sys.exit("\n".join(problems) or f"only {links} links: the site is not whole")
    print(f"{len(pages)} pages with {links} links: all lead somewhere, and nothing is loaded from elsewhere")


if __name__ == "__main__":
    main()
