import { S3Error } from './errors.ts';
import type { Operation } from './operations.ts';
import { allows, type Policy, type Wish } from './policy.ts';
import type { S3Request } from './request.ts';

/**
 * Which permission each operation asks for, and on what:
 * https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazons3.html
 */
const ON_BUCKET: Readonly<Record<string, string>> = {
  CreateBucket: 's3:CreateBucket',
  HeadBucket: 's3:ListBucket',
  GetBucketLocation: 's3:GetBucketLocation',
  ListObjects: 's3:ListBucket',
  ListObjectsV2: 's3:ListBucket',
  ListMultipartUploads: 's3:ListBucketMultipartUploads',
};

const ON_OBJECT: Readonly<Record<string, string>> = {
  GetObject: 's3:GetObject',
  HeadObject: 's3:GetObject',
  PutObject: 's3:PutObject',
  CopyObject: 's3:PutObject',
  CreateMultipartUpload: 's3:PutObject',
  UploadPart: 's3:PutObject',
  UploadPartCopy: 's3:PutObject',
  CompleteMultipartUpload: 's3:PutObject',
  AbortMultipartUpload: 's3:AbortMultipartUpload',
  ListParts: 's3:ListMultipartUploadParts',
  DeleteObject: 's3:DeleteObject',
};

/** What one key may do. Without a policy: everything. */
export interface Permit {
  /** Throws AccessDenied. DeleteObjects asks for each of its keys. */
  object(action: string, bucket: string, key: string): void;
  operation(operation: Operation, request: S3Request): void;
  /** Whether a missing object may be called missing: to those who may not list, it is forbidden like any other. */
  seesAbsence(bucket: string): boolean;
}

export function permitOf(policy: Policy | undefined): Permit {
  const may = (wish: Wish) => policy === undefined || allows(policy, wish);
  const demand = (action: string, resource: string, context: Wish['context'] = {}) => {
    if (!may({ action, resource: `arn:aws:s3:::${resource}`, context })) {
      throw new S3Error('AccessDenied', { message: `this key's policy does not allow ${action} on ${resource}` });
    }
  };
  const object = (action: string, bucket: string, key: string) => demand(action, `${bucket}/${key}`);
  return {
    object,
    seesAbsence: (bucket) => may({ action: 's3:ListBucket', resource: `arn:aws:s3:::${bucket}`, context: {} }),
    operation({ name }, request) {
      const { bucket = '', key = '' } = request;
      if (name === 'ListBuckets') demand('s3:ListAllMyBuckets', '*');
      else if (ON_BUCKET[name]) demand(ON_BUCKET[name], bucket, contextOf(request));
      else if (ON_OBJECT[name]) object(ON_OBJECT[name], bucket, key);
      // Comparing with what is there tells what is there: https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-writes.html
      if (name === 'PutObject' && request.header('if-match') !== undefined) object('s3:GetObject', bucket, key);
    },
  };
}

function contextOf(request: S3Request): Wish['context'] {
  const prefix = request.parameter('prefix');
  return prefix === undefined ? {} : { 's3:prefix': prefix };
}
