import { readDeskConfig } from '../../aws/desk-config.ts';
import type { Ec2Options } from '../../aws/ec2.ts';

export interface Ec2Flags {
  readonly ec2EndpointUrl?: string;
  readonly region?: string;
  readonly profile?: string;
}

/** Flags first, then the variables of the AWS CLI, then its configuration. */
export async function ec2OptionsOf({ ec2EndpointUrl, region, profile }: Ec2Flags): Promise<Ec2Options> {
  const { AWS_ENDPOINT_URL_EC2, AWS_ENDPOINT_URL, AWS_REGION, AWS_DEFAULT_REGION } = process.env;
  const configured = await readDeskConfig('ec2', profile);
  return {
    url: ec2EndpointUrl ?? AWS_ENDPOINT_URL_EC2 ?? AWS_ENDPOINT_URL ?? configured.url,
    region: region ?? AWS_REGION ?? AWS_DEFAULT_REGION ?? configured.region ?? 'us-east-1',
    profile,
  };
}
