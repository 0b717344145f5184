import { cpuOf, seconds, title } from './page.ts';
import type { ReadingPhase, Results } from './results.ts';

const WIDTH = 880;
const LABEL = 200;
const ROW = 26;
const HEAD = 46;
const GAP = 26;

/** docs/bench.svg: a bar a client, a panel a phase; as light or as dark as the page it is shown on. */
export function picture({ reading }: Results): string {
  let top = 16;
  const panels: string[] = [];
  for (const phase of reading?.phases ?? []) {
    panels.push(panel(phase, top));
    top += HEAD + phase.clients.length * ROW + GAP;
  }
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${top}" width="${WIDTH}" height="${top}" role="img" aria-label="Processor seconds of haulout and other clients">
${STYLE}<rect class="ground" width="${WIDTH}" height="${top}" rx="10"/>
${panels.join('')}</svg>
`;
}

const STYLE = `<style>
  text { font: 14px system-ui, -apple-system, "Segoe UI", Helvetica, Arial, sans-serif; fill: #3b4652 }
  .ground { fill: #ffffff; stroke: #dde3e8 }
  .title { font-size: 16px; font-weight: 600; fill: #14202b }
  .note { font-size: 12px; fill: #6b7886 }
  .bar { fill: #b9c4ce }
  .own { fill: #0b7285 }
  .own-text { font-weight: 600; fill: #0b7285 }
  @media (prefers-color-scheme: dark) {
    text { fill: #b6c2ce }
    .ground { fill: #0f161d; stroke: #263340 }
    .title { fill: #eef3f7 }
    .note { fill: #8594a3 }
    .bar { fill: #41505f }
    .own { fill: #3bc9db }
    .own-text { fill: #3bc9db }
  }
</style>
`;

function panel(phase: ReadingPhase, top: number): string {
  const [name, what] = title(phase).split(': ');
  const most = Math.max(...phase.clients.map(cpuOf));
  const room = WIDTH - LABEL - 150;
  const own = phase.clients.find((client) => client.name === 'haulout');
  const rows = phase.clients.map((client, at) => {
    const y = top + HEAD + at * ROW;
    const cost = cpuOf(client);
    const length = Math.max(2, (cost / most) * room);
    const mine = client === own;
    const ratio = own && !mine ? `  (${(cost / cpuOf(own)).toFixed(1)}x)` : '';
    return [
      `<text x="${LABEL - 12}" y="${y + 13}" text-anchor="end"${mine ? ' class="own-text"' : ''}>${client.name.replace('--use-server-modtime', '(server times)')}</text>`,
      `<rect x="${LABEL}" y="${y}" width="${length.toFixed(1)}" height="18" rx="3" class="${mine ? 'own' : 'bar'}"/>`,
      `<text x="${(LABEL + length + 10).toFixed(1)}" y="${y + 13}"${mine ? ' class="own-text"' : ''}>${seconds(cost)} s${ratio}</text>`,
    ].join('\n');
  });
  const head = `<text x="24" y="${top + 22}" class="title">${name}</text>
<text x="${WIDTH - 24}" y="${top + 22}" text-anchor="end" class="note">${what}; processor seconds, less is better</text>`;
  return `${head}\n${rows.join('\n')}\n`;
}
