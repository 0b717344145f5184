import type { Log } from '../lib/log.ts';
import type { Hosts } from './ec2/hosts.ts';
import { Ec2Endpoint } from './ec2/server.ts';
import type { Keys, LocalKey } from './keys.ts';
import type { RoleCredentials } from './metadata/description.ts';
import type { LocalCloudOptions } from './options.ts';
import { S3Endpoint } from './s3/server.ts';

const ACCOUNT = '123456789012';
const HOUR = 3_600_000;

export const silent: Log = {
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
};

export type RoleKey = LocalKey & { readonly sessionToken: string };

/** What both endpoints of one cloud stand on. */
interface Ground {
  readonly region: string;
  readonly keys: Keys;
}

export function newS3(
  { region, keys, data }: Ground & { readonly data: string },
  options: LocalCloudOptions,
): S3Endpoint {
  const { onRequest, faults, listing, pageKeys, ifMatch, basePath } = options;
  return new S3Endpoint({
    region,
    keys: keys.find,
    dataDirectory: data,
    accountId: ACCOUNT,
    anonymousRead: options.anonymousRead ?? false,
    anonymousWrite: options.anonymousWrite ?? false,
    ...(onRequest ? { onRequest } : {}),
    ...(faults ? { faults } : {}),
    ...(listing ? { listing } : {}),
    ...(pageKeys ? { pageKeys } : {}),
    ...(ifMatch ? { ifMatch } : {}),
    ...(basePath ? { basePath } : {}),
  });
}

export function newEc2(
  { region, keys, roleKey, hosts }: Ground & { readonly roleKey: RoleKey; readonly hosts: Hosts },
  options: LocalCloudOptions,
): Ec2Endpoint {
  const { onEc2Request, ec2Faults, addressPorts, launchOptions, shutdown } = options;
  return new Ec2Endpoint({
    region,
    keys: keys.find,
    accountId: ACCOUNT,
    hosts,
    log: options.log ?? silent,
    credentials: () => handedOut(roleKey),
    ...(onEc2Request ? { onRequest: onEc2Request } : {}),
    ...(ec2Faults ? { faults: ec2Faults } : {}),
    ...(addressPorts ? { addressPorts } : {}),
    ...(launchOptions ? { launchOptions } : {}),
    ...(shutdown ? { shutdown } : {}),
  });
}

/** A role's key as the metadata service hands it out. */
export function handedOut({ accessKeyId, secretAccessKey, sessionToken }: RoleKey): RoleCredentials {
  return { accessKeyId, secretAccessKey, sessionToken, expiresAt: new Date(Date.now() + 6 * HOUR) };
}
