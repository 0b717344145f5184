import { createHash } from 'node:crypto';
import { readText } from './body.ts';
import { type Checksum, checksumField, checksumHeader, compositeChecksum, mismatch, newHash } from './checksums.ts';
import { unquoted, writePrecondition } from './conditions.ts';
import type { Content } from './content.ts';
import { S3Error } from './errors.ts';
import type { Part, Upload } from './multipart.ts';
import type { Precondition, StoredObject } from './objects.ts';
import { type Call, checksumFields, DOCUMENT, quoted, type Reply } from './operation.ts';
import { childText, parseXml, type XmlElement } from './parse-xml.ts';
import { findUpload } from './upload-parts.ts';
import { result } from './xml.ts';

const SMALLEST_PART = 5 * 1024 * 1024;

/** https://docs.aws.amazon.com/AmazonS3/latest/API/API_CompleteMultipartUpload.html */
export async function completeMultipartUpload(call: Call): Promise<Reply> {
  const { request, store, uploads, bucket, key } = call;
  // Here a checksum header is the whole object's, not the list's.
  const text = await readText(call.body({ ...DOCUMENT, ignoreChecksum: true }).chunks);
  const upload = findUpload(call);
  const parts = chosenParts(upload, parseXml(text));
  checkSizes(parts, request.header('x-amz-mp-object-size'));
  const precondition = writePrecondition(request);
  precondition(store.bucket(bucket).get(key));
  uploads.close(upload);
  let object: StoredObject;
  try {
    object = await assemble(call, upload, parts, precondition);
  } catch (error) {
    uploads.reopen(upload);
    throw error;
  }
  await uploads.discardParts(upload);
  const body = result('CompleteMultipartUploadResult', {
    Location: `/${bucket}/${key}`,
    Bucket: bucket,
    Key: key,
    ETag: quoted(object.etag),
    ...checksumFields(object.checksum),
  });
  return { status: 200, body };
}

function chosenParts(upload: Upload, document: XmlElement): readonly Part[] {
  const listed = document.children.filter(({ name }) => name === 'Part');
  if (document.name !== 'CompleteMultipartUpload' || listed.length === 0) throw new S3Error('MalformedXML');
  let before = 0;
  return listed.map((element) => {
    const number = Number(childText(element, 'PartNumber'));
    if (!Number.isInteger(number) || number < 1) throw new S3Error('MalformedXML');
    if (number <= before) throw new S3Error('InvalidPartOrder');
    before = number;
    return chosenPart(upload, number, element);
  });
}

function chosenPart(upload: Upload, number: number, element: XmlElement): Part {
  const part = upload.parts.get(number);
  const etag = childText(element, 'ETag');
  if (etag === undefined) throw new S3Error('MalformedXML');
  const [field, value] = Object.entries(checksumField(part?.checksum))[0] ?? [];
  const said = field === undefined ? undefined : childText(element, field);
  if (!part || unquoted(etag) !== part.content.md5 || (said !== undefined && said !== value)) {
    throw new S3Error('InvalidPart', { fields: { UploadId: upload.id, PartNumber: String(number), ETag: etag } });
  }
  return part;
}

function checkSizes(parts: readonly Part[], announced: string | undefined): void {
  const small = parts.slice(0, -1).find((part) => part.content.size < SMALLEST_PART);
  if (small) {
    throw new S3Error('EntityTooSmall', {
      fields: {
        ProposedSize: String(small.content.size),
        MinSizeAllowed: String(SMALLEST_PART),
        PartNumber: String(small.number),
        ETag: small.content.md5,
      },
    });
  }
  const size = parts.reduce((sum, part) => sum + part.content.size, 0);
  if (announced !== undefined && Number(announced) !== size) {
    throw new S3Error('InvalidRequest', {
      message: `The provided 'x-amz-mp-object-size' header value ${announced} does not match what was computed: ${size}`,
    });
  }
}

async function assemble(call: Call, upload: Upload, parts: readonly Part[], precondition: Precondition) {
  const { content, checksum } = await join(call, upload, parts);
  const said = checksum && call.request.header(checksumHeader(checksum.algorithm));
  if (checksum && said !== undefined && said !== checksum.value) {
    await call.store.contents.discard(content);
    throw mismatch(checksum.algorithm);
  }
  const { key, headers } = upload;
  return call.store.commit(upload.bucket, { key, content, etag: joinedTag(parts), headers, checksum }, precondition);
}

async function join(
  { store }: Call,
  upload: Upload,
  parts: readonly Part[],
): Promise<{ content: Content; checksum: Checksum | undefined }> {
  const whole = upload.checksum?.type === 'FULL_OBJECT' ? newHash(upload.checksum.algorithm) : undefined;
  async function* joined(): AsyncGenerator<Buffer> {
    for (const part of parts) {
      for await (const chunk of store.contents.read(part.content)) {
        whole?.update(chunk);
        yield chunk;
      }
    }
  }
  const content = await store.contents.write(joined());
  return { content, checksum: joinedChecksum(upload, parts, whole?.digest()) };
}

function joinedChecksum(upload: Upload, parts: readonly Part[], whole: Buffer | undefined): Checksum | undefined {
  if (!upload.checksum) return undefined;
  const { algorithm, type } = upload.checksum;
  if (whole) return { algorithm, value: whole.toString('base64'), type };
  return compositeChecksum(
    algorithm,
    parts.map((part) => part.checksum!.value),
  );
}

/** The MD5 of the parts' MD5s, and their number. Clients take it as opaque; some know it all the same. */
function joinedTag(parts: readonly Part[]): string {
  const hash = createHash('md5');
  for (const part of parts) hash.update(Buffer.from(part.content.md5, 'hex'));
  return `${hash.digest('hex')}-${parts.length}`;
}
