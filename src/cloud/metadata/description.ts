/** What the metadata service of the local cloud says about one instance. Facts as EC2 has them; what is absent answers 404. */
export interface InstanceDescription {
  readonly instanceId: string;
  /** Default: one of its own, made of the instance's id. */
  readonly reservationId?: string;
  /** Which of its reservation's instances it is. Default: the first, 0. */
  readonly launchIndex?: number;
  readonly instanceType: string;
  readonly imageId: string;
  readonly region: string;
  readonly availabilityZone: string;
  readonly localIpv4: string;
  readonly publicIpv4?: string;
  readonly mac: string;
  /** Fully qualified, as `hostname` and `local-hostname` show it. */
  readonly hostname: string;
  readonly accountId: string;
  readonly tags: Readonly<Record<string, string>>;
  /** InstanceMetadataTags: EC2's default is off, and so is ours. */
  readonly metadataTags?: boolean;
  readonly userData: Uint8Array | undefined;
  readonly httpTokens: 'required' | 'optional';
  readonly roleName?: string;
  /** Asked at every request, so that what it hands out may rotate. Needs `roleName`. */
  readonly credentials?: () => RoleCredentials;
  readonly securityGroups?: readonly string[];
  readonly publicKeys?: readonly { readonly name: string; readonly material: string }[];
  readonly launchedAt?: Date;
  /** More leaves below meta-data/, by path: `spot/instance-action`, `autoscaling/target-lifecycle-state` ... */
  readonly extra?: Readonly<Record<string, string>>;
}

export interface RoleCredentials {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken: string;
  readonly expiresAt: Date;
}
