import type { InstanceDescription, RoleCredentials } from './description.ts';

/** A category: text, text made when it is asked for, or a directory of more. `undefined` is absent. */
type Entry = string | (() => string) | Directory | undefined;
export interface Directory {
  readonly [name: string]: Entry;
}

/** The text at `path` (names below a version), a listing if it is a directory, undefined if there is no such thing. */
export function lookUp(root: Directory, path: readonly string[]): string | undefined {
  let entry: Entry = root;
  for (const name of path) {
    if (typeof entry !== 'object' || !Object.hasOwn(entry, name)) return undefined;
    entry = entry[name];
  }
  if (typeof entry === 'function') return entry();
  return typeof entry === 'object' ? ((entry[LISTED] as string | undefined) ?? listing(entry)) : entry;
}

/** A directory that is listed in words of its own has them under this name, which no path can have. */
export const LISTED = '';

function listing(directory: Directory): string {
  return Object.entries(directory)
    .filter(([name, entry]) => name !== LISTED && entry !== undefined)
    .map(([name, entry]) => (typeof entry === 'object' ? `${name}/` : name))
    .join('\n');
}

/** What stands below a version: the categories, an identity document where the cloud has one, and user-data. */
export function versionTree(about: InstanceDescription, metaData: Directory, dynamic?: Directory): Directory {
  const extra = Object.entries(about.extra ?? {});
  return {
    dynamic,
    'meta-data': extra.reduce((tree, [path, text]) => planted(tree, path.split('/'), text), metaData),
    // Its bytes need not be text: the handler sends them itself, the tree only lists the name.
    'user-data': about.userData === undefined ? undefined : '',
  };
}

/** What EC2 said in 2009, and all that speak its language say since. */
export function commonTree(about: InstanceDescription): Directory {
  return {
    'ami-id': about.imageId,
    'ami-launch-index': String(about.launchIndex ?? 0),
    'ami-manifest-path': '(unknown)',
    'block-device-mapping': { ami: '/dev/xvda', root: '/dev/xvda' },
    hostname: about.hostname,
    'instance-id': about.instanceId,
    'instance-type': about.instanceType,
    'local-hostname': about.hostname,
    'local-ipv4': about.localIpv4,
    placement: { 'availability-zone': about.availabilityZone },
    'public-keys': publicKeys(about),
    'reservation-id': about.reservationId ?? about.instanceId.replace(/^i-/, 'r-'),
    'security-groups': groups(about),
  };
}

function planted(tree: Directory, [name = '', ...rest]: readonly string[], text: string): Directory {
  if (rest.length === 0) return { ...tree, [name]: text };
  const below = tree[name];
  return { ...tree, [name]: planted(typeof below === 'object' ? below : {}, rest, text) };
}

function groups(about: InstanceDescription): string {
  return (about.securityGroups ?? ['default']).join('\n');
}

export function networkInterface(about: InstanceDescription): Directory {
  return {
    'device-number': '0',
    'local-hostname': about.hostname,
    'local-ipv4s': about.localIpv4,
    mac: about.mac,
    'owner-id': about.accountId,
    'public-ipv4s': about.publicIpv4,
    'security-groups': groups(about),
  };
}

/** The one listing with a way of its own: `0=name`. */
function publicKeys({ publicKeys: keys = [] }: InstanceDescription): Directory | undefined {
  if (keys.length === 0) return undefined;
  return {
    ...Object.fromEntries(keys.map((key, index) => [index, { 'openssh-key': key.material }])),
    [LISTED]: keys.map((key, index) => `${index}=${key.name}`).join('\n'),
  };
}

export function iam(about: InstanceDescription): Directory | undefined {
  const { roleName, credentials } = about;
  if (roleName === undefined) return undefined;
  return {
    info: () => iamInfo(about, roleName),
    'security-credentials': credentials && { [roleName]: () => roleDocument(credentials()) },
  };
}

function iamInfo(about: InstanceDescription, roleName: string): string {
  const { arn, id } = instanceProfile(about.accountId, roleName);
  return json({
    Code: 'Success',
    LastUpdated: seconds(about.launchedAt ?? new Date()),
    InstanceProfileArn: arn,
    InstanceProfileId: id,
  });
}

/** A role and its profile have one name, as the console of EC2 makes them. */
export function instanceProfile(accountId: string, roleName: string): { readonly arn: string; readonly id: string } {
  return { arn: `arn:aws:iam::${accountId}:instance-profile/${roleName}`, id: 'AIPALOCALCLOUD' };
}

function roleDocument(credentials: RoleCredentials): string {
  return json({
    Code: 'Success',
    LastUpdated: seconds(new Date()),
    Type: 'AWS-HMAC',
    AccessKeyId: credentials.accessKeyId,
    SecretAccessKey: credentials.secretAccessKey,
    Token: credentials.sessionToken,
    Expiration: seconds(credentials.expiresAt),
  });
}

export function identityDocument(about: InstanceDescription): string {
  return json({
    accountId: about.accountId,
    architecture: process.arch === 'arm64' ? 'arm64' : 'x86_64',
    availabilityZone: about.availabilityZone,
    billingProducts: null,
    imageId: about.imageId,
    instanceId: about.instanceId,
    instanceType: about.instanceType,
    kernelId: null,
    pendingTime: seconds(about.launchedAt ?? new Date(0)),
    privateIp: about.localIpv4,
    ramdiskId: null,
    region: about.region,
    version: '2017-09-30',
  });
}

function json(value: Readonly<Record<string, string | null>>): string {
  return JSON.stringify(value, null, 2);
}

/** EC2 writes times without fractions, and some readers insist on it. */
function seconds(date: Date): string {
  return date.toISOString().replace(/\.\d+Z$/, 'Z');
}
