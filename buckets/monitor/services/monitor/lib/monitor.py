#!/usr/bin/env python3
"""Asks all who announced themselves for their numbers, every ten seconds, and draws them.

    monitor.py --home DIRECTORY --port PORT --title TITLE

    PUT    /hosts/ROLE/INSTANCE-ID/ADDRESS:PORT    this host is there, and has its numbers at /metrics
    DELETE /hosts/ROLE/INSTANCE-ID                 it leaves
    GET    /                                       all hosts, drawn; ?span=15min, hour, day, month or year
    GET    /hosts.json                             the same, for programs
    GET    /metrics                                the monitor's own numbers: it can be asked like any other
    GET    /health                                 200 as long as hosts are being asked
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from asking import LIMIT_SECONDS, NoAnswer, ask
from drawings import COLOURS, EVERY, KINDS, SPANS, Drawings
from hosts import PLACE, Host, Hosts, Refused
from page import page

ASKERS = 32  # hosts asked at the same time
NOT_YET = 'it has not been asked yet'


class Monitor:
    def __init__(self, home: Path, title: str):
        self.title = title
        self.hosts = Hosts(home / 'hosts.json')
        self.drawings = Drawings(home / 'drawings')
        self.requests = 0
        self.last_round = time.monotonic()
        self._well: dict[str, float] = {}  # by instance id: when it last answered
        self._trouble: dict[str, str] = {}  # by instance id: why it did not, the last time it was asked
        self._askers = ThreadPoolExecutor(ASKERS)

    def run(self) -> None:
        """Asks for ever; a round that takes longer than its time is followed by the next at once."""
        while True:
            began = time.monotonic()
            for instance_id in self.hosts.forget_the_old(time.time()):
                self.drawings.forget(instance_id)
                self._well.pop(instance_id, None)
                self._trouble.pop(instance_id, None)
            list(self._askers.map(self._ask, [host for host in self.hosts.all() if host.left is None]))
            self.last_round = time.monotonic()
            time.sleep(max(0.0, began + EVERY - time.monotonic()))

    def answers(self, host: Host) -> bool:
        try:
            ask(host.address, host.port)
            return True
        except NoAnswer:
            return False

    def is_well(self) -> bool:
        longest = EVERY + LIMIT_SECONDS * (1 + len(self.hosts.all()) / ASKERS)
        return time.monotonic() - self.last_round < 2 * longest

    def announce(self, host: Host, peer: str) -> bool:
        is_new = self.hosts.announce(host, peer, self.answers)
        if is_new:
            self._askers.submit(self._ask, host)
        return is_new

    def seen(self) -> list[dict]:
        """Each host as others shall see it: what is known of it, and how it is: up, silent or left."""
        return [self._seen(host) for host in self.hosts.all()]

    def _seen(self, host: Host) -> dict:
        well = self._well.get(host.id)
        trouble = None if host.left else self._trouble.get(host.id, None if well else NOT_YET)
        return {
            'id': host.id,
            'role': host.role,
            'address': host.address,
            'port': host.port,
            'announced': host.announced,
            'state': 'left' if host.left else 'silent' if trouble else 'up',
            'since': host.left or well,
            'trouble': trouble,
            'drawn': self.drawings.has(host.id),
        }

    def _ask(self, host: Host) -> None:
        try:
            numbers = ask(host.address, host.port)
        except NoAnswer as error:
            self._trouble[host.id] = str(error)
            return
        self._trouble.pop(host.id, None)
        before, self._well[host.id] = self._well.get(host.id, 0.0), time.time()
        if abs(self._well[host.id] - before) < 2:  # rrdtool keeps one value a second; a host that is new was just asked
            return
        try:
            self.drawings.note(host.id, numbers)
        except Exception as error:  # a drawing that is broken or has no room must not end the asking
            print(f'{host.id}: {error}', file=sys.stderr)


class Handler(BaseHTTPRequestHandler):
    monitor: Monitor
    timeout = 10
    server_version = 'monitor'
    sys_version = ''

    def do_GET(self) -> None:
        self.monitor.requests += 1
        url = urlsplit(self.path)
        asked = parse_qs(url.query)
        span = asked.get('span', ['15min'])[0]
        if url.path == '/':
            html = page(self.monitor.title, self.monitor.seen(), span if span in SPANS else '15min', time.time())
            self._answer(200, 'text/html; charset=utf-8', html.encode())
        elif url.path.startswith('/drawings/'):
            self._draw(url.path.split('/')[2:], span, asked.get('skin', ['day'])[0])
        elif url.path == '/hosts.json':
            self._answer(200, 'application/json', json.dumps(self.monitor.seen(), indent=1).encode() + b'\n')
        elif url.path == '/metrics':
            load = os.getloadavg()[0]
            self._words(200, f'load1 {load:.2f}\nrequests_total {self.monitor.requests}')
        elif url.path == '/health':
            self._words(200 if self.monitor.is_well() else 503, f'{len(self.monitor.hosts.all())} hosts')
        else:
            self._words(404, 'there is nothing here')

    def do_PUT(self) -> None:
        place = PLACE.fullmatch(self.path)
        if not place or place['address'] is None or not 0 < int(place['port']) < 65536:
            self._words(404, 'announce a host as /hosts/ROLE/INSTANCE-ID/ADDRESS:PORT')
            return
        host = Host(place['id'], place['role'], place['address'], int(place['port']), time.time())
        self._change(
            lambda: self.monitor.announce(host, self.client_address[0]),
            f'{host.id} ({host.role}) is there, at {host.address}:{host.port}',
        )

    def do_DELETE(self) -> None:
        place = PLACE.fullmatch(self.path)
        if not place or place['address'] is not None:
            self._words(404, 'take a host out as /hosts/ROLE/INSTANCE-ID')
            return
        self._change(
            lambda: self.monitor.hosts.leave(place['id'], self.client_address[0]),
            f'{place["id"]} ({place["role"]}) leaves',
        )

    def _change(self, change, words: str) -> None:
        self.monitor.requests += 1
        try:
            if change():
                print(words, file=sys.stderr)
        except Refused as error:
            self._words(403, str(error))
        else:
            self._words(200, words)

    def _draw(self, path: list[str], span: str, skin: str) -> None:
        instance_id, _, name = '/'.join(path).partition('/')
        kind = name.removesuffix('.png')
        host = self.monitor.hosts.get(instance_id)
        if host is None or kind not in KINDS or span not in SPANS or skin not in COLOURS:
            self._words(404, 'there is no such drawing')
            return
        picture = self.monitor.drawings.draw(host.id, kind, span, skin)
        if picture is None:
            self._words(404, 'it has not answered yet')
        else:
            self._answer(200, 'image/png', picture)

    def _words(self, status: int, text: str) -> None:
        self._answer(status, 'text/plain; charset=utf-8', f'{text}\n'.encode())

    def _answer(self, status: int, kind: str, body: bytes) -> None:
        self.send_response(status)
        self.send_header('Content-Type', kind)
        self.send_header('Content-Length', str(len(body)))
        self.send_header('Cache-Control', 'no-store')
        self.send_header('X-Content-Type-Options', 'nosniff')
        self.send_header('Content-Security-Policy', "default-src 'none'; img-src 'self' data:; style-src 'unsafe-inline'")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_) -> None:
        """What changes is told; who looked is not."""


def main() -> None:
    words = argparse.ArgumentParser(description='Ask hosts for their numbers, and draw them.')
    words.add_argument('--home', type=Path, required=True)
    words.add_argument('--port', type=int, required=True)
    words.add_argument('--title', required=True)
    given = words.parse_args()
    Handler.monitor = Monitor(given.home, given.title)
    threading.Thread(target=Handler.monitor.run, daemon=True).start()
    ThreadingHTTPServer(('', given.port), Handler).serve_forever()


if __name__ == '__main__':
    main()
