import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import fc from 'fast-check';
import { systemClock } from '../../../src/lib/clock.ts';
import { HauloutError } from '../../../src/lib/errors.ts';
import { chooseMetadata } from '../../../src/metadata/choose.ts';
import { isIdentity } from '../../../src/metadata/provider.ts';
import { edited } from './edits.ts';
import type { Outcome, Subject } from './subject.ts';

const ROLE = 'meta-data/iam/security-credentials/';
const DOCUMENT = {
  instanceId: 'i-0abcdef0123456789',
  instanceType: 't3.micro',
  imageId: 'ami-0123456789abcdef0',
  accountId: '123456789012',
  region: 'eu-central-1',
  availabilityZone: 'eu-central-1b',
  privateIp: '10.0.0.7',
};
const KEYS = {
  Code: 'Success',
  AccessKeyId: 'ASIAEXAMPLE',
  SecretAccessKey: 'a/secret+of',
  Token: 'a/token==',
  Expiration: '2099-01-01T00:00:00Z',
};
const LEAVES: Readonly<Record<string, string>> = {
  'api/token': 'AQAEAHVvYW1wbGU=',
  'dynamic/instance-identity/document': JSON.stringify(DOCUMENT, undefined, 2),
  'meta-data/public-ipv4': '203.0.113.7',
  'meta-data/local-hostname': 'ip-10-0-0-7.ec2.internal',
  'meta-data/tags/instance': 'Name',
  'meta-data/tags/instance/Name': 'planet',
  [ROLE]: 'planet-role',
  [`${ROLE}planet-role`]: JSON.stringify(KEYS, undefined, 2),
};
const PATHS = Object.keys(LEAVES);
const TEXT = [
  '"',
  '{',
  '}',
  '[',
  ']',
  ':',
  ',',
  'null',
  'true',
  '1e999',
  '\\u0000',
  '\\ud800',
  '__proto__',
  '"__proto__": {"x": 1},',
  'constructor',
];
const WIRE = [
  '\r\n',
  '\n',
  '\u0000',
  'HTTP/1.1 200 OK\r\n',
  'HTTP/1.1 302 Found\r\nlocation: /x\r\n',
  'content-length: 99\r\n',
  'content-length: -1\r\n',
];
const MORE = [
  'transfer-encoding: chunked\r\n',
  'content-encoding: gzip\r\n',
  'FFFFFFFF\r\n',
  'HTTP/1.1 100 Continue\r\n\r\n',
  ' 401 ',
  '../',
  'set-cookie: a\r\n',
];

/** The number of the leaf, whether its body or its whole answer is malformed, and the bytes. */
const inputs: fc.Arbitrary<Buffer> = fc.nat(PATHS.length - 1).chain((leaf) => {
  const body = LEAVES[PATHS[leaf]!]!;
  const answer = `HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-length: ${body.length}\r\nconnection: close\r\n\r\n${body}`;
  const bodies = edited([body], TEXT).map((bytes) => Buffer.concat([Buffer.from([leaf, 0]), bytes]));
  const answers = edited([answer], [...WIRE, ...MORE, ...TEXT]).map((bytes) =>
    Buffer.concat([Buffer.from([leaf, 1]), bytes]),
  );
  return fc.oneof({ weight: 3, arbitrary: bodies }, { weight: 2, arbitrary: answers });
});

/**
 * The provider for EC2 against a service of which one answer is malformed, at the wire. What the service is not: EC2's; it takes any
 * token, and it closes the connection after a malformed answer, since deadlines are not what is tried here.
 */
export async function metadata(): Promise<Subject> {
  let malformed: { readonly path: string; readonly whole: boolean; readonly bytes: Buffer } | undefined;
  const server = createServer((request, response) => {
    const path = decodeURIComponent(request.url ?? '').slice('/latest/'.length);
    const body = LEAVES[path];
    if (malformed?.path === path) {
      if (malformed.whole) response.socket?.end(malformed.bytes);
      else response.end(malformed.bytes);
    } else if (body === undefined || (path.includes('tags') && !malformed?.path.includes('tags'))) {
      response.writeHead(404).end();
    } else response.end(body);
  });
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve));
  const base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return {
    name: 'metadata',
    inputs,
    async feed(input) {
      malformed = { path: PATHS[input[0]!]!, whole: input[1] === 1, bytes: input.subarray(2) };
      const asked = { base, clock: systemClock, random: () => 0, waitMs: 0 };
      const provider = chooseMetadata({ ...asked, file: '/nonexistent/metadata.json', provider: 'ec2' });
      try {
        return malformed.path.startsWith(ROLE)
          ? sound(await provider.credentials(false))
          : known(await provider.identity());
      } catch (error) {
        if (!(error instanceof HauloutError) || error.hint === '') throw error;
        return 'refused';
      }
    },
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

function known(identity: unknown): Outcome {
  if (!isIdentity(identity)) throw new Error('an identity without its shape');
  const texts = [
    ...Object.values(identity).filter((value) => typeof value === 'string'),
    ...Object.values(identity.tags),
  ];
  if (texts.some((text) => /[\u0000-\u001f\u007f]/.test(text))) throw new Error('a control character in the identity');
  return 'good';
}

/** They become headers: printable words, or none at all. */
function sound(credentials: object | undefined): Outcome {
  const texts = Object.values(credentials ?? {}).filter((value) => typeof value === 'string');
  if (!texts.every((text) => /^[\x21-\x7e]+$/.test(text))) throw new Error('credentials that cannot be a header');
  return 'good';
}
