import { writeWhole } from '../../lib/durable.ts';
import { errorCode, HauloutError } from '../../lib/errors.ts';

/** A file that programs and browsers read at any moment: the old one or the new one, never a half. */
export async function writeOut(path: string, text: string): Promise<void> {
  await writeWhole(path, text, { mode: 0o644 }).catch((error: unknown) => {
    throw new HauloutError(
      {
        code: 'not-written',
        step: 'fleet',
        subject: path,
        reason: `it could not be written (${errorCode(error) ?? 'unknown'})`,
        hint: 'is its directory there, and may you write in it?',
      },
      error,
    );
  });
}
