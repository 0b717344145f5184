"""What rrdtool keeps and draws: a file for each host, of a size that never changes, and a picture for each of its numbers."""

from __future__ import annotations

import subprocess
import threading
import time
from pathlib import Path

from asking import Numbers

EVERY = 10  # seconds: a host is asked so often, and a picture is so fresh
LIMIT_SECONDS = 20
SPANS = {'15min': 900, 'hour': 3600, 'day': 24 * 3600, 'month': 31 * 24 * 3600, 'year': 366 * 24 * 3600}
# What is drawn: the words above it, and how its value is made and shown.
KINDS = {'load': 'load', 'requests': 'requests a second', 'answer': 'answer, in ms'}
COLOURS = {
    'day': {'text': '#4d6770', 'grid': '#12303a1a', 'area': '#0e749026', 'line': '#0e7490'},
    'night': {'text': '#9ab2b9', 'grid': '#dfecee1f', 'area': '#4fb8cf26', 'line': '#4fb8cf'},
}


class Drawings:
    def __init__(self, directory: Path):
        self._directory = directory
        self._drawn: dict[tuple[str, str, str, str], tuple[float, bytes]] = {}
        self._one_at_a_time = threading.Lock()
        directory.mkdir(exist_ok=True)

    def note(self, instance_id: str, numbers: Numbers) -> None:
        path = self._path(instance_id)
        if not path.exists():
            self._create(path)
        rrdtool('update', str(path), f'N:{numbers.load:.3f}:{numbers.requests}:{numbers.answer:.3f}')

    def has(self, instance_id: str) -> bool:
        return self._path(instance_id).exists()

    def draw(self, instance_id: str, kind: str, span: str, skin: str) -> bytes | None:
        """PNG, of twice the size that it is shown at. None: nothing is kept of this host."""
        path = self._path(instance_id)
        if not path.exists():
            return None
        which = (instance_id, kind, span, skin)
        # One drawing at a time: a page of many hosts shall not take the machine from those who are asked.
        with self._one_at_a_time:
            made, picture = self._drawn.get(which, (0.0, b''))
            if not 0 <= time.monotonic() - made < EVERY:
                picture = self._graph(path, kind, span, COLOURS[skin])
                self._drawn[which] = (time.monotonic(), picture)
            return picture

    def forget(self, instance_id: str) -> None:
        self._path(instance_id).unlink(missing_ok=True)
        self._drawn = {which: drawn for which, drawn in self._drawn.items() if which[0] != instance_id}

    def _path(self, instance_id: str) -> Path:
        return self._directory / f'{instance_id}.rrd'

    def _create(self, path: Path) -> None:
        silent = 4 * EVERY  # after so many seconds without an answer there is a gap
        day, month, year = (SPANS[span] for span in ('day', 'month', 'year'))
        rrdtool(
            'create', str(path), '--step', str(EVERY),
            f'DS:load:GAUGE:{silent}:0:U', f'DS:requests:DERIVE:{silent}:0:U', f'DS:answer:GAUGE:{silent}:0:U',
            *(f'RRA:AVERAGE:0.5:{step}s:{rows}s' for step, rows in ((EVERY, day), (300, month), (3600, year))),
        )  # fmt: skip

    def _graph(self, path: Path, kind: str, span: str, colours: dict[str, str]) -> bytes:
        nothing = '#00000000'
        return rrdtool(
            'graph', '-', '--imgformat', 'PNG', '--zoom', '2', '--width', '240', '--height', '72', '--full-size-mode',
            '--start', f'-{SPANS[span]}', '--end', 'now', '--lower-limit', '0', '--units-exponent', '0', '--slope-mode',
            '--font', 'DEFAULT:7', '--border', '0', '--no-legend', '--disable-rrdtool-tag',
            *(word for name, colour in (
                ('BACK', nothing), ('CANVAS', nothing), ('FRAME', nothing), ('ARROW', nothing),
                ('FONT', colours['text']), ('AXIS', colours['grid']), ('GRID', colours['grid']),
                ('MGRID', colours['grid']),
            ) for word in ('--color', f'{name}{colour}')),
            f'DEF:value={path}:{kind}:AVERAGE',
            f'AREA:value{colours["area"]}',
            f'LINE1.5:value{colours["line"]}',
        )  # fmt: skip


def rrdtool(*words: str) -> bytes:
    ran = subprocess.run(
        ['rrdtool', *words], stdin=subprocess.DEVNULL, capture_output=True, timeout=LIMIT_SECONDS, env=ENVIRONMENT
    )
    if ran.returncode != 0:
        raise RuntimeError(f'rrdtool {words[0]} ended with {ran.returncode}: {ran.stderr.decode("utf-8", "replace")}')
    return ran.stdout


ENVIRONMENT = {'PATH': '/usr/bin:/bin', 'LANG': 'C.UTF-8', 'TZ': 'UTC', 'HOME': '/nonexistent'}
