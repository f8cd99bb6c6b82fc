"""Build the course as a static site: build/site, from the notebooks and texts as they are stored.

python tools/build_site.py [FOLDER]
    Write the pages' sources to FOLDER/pages and the site to FOLDER/site (FOLDER: build).

Nothing is executed. Copies of the notebooks get what the site needs: numbered titles, folded
checks, solutions to unfold, alternative texts of figures, links to the glossary. Any
`notebooks/NN_*.ipynb` is taken up. A warning of Sphinx fails the build.
"""

import ast
import os
import re
import shutil
import sys
import tomllib
from collections.abc import Iterable
from pathlib import Path

import nbformat
from nbformat import NotebookNode
from nbformat.v4 import new_markdown_cell

ROOT = Path(__file__).resolve().parent.parent
LINK = re.compile(r"(?<!!)\[([^\]]*)\]\(([^)\s]+)\)")
BOLD = re.compile(r"\*\*([^*]+?)\*\*")
HEAD = re.compile(r"^ *(?:(?:[-*]|\d+\.) +\*\*[^*]+\*\*|\*\*[^*]+\*\*:)", re.M)
TIED = re.compile(r"(?<=\d) (?=%|s\b)|(?<=[\dk]) (?=[±=])|(?<=[±=]) (?=\d)")
FENCE = re.compile(r"(^```.*?^```|`[^`\n]+`)", re.M | re.S)
UNSETTLED = "https://github.com/OWNER/NAME"
UNUSED = ("*.map", "*macros.html", "fontawesome.js")  # of the theme, what no page loads
TOGGLE = '<summary><span class="toctree-toggle"'
PROMPTS = {"quiz": "the options and the answer", "check": "the check and its hints"}


# -- Which page stands where ----------------------------------------------------------------------


def page_of(path: Path) -> Path | None:
    """Return where a file of the repository stands among the pages; None if it is no page."""
    if path.parent == ROOT / "docs" and path.suffix == ".md":
        return Path(path.name)
    inside = path.relative_to(ROOT)
    taken = path.suffix == ".ipynb" and inside.parts[0] == "notebooks"
    return inside if taken or inside == Path("data/README.md") else None


def repository() -> str:
    """Return the address of the repository on GitHub, or nothing as long as none is settled.

    `COURSE_REPOSITORY` (the workflow sets it, so that a fork's links lead to the fork) goes before
    `Repository` in pyproject.toml.
    """
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    settled = project.get("urls", {}).get("Repository", "")
    return (os.environ.get("COURSE_REPOSITORY") or settled).rstrip("/")


def relink(text: str, source: Path, page: Path) -> str:
    """Turn links between files of the repository into links between pages.

    A file that is no page is linked in the repository, or only named while that has no address.
    """

    def replace(match: re.Match[str]) -> str:
        words, (target, _, anchor) = match[1], match[2].partition("#")
        file = Path(os.path.normpath(source.parent / target))
        if "://" in match[2] or not target or not file.is_relative_to(ROOT) or not file.exists():
            return match[0]  # an address, a place on the page, or a mistake that Sphinx will name
        if to := page_of(file):
            near = Path(os.path.relpath(to, page.parent)).as_posix()
            return f"[{words}]({near}{'#' * bool(anchor)}{anchor})"
        address = repository()
        return f"[{words}]({address}/blob/main/{file.relative_to(ROOT)})" if address else words

    return LINK.sub(replace, text)


# -- Notebooks ------------------------------------------------------------------------------------


def calls(cell: NotebookNode, name: str) -> list[ast.Call]:
    """Return the calls of this function in a code cell."""
    tree = ast.parse(cell.source if cell.cell_type == "code" else "")
    nodes = [n for n in ast.walk(tree) if isinstance(n, ast.Call)]
    return [n for n in nodes if isinstance(n.func, ast.Name) and n.func.id == name]


def fold(cell: NotebookNode) -> None:
    """Fold the source of a cell that is folded in JupyterLab; drop "Not attempted yet."."""
    if not cell.metadata.get("jupyter", {}).get("source_hidden"):
        return
    what = next((words for name, words in PROMPTS.items() if calls(cell, name)), "the code")
    prompts = {"code_prompt_show": f"Show {what}", "code_prompt_hide": f"Hide {what}"}
    cell.metadata = NotebookNode(tags=["hide-input"], mystnb=prompts)
    cell.outputs = [o for o in cell.outputs if not o.get("text", "").startswith("Not attempted")]


def describe_figure(cell: NotebookNode) -> None:
    """Hand the alternative text of a stored figure to the page."""
    if cell.cell_type != "code":
        return
    shown = [o for o in cell.outputs if "image/png" in o.get("data", {})]
    if len(shown) > 1:
        raise ValueError(f"cell {cell.id} shows {len(shown)} figures; show each in its own cell")
    for output in shown:
        alt = output.metadata["image/png"]["alt"]
        cell.metadata.setdefault("mystnb", NotebookNode())["image"] = {"alt": alt}


def tie(text: str) -> str:
    """Keep a number and what belongs to it on one line: 5 %, 0.9 ± 0.2, k = 10."""
    parts = FENCE.split(text)
    return "".join(part if i % 2 else TIED.sub("\u00a0", part) for i, part in enumerate(parts))


def link_terms(text: str, terms: set[str]) -> str:
    """Link each bold term to its entry in the glossary."""

    def replace(match: re.Match[str]) -> str:
        term = " ".join(match[1].split())
        return f"**{{term}}`{term}`**" if term.casefold() in terms else match[0]

    parts = FENCE.split(text)
    return "".join(part if i % 2 else BOLD.sub(replace, part) for i, part in enumerate(parts))


def answers(solution: NotebookNode) -> dict[str, str]:
    """Return, by the source of each check, the text and code that answer the exercise."""
    found, section = {}, []
    for cell in solution.cells:
        if cell.cell_type == "markdown" and cell.source.startswith("## "):
            section = [NotebookNode(cell, source=cell.source.partition("\n")[2].strip())]
        elif calls(cell, "check"):
            found[cell.source] = section
        else:
            section.append(cell)
    return {check: unfoldable(cells) for check, cells in found.items()}


def unfoldable(cells: Iterable[NotebookNode]) -> str:
    """Return the text and code of cells as one block that unfolds."""
    parts = [
        f"```python\n{cell.source}\n```" if cell.cell_type == "code" else cell.source
        for cell in cells
    ]
    head = '<details class="solution">\n<summary>Solution</summary>'
    return "\n\n".join([head, *filter(None, parts), "</details>"])


def translate(source: Path, terms: set[str]) -> str:
    """Return a notebook as the site shows it."""
    notebook = nbformat.read(source, as_version=4)
    solution = source.parent / "solutions" / source.name
    solved = answers(nbformat.read(solution, as_version=4)) if solution.exists() else {}
    cells = []
    for cell in notebook.cells:
        cells.append(cell)
        if cell.cell_type == "markdown":
            text = relink(cell.source, source, source.relative_to(ROOT))
            cell.source = tie(link_terms(text, terms))
        elif cell.cell_type == "code":
            key = cell.source
            fold(cell)
            describe_figure(cell)
            if key in solved:
                cells.append(new_markdown_cell(solved[key], id=f"{cell.id}-solution"))
    cells[0].source = re.sub(r"\A# ", f"# {source.name[:2]} ", cells[0].source)
    notebook.cells = cells
    return nbformat.writes(notebook)


def title(path: Path) -> str:
    """Return the title of a lesson."""
    return nbformat.read(path, as_version=4).cells[0].source.partition("\n")[0].removeprefix("# ")


def outline(lessons: Iterable[Path]) -> str:
    """Return the table of lessons: title, question, minutes."""
    rows = ["| lesson | question | minutes |", "|---|---|---|"]
    for path in lessons:
        top = nbformat.read(path, as_version=4).cells[0].source
        question = " ".join(top.split("\n\n")[1].split())
        minutes = re.search(r"\*\*Time\*\*\D*(\d+)", top)
        link = f"[{path.name[:2]} {title(path)}](notebooks/{path.name})"
        rows.append(f"| {link} | {question} | {minutes[1] if minutes else ''} |")
    return "\n".join(rows)


def foreseen(lessons: Iterable[Path]) -> str:
    """Return the wrong answers that quizzes and checks foresee, with what they say about each."""
    parts = []
    for path in lessons:
        rows, question = [], ""
        for cell in nbformat.read(path, as_version=4).cells:
            question = asked(cell) or question
            for call in calls(cell, "quiz") + calls(cell, "check"):
                rows += [f"| {question} | `{wrong}` | {words} |" for wrong, words in mistakes(call)]
        head = ["| asked | wrong answer | what is behind it |", "|---|---|---|"]
        if rows:
            parts.append("\n".join([f"### {path.name[:2]} {title(path)}", "", *head, *rows]))
    return "\n\n".join(parts)


def asked(cell: NotebookNode) -> str:
    """Return the heading of an exercise, or else the last question in a text, if there is one."""
    if cell.cell_type != "markdown":
        return ""
    exercise = re.search(r"^#+ (Exercise.*)$", cell.source, re.M)
    text = " ".join(re.sub(r"^#[^\n]*|^```.*?^```", "", cell.source, flags=re.M | re.S).split())
    questions = re.findall(r"[^.?!:]*\?", text)
    found = exercise[1] if exercise else questions[-1].strip() if questions else ""
    return found[:1].upper() + found[1:]


def mistakes(call: ast.Call) -> list[tuple[str, str]]:
    """Return the wrong answers in a call of `quiz` or `check`, with the words for each."""
    named = {keyword.arg: keyword.value for keyword in call.keywords}
    table = named.get("options", named.get("hints"))
    if not isinstance(table, ast.Dict):
        return []
    right = ast.unparse(named["answer"]) if "options" in named else None
    found = []
    for key, words in zip(table.keys, table.values, strict=True):
        wrong = ast.unparse(key.body if isinstance(key, ast.Lambda) else key)
        said = words.value if isinstance(words, ast.Constant) else ast.unparse(words)
        if wrong != right:
            found.append((wrong.replace("|", "\\|"), said.replace("|", "\\|")))
    return found


# -- Texts and modules ----------------------------------------------------------------------------


def bold_terms(path: Path) -> list[str]:
    """Return what a notebook prints in bold, in small letters, but for the heads of items."""
    cells = nbformat.read(path, as_version=4).cells
    texts = [FENCE.sub("", cell.source) for cell in cells if cell.cell_type == "markdown"]
    found = [term for text in texts for term in BOLD.findall(HEAD.sub("", text))]
    return [" ".join(term.split()).casefold() for term in found]


def glossary_entries(text: str) -> list[tuple[list[str], str]]:
    """Return the entries of the glossary: their terms, in small letters, and the whole entry."""
    block = text.partition("```{glossary}\n")[2].partition("```")[0]
    entries = [entry for entry in block.split("\n\n") if entry.strip()]
    lines = [[line for line in e.splitlines() if not line.startswith(" ")] for e in entries]
    return [
        ([t.strip().casefold() for t in terms if t], e)
        for terms, e in zip(lines, entries, strict=True)
    ]


def lead_to_lessons(text: str, lessons: Iterable[Path]) -> str:
    """Add to each entry of the glossary a link to the lesson that explains it."""
    first: dict[str, Path] = {}
    for path in lessons:
        for term in bold_terms(path):
            first.setdefault(term, path)
    for terms, entry in glossary_entries(text):
        path = next((first[term] for term in terms if term in first), None)
        if path:
            link = f" [Lesson\u00a0{path.name[:2]}](notebooks/{path.name})"
            text = text.replace(entry, entry.rstrip() + link + "\n" * entry.endswith("\n"))
    return text


def lead(path: Path) -> str:
    """Return the first line of a module's docstring."""
    text = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
    return text.partition("\n")[0]


def module_pages() -> dict[str, str]:
    """Return a page per module of the library, and the list of them by package."""
    library = ROOT / "course_lib"
    pages, lines = {}, ["# Library", "", "The packages of `course_lib` and their modules."]
    lines += ["Every public name can be imported from `course_lib` itself.", ""]
    for folder in [library, *sorted(library.glob("*/"))]:
        if not (folder / "__init__.py").exists():
            continue
        if folder != library:
            lines += ["", f"## {folder.name}", "", lead(folder / "__init__.py"), ""]
        lines += ["| module | what it holds |", "|---|---|"]
        for path in sorted(folder.glob("[a-z]*.py")):
            name = ".".join(path.relative_to(library).with_suffix("").parts)
            lines.append(f"| [{path.stem}]({name}.md) | {lead(path)} |")
            module = f".. automodule:: course_lib.{name}\n   :members:"
            pages[f"api/{name}.md"] = f"# {name}\n\n```{{eval-rst}}\n{module}\n```\n"
    lines += ["", "```{toctree}", ":hidden:", ":glob:", "", "*", "```", ""]
    return pages | {"api/index.md": "\n".join(lines)}


def pages() -> dict[str, str]:
    """Return the source of every page by its path."""
    lessons = sorted((ROOT / "notebooks").glob("[0-9][0-9]_*.ipynb"))
    solutions = sorted((ROOT / "notebooks/solutions").glob("[0-9][0-9]_*.ipynb"))
    glossary = (ROOT / "docs/glossary.md").read_text(encoding="utf-8")
    terms = {term for terms, _ in glossary_entries(glossary) for term in terms}
    found = {str(page_of(p)): translate(p, terms) for p in [*lessons, *solutions]}
    for path in [*sorted((ROOT / "docs").glob("*.md")), ROOT / "data/README.md"]:
        page = page_of(path)
        found[str(page)] = tie(relink(path.read_text(encoding="utf-8"), path, page))
    found["index.md"] = with_all_texts(found["index.md"], found)
    found["index.md"] = found["index.md"].replace("<!-- lessons -->", outline(lessons))
    found["instructor.md"] = found["instructor.md"].replace("<!-- foreseen -->", foreseen(lessons))
    found["glossary.md"] = lead_to_lessons(glossary, lessons)
    found["run.md"] = found["run.md"].replace("<!-- repository -->", repository() or UNSETTLED)
    found["CITATION.cff"] = (ROOT / "CITATION.cff").read_text(encoding="utf-8")
    return found | module_pages()


def with_all_texts(index: str, found: Iterable[str]) -> str:
    """Add to the table of contents the texts in docs/ that it does not name."""
    named = {"index", *re.findall(r"^(\w+)$", index, re.M)}
    stems = {name.removesuffix(".md") for name in found if re.fullmatch(r"\w+\.md", name)}
    return index.replace("<!-- others -->", "\n".join(sorted(stems - named)))


def write(texts: dict[str, str], folder: Path) -> int:
    """Write what has changed, so that Sphinx reads no more, remove what is gone; count both."""
    files = [p for p in folder.rglob("*") if p.is_file() and p.suffix != ".png"]
    there = {p.relative_to(folder).as_posix(): p for p in files}
    gone = [path for name, path in there.items() if name not in texts]
    for path in gone:
        path.unlink()
    changed = [
        name
        for name, text in texts.items()
        if name not in there or there[name].read_text(encoding="utf-8") != text
    ]
    for name in changed:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(texts[name], encoding="utf-8")
    return len(gone) + len(changed)


def build(folder: Path = ROOT / "build") -> int:
    """Write the sources, run Sphinx over them, return its exit code."""
    from sphinx.cmd.build import main as sphinx

    if write(pages(), folder / "pages"):
        # Every page holds the titles of all: write all anew, not only those that changed.
        shutil.rmtree(folder / "site", ignore_errors=True)
    for picture in (ROOT / "docs").glob("*.png"):
        shutil.copy2(picture, folder / "pages")
    places = [str(folder / name) for name in ("pages", "site")]
    options = ["--fail-on-warning", "--keep-going", "--quiet", "-c", str(ROOT / "docs")]
    code = sphinx([*options, "-d", str(folder / "doctrees"), *places])
    for unused in UNUSED:
        for path in (folder / "site/_static").rglob(unused):
            path.unlink()
    for path in (folder / "site").rglob("*.html"):
        name_toggles(path)
    return code


def name_toggles(path: Path) -> None:
    """Have a toggle called by what it shows: the arrows of the sidebar, the prompts of cells."""
    text = path.read_text(encoding="utf-8")
    named = text.replace(TOGGLE, TOGGLE.replace(">", ' aria-label="Show the pages below">', 1))
    named = named.replace('<summary aria-label="Toggle hidden content">', "<summary>")
    if named != text:
        path.write_text(named, encoding="utf-8")


def main(arguments: list[str]) -> int:
    """Build the site; return the exit code."""
    folder = Path(arguments[0]).resolve() if arguments else ROOT / "build"
    code = build(folder)
    if code == 0:
        print(f"The site is in {folder / 'site'}: open index.html in a browser.")
    return code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
