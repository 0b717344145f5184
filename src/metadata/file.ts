import { errorCode, HauloutError } from '../lib/errors.ts';
import { readRegular } from '../lib/read-regular.ts';
import type { Identity, MetadataProvider } from './provider.ts';
import { address, HOSTNAME, INSTANCE_ID, parseObject, publicAddress, shaped, shapedTags, WORD } from './shapes.ts';

/**
 * A machine without a metadata service: who it is stands in a JSON file that its builder put there. Only `instanceId` must be;
 * the others are the fields of `Identity`. Where the file is, nobody else is asked, and there are no credentials.
 */
export function fileProvider(path: string): MetadataProvider {
  return { name: 'file', look: () => look(path), credentials: async () => undefined };
}

const LARGEST = 64 * 1024;
const WORDS = ['instanceType', 'imageId', 'accountId', 'region', 'availabilityZone'] as const;
const KNOWN: readonly string[] = ['instanceId', ...WORDS, 'localIpv4', 'publicIpv4', 'hostname', 'tags'];

async function look(path: string): Promise<Identity | undefined> {
  try {
    const bytes = await readRegular(path, LARGEST);
    if (bytes) return parse(bytes.toString('utf8'), path);
  } catch (error) {
    if (errorCode(error) === 'ENOENT' || errorCode(error) === 'ENOTDIR') return undefined;
    throw wrong(path, error instanceof HauloutError ? `${error.subject} is missing or wrong` : 'it cannot be read');
  }
  throw wrong(path, `it is no file, or longer than ${LARGEST} bytes`);
}

function parse(text: string, path: string): Identity {
  const given = parseObject(text, 'the JSON object');
  const stranger = Object.keys(given).find((name) => !KNOWN.includes(name));
  if (stranger !== undefined) throw wrong(path, `it has a field that nobody knows; there are: ${KNOWN.join(', ')}`);
  const word = (name: string, shape: RegExp) => (given[name] === undefined ? '' : shaped(name, given[name], shape));
  const { tags = {} } = given;
  const localIpv4 = given['localIpv4'] === undefined ? '' : address('localIpv4', given['localIpv4']);
  const [instanceType, imageId, accountId, region, availabilityZone] = WORDS.map((name) => word(name, WORD));
  return {
    instanceId: shaped('instanceId', given['instanceId'], INSTANCE_ID),
    instanceType: instanceType!,
    imageId: imageId!,
    accountId: accountId!,
    region: region!,
    availabilityZone: availabilityZone!,
    localIpv4,
    publicIpv4: publicAddress(given['publicIpv4'], localIpv4),
    hostname: word('hostname', HOSTNAME),
    tags: shapedTags(Object.entries(typeof tags === 'object' && tags !== null ? tags : {})),
  };
}

function wrong(path: string, reason: string): HauloutError {
  return new HauloutError({
    code: 'metadata-invalid',
    step: 'metadata',
    subject: `file:${path}`,
    reason,
    hint: 'write {"instanceId": "i-0123456789abcdef0"} into it, or remove it and the metadata service is asked',
  });
}
