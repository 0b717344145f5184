import { encodeKey } from './sigv4.ts';

/** `s3://bucket/prefix`: the prefix has no slash at either end and may be empty. */
export interface BucketAddress {
  readonly bucket: string;
  readonly prefix: string;
}

/** How a store is reached. */
export interface Endpoint {
  /**
   * Absolute http or https URL; may have a path (Walrus: `http://host:8773/services/Walrus`), and `{bucket}.` before the
   * host's name where the store wants the bucket there. Undefined: Amazon's own.
   */
  readonly url: string | undefined;
  readonly region: string;
}

/** At the start of an endpoint's host: there the bucket's name goes, instead of into the path. */
export const IN_HOST = '//{bucket}.';

/** Where requests for one bucket go: scheme, host with port, and what stands before the key. */
export interface BucketOrigin {
  readonly protocol: 'http:' | 'https:';
  readonly hostname: string;
  readonly port: number;
  /** As the Host header has it: the port only where it is not the scheme's own. */
  readonly host: string;
  /** Encoded, starts with `/`, ends with `/`. */
  readonly basePath: string;
}

/** undefined: not an s3 address. A bucket name is checked by its shape only; stores differ in what they allow. */
export function parseBucketAddress(text: string): BucketAddress | undefined {
  const match = /^s3:\/\/([A-Za-z0-9][A-Za-z0-9._-]{1,254})(?:\/(.*))?$/.exec(text);
  if (!match) return undefined;
  const prefix = (match[2] ?? '').replace(/^\/+|\/+$/g, '');
  if (/(^|\/)\.{1,2}(\/|$)|\/\/|[\u0000-\u001f\u007f]/.test(prefix)) return undefined;
  return { bucket: match[1]!, prefix };
}

/**
 * Virtual-host style for Amazon (path style where the bucket's name has dots, which its certificate does not cover);
 * path style for every endpoint that was named, because stores of one's own rarely have wildcard DNS; `{bucket}.` says that
 * one has.
 */
export function bucketOrigin(endpoint: Endpoint, bucket: string): BucketOrigin {
  if (endpoint.url === undefined) {
    const suffix = endpoint.region.startsWith('cn-') ? 'amazonaws.com.cn' : 'amazonaws.com';
    const service = `s3.${endpoint.region}.${suffix}`;
    const inPath = bucket.includes('.');
    const host = inPath ? service : `${bucket}.${service}`;
    return { protocol: 'https:', hostname: host, port: 443, host, basePath: inPath ? `/${encodeKey(bucket)}/` : '/' };
  }
  const inHost = endpoint.url.includes(IN_HOST);
  const url = new URL(endpoint.url.replace(IN_HOST, `//${bucket}.`));
  const protocol = url.protocol === 'https:' ? 'https:' : 'http:';
  return {
    protocol,
    hostname: url.hostname.replace(/^\[|\]$/g, ''),
    port: url.port ? Number(url.port) : protocol === 'https:' ? 443 : 80,
    host: url.host,
    basePath: `${url.pathname.replace(/\/+$/, '')}/${inHost ? '' : `${encodeKey(bucket)}/`}`,
  };
}
