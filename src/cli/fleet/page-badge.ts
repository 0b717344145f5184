import { type Html, html } from './html.ts';
import type { Condition } from './row.ts';

/** In words and by shape, and only then by colour. */
const SIGNS: Readonly<Record<Condition | 'unreadable', string>> = {
  lost: '\u2715',
  failed: '!',
  degraded: '\u25b2',
  draining: '\u25bc',
  converging: '\u2026',
  healthy: '\u2713',
  ended: '\u2013',
  unreadable: '?',
};

export function badge(condition: Condition | 'unreadable'): Html {
  return html`<span class="h ${condition}"><i aria-hidden="true">${SIGNS[condition]}</i>${condition}</span>`;
}
