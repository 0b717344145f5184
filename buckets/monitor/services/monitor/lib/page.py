"""The page: all hosts, by role. What a host says of itself is text here, never markup."""

from __future__ import annotations

from datetime import datetime, timezone
from html import escape
from itertools import groupby

from drawings import KINDS, SPANS

STYLE = """
:root {
  color-scheme: light dark;
  --page: #e6f0f2; --card: #fff; --ink: #12303a; --soft: #4d6770; --line: #d5e2e5; --sea: #0e7490; --bad: #a03a14;
}
@media (prefers-color-scheme: dark) {
  :root {
    --page: #0b1519; --card: #122127; --ink: #dfecee; --soft: #9ab2b9; --line: #22363e; --sea: #5cc4d6; --bad: #ffb08a;
  }
}
* { box-sizing: border-box; }
body { margin: 0; background: var(--page); color: var(--ink); font: 1rem/1.5 system-ui, "Segoe UI", Roboto, sans-serif; }
main { max-width: 62rem; margin: 0 auto; padding: 2rem 1.25rem 3rem; }
header { display: flex; flex-wrap: wrap; align-items: baseline; gap: .25rem 1.5rem; border-bottom: .3rem solid var(--sea); }
h1 { margin: 0 auto .4rem 0; font-size: 1.9rem; letter-spacing: -.02em; }
h2 { margin: 2rem 0 .6rem; font-size: 1.1rem; color: var(--soft); font-weight: 600; }
nav a { color: var(--soft); text-decoration: none; padding: .15rem .6rem; border-radius: 1rem; }
nav a[aria-current] { background: var(--sea); color: var(--card); }
p { color: var(--soft); }
article { margin: 0 0 .9rem; padding: .9rem 1.1rem .7rem; border: 1px solid var(--line); border-radius: .7rem; background: var(--card); }
article > div { display: flex; flex-wrap: wrap; align-items: baseline; gap: 0 1rem; }
h3 { margin: 0; font: 600 1rem ui-monospace, Menlo, "DejaVu Sans Mono", monospace; }
article span { color: var(--soft); font-size: .9rem; }
article strong { margin-left: auto; color: var(--sea); font-size: .9rem; overflow-wrap: anywhere; }
.silent { border-color: var(--bad); }
.silent strong { color: var(--bad); }
.left { opacity: .65; }
.left strong { color: var(--soft); }
.drawings { display: grid; grid-template-columns: repeat(auto-fit, minmax(15rem, 1fr)); gap: .5rem 1rem; margin-top: .6rem; }
figure { margin: 0; }
figcaption { color: var(--soft); font-size: .78rem; }
img { display: block; width: 100%; max-width: 24rem; height: auto; aspect-ratio: 240 / 72; }
"""


def page(title: str, hosts: list[dict], span: str, now: float) -> str:
    roles = groupby(hosts, key=lambda host: host['role'])
    parts = ''.join(f'<h2>{escape(role)}</h2>{"".join(card(host, span, now) for host in some)}' for role, some in roles)
    nobody = '<p>Nobody has announced itself yet.</p>'
    links = ''.join(
        f'<a href="?span={each}"{" aria-current=page" if each == span else ""}>{each}</a>' for each in SPANS
    )
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="refresh" content="15">
<link rel="icon" href="data:,">
<title>{escape(title)}: {summary(hosts)}</title>
<style>{STYLE}</style>
</head>
<body>
<main>
<header><h1>{escape(title)}</h1><nav>{links}</nav></header>
<p>{summary(hosts)}; {clock(now)} UTC</p>
{parts or nobody}
</main>
</body>
</html>
"""


def summary(hosts: list[dict]) -> str:
    states = [host['state'] for host in hosts]
    counts = ((states.count(state), state) for state in ('up', 'silent', 'left'))
    return ', '.join(f'{count} {state}' for count, state in counts if count) or 'nobody'


def card(host: dict, span: str, now: float) -> str:
    state, since = host['state'], host['since']
    words = {
        'up': 'up',
        'silent': f'no answer{f" since {clock(since)}" if since else ""}: {host["trouble"]}',
        'left': f'left at {clock(since or now)}',
    }[state]
    figures = ''.join(figure(host['id'], kind, span) for kind in KINDS if host['drawn'])
    return f"""<article class="{state}">
<div><h3>{escape(host['id'])}</h3><span>{escape(host['address'])}:{host['port']}</span><strong>{escape(words)}</strong></div>
<div class="drawings">{figures}</div>
</article>
"""


def figure(instance_id: str, kind: str, span: str) -> str:
    source = f'/drawings/{escape(instance_id)}/{kind}.png?span={span}'
    return f"""<figure><figcaption>{KINDS[kind]}</figcaption><picture>
<source srcset="{source}&amp;skin=night" media="(prefers-color-scheme: dark)">
<img src="{source}&amp;skin=day" alt="{KINDS[kind]} of {escape(instance_id)}, last {span}" loading="lazy">
</picture></figure>"""


def clock(moment: float) -> str:
    return datetime.fromtimestamp(moment, timezone.utc).strftime('%H:%M:%S')
