/** How much user-data a platform takes, in bytes before it encodes them, and whether they may be other than text. */
export interface Platform {
  readonly name: string;
  readonly limit: number;
  readonly textOnly?: true;
}

/**
 * EC2 takes 16,384 bytes before base64; launch configurations take 21,847 characters of base64, which is one byte less.
 * The last three bytes are left for a copy that gained a line end on its way.
 */
export const EC2_LIMIT = 16_380;

/** From each platform's own documentation; OpenStack's 65,535 characters of base64 are 49,149 bytes. */
export const PLATFORMS: readonly Platform[] = [
  { name: 'ec2', limit: EC2_LIMIT },
  { name: 'eucalyptus', limit: EC2_LIMIT },
  { name: 'alibaba', limit: EC2_LIMIT },
  { name: 'hetzner', limit: 32_768 },
  { name: 'openstack', limit: 49_149 },
  { name: 'azure', limit: 65_535 },
  { name: 'digitalocean', limit: 65_536, textOnly: true },
  { name: 'gce', limit: 262_144, textOnly: true },
  { name: 'vsphere', limit: 524_288 },
  { name: 'nocloud', limit: Number.MAX_SAFE_INTEGER },
];
