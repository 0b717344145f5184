import { randomBytes } from 'node:crypto';
import type { InstanceDescription } from './description.ts';
import { nativeTree, openstackMetaData } from './openstack.ts';
import { commonTree, type Directory, iam, identityDocument, networkInterface, versionTree } from './tree.ts';

/**
 * Whose metadata service this one speaks like. What it says of each is from:
 *
 * * `aws`: the EC2 User Guide (instancedata-data-categories, instancedata-data-retrieval).
 * * `eucalyptus-3`, `-4`, `-5`: VmInstance.java of 3.4, VmInstanceMetadata.java and MetadataPipeline.java of 4.4 and 5.1. The tree of
 *   2009 with roles; 3 has no identity document. There is no token endpoint before 5.1, and what 5.1 gives it never looks at.
 *   No placement/region and no tags; hostnames are addresses; an instance without a public address has 0.0.0.0.
 * * `openstack`: nova/api/metadata/base.py and handler.py. The tree of 2009 with an instance-id of its own making, `public-ipv4` empty
 *   where there is none, no roles, no identity document, no tokens; and the native documents, where the UUID is.
 */
export const DIALECTS = ['aws', 'eucalyptus-3', 'eucalyptus-4', 'eucalyptus-5', 'openstack'] as const;
export type Dialect = (typeof DIALECTS)[number];

export interface DialectRules {
  readonly versions: readonly string[];
  /** `checked` as on EC2; `any`: made up, and never looked at; `none`: there is no such endpoint. */
  readonly tokens: 'checked' | 'any' | 'none';
  /** Below a version. */
  readonly tree: (about: InstanceDescription) => Directory;
  /** Below /openstack, version first. */
  readonly native?: (about: InstanceDescription) => Directory;
}

const EARLY = [
  '1.0',
  '2007-01-19',
  '2007-03-01',
  '2007-08-29',
  '2007-10-10',
  '2007-12-15',
  '2008-02-01',
  '2008-09-01',
  '2009-04-04',
];
const EUCALYPTUS = [...EARLY, '2011-01-01', '2011-05-01', '2012-01-12', '2014-02-25', 'latest'];

const withDocument = (about: InstanceDescription): Directory => ({
  'instance-identity': { document: () => identityDocument(about) },
});

export const RULES: Readonly<Record<Dialect, DialectRules>> = {
  aws: {
    versions: [
      ...EARLY,
      '2014-02-25',
      '2016-09-02',
      '2018-09-24',
      '2019-10-01',
      '2020-10-27',
      '2021-03-23',
      '2021-07-15',
      '2022-09-24',
      'latest',
    ],
    tokens: 'checked',
    tree: (about) => versionTree(about, awsMetaData(about), withDocument(about)),
  },
  'eucalyptus-3': {
    versions: EUCALYPTUS,
    tokens: 'none',
    tree: (about) => versionTree(about, eucalyptusMetaData(about)),
  },
  'eucalyptus-4': {
    versions: EUCALYPTUS,
    tokens: 'none',
    tree: (about) => versionTree(about, eucalyptusMetaData(about), withDocument(about)),
  },
  'eucalyptus-5': {
    versions: EUCALYPTUS,
    tokens: 'any',
    tree: (about) => versionTree(about, eucalyptusMetaData(about), withDocument(about)),
  },
  openstack: {
    versions: [...EARLY, 'latest'],
    tokens: 'none',
    tree: (about) => versionTree(about, openstackMetaData(about)),
    native: nativeTree,
  },
};

function awsMetaData(about: InstanceDescription): Directory {
  return {
    ...commonTree(about),
    iam: iam(about),
    'instance-action': 'none',
    'instance-life-cycle': 'on-demand',
    mac: about.mac,
    network: { interfaces: { macs: { [about.mac]: networkInterface(about) } } },
    placement: { 'availability-zone': about.availabilityZone, region: about.region },
    profile: 'default-hvm',
    'public-ipv4': about.publicIpv4,
    services: { domain: 'amazonaws.com', partition: 'aws' },
    tags: about.metadataTags ? { instance: { ...about.tags } } : undefined,
  };
}

function eucalyptusMetaData(about: InstanceDescription): Directory {
  const publicIpv4 = about.publicIpv4 ?? '0.0.0.0';
  return {
    ...commonTree(about),
    hostname: about.localIpv4,
    iam: iam(about),
    'local-hostname': about.localIpv4,
    mac: about.mac.toUpperCase(),
    network: { interfaces: { macs: { [about.mac]: networkInterface({ ...about, publicIpv4 }) } } },
    'public-hostname': publicIpv4,
    'public-ipv4': publicIpv4,
    services: { domain: 'eucalyptus.internal' },
  };
}

/** As Eucalyptus 5.1 makes them up. */
export function madeUpToken(): string {
  return `AQA${randomBytes(37).toString('base64url')}`;
}
