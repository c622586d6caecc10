"""Links in the documents lead somewhere, also to headings."""

import re
from pathlib import Path

import pytest

from tests.documents.blocks import DOCUMENTS


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda document: document.name)
def test_links_lead_somewhere(document: Path) -> None:
    text = document.read_text(encoding="utf-8")
    for link, anchor in re.findall(r"\]\(([^)#\s]*)(?:#([^)]*))?\)", text):
        if "://" not in link:
            target = document.parent / link if link else document
            assert target.exists(), f"{document.name} links to {link}"
            assert not anchor or anchor in _anchors(target), f"{document.name} links to {link}#{anchor}"


def _anchors(document: Path) -> set[str]:
    """The anchors of a page's headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.*)$", document.read_text(encoding="utf-8"), re.M)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}
