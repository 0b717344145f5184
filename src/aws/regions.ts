import type { IncomingHttpHeaders } from 'node:http';
import { type BucketOrigin, bucketOrigin, type Endpoint, IN_HOST } from './location.ts';

/** Where a bucket is asked, and the region its requests are signed for. */
export interface Site {
  readonly region: string;
  readonly origin: BucketOrigin;
}

/** What a store answered that was not 200, as far as it may say where the bucket is. */
export interface Refusal {
  readonly status: number;
  /** S3's own word. */
  readonly code: string;
  readonly headers: IncomingHttpHeaders;
  /** The error document. */
  readonly document: string;
}

const REGION = /^[a-z0-9][a-z0-9-]{0,62}$/;
const AMAZON = /^(?:[a-z0-9.-]+\.)?s3(?:[.-]([a-z0-9-]+))?\.amazonaws\.com(\.cn)?$/;

export function siteOf(endpoint: Endpoint, bucket: string): Site {
  return { region: endpoint.region, origin: bucketOrigin(endpoint, bucket) };
}

/**
 * Where a redirect leads, if it may be followed: https://docs.aws.amazon.com/AmazonS3/latest/userguide/UsingRouting.html
 * Never to another scheme, nor out of the store: of Amazon's answer only the region is believed, and the host made from it;
 * a store that was named is followed to its own host and to hosts below that. A signed request, and the token of a role with
 * it, goes nowhere else. Undefined: it is no redirect, or it leads elsewhere, or to where we are.
 */
export function redirected(from: Site, endpoint: Endpoint, bucket: string, refusal: Refusal): Site | undefined {
  const { status, code } = refusal;
  if (status !== 301 && status !== 307 && !(status === 400 && code === 'AuthorizationHeaderMalformed'))
    return undefined;
  const host = hostOf(refusal, from.origin);
  const region = regionOf(refusal, host?.hostname) ?? from.region;
  const origin = isAmazon(endpoint) ? amazonOrigin(from, region, bucket) : ownOrigin(from, endpoint, bucket, host);
  if (!origin || (region === from.region && origin.host === from.origin.host)) return undefined;
  return { region, origin };
}

/** Its word for the place a bucket is in; undefined where it has none of the right shape. */
function regionOf({ headers, document }: Refusal, host: string | undefined): string | undefined {
  const words = [
    headers['x-amz-bucket-region'],
    /<Region>([^<]{1,63})<\/Region>/.exec(document)?.[1],
    AMAZON.exec(host ?? '')?.[1],
  ];
  return words.find((word): word is string => typeof word === 'string' && REGION.test(word));
}

function hostOf({ headers, document }: Refusal, origin: BucketOrigin): URL | undefined {
  const named = /<Endpoint>([A-Za-z0-9.:-]{1,255})<\/Endpoint>/.exec(document)?.[1];
  const text = headers.location ?? (named === undefined ? undefined : `${origin.protocol}//${named}`);
  const base = `${origin.protocol}//${origin.host}`;
  return text !== undefined && URL.canParse(text, base) ? new URL(text, base) : undefined;
}

function isAmazon({ url }: Endpoint): boolean {
  return url === undefined || (url.startsWith('https:') && AMAZON.test(new URL(url).host));
}

/** China's regions are another cloud under another name: no redirect leads there or back. */
function amazonOrigin(from: Site, region: string, bucket: string): BucketOrigin | undefined {
  if (region.startsWith('cn-') !== from.origin.hostname.endsWith('.cn')) return undefined;
  return bucketOrigin({ url: undefined, region }, bucket);
}

function ownOrigin(from: Site, { url }: Endpoint, bucket: string, to: URL | undefined): BucketOrigin | undefined {
  if (!to || (to.host === from.origin.host && to.protocol === from.origin.protocol)) return from.origin;
  const store = new URL((url ?? '').replace(IN_HOST, '//'));
  const inside = to.hostname === store.hostname || to.hostname.endsWith(`.${store.hostname}`);
  if (to.protocol !== store.protocol || to.port !== store.port || !inside) return undefined;
  const style = to.hostname.startsWith(`${bucket}.`) ? to.host.replace(`${bucket}.`, '{bucket}.') : to.host;
  return bucketOrigin({ url: `${to.protocol}//${style}${store.pathname}`, region: from.region }, bucket);
}
