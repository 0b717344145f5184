#!/usr/bin/env python3
"""Read many feeds, write one page.

    planet.py [--settings FILE] PLANET.INI    read the feeds; write index.html, atom.xml, opml.xml and the theme's files
    planet.py --check PLANET.INI              only look for mistakes in planet.ini and in the template

One line per feed goes to stderr. A feed that is broken or does not answer keeps its entries of last time, so it never
empties the page. Exit codes: 0 the page was written (whatever single feeds did), 1 it could not be written,
2 wrong usage, 78 a mistake in planet.ini or in the template.
"""

import argparse
import calendar
import configparser
import hashlib
import http.client
import json
import os
import re
import sys
import tempfile
import time
import urllib.error
import urllib.request
import uuid
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timezone
from html import escape
from html.parser import HTMLParser
from itertools import groupby
from pathlib import Path
from urllib.parse import urlsplit
from xml.etree import ElementTree

import jinja2
from markupsafe import Markup

USER_AGENT = 'planet/1 (feed aggregator)'
ACCEPT = 'application/atom+xml, application/rss+xml, application/xml, */*;q=0.5'
MAX_BYTES = 4 * 1024 * 1024  # of one feed
MAX_ENTRIES = 60  # kept of one feed
FETCHERS = 8  # feeds asked at the same time
DAY = 24 * 3600
ATOM = 'http://www.w3.org/2005/Atom'


class Mistake(Exception):
    """planet.ini or the template is wrong; the text says where."""


class Trouble(Exception):
    """A feed could not be read this time; the text says why, in words for the page."""


# ---- planet.ini


@dataclass(frozen=True)
class Feed:
    url: str
    name: str
    face: str  # the name of a picture in the theme, or nothing
    tone: int  # which of six colours stands for it on the page


@dataclass(frozen=True)
class Planet:
    name: str
    link: str
    tagline: str
    owner_name: str
    owner_email: str
    cache: Path
    output: Path
    theme: Path
    items: int
    excerpt: int
    timeout: int
    date_format: str
    day_format: str
    feeds: tuple


def read_planet(path):
    ini = configparser.ConfigParser(interpolation=None)
    ini.optionxform = str  # names stay as they are written
    try:
        ini.read_string(path.read_text('utf-8'), str(path))
    except (OSError, ValueError, configparser.Error) as error:
        raise Mistake(f'{path}: {" ".join(str(error).split())}') from error
    if not ini.has_section('Planet'):
        raise Mistake(f'{path}: there is no [Planet] section')
    own, here = ini['Planet'], path.resolve().parent
    return Planet(
        name=own.get('name', 'A planet'),
        link=own.get('link', ''),
        tagline=own.get('tagline', ''),
        owner_name=own.get('owner_name', ''),
        owner_email=own.get('owner_email', ''),
        cache=here / own.get('cache_directory', 'cache'),
        output=here / own.get('output_dir', 'output'),
        theme=here / own.get('output_theme', 'theme'),
        items=whole_number(path, own, 'items_per_page', 60),
        excerpt=whole_number(path, own, 'excerpt_length', 420),
        timeout=whole_number(path, own, 'feed_timeout', 20),
        date_format=own.get('date_format', '%d %B %Y, %H:%M'),
        day_format=own.get('day_format', '%A, %d %B %Y'),
        feeds=read_feeds(path, ini),
    )


def read_feeds(path, ini):
    urls = [section for section in ini.sections() if section != 'Planet']
    if not urls:
        raise Mistake(f'{path}: no feed is named; write a section like [https://example.org/feed.xml]')
    for url in urls:
        if not is_web_address(url):
            raise Mistake(f'{path}: the section [{url}] is no http or https address of a feed')
    return tuple(
        Feed(url, ini[url].get('name', urlsplit(url).hostname), ini[url].get('face', ''), number % 6)
        for number, url in enumerate(urls)
    )


def whole_number(path, section, key, default):
    text = section.get(key, str(default))
    if not re.fullmatch(r'[1-9][0-9]{0,5}', text):
        raise Mistake(f'{path}: {key} must be a whole number, 1 or more')
    return int(text)


def is_web_address(text):
    try:
        parts = urlsplit(text)
        return parts.scheme in ('http', 'https') and bool(parts.hostname)
    except ValueError:
        return False


def read_settings(path):
    """What bin/configure left for the page: key=value lines."""
    if path is None or not path.is_file():
        return {}
    return dict(line.split('=', 1) for line in path.read_text('utf-8').splitlines() if '=' in line)


# ---- the cache: per feed, its last good answer

MEMORY = {'url': str, 'etag': str, 'modified': str, 'link': str, 'good': int, 'odd': str, 'seen': dict, 'entries': list}
ENTRY = {'id': str, 'title': str, 'link': str, 'author': str, 'html': str, 'date': int, 'dated': bool}


def memory_path(planet, url):
    return planet.cache / (hashlib.sha256(url.encode()).hexdigest()[:16] + '.json')


def recall(planet, feed):
    """What is known of this feed. A file that is missing, torn or strange is no knowledge."""
    try:
        memory = json.loads(memory_path(planet, feed.url).read_text('utf-8'))
    except (OSError, ValueError):
        memory = None
    if has_shape(memory, MEMORY) and memory['url'] == feed.url:
        dates_whole = all(isinstance(date, int) for date in memory['seen'].values())
        if dates_whole and all(has_shape(entry, ENTRY) for entry in memory['entries']):
            return memory
    return {key: kind() for key, kind in MEMORY.items()} | {'url': feed.url}


def has_shape(value, shape):
    return isinstance(value, dict) and all(isinstance(value.get(key), kind) for key, kind in shape.items())


def remember(planet, memory):
    write_whole(memory_path(planet, memory['url']), json.dumps(memory, ensure_ascii=False).encode())


def forget_others(planet):
    """A feed that planet.ini no longer names leaves the cache."""
    wanted = {memory_path(planet, feed.url) for feed in planet.feeds}
    for path in planet.cache.glob('*.json'):
        if re.fullmatch(r'[0-9a-f]{16}\.json', path.name) and path not in wanted:
            path.unlink()


# ---- fetching


def fetch(feed, memory, timeout):
    """Body and headers of the feed; no body when it has not changed since."""
    headers = {'User-Agent': USER_AGENT, 'Accept': ACCEPT}
    if memory['etag']:
        headers['If-None-Match'] = memory['etag']
    if memory['modified']:
        headers['If-Modified-Since'] = memory['modified']
    request = urllib.request.Request(feed.url, headers=headers)
    try:
        with urllib.request.urlopen(request, timeout=timeout) as response:
            return read_body(response, timeout), {name.lower(): value for name, value in response.headers.items()}
    except urllib.error.HTTPError as error:
        if error.code == 304:
            return None, {}
        raise Trouble(f'it answers {error.code}') from error
    except (OSError, http.client.HTTPException, ValueError) as error:
        slow = isinstance(getattr(error, 'reason', error), TimeoutError)
        raise Trouble(f'no answer within {timeout} seconds' if slow else 'it cannot be reached') from error


def read_body(response, timeout):
    """The whole body, within bounds of size and time, and not half of it."""
    deadline, body = time.monotonic() + timeout, b''
    while chunk := response.read1(65536):
        body += chunk
        if len(body) > MAX_BYTES:
            raise Trouble(f'it is larger than {MAX_BYTES // 1024 // 1024} MB')
        if time.monotonic() > deadline:
            raise TimeoutError
    announced = response.headers.get('Content-Length', '')
    if announced.isdigit() and len(body) < int(announced):
        raise Trouble('the answer was cut short')
    return body


def refresh(feed, memory, answer, now):
    """What is known of the feed after this answer, and how the feed is doing: ok, same or odd."""
    body, headers = answer
    if body is None:
        return memory | {'good': now}, 'same'
    import feedparser  # the largest of all that is imported here, and --check does without

    try:
        parsed = feedparser.parse(body, response_headers={'content-location': feed.url} | headers)
    except Exception as error:  # whatever a stranger's bytes do to the parser, the other feeds go on
        raise Trouble('it cannot be understood') from error
    if not parsed.version or (parsed.bozo and not parsed.entries):
        raise Trouble('it is no feed any more')
    memory = memory | {
        'etag': headers.get('etag', ''),
        'modified': headers.get('last-modified', ''),
        'link': web_address(parsed.feed.get('link')),
        'good': now,
        'odd': oddity(parsed),
    }
    newest = enumerate(parsed.entries[:MAX_ENTRIES])
    memory['entries'] = [entry_of(raw, memory['seen'], now - place) for place, raw in newest]
    memory['seen'] = {entry['id']: entry['date'] for entry in memory['entries'] if not entry['dated']}
    return memory, 'odd' if memory['odd'] else 'ok'


def oddity(parsed):
    """Not well-formed, or in another encoding than it says: read all the same, but its owner may like to know."""
    if not parsed.bozo:
        return ''
    wrong_encoding = type(parsed.bozo_exception).__name__ == 'CharacterEncodingOverride'
    return 'its encoding is not the one it names' if wrong_encoding else 'it is not well-formed'


# ---- entries


def entry_of(raw, seen, now):
    """One entry in our own words. One without a usable date is dated by when it was first seen."""
    content = (raw.get('content') or [raw.get('summary_detail') or {}])[0]
    html = content.get('value', '') if is_html(content) else escape(content.get('value', ''))
    title, link = plain_text(raw.get('title_detail') or {}), web_address(raw.get('link'))
    identity = raw.get('id') or link or hashlib.sha256((title + html).encode()).hexdigest()
    date = date_of(raw, now)
    return {
        'id': identity,
        'title': title or 'Without a title',
        'link': link,
        'author': ' '.join(raw.get('author', '').split()),
        'html': html,
        'date': seen.get(identity, now) if date is None else date,
        'dated': date is not None,
    }


def date_of(raw, now):
    """Seconds since 1970, or None where there is no date, or one that cannot be."""
    for key in ('published_parsed', 'updated_parsed'):
        if raw.get(key):
            try:
                seconds = calendar.timegm(raw[key])
            except (ValueError, OverflowError):
                continue
            if 0 < seconds < now + DAY:
                return seconds
    return None


def web_address(text):
    return text if text and is_web_address(text) else ''


def is_html(detail):
    """feedparser has sanitised the value of these types, and of no others."""
    return detail.get('type') in ('text/html', 'application/xhtml+xml')


def plain_text(detail):
    value = detail.get('value', '')
    if is_html(detail):
        value = PlainText.of(value)
    return ' '.join(value.split())


class PlainText(HTMLParser):
    """The words of some HTML."""

    def __init__(self):
        super().__init__()
        self.words = ''

    def handle_data(self, data):
        self.words += data

    @classmethod
    def of(cls, html):
        parser = cls()
        parser.feed(html)
        parser.close()
        return parser.words


class Excerpt(HTMLParser):
    """The beginning of some HTML in a few harmless elements, with every element closed that was opened.

    This stands behind feedparser's sanitiser: an entry brings no script, and cannot break out of its place on the page.
    """

    INLINE = {'a', 'em', 'strong', 'i', 'b', 'code', 'br'}
    BLOCKS = {'p', 'pre', 'blockquote', 'ul', 'ol', 'li'}
    SAME_AS = {f'h{level}': 'p' for level in range(1, 7)} | {'div': 'p'}
    STUB = 60  # no paragraph is begun that would be cut before this many characters
    UNSEEN = {'script', 'style', 'iframe', 'svg', 'math', 'template', 'noscript', 'textarea', 'title'}

    def __init__(self, length):
        super().__init__()
        self.out, self.open, self.unseen, self.left = [], [], 0, length

    @classmethod
    def of(cls, html, length):
        parser = cls(length)
        parser.feed(html)
        parser.close()
        while parser.open:
            parser.end(parser.open[-1])
        return Markup(re.sub(r'<(p|li)>\s*</\1>', '', ''.join(parser.out)).strip())

    def handle_starttag(self, tag, attrs):
        tag = self.SAME_AS.get(tag, tag)
        if tag in self.UNSEEN:
            self.unseen += 1
        if self.unseen or self.left <= 0 or tag not in self.INLINE | self.BLOCKS:
            return
        if tag == 'br':
            self.out.append('<br>')
            return
        if tag in self.BLOCKS:
            self.end('p')
            if self.left < self.STUB:
                self.left = 0
                return
        if tag == 'a' or self.open[-1:] == [tag]:
            self.end(tag)
        link = web_address(dict(attrs).get('href')) if tag == 'a' else ''
        if tag != 'a' or link:
            self.open.append(tag)
            self.out.append(f'<a href="{escape(link)}" rel="nofollow noopener ugc">' if link else f'<{tag}>')

    def handle_endtag(self, tag):
        if tag in self.UNSEEN:
            self.unseen = max(0, self.unseen - 1)
        self.end(self.SAME_AS.get(tag, tag))

    def handle_data(self, data):
        if self.unseen or self.left <= 0:
            return
        if len(data) > self.left:
            data = re.sub(r'[\s.,;:]*\S*$', '', data[: self.left]) + ' …'
            self.left = 0
        self.left -= len(data)
        self.out.append(escape(data))

    def end(self, tag):
        while tag in self.open:
            last = self.open.pop()
            self.out.append(f'</{last}>')
            if last == tag:
                return


# ---- writing


def write_whole(path, content):
    """The file is the old one or the new one, never a part."""
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f'.{path.name}.')
    try:
        with open(handle, 'wb') as file:
            os.fchmod(file.fileno(), 0o644)
            file.write(content)
        os.replace(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise


def write_assets(planet):
    """Copy the theme without its templates. The links carry a hash: a new skin is a new link, and is seen at once."""
    links = {}
    for source in sorted(planet.theme.iterdir()):
        if source.is_file() and source.suffix != '.tmpl' and not source.name.startswith('.'):
            content = source.read_bytes()
            write_whole(planet.output / source.name, content)
            links[source.name] = f'{source.name}?v={hashlib.sha256(content).hexdigest()[:12]}'
    return links


def load_template(planet):
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(planet.theme),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters['date'] = lambda seconds: utc(seconds).strftime(planet.date_format)
    environment.filters['iso'] = iso
    try:
        return environment.get_template('index.html.tmpl')
    except jinja2.TemplateSyntaxError as error:
        raise Mistake(f'{error.filename}:{error.lineno}: {error.message}') from error
    except jinja2.TemplateNotFound as error:
        raise Mistake(f'{planet.theme}: there is no {error.name}') from error


def utc(seconds):
    return datetime.fromtimestamp(seconds, timezone.utc)


def iso(seconds):
    return utc(seconds).strftime('%Y-%m-%dT%H:%M:%SZ')


def gather(planet, memories):
    """The newest entries of all feeds, newest first, each with its feed and its excerpt."""
    entries = [entry | {'feed': feed} for feed in planet.feeds for entry in memories[feed.url]['entries']]
    entries.sort(key=lambda entry: entry['date'], reverse=True)
    return [entry | {'excerpt': Excerpt.of(entry['html'], planet.excerpt)} for entry in entries[: planet.items]]


def days_of(planet, entries):
    def day(entry):
        return utc(entry['date']).strftime(planet.day_format)

    return [(label, list(group)) for label, group in groupby(entries, day)]


def atom_of(planet, entries, now):
    root = ElementTree.Element('feed', xmlns=ATOM)
    add(root, 'title', planet.name)
    add(root, 'id', planet.link or 'urn:planet')
    add(root, 'updated', iso(now))
    add(add(root, 'author'), 'name', planet.owner_name or planet.name)
    if planet.link:
        add(root, 'link', href=planet.link)
    for entry in entries:
        item = add(root, 'entry')
        add(item, 'title', entry['title'])
        add(item, 'id', uuid.uuid5(uuid.NAMESPACE_URL, entry['feed'].url + ' ' + entry['id']).urn)
        add(item, 'updated', iso(entry['date']))
        add(add(item, 'author'), 'name', entry['author'] or entry['feed'].name)
        if entry['link']:
            add(item, 'link', href=entry['link'])
        add(item, 'content', entry['html'], type='html')
    return xml_bytes(root)


def opml_of(planet, memories):
    root = ElementTree.Element('opml', version='2.0')
    add(add(root, 'head'), 'title', planet.name)
    body = add(root, 'body')
    for feed in planet.feeds:
        add(body, 'outline', type='rss', text=feed.name, xmlUrl=feed.url, htmlUrl=memories[feed.url]['link'])
    return xml_bytes(root)


def add(parent, tag, text=None, **attributes):
    child = ElementTree.SubElement(parent, tag, {name: clean(value) for name, value in attributes.items()})
    child.text = clean(text) if text else None
    return child


def clean(text):
    """XML has no word for most control characters, feeds in the wild do."""
    return re.sub('[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]', '', text)


def xml_bytes(root):
    return ElementTree.tostring(root, encoding='utf-8', xml_declaration=True) + b'\n'


# ---- all of it


def read_all(planet, now):
    """Ask every feed. Its memory afterwards, and a line for the sidebar: how it is doing."""
    memories = {feed.url: recall(planet, feed) for feed in planet.feeds}

    def ask(feed):
        try:
            return fetch(feed, memories[feed.url], planet.timeout)
        except Trouble as trouble:
            return trouble

    with ThreadPoolExecutor(FETCHERS) as pool:
        answers = list(pool.map(ask, planet.feeds))
    subscriptions = []
    for feed, answer in zip(planet.feeds, answers):
        memory, state, trouble = memories[feed.url], 'kept', ''
        try:
            if isinstance(answer, Trouble):
                raise answer
            memory, state = refresh(feed, memory, answer, now)
            remember(planet, memory)
        except Trouble as error:
            trouble = str(error)
        memories[feed.url] = memory
        subscriptions.append(
            {'feed': feed, 'link': memory['link'], 'good': memory['good'], 'trouble': trouble, 'odd': memory['odd']}
        )
        why = trouble or memory['odd']
        print(f'{state:4} {len(memory["entries"]):3} entries  {feed.url}{": " + why if why else ""}', file=sys.stderr)
    return memories, subscriptions


def make_page(planet, settings):
    template, now = load_template(planet), int(time.time())
    for directory in (planet.cache, planet.output):
        directory.mkdir(parents=True, exist_ok=True)
    memories, subscriptions = read_all(planet, now)
    entries, links = gather(planet, memories), write_assets(planet)
    page = template.render(
        planet=planet,
        days=days_of(planet, entries),
        subscriptions=subscriptions,
        updated=now,
        title=settings.get('title', ''),
        instance=settings.get('instance', ''),
        asset=lambda name: links.get(name, name),
    )
    write_whole(planet.output / 'atom.xml', atom_of(planet, entries, now))
    write_whole(planet.output / 'opml.xml', opml_of(planet, memories))
    write_whole(planet.output / 'index.html', page.encode())  # last: it is what the others are linked from
    forget_others(planet)


def main():
    parser = argparse.ArgumentParser(description='Read many feeds, write one page.')
    parser.add_argument('--settings', type=Path, help='key=value lines from bin/configure')
    parser.add_argument('--check', action='store_true', help='only look for mistakes')
    parser.add_argument('ini', type=Path, metavar='PLANET.INI')
    words = parser.parse_args()
    try:
        planet = read_planet(words.ini)
        if words.check:
            load_template(planet)
        else:
            make_page(planet, read_settings(words.settings))
    except Mistake as mistake:
        print(f'planet: {mistake}', file=sys.stderr)
        return 78
    except (OSError, jinja2.TemplateError) as error:
        print(f'planet: the page was not written: {error}', file=sys.stderr)
        return 1
    return 0


if __name__ == '__main__':
    sys.exit(main())
