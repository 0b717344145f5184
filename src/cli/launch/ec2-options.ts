import type { Ec2Options } from '../../aws/ec2.ts';

export interface Ec2Flags {
  readonly ec2EndpointUrl?: string;
  readonly region?: string;
  readonly profile?: string;
}

/** Flags first, then the variables of the AWS CLI. */
export function ec2OptionsOf({ ec2EndpointUrl, region, profile }: Ec2Flags): Ec2Options {
  const { AWS_ENDPOINT_URL_EC2, AWS_ENDPOINT_URL, AWS_REGION, AWS_DEFAULT_REGION } = process.env;
  return {
    url: ec2EndpointUrl ?? AWS_ENDPOINT_URL_EC2 ?? AWS_ENDPOINT_URL,
    region: region ?? AWS_REGION ?? AWS_DEFAULT_REGION ?? 'us-east-1',
    profile,
  };
}
