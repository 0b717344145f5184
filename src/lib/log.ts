export type Level = 'debug' | 'info' | 'warn' | 'error';

/** Talk, never data. A line names subjects, numbers and digests; contents and credentials never reach it. */
export interface Log {
  debug(message: string): void;
  info(message: string): void;
  warn(message: string): void;
  error(message: string): void;
}

const PRIORITY: Record<Level, string> = { debug: '<7>', info: '<6>', warn: '<4>', error: '<3>' };

/**
 * Lines for a file or a journal. Under journald (`journal` true) each line starts with its syslog priority (sd-daemon(3));
 * elsewhere with the time and the level. Control characters of hostile names are shown, not obeyed.
 */
export function lineLog(write: (line: string) => void, options: { journal?: boolean; least?: Level } = {}): Log {
  const order: Level[] = ['debug', 'info', 'warn', 'error'];
  const least = order.indexOf(options.least ?? 'info');
  const at = (level: Level) => (message: string) => {
    if (order.indexOf(level) < least) return;
    for (const line of message.split('\n')) {
      const head = options.journal ? PRIORITY[level] : `${new Date().toISOString()} ${level.padEnd(5)} `;
      write(`${head}${visible(line)}\n`);
    }
  };
  return { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') };
}

/** Control characters of a terminal, and those that turn or break lines of any writing (Unicode UAX #9, U+2028, U+2029). */
const OBEYED = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f]|[\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/g;

/** Escape sequences and other characters that are obeyed and not seen, as visible text. */
export function visible(text: string): string {
  return text.replace(OBEYED, (c) => {
    const code = c.charCodeAt(0).toString(16);
    return code.length > 2 ? `\\u${code.padStart(4, '0')}` : `\\x${code.padStart(2, '0')}`;
  });
}

/** The same for a name, which is one line: breaks and tabs are shown too. */
export function visibleName(name: string): string {
  return visible(name).replaceAll('\n', '\\x0a').replaceAll('\t', '\\x09');
}
