#!/usr/bin/env python3
"""The pay slips, on this machine only: a web server with a password stands before it.

    server.py --port PORT HOURS.CSV RATES.INI     serve /, /health and /metrics
    server.py --check HOURS.CSV RATES.INI         only look for mistakes: exit 78, all of them on standard error

SIGUSR1 makes /health answer 503, so that a balancer sends nobody any more, while pay slips are still shown.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
from html import escape
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from payroll import Mistakes, Rates, Slip, read_rates, read_slips

STYLE = """
:root { color-scheme: light dark; --page: #e6f0f2; --card: #fff; --ink: #12303a; --soft: #4d6770; --line: #d5e2e5; --sea: #0e7490; }
@media (prefers-color-scheme: dark) {
  :root { --page: #0b1519; --card: #122127; --ink: #dfecee; --soft: #9ab2b9; --line: #22363e; --sea: #5cc4d6; }
}
* { box-sizing: border-box; }
body { margin: 0; background: var(--page); color: var(--ink); font: 1rem/1.5 system-ui, "Segoe UI", Roboto, sans-serif; }
main { max-width: 64rem; margin: 0 auto; padding: 2rem 1.25rem 3rem; }
h1 { margin: 0; font-size: 1.9rem; letter-spacing: -.02em; }
p { margin: .2rem 0 1.2rem; color: var(--soft); }
div { overflow-x: auto; border: 1px solid var(--line); border-top: .3rem solid var(--sea); border-radius: .7rem; background: var(--card); }
table { width: 100%; border-collapse: collapse; font-variant-numeric: tabular-nums; }
th, td { padding: .45rem .8rem; text-align: right; border-bottom: 1px solid var(--line); }
th { color: var(--soft); font-size: .85rem; font-weight: 600; }
td:first-child, th:first-child { text-align: left; }
td { white-space: nowrap; }
td small { display: block; color: var(--soft); }
tfoot td { border-bottom: 0; font-weight: 600; }
footer { margin-top: 1rem; color: var(--soft); font-size: .85rem; }
"""


def page(slips: list[Slip], rates: Rates) -> str:
    names = [each.name for each in rates.deductions]
    heads = ''.join(f'<th>{escape(word)}</th>' for word in ('', 'hours', 'rate', 'pay', *names, 'net'))
    rows = ''.join(
        f'<tr><td>{escape(slip.name)}<small>{escape(slip.post)}</small></td><td>{slip.hours}</td><td>{slip.rate:.2f}</td>'
        f'<td>{slip.pay:,.2f}</td>{"".join(f"<td>{amount:,.2f}</td>" for _, amount in slip.deductions)}'
        f'<td>{slip.net:,.2f}</td></tr>\n'
        for slip in slips
    )
    sums = [sum(amounts) for amounts in zip(*([a for _, a in slip.deductions] for slip in slips))]
    total = ''.join(
        f'<td>{amount:,.2f}</td>' for amount in (sum(s.pay for s in slips), *sums, sum(s.net for s in slips))
    )
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<link rel="icon" href="data:,">
<title>Pay slips, {escape(rates.month)}</title>
<style>{STYLE}</style>
</head>
<body>
<main>
<h1>{escape(rates.employer)}</h1>
<p>Pay slips, {escape(rates.month)}, in {escape(rates.currency)}</p>
<div><table>
<thead><tr>{heads}</tr></thead>
<tbody>
{rows}</tbody>
<tfoot><tr><td>{len(slips)} people</td><td></td><td></td>{total}</tr></tfoot>
</table></div>
<footer>from {escape(os.environ.get('HAULOUT_INSTANCE_ID', 'this machine'))}</footer>
</main>
</body>
</html>
"""


class Handler(BaseHTTPRequestHandler):
    html = b''
    requests = 0
    drained = False
    timeout = 10

    def do_GET(self) -> None:
        Handler.requests += 1
        if self.path == '/':
            self._answer(200, 'text/html; charset=utf-8', Handler.html)
        elif self.path == '/health':
            self._answer(503 if Handler.drained else 200, 'text/plain', b'draining\n' if Handler.drained else b'well\n')
        elif self.path == '/metrics':
            numbers = f'load1 {os.getloadavg()[0]:.2f}\nrequests_total {Handler.requests}\n'
            self._answer(200, 'text/plain', numbers.encode())
        else:
            self._answer(404, 'text/plain', b'there is nothing here\n')

    def _answer(self, status: int, kind: str, body: bytes) -> None:
        self.send_response(status)
        self.send_header('Content-Type', kind)
        self.send_header('Content-Length', str(len(body)))
        self.send_header('Cache-Control', 'no-store')
        self.send_header('Content-Security-Policy', "default-src 'none'; img-src data:; style-src 'unsafe-inline'")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_) -> None:
        """Who looks is in the log of the web server before us."""


def main() -> None:
    words = argparse.ArgumentParser(description='Serve pay slips.')
    words.add_argument('--port', type=int)
    words.add_argument('--check', action='store_true')
    words.add_argument('hours', type=Path)
    words.add_argument('rates', type=Path)
    given = words.parse_args()
    try:
        rates = read_rates(given.rates)
        slips = read_slips(given.hours, rates)
    except (Mistakes, OSError) as error:
        print(error, file=sys.stderr)
        sys.exit(78)
    if given.check:
        return
    Handler.html = page(slips, rates).encode()
    signal.signal(signal.SIGUSR1, lambda *_: setattr(Handler, 'drained', True))
    ThreadingHTTPServer(('127.0.0.1', given.port), Handler).serve_forever()


if __name__ == '__main__':
    main()
