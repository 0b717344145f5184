import type { Credentials } from './sigv4.ts';

/** Keys of the desk, and where they were found. */
export interface DeskCredentials {
  readonly credentials: Credentials;
  readonly source: string;
}

/** The SDK marks what it found with the letters of its user agent: `@aws-sdk/core`, features. */
const SOURCES: Readonly<Record<string, string>> = {
  CREDENTIALS_ENV_VARS: 'the environment',
  CREDENTIALS_ENV_VARS_STS_WEB_ID_TOKEN: 'a web identity of the environment',
  CREDENTIALS_PROFILE: 'a profile of the AWS configuration',
  CREDENTIALS_PROFILE_SOURCE_PROFILE: 'a profile that takes another role',
  CREDENTIALS_PROFILE_PROCESS: 'a program that a profile names',
  CREDENTIALS_PROFILE_SSO: 'single sign-on',
  CREDENTIALS_SSO: 'single sign-on',
  CREDENTIALS_PROCESS: 'a program that a profile names',
  CREDENTIALS_HTTP: 'the container',
  CREDENTIALS_IMDS: "this instance's role",
};

/** What the SDK's own chain finds, or undefined. Never asks STS who that is: other stores have none. */
export async function findDeskCredentials(profile: string | undefined): Promise<DeskCredentials | undefined> {
  process.env['AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED'] = 'true';
  const { S3Client } = await import('@aws-sdk/client-s3');
  const client = new S3Client({ region: 'us-east-1', ...(profile === undefined ? {} : { profile }) });
  try {
    const found = await client.config.credentials();
    const { accessKeyId, secretAccessKey, sessionToken, expiration } = found;
    const credentials = {
      accessKeyId,
      secretAccessKey,
      ...(sessionToken ? { sessionToken } : {}),
      ...(expiration ? { expiresAt: expiration.getTime() } : {}),
    };
    return { credentials, source: sourceOf(found) };
  } catch {
    return undefined; // its own words may hold parts of a configuration file
  } finally {
    client.destroy();
  }
}

function sourceOf(found: object): string {
  const marks = '$source' in found && typeof found.$source === 'object' ? Object.keys(found.$source ?? {}) : [];
  return marks.map((mark) => SOURCES[mark]).find((word) => word !== undefined) ?? 'the AWS configuration';
}
