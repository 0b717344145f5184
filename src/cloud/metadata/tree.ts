import type { InstanceDescription, RoleCredentials } from './description.ts';

/** A category: text, text made when it is asked for, or a directory of more. `undefined` is absent. */
type Entry = string | (() => string) | Directory | undefined;
interface Directory {
  readonly [name: string]: Entry;
}

export const VERSIONS: readonly string[] = [
  '1.0',
  '2007-01-19',
  '2009-04-04',
  '2014-02-25',
  '2016-09-02',
  '2018-09-24',
  '2019-10-01',
  '2020-10-27',
  '2021-03-23',
  '2021-07-15',
  '2022-09-24',
  'latest',
];

/** The text at `path` (names below a version), a listing if it is a directory, undefined if there is no such thing. */
export function lookUp(description: InstanceDescription, path: readonly string[]): string | undefined {
  let entry: Entry = root(description);
  for (const name of path) {
    if (typeof entry !== 'object' || !Object.hasOwn(entry, name)) return undefined;
    entry = entry[name];
  }
  if (path.join('/') === 'meta-data/public-keys') return keyListing(description);
  if (typeof entry === 'function') return entry();
  return typeof entry === 'object' ? listing(entry) : entry;
}

function listing(directory: Directory): string {
  return Object.entries(directory)
    .filter(([, entry]) => entry !== undefined)
    .map(([name, entry]) => (typeof entry === 'object' ? `${name}/` : name))
    .join('\n');
}

function root(description: InstanceDescription): Directory {
  return {
    dynamic: { 'instance-identity': { document: () => identityDocument(description) } },
    'meta-data': metaData(description),
    // Its bytes need not be text: the handler sends them itself, the tree only lists the name.
    'user-data': description.userData === undefined ? undefined : '',
  };
}

function metaData(about: InstanceDescription): Directory {
  const plain: Directory = {
    'ami-id': about.imageId,
    'ami-launch-index': '0',
    'ami-manifest-path': '(unknown)',
    'block-device-mapping': { ami: '/dev/xvda', root: '/dev/xvda' },
    hostname: about.hostname,
    iam: iam(about),
    'instance-action': 'none',
    'instance-id': about.instanceId,
    'instance-life-cycle': 'on-demand',
    'instance-type': about.instanceType,
    'local-hostname': about.hostname,
    'local-ipv4': about.localIpv4,
    mac: about.mac,
    network: { interfaces: { macs: { [about.mac]: networkInterface(about) } } },
    placement: { 'availability-zone': about.availabilityZone, region: about.region },
    profile: 'default-hvm',
    'public-ipv4': about.publicIpv4,
    'public-keys': publicKeys(about),
    'reservation-id': about.instanceId.replace(/^i-/, 'r-'),
    'security-groups': groups(about),
    services: { domain: 'amazonaws.com', partition: 'aws' },
    tags: about.metadataTags ? { instance: { ...about.tags } } : undefined,
  };
  return Object.entries(about.extra ?? {}).reduce((tree, [path, text]) => planted(tree, path.split('/'), text), plain);
}

function planted(tree: Directory, [name = '', ...rest]: readonly string[], text: string): Directory {
  if (rest.length === 0) return { ...tree, [name]: text };
  const below = tree[name];
  return { ...tree, [name]: planted(typeof below === 'object' ? below : {}, rest, text) };
}

function groups(about: InstanceDescription): string {
  return (about.securityGroups ?? ['default']).join('\n');
}

function networkInterface(about: InstanceDescription): Directory {
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

function publicKeys(about: InstanceDescription): Directory | undefined {
  if (!about.publicKeys?.length) return undefined;
  return Object.fromEntries(about.publicKeys.map((key, index) => [index, { 'openssh-key': key.material }]));
}

/** The one listing with a dialect of its own: `0=name`. */
function keyListing(about: InstanceDescription): string | undefined {
  return about.publicKeys?.length ? about.publicKeys.map((key, index) => `${index}=${key.name}`).join('\n') : undefined;
}

function iam(about: InstanceDescription): Directory | undefined {
  const { roleName, credentials } = about;
  if (roleName === undefined) return undefined;
  return {
    info: () => iamInfo(about, roleName),
    'security-credentials': credentials && { [roleName]: () => roleDocument(credentials()) },
  };
}

function iamInfo(about: InstanceDescription, roleName: string): string {
  return json({
    Code: 'Success',
    LastUpdated: seconds(about.launchedAt ?? new Date()),
    InstanceProfileArn: `arn:aws:iam::${about.accountId}:instance-profile/${roleName}`,
    InstanceProfileId: 'AIPALOCALCLOUD',
  });
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

function identityDocument(about: InstanceDescription): string {
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
