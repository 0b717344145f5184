import { readText } from './body.ts';
import { S3Error } from './errors.ts';
import { type Call, DOCUMENT, isoTime, owner, type Reply } from './operation.ts';
import { childText, parseXml } from './parse-xml.ts';
import { element, result, S3_NAMESPACE, xmlDocument } from './xml.ts';

export function listBuckets({ store, accountId }: Call): Reply {
  const buckets = store.buckets.map(({ name, createdAt }) => ({ Name: name, CreationDate: isoTime(createdAt) }));
  const body = result('ListAllMyBucketsResult', { Owner: owner(accountId), Buckets: { Bucket: buckets } });
  return { status: 200, body };
}

export async function createBucket(call: Call): Promise<Reply> {
  const { store, bucket, region } = call;
  checkLocation(await readText(call.body(DOCUMENT).chunks), region);
  // Only the oldest region lets an owner create a bucket twice: https://docs.aws.amazon.com/AmazonS3/latest/API/API_CreateBucket.html
  if (store.has(bucket) && region !== 'us-east-1') throw new S3Error('BucketAlreadyOwnedByYou');
  store.createBucket(bucket);
  return { status: 200, headers: { location: `/${bucket}` } };
}

/** A request that names no region means us-east-1, wherever it is sent. */
function checkLocation(document: string, region: string): void {
  const location = document.trim() === '' ? undefined : childText(parseXml(document), 'LocationConstraint');
  if ((location || 'us-east-1') === region) return;
  throw new S3Error('IllegalLocationConstraintException', {
    message: `The ${location || 'unspecified'} location constraint is incompatible for the region specific endpoint this request was sent to.`,
  });
}

export function headBucket({ store, bucket, region }: Call): Reply {
  store.bucket(bucket);
  return { status: 200, headers: { 'x-amz-bucket-region': region } };
}

/** The answer is one element, empty for us-east-1: https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetBucketLocation.html */
export function getBucketLocation({ store, bucket, region }: Call): Reply {
  store.bucket(bucket);
  const location = element('LocationConstraint', region === 'us-east-1' ? '' : region);
  const body = location.replace('<LocationConstraint', `<LocationConstraint xmlns="${S3_NAMESPACE}"`);
  return { status: 200, body: xmlDocument(body) };
}
