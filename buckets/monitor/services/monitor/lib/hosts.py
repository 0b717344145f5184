"""Who has announced itself: kept in one file, written anew as a whole, so that a restart forgets nobody."""

from __future__ import annotations

import json
import os
import re
import sys
import threading
import time
from dataclasses import asdict, dataclass, replace
from pathlib import Path

LARGEST = 1000  # hosts, those that have left counted
KEPT_AFTER_LEAVING = 24 * 3600
# /hosts/ROLE/INSTANCE-ID, and behind it, to announce one, /ADDRESS:PORT.
PLACE = re.compile(
    r'/hosts/(?P<role>[a-z0-9][a-z0-9._-]{0,62})/(?P<id>i-[0-9a-f]{8,17})'
    r'(?:/(?P<address>\d{1,3}(?:\.\d{1,3}){3}):(?P<port>[1-9]\d{0,4}))?'
)


@dataclass(frozen=True)
class Host:
    id: str
    role: str
    address: str
    port: int
    announced: float  # seconds since 1970, as all times here
    left: float | None = None


class Refused(Exception):
    """What was asked for is not done; the text says why, in words for who asked."""


class Hosts:
    def __init__(self, path: Path):
        self._path = path
        self._lock = threading.Lock()
        self._hosts: dict[str, Host] = {}
        if path.exists():
            try:
                self._hosts = {each['id']: Host(**each) for each in json.loads(path.read_text())}
            except (ValueError, TypeError, KeyError) as error:
                # Who is there announces itself again; what stands here is kept for who wants to know why.
                print(f'{path} cannot be read ({error}): kept as {path}.bad', file=sys.stderr)
                path.rename(f'{path}.bad')

    def all(self) -> list[Host]:
        """By role, then by the order in which they came."""
        with self._lock:
            return sorted(self._hosts.values(), key=lambda host: (host.role, host.announced, host.id))

    def get(self, instance_id: str) -> Host | None:
        with self._lock:
            return self._hosts.get(instance_id)

    def announce(self, host: Host, peer: str, answers_elsewhere) -> bool:
        """
        A host speaks for itself alone: its address must be the one that it asks from, and an instance id that answers at
        another address is taken. So no list of passwords is needed inside a network where addresses can be trusted.
        True: it was not known before, or not like this.
        """
        if host.address != peer:
            raise Refused(f'a host announces itself: you are {peer}, and not {host.address}')
        known = self.get(host.id)
        if known and known.left is None and known.address != host.address and answers_elsewhere(known):
            raise Refused(f'{host.id} answers at {known.address}')
        with self._lock:
            known = self._hosts.get(host.id)
            if known and known.left is None:
                if (known.role, known.address, known.port) == (host.role, host.address, host.port):
                    return False
                host = replace(host, announced=known.announced)
            elif known is None and len(self._hosts) >= LARGEST:
                raise Refused(f'there are {LARGEST} hosts already')
            self._hosts[host.id] = host
            self._write()
            return True

    def leave(self, instance_id: str, peer: str) -> bool:
        """Its drawings are kept for a day. True: it had not left before."""
        with self._lock:
            host = self._hosts.get(instance_id)
            if host is None or host.left is not None:
                return False
            if peer not in (host.address, '127.0.0.1'):
                raise Refused(f'a host takes itself out: you are {peer}, and {host.id} is {host.address}')
            self._hosts[instance_id] = replace(host, left=time.time())
            self._write()
            return True

    def forget_the_old(self, now: float) -> list[str]:
        """The ids of those who left a day ago: nothing is known of them any more."""
        with self._lock:
            old = [
                host.id
                for host in self._hosts.values()
                if host.left is not None and not 0 <= now - host.left < KEPT_AFTER_LEAVING
            ]
            for instance_id in old:
                del self._hosts[instance_id]
            if old:
                self._write()
            return old

    def _write(self) -> None:
        new = self._path.with_suffix('.new')
        with new.open('w') as file:
            json.dump([asdict(host) for host in self._hosts.values()], file, indent=1)
            file.flush()
            os.fsync(file.fileno())
        new.rename(self._path)
