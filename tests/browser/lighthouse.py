"""`make lighthouse`: what Lighthouse says of seven pages, one of each kind.

The program is npm's, the browser this machine's; reports lie in var/lighthouse.
"""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from playwright.sync_api import sync_playwright

from tests.browser import chromium
from tests.browser.screenshots import PEOPLE, inhabited_site, sign_in_all
from tests.page_parameters import page_parameters
from tests.pages import BUYER, PAGES, VISITOR, Page
from webapp.embedded.persisted import EmbeddedError

FOLDER = Path("var/lighthouse")
PROGRAM = FOLDER / "node_modules/.bin/lighthouse"
JUDGED = ("feed", "style", "image", "person", "wallet", "verify", "sets")
CATEGORIES = ("performance", "accessibility", "best-practices", "seo")


def judge(page: Page, address: str, cookies: str) -> dict[str, Any]:
    """Run Lighthouse on one address and return its report."""
    out = FOLDER / f"{page.name}.json"
    headers = ["--extra-headers", json.dumps({"Cookie": cookies})] if cookies else []
    flags = " ".join(["--headless=new", *chromium.launch_options()["args"]])
    subprocess.run(
        [
            *(str(PROGRAM), address, *headers, "--quiet"),
            *("--only-categories", ",".join(CATEGORIES), f"--chrome-flags={flags}"),
            *("--output", "json", "--output", "html", "--output-path", str(FOLDER / page.name)),
        ],
        env=os.environ | {"CHROME_PATH": chromium.find()},
        check=True,
    )
    (FOLDER / f"{page.name}.report.json").replace(out)
    return json.loads(out.read_text(encoding="utf-8"))


def main() -> None:
    """Judge these pages and print a table of their scores."""
    try:
        with inhabited_site() as stack:
            site = stack.urls["web"]
            places, cookies = page_parameters(site, PEOPLE), _cookies(site)
            reports = {
                page.name: judge(page, site + page.address.format(**places), cookies[page.who])
                for page in PAGES
                if page.name in JUDGED
            }
    except EmbeddedError as error:
        sys.exit(str(error))
    print(f"{'':<10}" + "".join(f"{category:>16}" for category in CATEGORIES))  # noqa: T201
    for name, report in reports.items():
        scores = [report["categories"][category]["score"] for category in CATEGORIES]
        print(f"{name:<10}" + "".join(f"{score * 100:>16.0f}" for score in scores))  # noqa: T201
        for line in _missing(report):
            print(f"    {line}")  # noqa: T201


def _cookies(site: str) -> dict[str, str]:
    """Return the headers that keep people signed in."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(**chromium.launch_options())
        states: dict[str, Any] = sign_in_all(browser, site)
        browser.close()
    buyer = "; ".join(f"{each['name']}={each['value']}" for each in states[BUYER]["cookies"])
    return {VISITOR: "", BUYER: buyer}


def _missing(report: dict[str, Any]) -> list[str]:
    """Say which audits took points away."""
    return [
        f"{audit['score']:.2f}  {audit['title']}  {audit.get('displayValue', '')}"
        for category in report["categories"].values()
        for reference in category["auditRefs"]
        if reference["weight"]
        and (audit := report["audits"][reference["id"]])["score"] is not None
        and audit["score"] < 0.9
    ]


if __name__ == "__main__":
    main()
