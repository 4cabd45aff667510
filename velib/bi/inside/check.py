"""`python -m velib.bi.inside.check`: each dashboard opened in a real browser by the viewer, on the warehouse's own data.

A dashboard fails where a chart shows an error, or nothing although there is something to show, or nothing without saying why,
where a query takes longer than the limit, or where the page reaches for another host. Each query is timed by itself, once the
page is done: what it takes while a browser and a dozen others keep the machine busy says little about it.
"""

import argparse
import io
import json
import os
import re
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg2

from velib.bi.inside import prepare, private
from velib.bi.inside.browser import BrowserError, Page, opened

_WIDTH = 1400
_TALL = 4000  # charts out of view are not drawn
_LARGEST = 240_000  # bytes of a picture

# Charts that rightly show nothing where all is well, or where the feed does not say. What they say then is in the dashboards' CSS.
_MAY_BE_EMPTY = {
    "The last ten gaps",
    "Refresh",
    "Blocked, and why",
    "Where they stand, or stood last",
    "The 50 bikes to look after first",
    "The 25 stations that have been empty or full longest",
    "How full the districts are, the emptiest first",
    "Departures",
    "Who gives and who takes: the 15 largest net flows of the month's rides",
    "Notes on this moment",
    "Notes on the stations",
    "Notes on the trips",
    "Notes on the bikes",
    "Notes on what is not known yet of the bikes",
}

# Of what shows nothing: whether it can be seen, and what it says.
_EMPTY = """
[...document.querySelectorAll('.chart-slice')].map(e => {
  const text = e.querySelector('[aria-label=empty] + div > p');
  return text && e.getClientRects().length && getComputedStyle(text, '::after').content === 'none' ? e.dataset.testChartName : null;
}).filter(name => name !== null)
"""

# What Superset's pages ask for and a viewer does well without: to keep a dashboard's colours, and who did what of late.
_NOT_FOR_A_VIEWER = r"/api/v1/dashboard/\d+/colors|/api/v1/log/"

# What somebody who only looks might try: answered by 403, each.
_WRITES = """
Promise.all([
  ['POST', '/api/v1/dashboard/', {dashboard_title: 'x'}],
  ['PUT', '/api/v1/chart/1', {slice_name: 'x'}],
  ['PUT', '/api/v1/dataset/1', {description: 'x'}],
  ['PUT', '/api/v1/database/1', {database_name: 'x'}],
  ['DELETE', '/api/v1/dashboard/1', undefined],
  ['POST', '/api/v1/sqllab/execute/', {database_id: 1, sql: 'select 1'}],
].map(([method, url, body]) => fetch(url, {
  method,
  headers: {'Content-Type': 'application/json', 'X-CSRFToken': document.querySelector('#csrf_token').value},
  body: JSON.stringify(body),
}).then(answer => `${method} ${url}: ${answer.status}`)))
"""

_FILTER = "a filter"  # its list of values, which may be empty

# Keeps what charts and filters asked for and got.
_WATCH = """
window.watched = {open: 0, done: []};
const plain = window.fetch;
window.fetch = async (resource, options) => {
  const url = String(resource.url || resource);
  if (!url.includes('/api/v1/chart/data')) return plain(resource, options);
  window.watched.open += 1;
  try {
    const answer = await plain(resource, options);
    window.watched.done.push({asked: String(options?.body ?? ''), status: answer.status, text: await answer.clone().text()});
    return answer;
  } finally {
    window.watched.open -= 1;
  }
};
"""


@dataclass
class Seen:
    """What came of one dashboard."""

    title: str
    charts: int = 0
    problems: list[str] = field(default_factory=list)
    empty: list[str] = field(default_factory=list)
    seconds: dict[str, float] = field(default_factory=dict)  # of the slowest query, by chart

    def line(self) -> str:
        slowest = max(self.seconds, key=lambda name: self.seconds[name], default="")
        told = f"{self.title}: {self.charts} charts, slowest query {1000 * self.seconds.get(slowest, 0):.0f} ms ({slowest})"
        return told + (f"; nothing to show: {', '.join(self.empty)}" if self.empty else "")


class Checker:
    def __init__(self, page: Page, base: str, limit: float, pictures: Path | None) -> None:
        self.page = page
        self.base = base
        self.limit = limit
        self.pictures = pictures
        self.mart = psycopg2.connect(
            os.environ[private.DATABASE_URL], options=f"-c timezone={os.environ[private.TIME_ZONE]} -c search_path=mart"
        )
        self.mart.autocommit = True

    def log_in(self) -> None:
        page = self.page
        page.open(f"{self.base}/login/")
        for field_, text in (("username", private.VIEWER), ("password", private.password(private.VIEWER))):
            found = f"document.querySelector('[data-test={field_}-input]')"
            page.wait("the form to log in", lambda found=found: page.ask(f"!!{found}"))  # type: ignore[misc]
            page.ask(f"{found}.focus()")
            page.call("Input.insertText", text=text)
        for kind in ("keyDown", "keyUp"):
            page.call(
                "Input.dispatchKeyEvent", type=kind, key="Enter", code="Enter", text="\r", windowsVirtualKeyCode=13
            )
        page.wait("the log-in", lambda: "/login" not in page.ask("location.pathname"))

    def may_only_look(self) -> list[str]:
        """What the viewer could change, or run."""
        self.page.open(f"{self.base}/dashboard/list/")
        self.page.wait("the list of dashboards", lambda: bool(self.page.ask("!!document.querySelector('#csrf_token')")))
        return [f"the viewer may {each}" for each in self.page.ask(_WRITES) if not each.endswith(": 403")]

    def look(self, dashboard: dict[str, Any]) -> Seen:
        page, slug = self.page, dashboard["slug"]
        seen = Seen(dashboard["dashboard_title"])
        wanted = sum(1 for each in dashboard["position"].values() if isinstance(each, dict) and each["type"] == "CHART")
        page.events.clear()
        page.size(_WIDTH, _TALL)
        page.open(f"{self.base}/superset/dashboard/{slug}/")
        names = {
            each["id"]: each["slice_name"]
            for each in page.ask(f"fetch('/api/v1/dashboard/{slug}/charts').then(a => a.json())")["result"]
        }
        try:
            page.wait("all charts", lambda: self._is_done(wanted), 120)
        except BrowserError as error:
            seen.problems.append(str(error))
        time.sleep(2)  # they move in
        answers = page.ask("window.watched.done")
        self._judge(answers, names, seen)
        seen.problems += self._judge_filters(answers, dashboard, names)
        for text in page.ask(
            "[...document.querySelectorAll('[data-test=error-message],.ant-alert-error')].map(e => e.innerText)"
        ):
            seen.problems.append(f"shows: {' '.join(text.split())[:200]}")
        seen.problems += [f"{name}: shows nothing and does not say why" for name in page.ask(_EMPTY)]
        if seen.charts != wanted:
            seen.problems.append(f"{seen.charts} of {wanted} charts have answered")
        seen.problems += self._strangers()
        seen.problems += self._refused()
        if self.pictures is not None:
            self._picture(self.pictures / f"dashboard-{slug}.png")
        return seen

    def _is_done(self, wanted: int) -> bool:
        """All charts are there, none loads, and nothing is asked any more."""
        return bool(
            self.page.ask(
                f"document.querySelectorAll('[data-test-chart-id]').length >= {wanted} && window.watched.open === 0"
                f" && window.watched.done.length >= {wanted} && !document.querySelector('[data-test=loading-indicator], .loading')"
            )
        )

    def _judge(self, answers: list[dict[str, Any]], names: dict[int, str], seen: Seen) -> None:
        charts = set()
        for answer in answers:
            asked = json.loads(answer["asked"] or "{}")
            number = (asked.get("form_data") or {}).get("slice_id")
            name = _FILTER if number is None else names.get(number, str(number))
            if number is not None:
                charts.add(number)
            if answer["status"] != 200:
                seen.problems.append(f"{name}: {answer['text'][:300]}")
                continue
            for result in json.loads(answer["text"])["result"]:
                if result.get("error"):
                    seen.problems.append(f"{name}: {result['error'][:300]}")
                    continue
                self._judge_result(name, result, seen)
        seen.charts = len(charts)

    def _judge_filters(
        self, answers: list[dict[str, Any]], dashboard: dict[str, Any], names: dict[int, str]
    ) -> list[str]:
        """Charts that were asked without a filter that chooses its first value by itself."""
        datasets = {
            each["uuid"]: {column["column_name"] for column in each["columns"]}
            for _, each in prepare.objects("datasets")
        }
        charts = {each["uuid"]: each for _, each in prepare.objects("charts")}
        last: dict[str, set[str]] = {}  # the columns that each chart was filtered by in the end
        for answer in answers:
            asked = json.loads(answer["asked"] or "{}")
            number = (asked.get("form_data") or {}).get("slice_id")
            if number in names:
                last[names[number]] = {each["col"] for query in asked["queries"] for each in query["filters"]}
        problems = []
        for each in dashboard["metadata"]["native_filter_configuration"]:
            if not each["controlValues"].get("defaultToFirstItem"):
                continue
            column = each["targets"][0]["column"]["name"]
            for placed in dashboard["position"].values():
                if not isinstance(placed, dict) or placed["type"] != "CHART":
                    continue
                chart = charts[placed["meta"]["uuid"]]
                reached = placed["meta"]["chartId"] not in each["scope"]["excluded"]
                if reached and column in datasets[chart["dataset_uuid"]] - last.get(chart["slice_name"], set()):
                    problems.append(f"{chart['slice_name']}: the filter {each['name']} did not reach it")
        return problems

    def _judge_result(self, name: str, result: dict[str, Any], seen: Seen) -> None:
        query = result["query"]
        took = self._seconds(query)
        seen.seconds[name] = max(took, seen.seconds.get(name, 0))
        if took > self.limit:
            seen.problems.append(f"{name}: its query takes {took:.2f} s\n{query}")
        if name != _FILTER and not any(value is not None for row in result["data"] for value in row.values()):
            if name not in seen.empty:
                seen.empty.append(name)
            if name not in _MAY_BE_EMPTY and not self._reads_nothing(query):
                seen.problems.append(f"{name}: shows nothing\n{query}")

    def _seconds(self, query: str) -> float:
        with self.mart.cursor() as cursor:
            begun = time.perf_counter()
            cursor.execute(query)
            cursor.fetchall()
            return time.perf_counter() - begun

    def _reads_nothing(self, query: str) -> bool:
        """Whether a relation that the query reads has no row at all: a feed without bikes has no trips."""
        with self.mart.cursor() as cursor:
            for relation in sorted(set(re.findall(r'"?\bmart"?\."?(\w+)', query))):
                cursor.execute(f"select not exists (select from mart.{relation})")
                if cursor.fetchone()[0]:
                    return True
        return False

    def _strangers(self) -> list[str]:
        """Requests to other hosts that were not stopped before they left the browser."""
        stopped = {
            event["params"]["requestId"]
            for event in self.page.events
            if event["method"] == "Network.loadingFailed" and event["params"].get("blockedReason") == "csp"
        }
        return [
            f"reaches for {event['params']['request']['url']}"
            for event in self.page.events
            if event["method"] == "Network.requestWillBeSent"
            and not event["params"]["request"]["url"].startswith((self.base, "data:", "blob:"))
            and event["params"]["requestId"] not in stopped
        ]

    def _refused(self) -> list[str]:
        """What the page asked of the server and did not get: the viewer lacks a right that it needs, or something is broken."""
        answers = [
            event["params"]["response"] for event in self.page.events if event["method"] == "Network.responseReceived"
        ]
        return [
            f"{each['url'].removeprefix(self.base)}: {each['status']}"
            for each in answers
            if each["status"] >= 400 and not re.search(_NOT_FOR_A_VIEWER, each["url"])
        ]

    def _picture(self, path: Path) -> None:
        """The page as high as it is; in fewer colours where it would be too large for documentation."""
        from PIL import Image

        bottom = self.page.ask(
            "Math.max(...[...document.querySelectorAll('[data-test-chart-id]')].map(e => e.getBoundingClientRect().bottom))"
        )
        self.page.size(_WIDTH, int(bottom) + 40)
        time.sleep(2)
        path.parent.mkdir(parents=True, exist_ok=True)
        with Image.open(io.BytesIO(self.page.picture())) as taken:
            image = taken.convert("RGB")
        image.save(path, optimize=True)
        if path.stat().st_size > _LARGEST:
            image.quantize(255).save(path, optimize=True)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m velib.bi.inside.check", description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--limit", type=float, required=True)
    parser.add_argument("--pictures", type=Path)
    arguments = parser.parse_args()
    base = f"http://127.0.0.1:{arguments.port}"
    try:
        with opened() as page:
            for domain in ("Page", "Runtime", "Network"):
                page.call(f"{domain}.enable")
            page.call("Page.addScriptToEvaluateOnNewDocument", source=_WATCH)
            checker = Checker(page, base, arguments.limit, arguments.pictures)
            checker.log_in()
            may = checker.may_only_look()
            print(*may, sep="\n", end="\n" if may else "")  # noqa: T201
            failed = bool(may)
            for _, dashboard in prepare.objects("dashboards"):
                seen = checker.look(dashboard)
                failed = failed or bool(seen.problems)
                print(seen.line(), *(f"  ! {problem}" for problem in seen.problems), sep="\n", flush=True)  # noqa: T201
    except BrowserError as error:
        sys.exit(f"error: {error}")
    sys.exit(failed)


if __name__ == "__main__":
    main()
