import { checksumField } from './checksums.ts';
import { compareKeys } from './key-order.ts';
import { encodeListed, readCount, readEncoding } from './list-objects.ts';
import { type Call, isoTime, owner, quoted, type Reply } from './operation.ts';
import { findUpload } from './upload-parts.ts';
import { result } from './xml.ts';

const MOST_ENTRIES = 1_000;

/** https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListParts.html */
export function listParts(call: Call): Reply {
  const { request, bucket, key, accountId } = call;
  const upload = findUpload(call);
  const maxParts = readCount(request, 'max-parts', MOST_ENTRIES);
  const marker = readCount(request, 'part-number-marker', 10_000);
  const after = request.parameter('part-number-marker') ? marker : 0;
  const rest = [...upload.parts.values()].filter((part) => part.number > after).sort((a, b) => a.number - b.number);
  const page = rest.slice(0, maxParts);
  const truncated = page.length > 0 && page.length < rest.length;
  const body = result('ListPartsResult', {
    Bucket: bucket,
    Key: key,
    UploadId: upload.id,
    Initiator: owner(accountId),
    Owner: owner(accountId),
    StorageClass: 'STANDARD',
    ChecksumAlgorithm: upload.checksum?.algorithm,
    ChecksumType: upload.checksum?.type,
    PartNumberMarker: after,
    NextPartNumberMarker: page.at(-1)?.number ?? 0,
    MaxParts: maxParts,
    IsTruncated: truncated,
    Part: page.map((part) => ({
      PartNumber: part.number,
      LastModified: isoTime(part.lastModified),
      ETag: quoted(part.content.md5),
      Size: part.content.size,
      ...checksumField(part.checksum),
    })),
  });
  return { status: 200, body };
}

/** https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListMultipartUploads.html */
export function listMultipartUploads({ request, store, uploads, bucket, accountId }: Call): Reply {
  store.bucket(bucket);
  const encoding = readEncoding(request);
  const text = (key: string) => (encoding === 'url' ? encodeListed(key) : key);
  const prefix = request.parameter('prefix') ?? '';
  const keyMarker = request.parameter('key-marker') ?? '';
  const idMarker = request.parameter('upload-id-marker') ?? '';
  const maxUploads = readCount(request, 'max-uploads', MOST_ENTRIES);
  const all = uploads.of(bucket).filter((upload) => upload.key.startsWith(prefix));
  const marked = all.findIndex((upload) => upload.key === keyMarker && upload.id === idMarker);
  const rest = marked < 0 ? all.filter((upload) => compareKeys(upload.key, keyMarker) > 0) : all.slice(marked + 1);
  const page = rest.slice(0, maxUploads);
  const truncated = page.length > 0 && page.length < rest.length;
  const last = page.at(-1);
  const body = result('ListMultipartUploadsResult', {
    Bucket: bucket,
    KeyMarker: text(keyMarker),
    UploadIdMarker: idMarker,
    NextKeyMarker: truncated && last ? text(last.key) : undefined,
    NextUploadIdMarker: truncated ? last?.id : undefined,
    Prefix: text(prefix),
    EncodingType: encoding,
    MaxUploads: maxUploads,
    IsTruncated: truncated,
    Upload: page.map((upload) => ({
      Key: text(upload.key),
      UploadId: upload.id,
      Initiator: owner(accountId),
      Owner: owner(accountId),
      StorageClass: 'STANDARD',
      Initiated: isoTime(upload.initiated),
      ChecksumAlgorithm: upload.checksum?.algorithm,
      ChecksumType: upload.checksum?.type,
    })),
  });
  return { status: 200, body };
}
