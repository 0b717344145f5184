import { HauloutError } from '../../lib/errors.ts';
import { EXIT } from '../../lib/exit.ts';
import { NotAStatus, readStatus } from '../../status/read-status.ts';
import type { Status } from '../../status/status.ts';
import { printJson } from '../talk.ts';
import { explainText } from './explain-text.ts';
import { explanationOf } from './explanation.ts';
import { type FoundStatus, findInstance } from './find.ts';
import { atDesk, openPlace, type Place, type PlaceOptions } from './place.ts';
import { LARGEST_STATUS } from './read-fleet.ts';

export interface ExplainOptions extends PlaceOptions {
  readonly json?: boolean;
}

/** `haulout explain ID s3://bucket`: the first thing that went wrong on an instance, and all that belongs to it. */
export async function explainInstance(id: string, address: string, options: ExplainOptions): Promise<number> {
  const place = await openPlace(address, options);
  try {
    const found = await findInstance(place, id);
    const status = await atDesk(place.state.bucket, () => read(place, found));
    const now = place.reader.serverDate ?? Date.now();
    const explanation = explanationOf(status, found.object.lastModified, now);
    if (options.json) {
      const { condition, heard, failing } = explanation;
      const at = { at: new Date(now).toISOString(), heard: new Date(heard).toISOString() };
      printJson({ schema: 1, state: place.text, ...at, condition, ...(failing ? { failing } : {}), status });
    } else process.stdout.write(explainText(status, explanation));
    return EXIT.done;
  } finally {
    place.reader.close();
  }
}

async function read({ reader }: Place, { name, object: { key } }: FoundStatus): Promise<Status> {
  const not = (reason: string) =>
    new HauloutError({
      code: 'status-unreadable',
      step: 'bucket',
      subject: key,
      reason,
      hint: 'the instance writes it anew at its next sync that changes something; `haulout status` on it says the same',
    });
  const bytes = await reader.readSmall(key, LARGEST_STATUS);
  if (!bytes) throw not('it is gone since it was listed');
  try {
    return readStatus(bytes, name);
  } catch (error) {
    throw error instanceof NotAStatus ? not(error.message) : error;
  }
}
