import type { Log } from '../../lib/log.ts';
import type { LaunchOptions } from '../machine/launch.ts';
import type { InstanceDescription, RoleCredentials } from '../metadata/description.ts';
import type { CloudState } from './action.ts';
import { Addresses } from './addresses.ts';
import { ClientTokens } from './client-tokens.ts';
import type { Box, Hosts } from './hosts.ts';
import type { Ec2Instance } from './instance.ts';
import { privateName } from './instance-fields.ts';
import { Instances } from './instances.ts';
import { endServices } from './shutdown.ts';
import { Tags } from './tags.ts';
import { Templates } from './templates.ts';

export interface StateOptions {
  readonly region: string;
  readonly accountId: string;
  readonly hosts: Hosts;
  readonly log: Log;
  /** What instances get from their role, asked at every request for it. */
  readonly credentials: () => RoleCredentials;
  /** What instances that are asked for here are launched with besides. */
  readonly launchOptions?: (about: InstanceDescription) => LaunchOptions;
  /** The ports of an elastic IP that lead to its instance. Default: 80, 443 and 8080. */
  readonly addressPorts?: readonly number[];
  /** Most instances at a time. Default 20. */
  readonly mostInstances?: number;
  /** How long a terminated instance is still shown. Default: an hour. */
  readonly shownMs?: number;
  /** What a machine is given time for before its plug is pulled. Default: `haulout shutdown`. */
  readonly shutdown?: (box: Box) => Promise<void>;
}

const HOUR = 3_600_000;
const ROLE_NAME = 'haulout-instance';

/** The cloud with nothing in it. */
export function newState(options: StateOptions): CloudState {
  const { region, accountId, hosts, log } = options;
  const tags = new Tags();
  const addresses = new Addresses(options.addressPorts ?? [80, 443, 8080]);
  const describe = (instance: Ec2Instance): InstanceDescription => {
    const { order, cable, metadata } = instance;
    const publicIpv4 = addresses.of(instance)?.publicIp;
    return {
      instanceId: instance.instanceId,
      reservationId: instance.reservationId,
      launchIndex: instance.launchIndex,
      instanceType: order.instanceType,
      imageId: order.imageId,
      region,
      availabilityZone: `${region}a`,
      localIpv4: cable.address,
      mac: cable.mac,
      hostname: privateName(instance),
      accountId,
      tags: Object.fromEntries(tags.of(instance.instanceId)),
      metadataTags: metadata.tags,
      userData: order.userData,
      httpTokens: metadata.httpTokens,
      launchedAt: instance.launchedAt,
      ...(publicIpv4 === undefined ? {} : { publicIpv4 }),
      ...(order.credentials ? { roleName: order.roleName ?? ROLE_NAME, credentials: order.credentials } : {}),
    };
  };
  const onTerminated = async (instance: Ec2Instance) => {
    const address = addresses.of(instance);
    if (address) await addresses.disassociate(address);
  };
  const onDown = (instance: Ec2Instance) => addresses.hangUp(instance);
  const { shutdown = endServices, mostInstances = 20, shownMs = HOUR } = options;
  return {
    region,
    accountId,
    log,
    tags,
    addresses,
    instances: new Instances({ hosts, log, describe, shutdown, onDown, onTerminated }, { mostInstances, shownMs }),
    templates: new Templates(),
    launchTokens: new ClientTokens(),
    templateTokens: new ClientTokens(),
    versionTokens: new ClientTokens(),
    everyOrder: { credentials: options.credentials, launchOptions: options.launchOptions ?? (() => ({})) },
    able: () => hosts.able(),
  };
}
