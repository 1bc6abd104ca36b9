"""What the documents say is so: the settings, the commands, the links; and the sizes that the house allows."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import click
import pytest

from opencloudmesh.protocol import errors
from opencloudmesh.server import config, states
from opencloudmesh.server.cli import main

ROOT = Path(__file__).parent.parent
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])
SOURCES = sorted(ROOT.glob("src/**/*.py"))


def commands(group, path="ocm"):
    for name, command in group.commands.items():
        yield f"{path} {name}"
        if isinstance(command, click.Group):
            yield from commands(command, f"{path} {name}")


def test_the_page_of_the_settings_is_written_from_the_table():
    assert (ROOT / "docs/configuration.md").read_text().rstrip() == config.documentation().rstrip()


def test_the_page_of_the_states_is_drawn_from_the_tables():
    assert (ROOT / "docs/states.md").read_text() == states.page()


def test_every_setting_is_an_option_of_serve():
    options = {option for parameter in main.commands["serve"].params for option in parameter.opts}
    assert {setting.option for setting in config.SETTINGS} <= options


def test_the_readme_names_every_command():
    text = (ROOT / "README.md").read_text()
    assert [name for name in commands(main) if name.split()[-1] not in text] == []


def test_what_the_readme_says_of_the_library_runs(capsys):
    for code in re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL):
        exec(code, {})
    assert capsys.readouterr().out == "one.example einstein@one.example frozenset({'read'})\n"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page):
    targets = re.findall(r"\]\((?!https?:)([^)#\s]+)\)", page.read_text())
    assert [target for target in targets if not (page.parent / target).exists()] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_files_that_are_named_exist(page):
    named = re.findall(r"`((?:src|tests|docs|demo|bench)/[\w./-]+)`", page.read_text())
    named += [
        f"src/opencloudmesh/{name}"
        for name in re.findall(r"`((?:protocol|client|server)/[\w/]+\.py)`", page.read_text())
    ]
    assert [name for name in named if not (ROOT / name).exists()] == []


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT / "src")))
def test_files_and_functions_are_short(path):
    text = path.read_text()
    assert len(text.splitlines()) <= 400
    functions = [
        node for node in ast.walk(ast.parse(text)) if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))
    ]
    assert [node.name for node in functions if node.end_lineno - node.lineno >= 50] == []


def test_every_error_has_a_status_that_http_knows():
    from http import HTTPStatus

    kinds = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, errors.OcmError)]
    assert all(HTTPStatus(kind.status) for kind in kinds)
