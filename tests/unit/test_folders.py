"""The folders of the package, drawn from its imports: few nodes, no cycle."""

from __future__ import annotations

import graphlib

import grimp

MOST_FOLDERS = 9


def test_the_package_is_few_folders_without_a_cycle() -> None:
    """Imports for type checking alone do not count: nothing is loaded for them."""
    graph = grimp.build_graph("chatbot", exclude_type_checking_imports=True, cache_dir=None)
    folders = graph.find_children("chatbot")
    assert 0 < len(folders) <= MOST_FOLDERS
    for folder in folders:
        graph.squash_module(folder)
    imports = {folder: graph.find_modules_directly_imported_by(folder) for folder in folders}
    order = [*graphlib.TopologicalSorter(imports).static_order()]  # raises CycleError
    assert order[0] == "chatbot.core"
    assert order[-1] == "chatbot.bootstrap"
