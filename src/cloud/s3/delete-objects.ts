import { readText } from './body.ts';
import { expectedChecksum } from './checksums.ts';
import { writePrecondition } from './conditions.ts';
import { S3Error } from './errors.ts';
import { type Call, DOCUMENT, type Reply } from './operation.ts';
import { child, childText, parseXml, type XmlElement } from './parse-xml.ts';
import { result, type XmlFields } from './xml.ts';

const MOST_KEYS = 1_000;

interface Refused {
  readonly Code: string;
  readonly Message: string;
}

/** Deleting what is not there succeeds: https://docs.aws.amazon.com/AmazonS3/latest/API/API_DeleteObject.html */
export async function deleteObject({ request, store, bucket, key }: Call): Promise<Reply> {
  await store.delete(bucket, key, writePrecondition(request));
  return { status: 204 };
}

/** https://docs.aws.amazon.com/AmazonS3/latest/API/API_DeleteObjects.html */
export async function deleteObjects(call: Call): Promise<Reply> {
  const { request, store, bucket } = call;
  store.bucket(bucket);
  if (request.header('content-md5') === undefined && !expectedChecksum(request.header)) {
    throw new S3Error('InvalidRequest', { message: 'Missing required header for this request: Content-MD5' });
  }
  const document = parseXml(await readText(call.body(DOCUMENT).chunks));
  const entries = document.children.filter(({ name }) => name === 'Object');
  if (document.name !== 'Delete' || entries.length === 0 || entries.length > MOST_KEYS)
    throw new S3Error('MalformedXML');
  const quiet = childText(document, 'Quiet') === 'true';
  const deleted: XmlFields[] = [];
  const errors: XmlFields[] = [];
  for (const entry of entries) {
    const Key = child(entry, 'Key')?.text;
    if (!Key) throw new S3Error('MalformedXML');
    const refused = refusal(entry) ?? forbidden(call, Key);
    if (refused) errors.push({ Key, ...refused });
    else await store.delete(bucket, Key);
    if (!refused && !quiet) deleted.push({ Key });
  }
  return { status: 200, body: result('DeleteResult', { Deleted: deleted, Error: errors }) };
}

/** An entry that says more than its key wants something we do not do; deleting all the same would be the wrong answer. */
function refusal(entry: XmlElement): Refused | undefined {
  const more = entry.children.find(({ name }) => name !== 'Key');
  const Message = `haulout's local S3 does not implement ${more?.name} in DeleteObjects`;
  return more && { Code: 'NotImplemented', Message };
}

function forbidden({ permit, bucket }: Call, key: string): Refused | undefined {
  try {
    permit.object('s3:DeleteObject', bucket, key);
    return undefined;
  } catch (error) {
    return { Code: 'AccessDenied', Message: error instanceof Error ? error.message : '' };
  }
}
