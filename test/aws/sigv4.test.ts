import { S3Client } from '@aws-sdk/client-s3';
import { describe, expect, it } from 'vitest';
import {
  amzDate,
  authorization,
  canonicalQuery,
  canonicalRequest,
  EMPTY_SHA256,
  encodeKey,
  encodeRfc3986,
  type Signable,
  signature,
} from '../../src/aws/sigv4.ts';
import { sha256 } from '../../src/lib/digest.ts';
import { Chance } from '../support/chance.ts';

// The SDK's yearly word about Node would stand in the output of every run.
process.env['AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED'] = 'true';

const SECRET = 'wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY';
const SUITE = { region: 'us-east-1', service: 'service' };
const UNRESERVED = '-._~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';

interface Vector {
  readonly method?: string;
  readonly path?: string;
  readonly query?: Signable['query'];
  readonly headers?: Readonly<Record<string, string>>;
  readonly expected: string;
}

// The signatures Amazon published with its test suite; each was computed again with botocore's signer before it was taken in.
const VECTORS: Readonly<Record<string, Vector>> = {
  'get-vanilla': { expected: '5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31' },
  'get-vanilla-query-order-key-case': {
    query: [
      ['Param2', 'value2'],
      ['Param1', 'value1'],
    ],
    expected: 'b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500',
  },
  'get-unreserved': {
    path: `/${UNRESERVED}`,
    expected: '07ef7494c76fa4850883e2b006601f940f8a34d404d0cfa977f52a65bbf5f24f',
  },
  'get-utf8': {
    path: `/${encodeKey('\u1234')}`,
    expected: '8318018e0b0f223aa2bbf98705b62bb787dc9c0e678f255a891fd03141be5d85',
  },
  'get-header-value-trim': {
    headers: { 'my-header1': ' value1', 'my-header2': ' "a   b   c"' },
    expected: 'acc3ed3afb60bb290fc8d2dd0098b9911fcaa05412b367055dee359757a9c736',
  },
  'post-vanilla': {
    method: 'POST',
    expected: '5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b',
  },
  'post-header-key-sort': {
    method: 'POST',
    headers: { 'my-header1': 'value1' },
    expected: 'c5410059b04c1ee005303aed430f6e6645f61f4dc9e1461ec8f8916fdf18852c',
  },
};

describe('the published test suite', () => {
  it.each(Object.entries(VECTORS))('%s has the published signature', (_, { expected, ...asked }) => {
    const request: Signable = {
      method: 'GET',
      path: '/',
      query: [],
      payloadHash: EMPTY_SHA256,
      ...asked,
      headers: { host: 'example.amazonaws.com', 'x-amz-date': '20150830T123600Z', ...asked.headers },
    };
    const header = authorization(request, SUITE, { accessKeyId: 'AKIDEXAMPLE', secretAccessKey: SECRET });
    expect(header.split('Signature=')[1]).toBe(expected);
    expect(header).toContain('Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, SignedHeaders=');
    expect(header).not.toContain(SECRET);
  });

  it('the GET Object example of the S3 documentation has the documented signature', () => {
    const headers = {
      host: 'examplebucket.s3.amazonaws.com',
      range: 'bytes=0-9',
      'x-amz-content-sha256': EMPTY_SHA256,
      'x-amz-date': '20130524T000000Z',
    };
    const request = { method: 'GET', path: '/test.txt', query: [], headers, payloadHash: EMPTY_SHA256 };
    const keys = { accessKeyId: 'AKIAIOSFODNN7EXAMPLE', secretAccessKey: SECRET.replace('+', '/') };
    expect(authorization(request, { region: 'us-east-1', service: 's3' }, keys)).toBe(
      'AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request, ' +
        'SignedHeaders=host;range;x-amz-content-sha256;x-amz-date, ' +
        'Signature=f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41',
    );
  });
});

describe('the parts of a signature', () => {
  it('an empty body has the hash that is written down for it', () => {
    expect(sha256('')).toBe(EMPTY_SHA256);
  });

  it('a time is written without separators and without fractions', () => {
    expect(amzDate(Date.UTC(2026, 10, 20, 10, 15, 0, 999))).toBe('20261120T101500Z');
  });

  it('all but unreserved characters are encoded, a key keeps its slashes', () => {
    expect(encodeRfc3986(UNRESERVED)).toBe(UNRESERVED);
    expect(encodeRfc3986(`a b!'()*/+&=\u00e9`)).toBe('a%20b%21%27%28%29%2A%2F%2B%26%3D%C3%A9');
    expect(encodeKey('root/etc/a b+c/../d')).toBe('root/etc/a%20b%2Bc/../d');
  });

  it('a query is sorted by encoded name, then by value', () => {
    const query = [
      ['b', '2'],
      ['a', ''],
      ['B', 'x y'],
      ['b', '10'],
      ['a-', 'z'],
    ] as const;
    expect(canonicalQuery(query)).toBe('B=x%20y&a=&a-=z&b=10&b=2');
  });

  it('a header that is signed but missing counts as empty', () => {
    const request = { method: 'GET', path: '/', query: [], headers: { host: 'h' }, payloadHash: 'x' };
    expect(canonicalRequest(request, ['gone', 'host'])).toBe('GET\n/\n\ngone:\nhost:h\n\ngone;host\nx');
  });

  it('the kept signing key belongs to its day, region, service and secret', () => {
    const sign = (date: string, region: string, service: string, secret: string) =>
      signature('canonical', date, { region, service }, secret);
    const base = ['20261120T000000Z', 'eu-west-1', 's3', 'secret'] as const;
    const first = sign(...base);
    const others = [
      sign('20261121T000000Z', 'eu-west-1', 's3', 'secret'),
      sign('20261120T000000Z', 'eu-west-2', 's3', 'secret'),
      sign('20261120T000000Z', 'eu-west-1', 'ec2', 'secret'),
      sign('20261120T000000Z', 'eu-west-1', 's3', 'secret2'),
    ];
    expect(new Set([first, ...others]).size).toBe(5);
    expect(sign(...base)).toBe(first);
  });
});

const PIECES = [
  ...`aZ0-._~ !'()*+&=%?#:;,@$[]{}|"<>^\``,
  '/',
  '//',
  './',
  '../',
  '\u00e9',
  '\u4e16',
  '\u{1f9ad}',
  '%2F',
];
const VALUES = ['a', 'B', '7', ' ', '  ', '"', ',', ';', '=', '/', '+', '%', '(', ')'];

it('any request is signed as the SDK signs it', { timeout: 30_000 }, async () => {
  const random = new Chance();
  const cases = 600;
  for (let i = 0; i < cases; i++) {
    const credentials = {
      accessKeyId: `AKIA${random.below(1e9)}`,
      secretAccessKey: random.text([...'abcXYZ019/+='], 40) || 'x',
      ...(random.below(2) ? { sessionToken: `t${random.text(['a', '/', '+', '='], 60)}` } : {}),
    };
    const region = random.pick(['us-east-1', 'eu-central-1', 'cn-north-1', 'walrus']);
    const key = random.text(PIECES, 12);
    const query = Object.fromEntries(
      Array.from({ length: random.below(5) }, () => [`q${random.text(PIECES, 3)}`, random.text(PIECES, 6)] as const),
    );
    const headers: Record<string, string> = {
      host: random.pick(['bkt.s3.amazonaws.com', '127.0.0.1:9000', '[::1]:8773']),
      'x-amz-content-sha256': random.pick([EMPTY_SHA256, 'UNSIGNED-PAYLOAD', sha256(key)]),
    };
    for (let n = random.below(4); n > 0; n--) headers[`x-amz-meta-${random.below(99)}`] = `v${random.text(VALUES, 8)}`;
    if (random.below(2)) headers['if-match'] = `"${random.text(['a', '0', '-'], 32)}"`;
    const at = new Date(random.below(4_000_000) * 1_000_000);
    const path = `/bkt/${encodeKey(key)}`;
    const theirs = await signedBySdk(region, credentials, { path, query, headers }, at);

    headers['x-amz-date'] = amzDate(at.getTime());
    if (credentials.sessionToken !== undefined) headers['x-amz-security-token'] = credentials.sessionToken;
    const payloadHash = headers['x-amz-content-sha256']!;
    const ours = { method: 'GET', path, query: Object.entries(query), headers, payloadHash };
    const told = `seed ${random.seed}, case ${i}: ${JSON.stringify({ key, query, headers })}`;
    expect(authorization(ours, { region, service: 's3' }, credentials), told).toBe(theirs);
  }
  console.log(`sigv4: ${cases} requests signed as the SDK signs them, seed ${random.seed}`);
});

interface SdkRequest {
  readonly path: string;
  readonly query: Readonly<Record<string, string>>;
  readonly headers: Readonly<Record<string, string>>;
}

/** The signer an S3 client signs with: paths are not escaped a second time. */
async function signedBySdk(
  region: string,
  credentials: { accessKeyId: string; secretAccessKey: string },
  request: SdkRequest,
  signingDate: Date,
): Promise<string | undefined> {
  const client = new S3Client({ region, credentials });
  const signer = await client.config.signer();
  const parts = { method: 'GET', protocol: 'https:', hostname: request.headers['host']!, ...request };
  const signed = await signer.sign(
    { ...parts, query: { ...parts.query }, headers: { ...parts.headers } },
    { signingDate },
  );
  client.destroy();
  return signed.headers['authorization'];
}
