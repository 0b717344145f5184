"""A host's numbers, asked for over HTTP: `name value` lines, the plainest form of what Prometheus reads."""

import math
import socket
import time
from dataclasses import dataclass

LIMIT_SECONDS = 3.0  # for all of one answer
LIMIT_BYTES = 64 * 1024


@dataclass(frozen=True)
class Numbers:
    load: float  # load1: processes that want to run, over a minute
    requests: int  # requests_total: a counter
    answer: float  # how long this answer took, in milliseconds


class NoAnswer(Exception):
    """The text says why."""


def ask(address: str, port: int) -> Numbers:
    """HTTP/1.0, so that the answer ends where the connection does; a host that drips is left at the deadline."""
    began = time.monotonic()
    answer = b''
    try:
        with socket.create_connection((address, port), timeout=LIMIT_SECONDS) as connection:
            connection.sendall(f'GET /metrics HTTP/1.0\r\nHost: {address}\r\n\r\n'.encode())
            while True:
                # Not zero: that would mean not to wait at all, and end with other words.
                connection.settimeout(max(0.001, began + LIMIT_SECONDS - time.monotonic()))
                part = connection.recv(16 * 1024)
                if not part:
                    break
                answer += part
                if len(answer) > LIMIT_BYTES:
                    raise NoAnswer(f'its answer is larger than {LIMIT_BYTES} bytes')
    except TimeoutError as error:
        raise NoAnswer(f'its answer did not end within {LIMIT_SECONDS:g} s') from error
    except OSError as error:
        raise NoAnswer(error.strerror or str(error)) from error
    took = (time.monotonic() - began) * 1000
    head, _, body = answer.partition(b'\r\n\r\n')
    status = head.split(b'\r\n')[0].split(b' ')
    if len(status) < 2 or status[1] != b'200':
        raise NoAnswer('it does not answer with 200')
    return read(body.decode('utf-8', 'replace'), took)


def read(text: str, took: float) -> Numbers:
    found = {}
    for line in text.splitlines():
        words = line.split()
        if len(words) == 2 and words[0] in ('load1', 'requests_total'):
            try:
                found[words[0]] = float(words[1])
            except ValueError:
                continue
    if not all(math.isfinite(found.get(name, math.nan)) for name in ('load1', 'requests_total')):
        raise NoAnswer('its answer has no load1 and requests_total')
    return Numbers(load=found['load1'], requests=int(found['requests_total']), answer=took)
