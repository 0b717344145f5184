import { HauloutError } from '../lib/errors.ts';
import { renderSettings, type Settings } from './settings.ts';

/**
 * EC2 takes 16,384 bytes before base64; launch configurations take 21,847 characters of base64, which is one byte less.
 * The last three bytes are left for a copy that gained a line end on its way.
 */
export const LIMIT = 16_380;

/** The line of `dist/bootstrap.js` that gives way to the settings. */
const MARKER = '#HAULOUT_SETTINGS';

export interface Measured {
  readonly bytes: number;
  readonly limit: number;
  /** Bytes left; negative: so many too many. */
  readonly headroom: number;
  readonly fits: boolean;
}

/** How much of the limit some user-data takes, in the form in which it is handed to the cloud. */
export function measure(userdata: string | Uint8Array): Measured {
  const bytes = Buffer.byteLength(userdata);
  return { bytes, limit: LIMIT, headroom: LIMIT - bytes, fits: bytes <= LIMIT };
}

/** The launcher with these settings in it. */
export function renderUserdata(template: string, settings: Settings): string {
  const parts = template.split(`\n${MARKER}\n`);
  const [before, after] = parts;
  if (parts.length !== 2 || before === undefined || after === undefined) {
    throw new HauloutError({
      code: 'template-invalid',
      step: 'userdata',
      subject: 'dist/bootstrap.js',
      reason: `has ${parts.length - 1} places for settings instead of one`,
      hint: 'run npm run build, and take the file as it was built',
    });
  }
  return `${before}\n${renderSettings(settings)}${after}`;
}
