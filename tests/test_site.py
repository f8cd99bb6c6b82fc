"""The site: what its pages are made of, what Sphinx makes of them, and how they do in a browser."""

import re
import runpy
import subprocess
import sys
from functools import cached_property
from html.parser import HTMLParser
from importlib.util import find_spec
from itertools import combinations, pairwise
from pathlib import Path
from urllib.parse import unquote, urlsplit

import nbformat
import numpy as np
import pytest
import yaml
from browser import Visit, chromium, needs_browser
from matplotlib.colors import to_rgb
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output
from packaging.requirements import Requirement
from test_notebook_style import FOLDED, LESSONS, SOLUTIONS
from test_packaging import EXTRAS, PROJECT, by_name, pins

from course_lib.plots import _DASH, COLORS, STYLE

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT / "tools"))
import build_site  # noqa: E402

PACKAGE = ROOT / "course_lib"
PATHS = [path.relative_to(PACKAGE) for path in PACKAGE.rglob("[a-z]*.py")]
MODULES = sorted(".".join(path.with_suffix("").parts) for path in PATHS)
LEAD_WORDS = {"you will be able to", "time", "needs", "data"}


# -- Texts ----------------------------------------------------------------------------------------


def glossary():
    return build_site.glossary_entries((ROOT / "docs/glossary.md").read_text())


def test_every_bold_term_of_a_lesson_is_in_the_glossary():
    known = {term for terms, _ in glossary() for term in terms} | LEAD_WORDS
    bold = {path.stem: set(build_site.bold_terms(path)) - known for path in LESSONS}
    assert {name: terms for name, terms in bold.items() if terms} == {}, "add them to the glossary"


def test_the_glossary_is_in_the_order_of_the_alphabet():
    first = [terms[0] for terms, _ in glossary()]  # in small letters
    assert first == sorted(first)


def test_no_text_holds_a_formula_so_that_no_page_needs_mathjax():
    texts = [p.read_text() for p in [*(ROOT / "docs").glob("*.md"), ROOT / "data/README.md"]]
    for path in [*LESSONS, *SOLUTIONS]:
        cells = nbformat.read(path, as_version=4).cells
        texts += [c.source for c in cells if c.cell_type == "markdown"]
        texts += [o.data["text/latex"] for c in cells for o in c.get("outputs", [])
                  if "text/latex" in o.get("data", {})]  # fmt: skip
    texts += [p.read_text() for p in (ROOT / "course_lib").rglob("*.py")]
    formula = re.compile(r"\$\$|\$[^$`\n]+\$|\\\(|:math:|\.\. math::|\{math\}")
    assert [text[:80] for text in texts if formula.search(build_site.FENCE.sub("", text))] == []


def test_the_citation_has_what_it_needs():
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    assert {"cff-version", "title", "authors", "message", "license"} <= citation.keys()


def test_the_guide_speaks_of_lessons_by_their_titles():
    guide = (ROOT / "docs/instructor.md").read_text()
    titles = {f"{path.name[:2]} {build_site.title(path)}" for path in LESSONS}
    named = re.findall(r"^### (\d\d .*)$", guide, re.M)
    assert len(named) >= 8
    assert set(named) <= titles


def test_the_minutes_of_the_plans_add_up():
    guide = (ROOT / "docs/instructor.md").read_text()
    steps = re.findall(r"^\| (\d+):(\d\d) \| (\d+) \|", guide, re.M)
    starts = [60 * int(hours) + int(minutes) for hours, minutes, _ in steps]
    follows = [start + int(step[2]) for start, step in zip(starts, steps, strict=True)]
    plans = [
        0,
        *(i for i in range(1, len(starts)) if starts[i] < starts[i - 1] or starts[i] == 540),
    ]
    assert [
        i for i in range(1, len(starts)) if i not in plans and starts[i] != follows[i - 1]
    ] == []
    assert (follows[plans[1] - 1], follows[-1]) == (4 * 60, 17 * 60)


def test_the_evenings_take_two_hours_with_the_break():
    guide = (ROOT / "docs/instructor.md").read_text()
    evenings = re.findall(r"^\| \d \| ([\d +]+) \|", guide, re.M)
    sums = [sum(int(part) for part in text.split("+")) for text in evenings]
    assert sums == [110] * 4


def test_the_plans_name_sections_that_their_lessons_have():
    headings = {p.name[:2]: sections(p) for p in LESSONS}
    guide = (ROOT / "docs/instructor.md").read_text()
    for row in re.findall(r"^\| [\d:]+ \| \d+ \| (.*Lesson .*) \|$", guide, re.M):
        number = re.search(r"Lesson (\d\d)", row)[1]
        for name in re.findall(r"\*([^*]+)\*", row):
            assert any(heading.startswith(name) for heading in headings[number]), (number, name)


def sections(path):
    texts = [c.source for c in nbformat.read(path, as_version=4).cells if c.cell_type == "markdown"]
    return re.findall(r"^##+ (.*)$", "\n".join(texts), re.M)


def test_the_guide_has_a_word_before_each_figure():
    guide = (ROOT / "docs/instructor.md").read_text()
    for path in LESSONS:
        part, n_figures = "", 0
        for cell in nbformat.read(path, as_version=4).cells:
            if cell.cell_type == "markdown":
                part = (re.findall(r"^#+ (.*)$", cell.source, re.M) or [part])[-1]
            shown = any("image/png" in o.get("data", {}) for o in cell.get("outputs", []))
            n_figures += shown and not part.startswith("Try it")
        head = f"### {path.name[:2]} {build_site.title(path)}\n"
        said = guide.partition(head)[2].partition("\n##")[0]
        assert len(re.findall(r"(?:^- |and )\*", said, re.M)) >= n_figures, path.name


def test_the_guide_tells_how_long_each_lesson_computes():
    guide = (ROOT / "docs/instructor.md").read_text()
    told = dict(re.findall(r"^\| (\d\d) \| (\d+) \|", guide, re.M))
    assert list(told) == [path.name[:2] for path in LESSONS]
    assert all(int(s) <= (60 if n in {"08", "11"} else 30) for n, s in told.items())
    assert "<!-- run" not in guide


# -- What is installed for it ---------------------------------------------------------------------


def test_the_lock_of_the_site_holds_hashes_and_no_address():
    text = (ROOT / "requirements-site.lock").read_text()
    assert "://" not in text
    blocks = re.split(r"\n(?=\S)", text.strip())
    assert len(blocks) > 20
    assert [block for block in blocks if "--hash=sha256:" not in block] == []


def test_the_lock_of_the_site_keeps_the_bounds_and_agrees_with_the_everyday_lock():
    locked, everyday = pins("requirements-site.lock"), pins("requirements.lock")
    for name, bounds in by_name(EXTRAS["site"]).items():
        assert locked.get(name), name
        assert all(version in bounds for version in locked[name]), name
    shared = locked.keys() & everyday.keys()
    assert {n: locked[n] for n in shared} == {n: everyday[n] for n in shared}


def test_binder_installs_the_locked_versions_on_a_supported_python():
    folder = ROOT / ".binder"
    lock = (folder / "requirements.txt").read_text().split()[1]
    assert (folder / lock).resolve() == ROOT / "requirements.lock"
    version = (folder / "runtime.txt").read_text().strip().removeprefix("python-")
    assert version in Requirement(f"x{PROJECT['project']['requires-python']}").specifier
    assert (folder / "postBuild").stat().st_mode & 0o111


# -- From notebooks to pages ----------------------------------------------------------------------


def lesson(tmp_path, monkeypatch, cells, solution=()):
    """Write a lesson and its solution as in the repository; return what the site makes of it."""
    monkeypatch.setattr(build_site, "ROOT", tmp_path)
    (tmp_path / "pyproject.toml").write_text('[project]\nname = "x"')
    path = tmp_path / "notebooks/09_specimen.ipynb"
    (path.parent / "solutions").mkdir(parents=True)
    path.write_text(nbformat.writes(new_notebook(cells=cells)))
    solved = path.parent / "solutions" / path.name
    solved.write_text(nbformat.writes(new_notebook(cells=list(solution))))
    return nbformat.reads(build_site.translate(path, {"chunk"}), as_version=4).cells


CHECK = 'check(answer, 2, hint="Divide.")'


def test_a_lesson_carries_its_number(tmp_path, monkeypatch):
    (cell,) = lesson(tmp_path, monkeypatch, [new_markdown_cell("# Scale out\n\nHow?")])
    assert cell.source == "# 09 Scale out\n\nHow?"


def test_a_folded_check_unfolds_and_says_nothing_of_attempts(tmp_path, monkeypatch):
    shown = new_output("stream", name="stdout", text="Not attempted yet.\n")
    check = new_code_cell(CHECK, metadata=FOLDED, outputs=[shown])
    _, cell = lesson(tmp_path, monkeypatch, [new_markdown_cell("# Scale out"), check])
    assert cell.metadata["tags"] == ["hide-input"]
    assert cell.metadata["mystnb"]["code_prompt_show"] == "Show the check and its hints"
    assert cell.outputs == []


def test_a_solution_unfolds_below_its_check(tmp_path, monkeypatch):
    answer = [
        new_markdown_cell("## Exercise 1: halve it\n\nDivide by two."),
        new_code_cell("answer = 4 / 2"),
        new_code_cell(CHECK),
        new_markdown_cell("## Exercise 2"),
    ]
    cells = [new_markdown_cell("# Scale out"), new_code_cell(CHECK, metadata=FOLDED)]
    _, _, cell = lesson(tmp_path, monkeypatch, cells, answer)
    assert cell.source == (
        '<details class="solution">\n<summary>Solution</summary>\n\nDivide by two.\n\n'
        "```python\nanswer = 4 / 2\n```\n\n</details>"
    )


def test_a_figure_takes_its_text_along(tmp_path, monkeypatch):
    alt = {"image/png": {"alt": "The error doubles in week 10."}}
    shown = new_output("display_data", data={"image/png": "iVBORw0KGgo="}, metadata=alt)
    cells = [new_markdown_cell("# Scale out"), new_code_cell("show(ax)", outputs=[shown])]
    _, cell = lesson(tmp_path, monkeypatch, cells)
    assert cell.metadata["mystnb"]["image"]["alt"] == "The error doubles in week 10."
    cells[1].outputs = [shown, shown]
    with pytest.raises(ValueError, match="shows 2 figures"):
        build_site.describe_figure(cells[1])


def test_a_bold_term_leads_to_the_glossary_and_code_stays():
    text = "A **Chunk** of `**chunk**`s.\n\n```python\nf(**chunk, **chunk)\n```\n\n**Time** flies."
    wanted = text.replace("A **Chunk**", "A **{term}`Chunk`**")
    assert build_site.link_terms(text, {"chunk"}) == wanted


def test_an_entry_of_the_glossary_leads_to_the_first_lesson_that_explains_it(tmp_path, monkeypatch):
    lesson(tmp_path, monkeypatch, [new_markdown_cell("# Scale out\n\nA **Chunk** is a block.")])
    text = "```{glossary}\nchunk\nchunks\n    A block.\n\nlimit\n    A line.\n```\n"
    found = build_site.lead_to_lessons(text, [tmp_path / "notebooks/09_specimen.ipynb"])
    link = "[Lesson\u00a009](notebooks/09_specimen.ipynb)"
    assert f"    A block. {link}\n\nlimit\n    A line.\n" in found


def test_the_guide_lists_the_wrong_answers_that_a_lesson_foresees(tmp_path, monkeypatch):
    cells = [
        new_markdown_cell("# Scale out\n\nIt grows. How much? Answer `a` or `b`."),
        new_code_cell('quiz(x, options={"a": "Twice.", "b": "No."}, answer="b")'),
        new_markdown_cell("### Exercise 1: halve it\n\nHow many?"),
        new_code_cell('check(y, 1, hint="?", hints={2: "Halve.", lambda n: n > 5: "Too many."})'),
    ]
    lesson(tmp_path, monkeypatch, cells)
    rows = build_site.foreseen([tmp_path / "notebooks/09_specimen.ipynb"]).splitlines()[4:]
    assert rows == [
        "| How much? | `'a'` | Twice. |",
        "| Exercise 1: halve it | `2` | Halve. |",
        "| Exercise 1: halve it | `n > 5` | Too many. |",
    ]


def test_a_new_text_enters_the_table_of_contents_by_itself():
    index = "evidence\n<!-- others -->\ncite\n"
    found = ["index.md", "evidence.md", "cite.md", "benchmarks.md", "api/index.md"]
    assert build_site.with_all_texts(index, found) == "evidence\nbenchmarks\ncite\n"


def test_a_number_and_its_sign_stay_on_one_line():
    text = "At 5 % of k = 10, 0.9 ± 0.2; `a = 5 %`.\n"
    assert (
        build_site.tie(text) == "At 5\u00a0% of k\u00a0=\u00a010, 0.9\u00a0±\u00a00.2; `a = 5 %`.\n"
    )


def test_the_readme_maps_the_lessons_as_they_are():
    assert build_site.outline(LESSONS) in (ROOT / "README.md").read_text(encoding="utf-8")


def test_links_between_files_become_links_between_pages(monkeypatch):
    here, page = ROOT / "docs/index.md", Path("index.md")
    texts = {
        "[d](../data/README.md)": "[d](data/README.md)",
        "[l](../notebooks/00_start_here.ipynb#set-up)": "[l](notebooks/00_start_here.ipynb#set-up)",
        "[g](glossary.md)": "[g](glossary.md)",
        "[w](https://example.org/a.md)": "[w](https://example.org/a.md)",
        "[m](../Makefile)": "m",
        "[x](missing.md)": "[x](missing.md)",
    }
    monkeypatch.setattr(build_site, "repository", lambda: "")
    assert {text: build_site.relink(text, here, page) for text in texts} == texts
    monkeypatch.setattr(build_site, "repository", lambda: "https://github.com/a/b")
    assert build_site.relink("[m](../Makefile)", here, page).endswith("/a/b/blob/main/Makefile)")


def test_the_environment_names_the_repository_before_the_project_does(tmp_path, monkeypatch):
    monkeypatch.setattr(build_site, "ROOT", tmp_path)
    monkeypatch.delenv("COURSE_REPOSITORY", raising=False)
    (tmp_path / "pyproject.toml").write_text('[project]\nname = "x"')
    assert build_site.repository() == ""
    (tmp_path / "pyproject.toml").write_text(
        '[project.urls]\nRepository = "https://github.com/a/b"'
    )
    assert build_site.repository() == "https://github.com/a/b"
    monkeypatch.setenv("COURSE_REPOSITORY", "https://github.com/fork/b/")
    assert build_site.repository() == "https://github.com/fork/b"


@pytest.mark.skipif(find_spec("sphinx") is None, reason="needs the packages of `make site`")
def test_one_address_makes_the_launch_links_and_the_set_up_cell(monkeypatch):
    monkeypatch.setenv("COURSE_REPOSITORY", "https://github.com/fork/course")
    options = runpy.run_path(str(ROOT / "docs/conf.py"))["html_theme_options"]
    assert options["repository_url"] == "https://github.com/fork/course"
    assert options["launch_buttons"].keys() >= {"binderhub_url", "colab_url"}
    cell = "!git clone --quiet --depth 1 https://github.com/fork/course course\n"
    assert cell in build_site.pages()["run.md"]


def test_writing_the_sources_again_touches_what_changed_only(tmp_path):
    assert build_site.write({"a.md": "a", "b.md": "b", "c/d.md": "d"}, tmp_path) == 3
    times = {name: (tmp_path / name).stat().st_mtime_ns for name in ("a.md", "c/d.md")}
    assert build_site.write({"a.md": "a", "c/d.md": "e"}, tmp_path) == 2
    assert build_site.write({"a.md": "a", "c/d.md": "e"}, tmp_path) == 0
    assert (tmp_path / "a.md").stat().st_mtime_ns == times["a.md"]
    assert (tmp_path / "c/d.md").read_text() == "e"
    assert not (tmp_path / "b.md").exists()


# -- Colours --------------------------------------------------------------------------------------


def luminance(color):
    rgb = np.array(to_rgb(color))
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    return float(linear @ [0.2126, 0.7152, 0.0722])


def contrast(one, other):
    """The ratio of WCAG 2: 1 for the same colour, 21 for black on white."""
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


def test_contrast_is_that_of_wcag():
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.01)


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_the_colours_of_the_style_sheet_have_a_contrast_of_4_5(theme):
    css = (ROOT / "docs/_static/course.css").read_text()
    block = re.search(rf'html\[data-theme="{theme}"\] \{{(.*?)\}}', css, re.S)[1]
    colors = dict(re.findall(r"--course-(\w+): (#[0-9a-f]{6});", block))
    ground = colors.pop("ground")
    assert len(colors) >= 5
    assert {name: c for name, c in colors.items() if contrast(c, ground) < 4.5} == {}


def seen_without(cones, color):
    """A colour as somebody sees it who lacks a kind of cones (Machado and others, 2009)."""
    matrix = {
        "long": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216],
                 [-0.003882, -0.048116, 1.051998]],
        "middle": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413],
                   [-0.011820, 0.042940, 0.968881]],
    }[cones]  # fmt: skip
    rgb = np.array(to_rgb(color))
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    return np.clip(matrix @ linear, 0, 1)


def lab(linear):
    """CIE L*a*b* of linear sRGB, white D65."""
    xyz = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])
    t = (xyz @ linear) / [0.9505, 1, 1.089]
    f = np.where(t > 0.008856, np.cbrt(t), 7.787 * t + 16 / 116)
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


@pytest.mark.parametrize("cones", ["long", "middle"])
def test_what_figures_tell_by_colour_is_told_to_the_colour_blind(cones):
    """Two series differ in colour, or one is dashed and the other drawn through."""
    measured = ("realized", "drift", "quality")
    seen = {name: lab(seen_without(cones, color)) for name, color in COLORS.items()}
    alike = {
        frozenset({a, b})
        for a, b in combinations(seen, 2)
        if np.linalg.norm(seen[a] - seen[b]) < 15
    }
    assert alike <= {
        *map(frozenset, combinations(measured, 2)),  # one colour: what was measured in production
        *(frozenset({"estimated", name}) for name in measured),
    }
    assert _DASH["estimated"] not in [_DASH[name] for name in measured]


def test_lines_and_marks_stand_out_from_white():
    lines = {name: COLORS[name] for name in COLORS.keys() - {"second"}}  # areas, beside a line
    assert {name: c for name, c in lines.items() if contrast(c, "#ffffff") < 3} == {}


def test_colours_without_a_name_are_okabe_and_itos():
    style = Path(STYLE).read_text()
    cycle = re.search(r"axes.prop_cycle: cycler\(\"color\", (\[.*?\])\)", style)[1]
    palette = {"000000", "E69F00", "56B4E9", "009E73", "F0E442", "0072B2", "D55E00", "CC79A7"}
    assert set(re.findall(r"[0-9A-F]{6}", cycle)) <= palette


# -- As built -------------------------------------------------------------------------------------

HAS_SPHINX = pytest.mark.skipif(
    find_spec("myst_nb") is None or find_spec("sphinx_book_theme") is None,
    reason="needs the packages of `make site`",
)


def of_the_built_site(test):
    """Mark a test that builds the site."""
    return pytest.mark.slow(HAS_SPHINX(test))


INVISIBLE = {"script", "style", "template", "noscript"}
EMPTY = {"area", "base", "br", "col", "hr", "img", "input", "link", "meta", "source", "wbr"}


class Page(HTMLParser):
    """A page: its tags, its anchors, and the headings of its article."""

    def __init__(self, path):
        super().__init__()
        self.path, self.tags, self.headings, self._open = path, [], [], []
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag, attributes):
        attributes = dict(attributes)
        self.tags.append((tag, attributes))
        if tag not in EMPTY:
            self._open.append((tag, attributes))
        if re.fullmatch("h[1-6]", tag) and self.in_article:
            self.headings.append(int(tag[1]))

    def handle_endtag(self, tag):
        while self._open and self._open.pop()[0] != tag:
            pass

    @property
    def in_article(self):
        return any(tag == "article" for tag, _ in self._open)

    @cached_property
    def anchors(self):
        return {attributes[key] for _, attributes in self.tags for key in ("id", "name")
                if attributes.get(key)}  # fmt: skip

    def every(self, tag):
        return [attributes for name, attributes in self.tags if name == tag]


@pytest.fixture(scope="module")
def site():
    """The folder of the site, built anew where something has changed."""
    command = [sys.executable, "tools/build_site.py"]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stdout + run.stderr
    return ROOT / "build/site"


@pytest.fixture(scope="module")
def pages(site):
    return {p.relative_to(site).as_posix(): Page(p) for p in sorted(site.rglob("*.html"))}


@of_the_built_site
def test_every_lesson_solution_and_module_has_a_page(pages):
    wanted = {f"notebooks/{path.stem}.html" for path in LESSONS}
    wanted |= {f"notebooks/solutions/{path.stem}.html" for path in SOLUTIONS}
    wanted |= {f"api/{name}.html" for name in MODULES}
    wanted |= {f"{path.stem}.html" for path in (ROOT / "docs").glob("*.md")} | {"data/README.html"}
    assert wanted <= pages.keys()


@of_the_built_site
def test_no_page_loads_anything_from_the_network(site, pages):
    loads = {"script": "src", "img": "src", "iframe": "src", "source": "src", "link": "href"}
    found = [
        (name, attributes[key])
        for name, page in pages.items()
        for tag, key in loads.items()
        for attributes in page.every(tag)
        if re.match(r"(https?:)?//", attributes.get(key) or "")
    ]
    assert found == []
    for path in site.rglob("*.css"):
        assert not re.search(r"(url\(|@import)\s*['\"]?(https?:)?//", path.read_text()), path


@of_the_built_site
def test_no_page_needs_mathjax(pages):
    texts = {name: page.path.read_text(encoding="utf-8") for name, page in pages.items()}
    assert [
        name
        for name, text in texts.items()
        if re.search(r"mathjax(?!_ignore)|class=\"math", text, re.I)  # a table says to ignore it
    ] == []


@of_the_built_site
def test_every_internal_link_and_image_leads_somewhere(site, pages):
    broken = []
    for name, page in pages.items():
        links = [a.get(key) for _, a in page.tags for key in ("href", "src") if a.get(key)]
        for link in {link for link in links if not urlsplit(link).scheme}:
            parts = urlsplit(link)
            target = (page.path.parent / unquote(parts.path)).resolve() if parts.path else page.path
            target = target / "index.html" if target.is_dir() else target
            other = pages.get(target.relative_to(site).as_posix())
            lost = other and parts.fragment and unquote(parts.fragment) not in other.anchors
            if not target.exists() or lost:
                broken.append((name, link))
    assert broken == []


@of_the_built_site
def test_every_figure_says_what_it_shows_with_the_words_of_its_lesson(pages):
    for path in LESSONS:
        cells = nbformat.read(path, as_version=4).cells
        stored = [o.metadata["image/png"]["alt"] for c in cells for o in c.get("outputs", [])
                  if "image/png" in o.get("data", {})]  # fmt: skip
        shown = [a["alt"] for a in pages[f"notebooks/{path.stem}.html"].every("img") if "alt" in a]
        assert shown == stored
        assert [alt for alt in shown if not re.search(r"\d", alt)] == []
    bare = [(n, a) for n, p in pages.items() for a in p.every("img") if not a.get("alt")]
    assert bare == []


@of_the_built_site
def test_every_exercise_has_a_hint_a_check_and_a_solution_to_unfold(pages):
    for path in LESSONS:
        cells = nbformat.read(path, as_version=4).cells
        n_checks = sum(len(build_site.calls(c, "check")) for c in cells)
        n_quizzes = sum(len(build_site.calls(c, "quiz")) for c in cells)
        kinds = [
            a.get("class") or "" for a in pages[f"notebooks/{path.stem}.html"].every("details")
        ]
        assert sum("solution" in kind for kind in kinds) == n_checks, path
        assert sum("hide" in kind for kind in kinds) == n_checks + n_quizzes, path
        assert kinds.count("") >= n_checks, path


@of_the_built_site
def test_headings_skip_no_level(pages):
    for name, page in pages.items():
        levels = page.headings
        if name not in {"search.html"}:  # made by a script
            assert levels, name
            assert levels[0] == 1, name
            assert [pair for pair in pairwise(levels) if pair[1] > pair[0] + 1] == [], name


@of_the_built_site
def test_every_page_names_its_language_and_itself(pages):
    assert [n for n, p in pages.items() if p.every("html")[0].get("lang") != "en"] == []
    titles = [
        re.search("<title>(.*?)</title>", p.path.read_text(), re.S)[1] for p in pages.values()
    ]
    assert len(set(titles)) == len(titles)


@of_the_built_site
def test_no_page_names_this_machine(pages):
    assert [n for n, p in pages.items() if str(ROOT) in p.path.read_text(encoding="utf-8")] == []


@of_the_built_site
def test_the_library_tells_names_from_types(pages):
    texts = {n: p.path.read_text(encoding="utf-8") for n, p in pages.items() if n[:4] == "api/"}
    words = {name: re.sub(r"<[^>]+>", "", text) for name, text in texts.items()}
    assert "reference (DataFrame) – The sets" in words["api/course.desk.html"]
    assert "The 20 test weeks: not used in training" in words["api/course.desk.html"]
    joint = re.compile(r"\w \([\w, ]+,\) –|^Type:", re.M)
    assert {name: joint.findall(text) for name, text in words.items() if joint.search(text)} == {}


@of_the_built_site
def test_no_page_weighs_more_than_a_megabyte(site, pages):
    weights = {}
    for name, page in pages.items():
        images = {(page.path.parent / unquote(a["src"])).resolve() for a in page.every("img")}
        weights[name] = sum(path.stat().st_size for path in [page.path, *images])
    assert {name: n for name, n in weights.items() if n > 1_000_000} == {}


@of_the_built_site
def test_lessons_lead_to_the_next_and_the_previous(pages):
    names = [f"notebooks/{path.stem}.html" for path in LESSONS]
    for before, after in pairwise(names):
        arrows = {
            a["class"]: a["href"] for a in pages[before].every("a") if "-next" in a.get("class", "")
        }
        assert arrows == {"right-next": Path(after).name}


# -- In a browser ---------------------------------------------------------------------------------

# Every visible text whose contrast with the ground behind it is too low: ratio, colour, words.
DIM = """() => {
  const part = (c) => (c /= 255) <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4;
  const light = ([r, g, b]) => 0.2126 * part(r) + 0.7152 * part(g) + 0.0722 * part(b);
  const read = (text) => text.match(/[\\d.]+/g).map(Number);
  const ground = (element) => {
    for (let e = element; e; e = e.parentElement) {
      const color = read(getComputedStyle(e).backgroundColor);
      if (color.length === 3 || color[3] === 1) return color;
    }
    return [255, 255, 255];
  };
  const shown = { opacityProperty: true, visibilityProperty: true }, found = [];
  const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (texts.nextNode()) {
    const words = texts.currentNode.data.trim(), element = texts.currentNode.parentElement;
    if (!words || !element.checkVisibility(shown)) continue;
    if (element.closest('script, style, noscript, .headerlink')) continue;
    const { color, fontSize, fontWeight } = getComputedStyle(element), size = parseFloat(fontSize);
    const large = size >= 24 || (size >= 18.66 && fontWeight >= 700);
    const [high, low] = [light(read(color)), light(ground(element))].sort((a, b) => b - a);
    const ratio = (high + 0.05) / (low + 0.05);
    if (ratio < (large ? 3 : 4.5)) found.push([ratio.toFixed(2), color, words.slice(0, 40)]);
  }
  return found;
}"""


@pytest.fixture(scope="module")
def browser():
    with chromium() as running:
        yield running


@of_the_built_site
@needs_browser
def test_every_page_opens_without_complaint_and_fits_a_phone(site, pages, browser):
    page = browser.new_page(viewport={"width": 360, "height": 740})
    visit, wide = Visit(page), {}
    for name in pages:
        page.goto((site / name).as_uri())
        width = page.evaluate("document.documentElement.scrollWidth")
        if width > 360:
            wide[name] = width
    page.close()
    assert visit.complaints == []
    assert [url for url in visit.requests if not url.startswith(("file:", "data:"))] == []
    assert wide == {}


# Every block of code that is cut off though none of its lines is longer than 100 characters.
CUT = """() => [...document.querySelectorAll('.cell_input pre')]
  .filter((pre) => pre.checkVisibility() && pre.scrollWidth > pre.clientWidth)
  .map((pre) => Math.max(...pre.innerText.split('\\n').map((line) => line.length)))
  .filter((length) => length <= 100)"""
HIDDEN = """() => [...document.querySelectorAll('.cell_output .output pre')]
  .filter((pre) => pre.scrollWidth > pre.clientWidth).map((pre) => pre.innerText)"""


@of_the_built_site
@needs_browser
@pytest.mark.parametrize(("width", "cut"), [(1280, CUT), (360, HIDDEN)])
def test_code_fits_a_laptop_and_what_it_prints_a_phone(site, browser, width, cut):
    page = browser.new_page(viewport={"width": width, "height": 800})
    found = {}
    for path in LESSONS:
        page.goto((site / f"notebooks/{path.stem}.html").as_uri())
        found[path.stem] = page.evaluate(cut)
    page.close()
    assert {name: blocks for name, blocks in found.items() if blocks} == {}


# What the keyboard is at: its words and whether an outline shows it.
FOCUS = """() => {
  const e = document.activeElement, image = e.querySelector('img');
  if (e === document.body) return null;
  const flat = e.getBoundingClientRect().height === 0;
  const { outlineStyle, outlineWidth } = getComputedStyle(flat ? e.firstElementChild : e);
  const words = e.getAttribute('aria-label') || e.innerText.trim() || (image ? image.alt : '');
  return [words.trim().split('\\n')[0], outlineStyle === 'solid' && parseFloat(outlineWidth) >= 2];
}"""


@of_the_built_site
@needs_browser
@pytest.mark.parametrize("width", [1280, 360])
def test_tab_reaches_everything_and_shows_where_it_is(site, browser, width):
    page = browser.new_page(viewport={"width": width, "height": 800})
    page.goto((site / "notebooks/02_estimate_performance.html").as_uri())
    reached = []
    for _ in range(120):
        page.keyboard.press("Tab")
        if (focus := page.evaluate(FOCUS)) is None:
            break  # around once
        reached.append(focus)
    assert [words for words, outlined in reached if not outlined or not words] == []
    wanted = ["Skip to main content", "Search", "Toggle primary sidebar", "Hint", "Solution",
              "Show the check and its hints", "Show the options and the answer"]  # fmt: skip
    words = [words for words, _ in reached]
    assert [each for each in wanted if not any(each in found for found in words)] == []
    page.keyboard.press("Control+k")
    page.wait_for_selector("dialog[open] input[type=search]")
    page.close()


@of_the_built_site
@needs_browser
def test_search_finds_covariate_shift(site, browser):
    page = browser.new_page()
    visit = Visit(page)
    page.goto((site / "search.html").as_uri() + "?q=covariate+shift")
    page.wait_for_selector("#search-results li a")
    page.wait_for_function(
        "document.querySelector('#search-results').innerText.includes('Watch a model')"
    )
    page.close()
    assert visit.complaints == []


@of_the_built_site
@needs_browser
def test_a_solution_unfolds_by_mouse_and_by_keyboard(site, browser):
    page = browser.new_page()
    page.goto((site / "notebooks/02_estimate_performance.html").as_uri())
    solution = page.locator("details.solution").first
    code = solution.locator("pre")
    assert not code.is_visible()
    solution.locator("summary").click()
    assert "answer_alarms = 52 * 0.01" in code.inner_text()
    page.keyboard.press("Enter")
    assert not code.is_visible()
    check = page.locator("details.hide").first
    check.locator("summary").focus()
    page.keyboard.press("Enter")
    assert "quiz(" in check.inner_text()
    page.close()


@of_the_built_site
@needs_browser
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_every_text_has_the_contrast_that_wcag_asks_for(site, browser, theme):
    page = browser.new_page()
    page.add_init_script(f"localStorage.mode = localStorage.theme = '{theme}'")
    dim = {}
    for name in ("index", "notebooks/02_estimate_performance", "api/drift.univariate", "glossary"):
        page.goto((site / f"{name}.html").as_uri())
        assert page.evaluate("document.documentElement.dataset.theme") == theme
        page.evaluate("document.querySelectorAll('details').forEach((one) => (one.open = true))")
        dim[name] = page.evaluate(DIM)
    page.close()
    assert {name: texts for name, texts in dim.items() if texts} == {}
