import type { XmlFields } from '../s3/xml.ts';
import { unsupported } from './errors.ts';
import type { MetadataSettings } from './order.ts';
import type { Parameters } from './parameters.ts';

const MOST_HOPS = 64;

export const METADATA_PARAMETERS = [
  'HttpTokens',
  'HttpEndpoint',
  'HttpPutResponseHopLimit',
  'HttpProtocolIpv6',
  'InstanceMetadataTags',
];

/** Where nothing is said at a launch, tokens are required, as with images of today. */
export const METADATA_DEFAULTS: MetadataSettings = { httpTokens: 'required', hopLimit: 1, tags: false };

export function readMetadataOptions(options: Parameters | undefined, before: MetadataSettings): MetadataSettings {
  if (options?.oneOf('HttpEndpoint', ['enabled', 'disabled']) === 'disabled')
    throw unsupported('HttpEndpoint=disabled');
  if (options?.oneOf('HttpProtocolIpv6', ['enabled', 'disabled']) === 'enabled') {
    throw unsupported('HttpProtocolIpv6=enabled');
  }
  const tags = options?.oneOf('InstanceMetadataTags', ['enabled', 'disabled']);
  return {
    httpTokens: options?.oneOf('HttpTokens', ['required', 'optional']) ?? before.httpTokens,
    hopLimit: options?.whole('HttpPutResponseHopLimit', 1, MOST_HOPS) ?? before.hopLimit,
    tags: tags === undefined ? before.tags : tags === 'enabled',
  };
}

/** What is changed is changed at once. */
export function metadataFields(metadata: MetadataSettings): XmlFields {
  return {
    state: 'applied',
    httpTokens: metadata.httpTokens,
    httpPutResponseHopLimit: metadata.hopLimit,
    httpEndpoint: 'enabled',
    httpProtocolIpv6: 'disabled',
    instanceMetadataTags: metadata.tags ? 'enabled' : 'disabled',
  };
}
