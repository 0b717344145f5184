import { parseBucketAddress } from '../aws/location.ts';
import { HauloutError, type Trouble } from '../lib/errors.ts';
import { addressText, parseSettings, type Settings } from '../userdata/settings.ts';
import { type EndpointOptions, saidEndpoint } from './live.ts';
import { say } from './talk.ts';

export interface SettingsOptions extends EndpointOptions {
  readonly role?: string;
  readonly state?: string;
  readonly settle?: string;
  readonly anonymous?: boolean;
  readonly owner?: string;
  readonly instanceEndpointUrl?: string;
}

/** What flags, variables and the AWS configuration say, as the settings of user-data; all commands mean the same by them. */
export async function settingsFrom(bucket: string, agent: string, options: SettingsOptions): Promise<Settings> {
  const address = parseBucketAddress(bucket);
  const { url, region } = await saidEndpoint(options);
  const endpoint = options.instanceEndpointUrl ?? url;
  const parsed = parseSettings({
    HAULOUT_BUCKET: address ? addressText(address) : bucket,
    HAULOUT_ENDPOINT: endpoint ?? '',
    HAULOUT_REGION: region ?? '',
    HAULOUT_ANONYMOUS: options.anonymous ? 'true' : '',
    HAULOUT_OWNER: options.owner ?? '',
    HAULOUT_ROLE: options.role ?? '',
    HAULOUT_STATE: options.state ?? '',
    HAULOUT_SETTLE: options.settle ?? '',
    HAULOUT_AGENT: agent,
  });
  if (parsed.ok) return parsed.settings;
  const troubles = parsed.troubles.map((trouble) => asTyped(trouble, bucket, options));
  for (const { subject, reason, hint } of troubles.slice(1)) say(`settings: ${subject}: ${reason}`, `next: ${hint}`);
  throw new HauloutError({ ...troubles[0]!, code: 'usage' });
}

const FLAGS: Readonly<Record<string, string>> = {
  HAULOUT_ENDPOINT: '--endpoint-url',
  HAULOUT_REGION: '--region',
  HAULOUT_OWNER: '--owner',
  HAULOUT_ROLE: '--role',
  HAULOUT_STATE: '--state',
  HAULOUT_SETTLE: '--settle',
};

/** In the words of the command line: nobody has written a line of user-data yet. */
function asTyped(trouble: Trouble, bucket: string, options: SettingsOptions): Trouble {
  const { subject: name, hint } = trouble;
  if (name === 'HAULOUT_BUCKET') return { ...trouble, subject: bucket, hint: 'write s3://bucket/prefix' };
  const isInstances = name === 'HAULOUT_ENDPOINT' && options.instanceEndpointUrl !== undefined;
  const flag = isInstances ? '--instance-endpoint-url' : (FLAGS[name] ?? name);
  return { ...trouble, subject: flag, hint: hint.replace(`${name}=`, `${flag} `).replace('the line', flag) };
}
