/** A metric of a scrape, with all its samples. */
export interface Metric {
  readonly name: string;
  readonly help: string;
  readonly type: string;
  readonly samples: readonly { readonly labels: Readonly<Record<string, string>>; readonly value: number }[];
}

const NAME = '[a-zA-Z_:][a-zA-Z0-9_:]*';
const LABEL = /([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\\\|\\"|\\n)*)"(,|$)/y;
const NUMBER = /^(NaN|[+-]?Inf|[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?)$/;

/**
 * Reads the text format, version 0.0.4, and throws at what is not exactly it:
 * https://prometheus.io/docs/instrumenting/exposition_formats/#text-based-format
 * The last line ends with a line feed; a metric's lines stand together, HELP and TYPE once each and before its samples; no sample twice.
 */
export function parseExposition(text: string): Metric[] {
  if (text !== '' && !text.endsWith('\n')) throw new Error('the last line does not end');
  const metrics = new Map<
    string,
    { help?: string; type?: string; samples: Metric['samples'][number][]; seen: Set<string> }
  >();
  let last = '';
  for (const line of text.split('\n').slice(0, -1)) {
    const comment = new RegExp(`^# (HELP|TYPE) (${NAME}) ([^\\n]*)$`).exec(line);
    const sample = new RegExp(`^(${NAME})(?:\\{([^\\n]*)\\})? (\\S+)$`).exec(line);
    const name = comment?.[2] ?? sample?.[1];
    if (name === undefined) throw new Error(`neither a comment nor a sample: ${line}`);
    const metric = metrics.get(name) ?? { samples: [], seen: new Set<string>() };
    if (name !== last && metrics.has(name)) throw new Error(`${name} does not stand together`);
    metrics.set(name, metric);
    last = name;
    if (comment) {
      const [, kind, , words = ''] = comment;
      if (metric.samples.length > 0) throw new Error(`${kind} of ${name} after a sample`);
      if (kind === 'HELP') {
        if (metric.help !== undefined || !/^(?:[^\\]|\\[\\n])*$/.test(words)) throw new Error(`HELP of ${name}`);
        metric.help = words;
      } else {
        if (metric.type !== undefined || !/^(counter|gauge|histogram|summary|untyped)$/.test(words))
          throw new Error(`TYPE of ${name}`);
        metric.type = words;
      }
      continue;
    }
    const labels = labelsOf(sample?.[2] ?? '');
    const print = JSON.stringify(Object.entries(labels).sort());
    if (metric.seen.has(print)) throw new Error(`a sample twice: ${line}`);
    metric.seen.add(print);
    if (!NUMBER.test(sample?.[3] ?? '')) throw new Error(`no number: ${line}`);
    metric.samples.push({ labels, value: Number(sample?.[3]) });
  }
  return [...metrics].map(([name, { help = '', type = 'untyped', samples }]) => ({ name, help, type, samples }));
}

function labelsOf(text: string): Record<string, string> {
  const labels: Record<string, string> = {};
  let at = 0;
  while (at < text.length) {
    LABEL.lastIndex = at;
    const found = LABEL.exec(text);
    if (!found) throw new Error(`no labels: ${text.slice(at)}`);
    const [all, name = '', value = ''] = found;
    if (Object.hasOwn(labels, name)) throw new Error(`a label twice: ${name}`);
    labels[name] = value.replace(/\\(.)/gs, (_, sign: string) => (sign === 'n' ? '\n' : sign));
    at += all.length;
  }
  return labels;
}
