import fc from 'fast-check';
import { parseErrorCode, parseListPage } from '../../../src/aws/listing-xml.ts';
import { cronMistake } from '../../../src/spec/cron.ts';
import { parseOverride, parseSpec } from '../../../src/spec/parse.ts';
import { EXAMPLE_FILE } from '../../../src/spec/reference.ts';
import { edited } from './edits.ts';
import type { Outcome, Subject } from './subject.ts';

const ODD = [
  '\u0000',
  '\ufeff',
  '\ud83e\uddad',
  '\u2028',
  '\r',
  '\r\n',
  '\n',
  '\t',
  '__proto__',
  'constructor',
  'toString',
];
const NUMBERS = ['-1', '9'.repeat(400), '1e999', '0x10', 'NaN', '00', '*/0', '1-99999999999'];
const SECTIONS = ['[', ']', '[service.x]', '[service.x.custom]', '[files]', '[job.y]', '[packages]', '[__proto__]'];
const SIGNS = ['=', ' = ', '"', "'", '\\', '#', ' ;', '*', '**', '{', ',', '/', '..', '.', '-'];
const VALUES = [
  'mode=',
  'link=',
  'owner=',
  'tcp:',
  'http://',
  'package:',
  'true',
  '[]',
  '7d',
  '@daily',
  'UTC',
  'MON#5',
];
const KEYS = [
  'schedule',
  'watch',
  'image',
  'unit',
  'needs',
  'health',
  'timezone',
  '/etc/motd',
  'constructor.prototype.x',
];

/** haulout.ini, the override of an administrator, and the cron lines in them. */
export const spec: Subject = {
  name: 'spec',
  inputs: edited([EXAMPLE_FILE], [...ODD, ...NUMBERS, ...SECTIONS, ...SIGNS, ...VALUES, ...KEYS]),
  feed(bytes): Outcome {
    const parsed = parseSpec(bytes);
    parseOverride(bytes);
    cronMistake(bytes.subarray(0, 60).toString());
    const told = parsed.ok ? parsed.warnings : parsed.mistakes;
    if (!told.every(({ at }) => at.line >= 1 && at.column >= 1)) throw new Error('a mistake without a place');
    if (!parsed.ok && told.length === 0) throw new Error('refused without a word');
    return parsed.ok ? 'good' : 'refused';
  },
};

const object = (key: string, rest = '') =>
  `<Contents><Key>${key}</Key><LastModified>2026-11-20T10:15:00.000Z</LastModified><ETag>&quot;9b2cf535f27731c974343645a3985328&quot;</ETag><Size>4096</Size>${rest}</Contents>`;
const page = (inside: string) =>
  `<?xml version="1.0" encoding="UTF-8"?>\n<ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Name>planet</Name><Prefix>planet/</Prefix><KeyCount>3</KeyCount><MaxKeys>1000</MaxKeys>${inside}</ListBucketResult>`;
const URLS = '<EncodingType>url</EncodingType>';
/** As Amazon, Ceph and Swift write them. */
const LISTINGS = [
  page(`${URLS}<IsTruncated>false</IsTruncated>${object('planet/haulout.ini')}${object('planet/root/etc/a%20b')}`),
  page(
    `<IsTruncated>true</IsTruncated><NextContinuationToken>1ueGcxLPRx1Tr/XYExHnhbYLgveDs2J/wm36Hy4vbOwM=</NextContinuationToken>${object('a', '<StorageClass>STANDARD</StorageClass><Owner><ID>x</ID></Owner>')}`,
  ),
  page(
    `${URLS}<Delimiter>/</Delimiter><IsTruncated>false</IsTruncated><CommonPrefixes><Prefix>root/</Prefix></CommonPrefixes><CommonPrefixes><Prefix>services/</Prefix></CommonPrefixes>`,
  ),
];
const ERRORS = [
  '<?xml version="1.0" encoding="UTF-8"?><Error><Code>NoSuchKey</Code><Message>The key &amp; all</Message><Key>a</Key><RequestId>4442587FB7D0A2F9</RequestId></Error>',
  "<?xml version='1.0'?><Error><Code>AccessDenied</Code></Error>",
];
const TAGS = [
  'Contents',
  'Key',
  'Size',
  'ETag',
  'LastModified',
  'Prefix',
  'CommonPrefixes',
  'ListBucketResult',
  'Code',
  '__proto__',
];
const XML = [
  '&#xD800;',
  '&#0;',
  '&lt;',
  '&',
  '%',
  '%zz',
  '%F0',
  '<!',
  '<!DOCTYPE a [<!ENTITY b "c">]>',
  ']]>',
  '<![CDATA[',
  '<',
];

function read(bytes: Buffer): Outcome {
  const text = bytes.toString('utf8');
  const code = parseErrorCode(text);
  if (code !== undefined && !/^[A-Za-z0-9.]{1,64}$/.test(code)) throw new Error('a code that is no word');
  const listed = parseListPage(text);
  if (!listed) return code === undefined ? 'refused' : 'good';
  for (const { key, size, etag, lastModified } of listed.objects) {
    const shaped = typeof key === 'string' && typeof etag === 'string' && Number.isSafeInteger(size) && size >= 0;
    if (!shaped || !Number.isFinite(lastModified)) throw new Error('an object without its shape');
  }
  if (!listed.prefixes.every((prefix) => typeof prefix === 'string')) throw new Error('a prefix that is no text');
  return 'good';
}

/** A page of a listing, or an error document: what comes as a body is handed to both readers. */
export const listing: Subject = {
  name: 'listing',
  inputs: fc.oneof(
    {
      weight: 4,
      arbitrary: edited(LISTINGS, [...ODD, ...NUMBERS, ...XML, ...TAGS.flatMap((tag) => [`<${tag}>`, `</${tag}>`])]),
    },
    edited(ERRORS, [...ODD, ...XML, '<Code>', '</Code>']),
  ),
  feed: read,
};
