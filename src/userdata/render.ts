import { HauloutError } from '../lib/errors.ts';
import { embeddedText } from './embed.ts';
import { renderSettings, type Settings } from './settings.ts';

/** The lines of `dist/bootstrap.js` that give way: to the settings, to the agent or to nothing. */
const SETTINGS = ['#HAULOUT_SETTINGS', 'settings'] as const;
const AGENT = ['#HAULOUT_AGENT', 'an agent'] as const;

export interface Measured {
  readonly bytes: number;
  readonly limit: number;
  /** Bytes left; negative: so many too many. */
  readonly headroom: number;
  readonly fits: boolean;
}

/** How much of a limit some user-data takes, in the form in which it is handed to the cloud. */
export function measure(userdata: string | Uint8Array, limit: number): Measured {
  const bytes = Buffer.byteLength(userdata);
  return { bytes, limit, headroom: limit - bytes, fits: bytes <= limit };
}

/** The launcher with these settings in it, and the agent if that is to travel in it. */
export function renderUserdata(template: string, settings: Settings, agent?: Uint8Array): string {
  const withSettings = replaced(template, SETTINGS, renderSettings(settings));
  return replaced(withSettings, AGENT, agent === undefined ? '' : embeddedText(agent));
}

function replaced(template: string, [mark, what]: readonly [string, string], text: string): string {
  const parts = template.split(`\n${mark}\n`);
  const [before, after] = parts;
  if (parts.length === 2 && before !== undefined && after !== undefined) return `${before}\n${text}${after}`;
  throw new HauloutError({
    code: 'template-invalid',
    step: 'userdata',
    subject: 'dist/bootstrap.js',
    reason: `has ${parts.length - 1} places for ${what} instead of one`,
    hint: 'run npm run build, and take the file as it was built',
  });
}
