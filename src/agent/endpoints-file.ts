import { errorCode } from '../lib/errors.ts';
import type { Log } from '../lib/log.ts';
import { readRegular } from '../lib/read-regular.ts';

/**
 * `/etc/haulout/endpoints.json`, where this machine reaches other services of its cloud than S3: `{"autoscaling":
 * "https://vpce-1.autoscaling.eu-west-1.vpce.amazonaws.com/"}`. For private endpoints, and clouds of one's own.
 */
const LARGEST = 64 * 1024;

/** undefined: Amazon's own. A broken file is said and left out. */
export async function endpointOf(
  path: string,
  service: 'autoscaling',
  log: Pick<Log, 'warn'>,
): Promise<string | undefined> {
  try {
    const bytes = await readRegular(path, LARGEST);
    const value: unknown = JSON.parse(bytes?.toString('utf8') ?? '');
    const url = typeof value === 'object' && value !== null ? (value as Record<string, unknown>)[service] : undefined;
    if (url === undefined || (typeof url === 'string' && /^https?:\/\/[^\s@]+$/.test(url) && URL.canParse(url)))
      return url;
    log.warn(`${path}: ${service} is no http or https address; Amazon's own is asked`);
  } catch (error) {
    if (errorCode(error) !== 'ENOENT' && errorCode(error) !== 'ENOTDIR')
      log.warn(`${path}: it cannot be read as JSON; Amazon's own services are asked`);
  }
  return undefined;
}
