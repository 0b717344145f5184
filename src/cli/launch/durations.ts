import { parseDuration } from '../../lib/duration.ts';
import { HauloutError } from '../../lib/errors.ts';

/** Milliseconds of a flag's duration. */
export function durationOf(step: string, flag: string, text: string): number {
  const milliseconds = parseDuration(text);
  if (milliseconds !== undefined) return milliseconds;
  throw new HauloutError({
    code: 'usage',
    step,
    subject: flag,
    reason: 'this is not a duration',
    hint: `write ${flag} 30s, 5m or 1h`,
  });
}
