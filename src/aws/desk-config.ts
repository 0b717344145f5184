import { HauloutError } from '../lib/errors.ts';

/** What a profile of the AWS configuration says of a service; undefined: nothing. */
export interface DeskConfig {
  readonly region: string | undefined;
  readonly url: string | undefined;
}

/**
 * Read as the AWS CLI reads it: who ran `aws configure` has said once where the cloud is. Read here, because the SDK alone would go
 * there by itself: the agent would lie in a store that the script does not name, and machines would look for their bucket at Amazon.
 */
export async function readDeskConfig(service: 's3' | 'ec2', profile: string | undefined): Promise<DeskConfig> {
  const { CONFIG_PREFIX_SEPARATOR: DOT, loadSharedConfigFiles } = await import('@smithy/core/config');
  const { configFile, credentialsFile } = await loadSharedConfigFiles();
  const { AWS_PROFILE, AWS_IGNORE_CONFIGURED_ENDPOINT_URLS } = process.env;
  const name = profile ?? (AWS_PROFILE || 'default');
  if (name !== 'default' && !configFile[name] && !credentialsFile[name]) throw noProfile(profile, name);
  const own = { ...configFile[name], ...credentialsFile[name] };
  const services = configFile[`services${DOT}${own['services']}`];
  const isIgnored = (AWS_IGNORE_CONFIGURED_ENDPOINT_URLS ?? own['ignore_configured_endpoint_urls']) === 'true';
  return {
    region: own['region'],
    url: isIgnored ? undefined : (services?.[`${service}${DOT}endpoint_url`] ?? own['endpoint_url']),
  };
}

/** Refused as the AWS CLI does it: asked without its keys, a store would only say that access is denied. */
function noProfile(given: string | undefined, name: string): HauloutError {
  const subject = given === undefined ? 'AWS_PROFILE' : '--profile';
  const reason = `the AWS configuration has no profile ${name}`;
  const hint = 'name one that is there: aws configure list-profiles';
  return new HauloutError({ code: 'usage', step: 'settings', subject, reason, hint });
}
