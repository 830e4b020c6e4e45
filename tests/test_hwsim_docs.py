"""The reference of hwsim: its examples run, nothing public is without a text, and every text is on a page."""

import ast
import doctest
import importlib
import inspect
import io
import pkgutil
import re
import subprocess
import sys
from functools import cached_property

import pytest
import yaml

import hwsim
from hwsim import machines
from tools import reference_page
from tools.environment import ROOT

FOLDER = ROOT / "chapters" / "simulator"
MODULES = sorted(module.name for module in pkgutil.walk_packages(hwsim.__path__, "hwsim."))
MACHINES = [name for name in machines.__all__ if hasattr(getattr(machines, name), "run")]
MAY_IMPORT = {("tpu", "systolic")}  # a machine stands alone, but for these


def own(module):
    """The public functions and classes that a module defines."""
    things = vars(importlib.import_module(module)).items()
    return [
        thing
        for name, thing in things
        if not name.startswith("_")
        and (inspect.isclass(thing) or inspect.isfunction(thing))
        and thing.__module__ == module
    ]


def members(cls):
    """The public methods and properties that a class defines, as (name, docstring)."""
    for name, value in vars(cls).items():
        value = getattr(value, "__func__", value)
        if not name.startswith("_") and (
            isinstance(value, property | cached_property) or inspect.isfunction(value)
        ):
            yield name, value.__doc__


@pytest.fixture(scope="module")
def reference(tmp_path_factory):
    """The reference as Sphinx reads it with the book's settings: names that are on a page, and warnings."""
    from docutils.parsers.rst import Directive
    from sphinx.application import Sphinx
    from sphinx.util.docutils import docutils_namespace, patch_docutils

    settings = yaml.safe_load((ROOT / "book.yml").read_text())["sphinx"]["config"]
    ours = ("autodoc", "napoleon", "default_role", "add_module_names", "toc_object", "highlight_language")
    settings = {name: value for name, value in settings.items() if name.startswith(ours)}
    settings |= {
        "extensions": [
            "myst_parser",
            "sphinx.ext.autodoc",
            "tools.reference_page",
            "sphinx.ext.napoleon",
        ],
        "include_patterns": ["*.md"],
    }

    class Nothing(Directive):  # in the place of the validation table, which has its own tests
        def run(self):
            return []

    folder, warnings = tmp_path_factory.mktemp("reference"), io.StringIO()
    with patch_docutils(), docutils_namespace():
        app = Sphinx(FOLDER, None, folder, folder / "doctrees", "dummy", settings, None, warnings)
        app.add_directive("validation-table", Nothing)
        app.build()
    lines = warnings.getvalue().splitlines()
    # The table of contents is the book's.
    return app.env.get_domain("py").objects, [line for line in lines if "in any toctree" not in line]


@pytest.mark.parametrize("module", MODULES)
def test_the_examples_of_a_module_run(module):
    assert doctest.testmod(importlib.import_module(module)).failed == 0


@pytest.mark.parametrize("page", sorted(FOLDER.glob("*.md")), ids=lambda page: page.stem)
def test_the_examples_of_a_page_run(page):
    blocks = re.findall(r"^```pycon\n(.*?)^```", page.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    test = doctest.DocTestParser().get_doctest("\n".join(blocks), {}, page.name, str(page), 0)
    assert doctest.DocTestRunner().run(test).failed == 0
    assert test.examples or page.stem != "index"


@pytest.mark.parametrize("name", MACHINES)
def test_a_machine_has_an_example_and_says_what_it_leaves_out_and_was_held_against(name):
    text = inspect.getdoc(vars(machines)[name])
    assert doctest.DocTestParser().get_examples(text)
    text = " ".join(text.split())
    assert "Held against" in text
    assert "Left out" in text


def test_there_are_machines():
    assert {"EIE", "FPGA", "DaDianNao", "EdgeTPU", "Eyeriss", "SystolicArray"} <= set(MACHINES)
    assert {"TPUv1", "TPUv2", "TPUv3"} <= set(MACHINES)


@pytest.mark.parametrize("module", MODULES)
def test_everything_public_has_a_text(module):
    assert importlib.import_module(module).__doc__
    for thing in own(module):
        # A dataclass without a docstring gets its signature for one.
        assert thing.__doc__, thing
        assert not thing.__doc__.startswith(f"{thing.__name__}("), thing
        if inspect.isclass(thing):
            for name, text in members(thing):
                assert text, f"{thing.__qualname__}.{name}"


def test_every_public_name_is_on_a_page(reference):
    objects, _ = reference
    missing = []
    for module in MODULES:
        for thing in own(module):
            names = [f"{module}.{thing.__qualname__}"]
            names += [f"{names[0]}.{name}" for name, _ in members(thing)] if inspect.isclass(thing) else []
            missing += [name for name in names if name not in objects]
    data = {name.rsplit(".", 1)[1] for name, entry in objects.items() if entry.objtype == "data"}
    for name in hwsim.__all__:
        thing = getattr(hwsim, name)
        if inspect.ismodule(thing):
            missing += [] if thing.__name__ in objects else [name]
        elif not (inspect.isclass(thing) or inspect.isfunction(thing)):
            missing += [] if name in data else [f"{name}: say what it is in a comment `#: ...` above it"]
    assert not missing, f"not on a page of chapters/simulator: {missing}"


def test_sphinx_has_nothing_to_say_of_the_reference(reference):
    assert reference[1] == []


def test_only_the_tpus_stand_on_another_machine():
    files = [path for path in (ROOT / "hwsim" / "machines").glob("*.py") if path.stem != "__init__"]
    found = set()
    for path in files:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = []
            if isinstance(node, ast.ImportFrom):
                assert node.level == 0, f"{path.name}: relative import"
                names = [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
                assert node.module != "hwsim", f"{path.name}: import from the module itself"
            elif isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            found |= {(path.stem, other.stem) for other in files if f"hwsim.machines.{other.stem}" in names}
            assert "hwsim.machines" not in names, f"{path.name} imports all machines"
    assert found == MAY_IMPORT


def test_hwsim_needs_nothing_but_numpy():
    code = (
        "import sys; before = set(sys.modules); import hwsim; "
        "new = [name for name in set(sys.modules) - before if getattr(sys.modules[name], '__spec__', None)]; "  # not Cython's own
        "print(*{name.partition('.')[0] for name in new} - sys.stdlib_module_names)"
    )
    result = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert set(result.stdout.split()) == {"hwsim", "numpy"}


def test_a_docstring_becomes_what_napoleon_reads():
    text = """A thing.

    Parameters
    ----------
    rows, cols : int, PEs
        that multiply
    table : EnergyTable

    Modelled: all. Left
    out: none.

    Returns
    -------
    dict of level -> joules. More
    of it.

    Held against: nothing."""
    assert reference_page.prepared(inspect.cleandoc(text).splitlines()) == [
        *["A thing.", ""],
        *["Parameters", "----------", "rows, cols", "    int, PEs", "    that multiply", "table"],
        *["    EnergyTable", "", "", "**Modelled**: all. **Left out**: none.", "", ""],
        *[":returns: dict of level -> joules. More", "    of it.", "", "**Held against**: nothing.", ""],
    ]


def test_defaults_stand_in_a_signature_as_they_were_written():
    assert reference_page.defaults(machines.TPUv3)["clock"] == "940e6"
    assert reference_page.defaults(machines.TPUv3)["table"] == "HOROWITZ_45NM"
    assert reference_page.defaults(hwsim.Report)["energy"] == "dict()"
    assert reference_page.defaults(machines.FPGA)["part"] == 'FPGA_PARTS["XC7Z020"]'
