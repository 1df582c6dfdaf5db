"""mdBook's preprocessor for links that lead out of docs/: what they lead to becomes a page of the site.

    book_repository.py supports RENDERER
    book_repository.py < [context, book] > book

A Markdown file stays what it is, any other file is shown as code, and a folder is a list of its files. They are pages below
repository/, in a part of their own at the end.
"""

import json
import pathlib
import posixpath
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
DOCS = "docs"
PLACE = "repository"
# A link's target, up to its anchor.
LINK = re.compile(r"(\]\()([^)#\s]+)(#[^)\s]*)?\)")
FENCE = re.compile(r"^\s*(```+|~~~+)")
LANGUAGES = {".yaml": "yaml", ".json": "json", ".py": "python", ".xml": "xml", ".toml": "toml", ".rs": "rust"}
# Nobody reads it, and a page would not show it.
BINARY = {".0", ".crt", ".gz"}


def page_of(path):
    """The page of a file or folder of the repository, below docs/; paths are relative to the repository."""
    if path.startswith(f"{DOCS}/"):
        return path.removeprefix(f"{DOCS}/")
    if (ROOT / path).is_dir():
        return f"{PLACE}/{path}/index.md"
    # mdBook makes an index of what is called README.md.
    name = path.replace("README.md", "readme.md")
    return f"{PLACE}/{name}" if name.endswith(".md") else f"{PLACE}/{name}.md"


class Site:
    """The pages that are added, and those that are still to be made."""

    def __init__(self):
        self.wanted, self.pages = [], {}

    def rewritten(self, content, folder, page):
        """A page's content with links to pages of the site: it was written for `folder`, and is shown at `page`."""

        def replaced(match):
            target = match.group(2)
            if "://" in target or target.startswith("mailto:"):
                return match.group(0)
            path = posixpath.normpath(posixpath.join(folder, target))
            if path.startswith("..") or not (ROOT / path).exists():
                sys.exit(f"{page}: {target} leads nowhere")
            to = page_of(path)
            if to.startswith(f"{PLACE}/"):
                self.want(path)
            relative = posixpath.relpath(to, posixpath.dirname(page) or ".")
            return f"{match.group(1)}{relative}{match.group(3) or ''})"

        lines, fence = [], None
        for line in content.split("\n"):
            found = FENCE.match(line)
            if found and fence is None:
                fence = found.group(1)
            elif found and found.group(1) == fence:
                fence = None
            elif fence is None:
                line = LINK.sub(replaced, line)
            lines.append(line)
        return "\n".join(lines)

    def want(self, path):
        """Has a page made of a file or folder."""
        if path not in self.pages:
            self.pages[path] = None
            self.wanted.append(path)

    def make(self):
        """Makes the pages that are wanted, and those that they want."""
        while self.wanted:
            path = self.wanted.pop()
            self.pages[path] = self.content(path)

    def content(self, path):
        place = ROOT / path
        if place.is_dir():
            entries = sorted(it for it in place.iterdir() if it.suffix not in BINARY and not it.name.startswith((".", "__")))
            lines = [f"- [{it.name}]({it.name})" for it in entries]
            text = f"# {path}\n\n" + "\n".join(lines) + "\n"
            return self.rewritten(text, path, page_of(path))
        text = place.read_text(encoding="utf-8")
        if path.endswith(".md"):
            return self.rewritten(text, posixpath.dirname(path), page_of(path))
        fence = "~" * 8
        return f"# {path}\n\n{fence}{LANGUAGES.get(place.suffix, 'text')}\n{text.rstrip()}\n{fence}\n"


def chapters(items):
    """All chapters with a page, nested ones too."""
    for item in items:
        if isinstance(item, dict) and "Chapter" in item:
            chapter = item["Chapter"]
            if chapter["path"]:
                yield chapter
            yield from chapters(chapter["sub_items"])


def chapter(name, path, content, number, sub_items=(), parents=()):
    """A chapter as mdBook reads it. The table of contents shows it below another by the length of its number."""
    fields = {"name": name, "content": content, "number": number, "sub_items": list(sub_items), "path": path}
    return {"Chapter": fields | {"source_path": None, "parent_names": list(parents)}}


def main():
    """Reads mdBook's context and book, and writes the book."""
    _, book = json.load(sys.stdin)
    site = Site()
    for it in chapters(book["items"]):
        folder = posixpath.dirname(posixpath.join(DOCS, it["source_path"]))
        it["content"] = site.rewritten(it["content"], folder, it["path"])
    site.make()
    title = "Files of the repository"
    last = len(book["items"]) + 1
    contents = enumerate(sorted(site.pages.items()), start=1)
    pages = [chapter(path, page_of(path), content, [last, number], parents=[title]) for number, (path, content) in contents]
    listed = "".join(f"- [{path}]({posixpath.relpath(page_of(path), PLACE)})\n" for path in sorted(site.pages))
    text = f"# {title}\n\nWhat the other pages link to, as it is in the repository.\n\n{listed}"
    book["items"] += [{"PartTitle": "Repository"}, chapter(title, f"{PLACE}/files.md", text, [last], pages)]
    json.dump(book, sys.stdout)


if __name__ == "__main__" and sys.argv[1:2] != ["supports"]:
    main()
